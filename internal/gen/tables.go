package main

import (
	"fmt"
	"strings"
)

// genCPPTables writes the names of enum values and of publishers, as tables in one source
// file, so that no header grows.
func genCPPTables(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cppBanner)
	b.WriteString(`#include <array>
#include <span>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/publishers.hpp"

namespace dbnloop {
namespace {

template <typename E>
struct Named {
  std::string_view text;
  E value;
};

template <typename E>
std::optional<E> Find(std::span<const Named<E>> names, std::string_view text) {
  for (const auto& name : names) {
    if (name.text == text) return name.value;
  }
  return std::nullopt;
}

`)
	for _, name := range recordEnums {
		e := s.Enums[name]
		var rows []string
		for _, v := range e.sorted() {
			for _, text := range append([]string{e.text(v.Name)}, e.StringAliases[v.Name]...) {
				rows = append(rows, fmt.Sprintf("    {%q, %s{%d}},\n", text, cppEnumName(name), v.Value))
			}
		}
		fmt.Fprintf(&b, "constexpr std::array<Named<%s>, %d> k%sNames{{\n%s}};\n\n", cppEnumName(name), len(rows), name, strings.Join(rows, ""))
	}
	fmt.Fprintf(&b, "constexpr std::array<PublisherInfo, %d> kPublishers{{\n", len(s.Publishers))
	for _, p := range s.Publishers {
		fmt.Fprintf(&b, "    {%d, %q, %q, %q},\n", p.ID, p.Name, p.Dataset, p.Venue)
	}
	b.WriteString("}};\n\n")
	for _, t := range []struct {
		name string
		list []named
	}{{"Datasets", s.Datasets}, {"Venues", s.Venues}} {
		fmt.Fprintf(&b, "constexpr std::array<std::string_view, %d> k%s{{\n", len(t.list), t.name)
		for _, n := range t.list {
			fmt.Fprintf(&b, "    %q,\n", n.Name)
		}
		b.WriteString("}};\n\n")
	}
	b.WriteString("}  // namespace\n\n")
	for _, name := range recordEnums {
		fmt.Fprintf(&b, "template <>\nstd::optional<%s> FromString(std::string_view text) {\n  return Find<%s>(k%sNames, text);\n}\n\n", cppEnumName(name), cppEnumName(name), name)
	}
	b.WriteString(`std::span<const PublisherInfo> Publishers() noexcept { return kPublishers; }
std::span<const std::string_view> Datasets() noexcept { return kDatasets; }
std::span<const std::string_view> Venues() noexcept { return kVenues; }

}  // namespace dbnloop
`)
	return b.String()
}

// cppEnumName is an enum's name in namespace dbnloop, where ErrorCode is the library's own.
func cppEnumName(name string) string {
	if name == "ErrorCode" {
		return "GatewayErrorCode"
	}
	return name
}
