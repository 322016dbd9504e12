package main

import (
	"fmt"
	"slices"
	"strings"
)

// A parityDifference is a place where databento-cpp does not have what the schema has.
type parityDifference struct {
	What   string // record.field (of every version), enum.value or enum, as in the schema
	Theirs string // databento-cpp's C++ type, for fields of another type; empty: it has none
	Why    string
}

const reservedByte = "a reserved byte, a number there and an array of one byte here, in every version"

// parityDifferences are all differences from databento-cpp 0.65.0. Offsets, sizes and
// numbers have none.
var parityDifferences = []parityDifference{
	{"RollRule", "", "a word of continuous symbols; databento-cpp passes symbols as text"},
	{"SymbologyResolutionStatus", "", "of the Python client only"},
	{"PriceType", "", "of the Python client only"},
	{"ReconnectPolicy", "", "of the Python client only"},
	{"Packaging", "", "of the Python client only, no longer used by the API"},
	{"FlagSet.RESERVED0", "", "bit 0 is reserved; databento-cpp gives it no name"},
	{"BboMsg._reserved1", "std::uint8_t", reservedByte},
	{"BboMsg._reserved2", "std::uint8_t", reservedByte},
	{"CbboMsg._reserved1", "std::uint8_t", reservedByte},
	{"CbboMsg._reserved2", "std::uint8_t", reservedByte},
}

// parity writes the assertions and notes which differences it met.
type parity struct {
	b                       strings.Builder
	met                     map[string]bool
	records, fields, values int
}

func (p *parity) difference(what string) *parityDifference {
	i := slices.IndexFunc(parityDifferences, func(d parityDifference) bool { return d.What == what })
	if i < 0 {
		return nil
	}
	p.met[what] = true
	return &parityDifferences[i]
}

func (p *parity) printf(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }

// unversioned is a struct's name without its version's namespace.
func unversioned(name string) string {
	_, last, found := strings.Cut(name, "::")
	if !found {
		return name
	}
	return last
}

// layout asserts one struct; the fields of a dense layout of the right size are all
// fields that the struct can have.
func (p *parity) layout(name string, l layout) {
	p.records++
	p.printf("static_assert(sizeof(%s) == %d && alignof(%s) == 8);\n", name, l.Size, name)
	for _, f := range l.Fields {
		p.fields++
		p.printf("static_assert(offsetof(%s, %s) == %d && sizeof(%s::%s) == %d);\n", name, f.Name, f.Offset, name, f.Name, f.Size)
		typ := cppType(f)
		if name == "RecordHeader" && f.Name == "rtype" {
			typ = "RType"
		}
		if d := p.difference(unversioned(name) + "." + f.Name); d != nil {
			typ = d.Theirs
		}
		p.printf("static_assert(std::is_same_v<decltype(%s::%s), %s>);\n", name, f.Name, typ)
	}
	p.printf("\n")
}

// enum asserts every value's number, and by a switch without a default that the enum has
// no other value.
func (p *parity) enum(name string, e enum) {
	p.printf("static_assert(std::is_same_v<std::underlying_type_t<%s>, %s>);\n", name, cppScalars[e.Type])
	for _, v := range e.sorted() {
		p.values++
		p.printf("static_assert(static_cast<%s>(%s::%s) == %s);\n", cppScalars[e.Type], name, v.Name, cppValue(name, e, v))
	}
	p.printf("[[maybe_unused]] void HasNoOtherValue(%s value) {\n  switch (value) {\n", name)
	for _, v := range e.sorted() {
		p.printf("    case %s::%s:\n", name, v.Name)
	}
	p.printf("      break;\n  }\n}\n\n")
}

func (p *parity) recordsOf(s *schemaFile) {
	for _, l := range s.Structs {
		p.layout(l.Name, l)
	}
	for _, version := range []string{"1", "2", "3"} {
		p.printf("// DBN version %s.\n", version)
		for i := range s.Records {
			r := &s.Records[i]
			p.layout("v"+version+"::"+r.Name, r.Versions[version])
			for _, alias := range r.Aliases {
				p.printf("static_assert(std::is_same_v<v%s::%s, v%s::%s>);\n", version, alias, version, r.Name)
			}
		}
	}
	p.printf("// What dbnloop's code names is what databento-cpp's code names.\n")
	for i := range s.Records {
		for _, name := range append([]string{s.Records[i].Name}, s.Records[i].Aliases...) {
			p.printf("static_assert(std::is_same_v<dbnloop::%s, %s>);\n", name, name)
		}
	}
	p.printf("\n")
}

