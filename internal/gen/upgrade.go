package main

import (
	"fmt"
	"strings"
)

// genGoUpgrade writes the definition upgrades: dozens of fields that keep their name and
// move, so they are copied by name. What is new takes the value that an upgrade gives it.
func genGoUpgrade(s *schemaFile) string {
	var def record
	for _, r := range s.Records {
		if r.Name == "InstrumentDefMsg" {
			def = r
		}
	}
	var b strings.Builder
	b.WriteString(strings.Replace(goBanner, "package dbn\n", "package dbn\n\nimport \"unsafe\"\n", 1))
	b.WriteString(`// definition upgrades an instrument definition and returns its new size.
func (u *Upgrader) definition(r Record) int {
	switch {
	case u.from == 1 && u.to == 2:
		return u.definition1to2((*InstrumentDefMsgV1)(r.Pointer()))
	case u.from == 1:
		return u.definition1to3((*InstrumentDefMsgV1)(r.Pointer()))
	}
	return u.definition2to3((*InstrumentDefMsgV2)(r.Pointer()))
}

`)
	for _, step := range [][2]string{{"1", "2"}, {"1", "3"}, {"2", "3"}} {
		goUpgrade(&b, def, step[0], step[1])
	}
	return b.String()
}

func goUpgrade(b *strings.Builder, def record, from, to string) {
	in := map[string]field{}
	for _, f := range def.Versions[from].Fields {
		in[f.Name] = f
	}
	typeName := map[string]string{"1": "InstrumentDefMsgV1", "2": "InstrumentDefMsgV2", "3": "InstrumentDefMsg"}
	fmt.Fprintf(b, "func (u *Upgrader) definition%sto%s(in *%s) int {\n\tout := clearAs[%s](u)\n", from, to, typeName[from], typeName[to])
	for _, f := range def.Versions[to].Fields {
		name := goName(f.Name)
		old, kept := in[f.Name]
		switch {
		case f.Name == "hd" || f.Type == "reserved":
		case kept && f.Type == "cstr":
			fmt.Fprintf(b, "\tcopy(out.%s[:], in.%s[:])\n", name, name)
		case kept && f.Type != old.Type:
			fmt.Fprintf(b, "\tout.%s = %s(in.%s)\n", name, goScalars[f.Type], name)
		case kept:
			fmt.Fprintf(b, "\tout.%s = in.%s\n", name, name)
		case f.Fmt == "price":
			fmt.Fprintf(b, "\tout.%s = UndefPrice\n", name)
		case f.Enum == "Side":
			fmt.Fprintf(b, "\tout.%s = SideNone\n", name)
		}
	}
	b.WriteString("\treturn int(unsafe.Sizeof(*out))\n}\n\n")
}

// genCPPUpgrade writes the same copies for C++.
func genCPPUpgrade(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cppBanner)
	b.WriteString(`#pragma once

#include <algorithm>

#include "dbnloop/record.hpp"

namespace dbnloop::codec {

`)
	for _, r := range s.Records {
		if r.Name != "InstrumentDefMsg" {
			continue
		}
		for _, step := range [][2]string{{"1", "2"}, {"1", "3"}, {"2", "3"}} {
			cppUpgrade(&b, r, step[0], step[1])
		}
	}
	b.WriteString("}  // namespace dbnloop::codec\n")
	return b.String()
}

func cppUpgrade(b *strings.Builder, def record, from, to string) {
	in := map[string]field{}
	for _, f := range def.Versions[from].Fields {
		in[f.Name] = f
	}
	typeName := map[string]string{"1": "v1::InstrumentDefMsg", "2": "v2::InstrumentDefMsg", "3": "InstrumentDefMsg"}
	fmt.Fprintf(b, "/// `out` must be zeroed; the header is the caller's.\ninline void UpgradeDefinition(const %s& in, %s& out) {\n", typeName[from], typeName[to])
	for _, f := range def.Versions[to].Fields {
		_, kept := in[f.Name]
		switch {
		case f.Name == "hd" || f.Type == "reserved":
		case kept && f.Type == "cstr":
			fmt.Fprintf(b, "  std::ranges::copy(in.%s, out.%s.begin());\n", f.Name, f.Name)
		case kept:
			fmt.Fprintf(b, "  out.%s = in.%s;\n", f.Name, f.Name)
		case f.Fmt == "price":
			fmt.Fprintf(b, "  out.%s = kUndefPrice;\n", f.Name)
		case f.Enum == "Side":
			fmt.Fprintf(b, "  out.%s = Side::None;\n", f.Name)
		}
	}
	b.WriteString("}\n\n")
}
