package main

import (
	"fmt"
	"slices"
	"strings"
)

// A parityDifference is a place where databento-cpp does not have what the schema has.
type parityDifference struct {
	What string // record.field (of every version), enum.value or enum, as in the schema
	// Theirs is databento-cpp's C++ type of a field, or its name of an enum's value; empty:
	// it has none.
	Theirs string
	Why    string
}

// parityNewer are the values that came after databento-cpp 0.65.0. Code that must build
// with its types too writes them as numbers; TextOf, FromString and EnumValues know them in
// every build.
const parityNewer = "came after databento-cpp 0.65.0: a number without a name there"

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
	{"SystemCode.UnsubscribeAck", "", parityNewer},
	{"SecurityUpdateAction.Invalid", "", "of old files only; databento-cpp gives it no name"},
	{"Venue.Cdef", "Def", "was DEF until after databento-cpp 0.65.0"},
	{"Venue.Dbix", "", parityNewer},
	{"Dataset.DbixCore", "", parityNewer},
	{"Publisher.MainCgifCdef", "MainCgifDef", "was MAIN.CGIF.DEF until after databento-cpp 0.65.0"},
	{"Publisher.DbixCoreMain", "", parityNewer},
	{"Publisher.DbixCoreMsci", "", parityNewer},
	{"Publisher.DbixCoreFtse", "", parityNewer},
	{"Publisher.DbixCoreInav", "", parityNewer},
	{"Publisher.DbixCoreMstar", "", parityNewer},
	{"Publisher.DbixCoreCccy", "", parityNewer},
	{"Publisher.DbixCoreCgi", "", parityNewer},
	{"Publisher.DbixCoreCdef", "", parityNewer},
	{"BboMsg._reserved1", "std::uint8_t", reservedByte},
	{"BboMsg._reserved2", "std::uint8_t", reservedByte},
	{"CbboMsg._reserved1", "std::uint8_t", reservedByte},
	{"CbboMsg._reserved2", "std::uint8_t", reservedByte},
}

// parityTexts are the strings that databento-cpp's ToString gives where they are not the
// schema's, by enum.value: it forgot two, and spells two as they were before. For a value
// that it does not have it gives "Unknown".
var parityTexts = map[string]string{
	"RType.OhlcvDeprecated":  "Unknown",
	"SType.Smart":            "Unknown",
	"Venue.Cdef":             "DEF",
	"Publisher.MainCgifCdef": "MAIN.CGIF.DEF",
}

func findDifference(what string) *parityDifference {
	i := slices.IndexFunc(parityDifferences, func(d parityDifference) bool { return d.What == what })
	if i < 0 {
		return nil
	}
	return &parityDifferences[i]
}

// parityText is what databento-cpp's ToString gives for a value.
func parityText(enum, value, text string) string {
	what := enum + "." + value
	if theirs, ok := parityTexts[what]; ok {
		return theirs
	}
	if findDifference(what) != nil {
		return "Unknown"
	}
	return text
}

// cppValueName names a value in code that is built with dbnloop's types and with
// databento-cpp's: its name where both have it, else its number.
func cppValueName(enumName, ownName string, e enum, v enumValue) string {
	if findDifference(ownName+"."+v.Name) == nil {
		return enumName + "::" + v.Name
	}
	return fmt.Sprintf("static_cast<%s>(%s)", enumName, cppValue(ownName, e, v))
}

// parity writes the assertions and notes which differences it met.
type parity struct {
	b                       strings.Builder
	met                     map[string]bool
	records, fields, values int
}

func (p *parity) difference(what string) *parityDifference {
	d := findDifference(what)
	if d != nil {
		p.met[what] = true
	}
	return d
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
	var theirs []string
	for _, v := range e.sorted() {
		p.values++
		theirName := v.Name
		if d := p.difference(name + "." + v.Name); d != nil {
			if theirName = d.Theirs; theirName == "" {
				continue
			}
		}
		theirs = append(theirs, theirName)
		p.printf("static_assert(static_cast<%s>(%s::%s) == %s);\n", cppScalars[e.Type], name, theirName, cppValue(name, e, v))
	}
	p.printf("[[maybe_unused]] void HasNoOtherValue(%s value) {\n  switch (value) {\n", name)
	for _, theirName := range theirs {
		p.printf("    case %s::%s:\n", name, theirName)
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

// behaviour tests what is not a constant: which rtypes a type takes, and its index time.
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