func (p *parity) enumsOf(s *schemaFile) {
	p.printf("#pragma GCC diagnostic push\n#pragma GCC diagnostic error \"-Wswitch\"\n")
	for _, e := range stringsEnums(s) {
		if e.OwnName == "" {
			if p.difference(e.Name) == nil {
				panic(e.Name + ": databento-cpp has no such enum, and no difference says so")
			}
			p.values += len(e.Enum.Values)
			continue
		}
		p.enum(e.OwnName, e.Enum)
	}
	p.printf("#pragma GCC diagnostic pop\n\n")
	flags := s.Enums["FlagSet"]
	for _, v := range flags.sorted() {
		p.values++
		if p.difference("FlagSet."+v.Name) == nil {
			p.printf("static_assert(FlagSet::k%s == %d);\n", pascal(strings.ToLower(v.Name)), v.Value)
		}
	}
	p.printf("\n")
}

// parityConsts are the constants of the schema that databento-cpp has, by its names.
var parityConsts = [][2]string{
	{"kFixedPriceScale", "FIXED_PRICE_SCALE"}, {"kUndefPrice", "UNDEF_PRICE"},
	{"kUndefOrderSize", "UNDEF_ORDER_SIZE"}, {"kUndefTimestamp", "UNDEF_TIMESTAMP"},
	{"kUndefStatQuantity", "UNDEF_STAT_QUANTITY_V3"}, {"kDbnVersion", "DBN_VERSION"},
	{"kRecordHeaderLengthMultiplier", "RECORD_LENGTH_MULTIPLIER"},
	{"v1::kSymbolCstrLen", "SYMBOL_CSTR_LEN_V1"}, {"v2::kSymbolCstrLen", "SYMBOL_CSTR_LEN_V2"},
	{"v3::kSymbolCstrLen", "SYMBOL_CSTR_LEN_V3"}, {"v1::kAssetCstrLen", "ASSET_CSTR_LEN_V1"},
	{"v2::kAssetCstrLen", "ASSET_CSTR_LEN_V2"}, {"v3::kAssetCstrLen", "ASSET_CSTR_LEN_V3"},
	{"v1::kUndefStatQuantity", "UNDEF_STAT_QUANTITY_V1"},
	{"v2::kUndefStatQuantity", "UNDEF_STAT_QUANTITY_V2"},
}

// behaviour tests what is no constant: which rtypes a type takes, and its index time.
func (p *parity) behaviour(s *schemaFile) {
	p.printf(`// The rtypes that T takes, of all 256.
template <typename T>
std::vector<int> RTypesOf() {
  std::vector<int> out;
  for (int i = 0; i < 256; ++i) {
    if (T::HasRType(static_cast<RType>(i))) out.push_back(i);
  }
  return out;
}

TEST(DatabentoParity, EachTypeTakesItsRTypesAndHasItsIndexTime) {
  using Ints = std::vector<int>;
  constexpr UnixNanos kTime{UnixNanos::duration{7}};
`)
	for _, version := range []string{"1", "2", "3"} {
		for i := range s.Records {
			r := &s.Records[i]
			name := "v" + version + "::" + r.Name
			rtypes := slices.Sorted(slices.Values(r.RTypes))
			field := r.IndexTs
			if field == "ts_event" {
				field = "hd.ts_event"
			}
			p.printf("  {\n    %s record{};\n    record.%s = kTime;\n    EXPECT_EQ(record.IndexTs(), kTime) << \"%s\";\n", name, field, name)
			p.printf("    EXPECT_EQ(RTypesOf<%s>(), (Ints{%s})) << \"%s\";\n  }\n", name, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(rtypes)), ", "), "[]"), name)
		}
	}
	p.printf("}\n\n")
}

func genCPPParity(s *schemaFile) string {
	p := &parity{met: map[string]bool{}}
	p.printf("%s", cppBanner+`// With databento-cpp, its types are dbnloop's: here every record, field and value of the
// schema is held against them, in every version.
#if DBNLOOP_HAS_DATABENTO_CPP
#include <gtest/gtest.h>

#include <cstddef>
#include <databento/compat.hpp>
#include <databento/constants.hpp>
#include <databento/enums.hpp>
#include <databento/flag_set.hpp>
#include <databento/publishers.hpp>
#include <databento/record.hpp>
#include <databento/v1.hpp>
#include <databento/v2.hpp>
#include <databento/v3.hpp>
#include <type_traits>
#include <vector>

#include "dbnloop/record.hpp"

namespace databento_parity {
namespace {

using namespace databento;

`)
	for _, c := range parityConsts {
		value := string(s.Consts[c[1]])
		if c[0] == "kUndefTimestamp" {
			value += "U"
		}
		p.printf("static_assert(%s == %s);\n", c[0], value)
	}
	p.printf("\n")
	p.recordsOf(s)
	p.enumsOf(s)
	p.behaviour(s)
	p.printf("// Where databento-cpp differs, and why:\n")
	for _, d := range parityDifferences {
		if !p.met[d.What] {
			panic("no such field or value differs: " + d.What)
		}
		p.printf("//   %s: %s\n", d.What, d.Why)
	}
	p.printf("// %d structs, %d fields and %d values were compared; %d differ.\n\n", p.records, p.fields, p.values, len(parityDifferences))
	p.printf("}  // namespace\n}  // namespace databento_parity\n#endif\n")
	return p.b.String()
}
