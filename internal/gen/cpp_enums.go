package main

import (
	"fmt"
	"slices"
	"strings"
)

// stringsEnum is an enum of the C++ API with the strings of its values.
type stringsEnum struct {
	Name    string // in namespace dbnloop
	OwnName string // in dbnloop::dbn; empty when the type is always dbnloop's
	Enum    enum
}

// cppName names a value whichever library's type it has.
func (e stringsEnum) cppName(v enumValue) string {
	return cppValueName(e.Name, e.OwnName, e.Enum, v)
}

// stringsEnums lists every enum of the schema but the flags.
func stringsEnums(s *schemaFile) []stringsEnum {
	var out []stringsEnum
	for _, name := range slices.Concat(recordEnums, apiEnums) {
		alias := name
		if name == "ErrorCode" {
			alias = "GatewayErrorCode" // dbnloop::ErrorCode is the library's own
		}
		out = append(out, stringsEnum{alias, name, s.Enums[name]})
	}
	for _, name := range []string{"Venue", "Dataset", "Publisher"} {
		out = append(out, stringsEnum{name, name, publisherEnum(s, name)})
	}
	for _, name := range wordEnums {
		e := s.Enums[name]
		e.Strings, e.Type = map[string]string{}, "string"
		out = append(out, stringsEnum{name, "", e})
	}
	return out
}

// publisherEnum makes an enum of one of the tables beside the schema's enums.
func publisherEnum(s *schemaFile, name string) enum {
	e := enum{Type: "u16", Values: map[string]constant{}, Strings: map[string]string{}}
	add := func(id int, variant, text string) {
		e.Values[variant] = constant(fmt.Sprint(id))
		e.Strings[variant] = text
	}
	switch name {
	case "Venue":
		for _, v := range s.Venues {
			add(v.ID, v.Variant, v.Name)
		}
	case "Dataset":
		for _, d := range s.Datasets {
			add(d.ID, d.Variant, d.Name)
		}
	case "Publisher":
		for _, p := range s.Publishers {
			add(p.ID, p.Variant, p.Name)
		}
	}
	return e
}

func genCPPPublishers(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cppBanner + `#pragma once

#include <cstdint>
#include <iosfwd>

/// Publishers, datasets and venues. New ones may be added: unlisted values must be
/// preserved.
namespace dbnloop::dbn {

`)
	for _, name := range []string{"Venue", "Dataset", "Publisher"} {
		cppEnum(&b, s.docs, name, publisherEnum(s, name))
	}
	b.WriteString("}  // namespace dbnloop::dbn\n")
	return b.String()
}

func genCPPWords(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cppBanner + `#pragma once

#include <cstdint>
#include <iosfwd>

/// Enums of the services. Only their strings are ever sent; the numbers have no meaning.
namespace dbnloop {

`)
	for _, name := range wordEnums {
		e := s.Enums[name]
		fmt.Fprintf(&b, "enum class %s : std::uint8_t {\n", name)
		for _, v := range e.sorted() {
			fmt.Fprintf(&b, "  %s = %d,\n", v.Name, v.Value)
		}
		fmt.Fprintf(&b, "};\n/// Returns the string of a value; \"Unknown\" for unknown values.\n[[nodiscard]] const char* ToString(%s value) noexcept;\n%s\n", name, cppPrintEnum(name))
	}
	b.WriteString("}  // namespace dbnloop\n")
	return b.String()
}

