package main

import (
	"fmt"
	"sort"
	"strings"
)

// What databento-cpp 0.65.0 does not have, with the reason; everything else of the schema
// must be there, at the same place, with the same value.
var databentoLacks = map[string]string{
	"RollRule":                      "of the Python client alone",
	"SymbologyResolutionStatus":     "of the Python client alone",
	"PriceType":                     "of the Python client alone",
	"ReconnectPolicy":               "of the Python client alone",
	"Packaging":                     "of the Python client alone",
	"SecurityUpdateAction::Invalid": "of legacy files, Rust alone",
	"FlagSet::RESERVED0":            "a reserved bit without a name",
}

// genCPPParity writes the comparison of the schema with databento-cpp: compiled where that
// is at hand, it fails to compile when a size, an offset or a value differs.
func genCPPParity(s *schemaFile) string {
	var b, rtypes strings.Builder
	checks, lacking := 0, 0
	lacks := func(name string) bool {
		why, ok := databentoLacks[name]
		if ok {
			lacking++
			fmt.Fprintf(&b, "// %s: %s.\n", name, why)
		}
		return ok
	}
	check := func(format string, args ...any) {
		checks++
		fmt.Fprintf(&b, "static_assert("+format+");\n", args...)
	}
	layoutOf := func(name string, l layout) {
		check("sizeof(%s) == %d", name, l.Size)
		for _, f := range l.Fields {
			check("offsetof(%s, %s) == %d", name, f.Name, f.Offset)
			check("sizeof(%s::%s) == %d", name, f.Name, f.Size)
		}
	}
	for _, l := range s.Structs {
		fmt.Fprintf(&b, "\n// %s\n", l.Name)
		layoutOf("databento::"+l.Name, l)
	}
	for _, r := range s.Records {
		for _, v := range []string{"1", "2", "3"} {
			name := "databento::v" + v + "::" + r.Name
			if v == "3" || sameLayout(r.Versions[v], r.latest()) {
				name = "databento::" + r.Name
			}
			fmt.Fprintf(&b, "\n// %s of version %s\n", r.Name, v)
			layoutOf(name, r.Versions[v])
			for _, rtype := range r.RNames {
				// Not constexpr there.
				checks++
				fmt.Fprintf(&rtypes, "  EXPECT_TRUE(%s::HasRType(databento::RType::%s));\n", name, rtype)
			}
		}
	}
	var enums []string
	for name := range s.Enums {
		enums = append(enums, name)
	}
	sort.Strings(enums)
	for _, name := range enums {
		e := s.Enums[name]
		fmt.Fprintf(&b, "\n// %s\n", name)
		if lacks(name) {
			continue
		}
		for _, v := range e.sorted() {
			if lacks(name + "::" + v.Name) {
				continue
			}
			value := "databento::" + name + "::" + v.Name
			if e.Bits {
				value = "databento::" + name + "::k" + pascal(strings.ToLower(v.Name))
			}
			check("static_cast<int>(%s) == %d", value, v.Value)
		}
	}
	fmt.Fprintf(&b, "\n// Publishers, datasets, venues\n")
	for _, p := range s.Publishers {
		check("static_cast<int>(databento::Publisher::%s) == %d", p.Variant, p.ID)
	}
	for _, n := range s.Datasets {
		check("static_cast<int>(databento::Dataset::%s) == %d", n.Variant, n.ID)
	}
	for _, n := range s.Venues {
		check("static_cast<int>(databento::Venue::%s) == %d", n.Variant, n.ID)
	}
	return cppBanner + fmt.Sprintf(`// The schema against databento-cpp: every size, offset and value. Compiling it is the test.
#if DBNLOOP_HAS_DATABENTO_CPP
#include <gtest/gtest.h>

#include <cstddef>
#include <databento/enums.hpp>
#include <databento/flag_set.hpp>
#include <databento/publishers.hpp>
#include <databento/record.hpp>
#include <databento/v1.hpp>
#include <databento/v2.hpp>
#include <databento/v3.hpp>
%s
namespace {

// What is compared, and what databento-cpp lacks (each with its reason above).
TEST(DatabentoParity, Compares%dFactsAndMisses%d) {
%s}

}  // namespace
#endif
`, b.String(), checks, lacking, rtypes.String())
}
