package main

import (
	"fmt"
	"slices"
	"strings"
)

// cppPrintEnum declares operator<< of an enum.
func cppPrintEnum(name string) string {
	return "/// Writes that string; for an unknown value also its number, as in \"Unknown (200)\".\n" +
		fmt.Sprintf("std::ostream& operator<<(std::ostream& out, %s value);\n", name)
}

// cppPrintStruct declares operator<< of a struct.
func cppPrintStruct(name string) string {
	return fmt.Sprintf("/// Writes the fields with their names, on one line.\nstd::ostream& operator<<(std::ostream& out, const %s& value);\n", name)
}

// genCPPPrint writes operator<< of everything that dbn_types.gen.hpp and its companions declare.
func genCPPPrint(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cppBanner + `#include "dbn/print.hpp"
#include "dbnloop/enum_strings.hpp"

namespace dbnloop {

`)
	for _, name := range wordEnums {
		cppPrintEnumDefinition(&b, name)
	}
	b.WriteString("\n#if !DBNLOOP_HAS_DATABENTO_CPP\nnamespace print {\n\n")
	structs := cppPrintedStructs(s)
	for _, p := range structs {
		fmt.Fprintf(&b, "static void PrintFields(Printer& print, const dbn::%s& value) {\n  print.Begin(%q);\n", p.scope+p.name, p.name)
		for _, f := range p.layout.Fields {
			if f.Type != "reserved" {
				fmt.Fprintf(&b, "  print(%q, %s);\n", f.Name, cppPrinted(f))
			}
		}
		b.WriteString("  print.End();\n}\n\n")
	}
	b.WriteString("}  // namespace print\n\nnamespace dbn {\n\n")
	for _, name := range slices.Concat(recordEnums, apiEnums, []string{"Venue", "Dataset", "Publisher"}) {
		cppPrintEnumDefinition(&b, name)
	}
	for _, p := range structs {
		definition := fmt.Sprintf("std::ostream& operator<<(std::ostream& out, const %s& value) {\n  return print::Struct(out, value);\n}\n", p.name)
		// A call looks it up in the namespace of the struct.
		if namespace, ok := strings.CutSuffix(p.scope, "::"); ok {
			definition = fmt.Sprintf("namespace %s {\n%s}  // namespace %s\n", namespace, definition, namespace)
		}
		b.WriteString(definition)
	}
	b.WriteString("\n}  // namespace dbn\n#endif\n\n}  // namespace dbnloop\n")
	return b.String()
}

// printedStruct is a struct of dbn_types.gen.hpp; scope is "", "v1::" or "v2::".
type printedStruct struct {
	scope, name string
	layout      layout
}

func cppPrintedStructs(s *schemaFile) []printedStruct {
	var out []printedStruct
	for _, l := range s.Structs {
		out = append(out, printedStruct{"", l.Name, l})
	}
	for _, version := range []string{"3", "1", "2"} {
		for i := range s.Records {
			r := &s.Records[i]
			l := r.Versions[version]
			switch {
			case version == "3":
				out = append(out, printedStruct{"", r.Name, l})
			case sameLayout(l, r.latest()), version == "2" && sameLayout(l, r.Versions["1"]):
				// an alias
			default:
				out = append(out, printedStruct{"v" + version + "::", r.Name, l})
			}
		}
	}
	return out
}

func cppPrintEnumDefinition(b *strings.Builder, name string) {
	fmt.Fprintf(b, "std::ostream& operator<<(std::ostream& out, %s value) { return print::Enum(out, value); }\n", name)
}

// cppPrinted is the value of a field as the printer takes it.
func cppPrinted(f field) string {
	value := "value." + f.Name
	switch {
	case f.Fmt == "price":
		return fmt.Sprintf("Price{%s}", value)
	case f.Undef != "" && cppType(f) == cppScalars[f.Type] && f.Type != "char":
		return fmt.Sprintf("Optional{%s, %s{%s}}", value, cppType(f), f.Undef)
	}
	return value
}