// genCPPStrings writes the tables of enum_strings.hpp and publishers.hpp.
func genCPPStrings(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cppBanner + `#include "dbn/enum_tables.hpp"

namespace dbnloop {
namespace detail {

// Sorted by value.
`)
	enums := stringsEnums(s)
	for _, e := range enums {
		fmt.Fprintf(&b, "template <>\nconstexpr auto kTexts<%s> = std::to_array<EnumText<%s>>({\n", e.Name, e.Name)
		for _, v := range e.Enum.sorted() {
			fmt.Fprintf(&b, "    {%s, %q},\n", e.cppName(v), e.Enum.text(v.Name))
		}
		b.WriteString("});\n")
	}
	b.WriteString("\n// Older names that are read, never written.\n")
	for _, e := range enums {
		rows := cppAliases(e)
		if len(rows) > 0 {
			fmt.Fprintf(&b, "template <>\nconstexpr auto kAliases<%s> = std::to_array<EnumText<%s>>({\n%s});\n", e.Name, e.Name, strings.Join(rows, ""))
		}
	}
	b.WriteString("\n}  // namespace detail\n\n")
	for _, e := range enums {
		fmt.Fprintf(&b, "template const char* TextOf(%s) noexcept;\n", e.Name)
		fmt.Fprintf(&b, "template std::span<const EnumText<%s>> EnumValues() noexcept;\n", e.Name)
		fmt.Fprintf(&b, "template std::optional<%s> FromString(std::string_view) noexcept;\n", e.Name)
	}
	cppPublisherTables(&b, s)
	for _, e := range enums {
		if e.OwnName == "" {
			fmt.Fprintf(&b, "const char* ToString(%s value) noexcept { return TextOf(value); }\n", e.Name)
		}
	}
	b.WriteString("\n}  // namespace dbnloop\n\n#if !DBNLOOP_HAS_DATABENTO_CPP\nnamespace dbnloop::dbn {\n\n")
	for _, e := range enums {
		if e.OwnName != "" {
			fmt.Fprintf(&b, "const char* ToString(%s value) noexcept { return dbnloop::TextOf(value); }\n", e.OwnName)
		}
	}
	b.WriteString("\n}  // namespace dbnloop::dbn\n#endif\n")
	return b.String()
}

func cppAliases(e stringsEnum) []string {
	var rows []string
	for _, v := range e.Enum.sorted() {
		for _, alias := range e.Enum.StringAliases[v.Name] {
			rows = append(rows, fmt.Sprintf("    {%s::%s, %q},\n", e.Name, v.Name, alias))
		}
	}
	return rows
}

// cppPublisherTables writes the tables of publishers.hpp.
func cppPublisherTables(b *strings.Builder, s *schemaFile) {
	b.WriteString("\nnamespace {\n\n// By id, from 1 without gaps.\nconstexpr auto kPublishers = std::to_array<PublisherInfo>({\n")
	for i, p := range s.Publishers {
		if p.ID != i+1 {
			panic("publisher ids have a gap")
		}
		fmt.Fprintf(b, "    {%d, %q, %q, %q},\n", p.ID, p.Name, p.Dataset, p.Venue)
	}
	b.WriteString("});\n")
	for _, t := range []struct {
		name string
		list []named
	}{{"Datasets", s.Datasets}, {"Venues", s.Venues}} {
		fmt.Fprintf(b, "constexpr auto k%s = std::to_array<std::string_view>({\n", t.name)
		for _, n := range t.list {
			fmt.Fprintf(b, "    %q,\n", n.Name)
		}
		b.WriteString("});\n")
	}
	b.WriteString(`
}  // namespace

std::span<const PublisherInfo> Publishers() noexcept { return kPublishers; }
std::span<const std::string_view> Datasets() noexcept { return kDatasets; }
std::span<const std::string_view> Venues() noexcept { return kVenues; }

`)
}

// genCPPEnumRows writes what the test of the strings expects: every enum's values with
// their numbers, strings and aliases.
func genCPPEnumRows(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cppBanner + `#pragma once

#include <vector>

#include "dbnloop/enum_strings.hpp"

namespace dbnloop::test {

template <typename E>
struct EnumRow {
  E value;
  int number;  ///< of the format; a character's code
  const char* text;
  const char* databento_text;  ///< what databento-cpp's ToString gives
};

/// Calls f(name, rows, aliases) for every enum of the schema but the flags.
template <typename F>
void ForEachEnum(F&& f) {
`)
	for _, e := range stringsEnums(s) {
		fmt.Fprintf(&b, "  f(\"%s\",\n    std::vector<EnumRow<%s>>{\n", e.Name, e.Name)
		for _, v := range e.Enum.sorted() {
			text := e.Enum.text(v.Name)
			fmt.Fprintf(&b, "      {%s, %d, %q, %q},\n", e.cppName(v), v.Value, text, parityText(e.OwnName, v.Name, text))
		}
		fmt.Fprintf(&b, "    },\n    std::vector<EnumText<%s>>{\n", e.Name)
		for _, row := range cppAliases(e) {
			b.WriteString("  " + row)
		}
		b.WriteString("    });\n")
	}
	b.WriteString("}\n\n}  // namespace dbnloop::test\n")
	return b.String()
}
