package main

import (
	"fmt"
	"strings"
)

// genGoColumns writes the text columns of every record layout, in the official order.
func genGoColumns(s *schemaFile) string {
	structs := structsByName(s)
	var b strings.Builder
	b.WriteString(goBanner)
	for _, r := range goRecords(s) {
		fmt.Fprintf(&b, "var columns%s = []Column{\n", r.Name)
		for _, c := range textColumns(structs, r.Layout) {
			fmt.Fprintf(&b, "\t{Name: %q, key: `%q:`, kind: Column%s, offset: %d, size: %d, group: %s, level: %d, layout: layout%s},\n",
				c.name, c.key, c.kind(), c.place, c.field.Size, c.group, c.level, r.Name)
		}
		b.WriteString("}\n\n")
	}
	goLayouts(&b, s)
	return b.String()
}

func structsByName(s *schemaFile) map[string]layout {
	structs := map[string]layout{}
	for _, l := range s.Structs {
		structs[l.Name] = l
	}
	return structs
}

// goLayouts writes, per rtype, the layouts from the largest to the smallest: a record's size
// tells which one it has.
func goLayouts(b *strings.Builder, s *schemaFile) {
	all := goRecords(s)
	b.WriteString("// layoutID names a record layout.\ntype layoutID uint8\n\nconst (\n")
	for i, r := range all {
		fmt.Fprintf(b, "\tlayout%s", r.Name)
		if i == 0 {
			b.WriteString(" layoutID = iota")
		}
		b.WriteString("\n")
	}
	b.WriteString(")\n\n")
	b.WriteString("// layoutColumns gives the columns of every layout.\nvar layoutColumns = [...][]Column{\n")
	for _, r := range all {
		fmt.Fprintf(b, "\tlayout%s: columns%s,\n", r.Name, r.Name)
	}
	b.WriteString("}\n\n")
	b.WriteString("// layouts gives an rtype's text columns by record size, largest first.\nvar layouts = [256][]textLayout{\n")
	for _, r := range s.Records {
		var list []string
		for _, v := range []string{"", "2", "1"} {
			for _, g := range all {
				if g.Record.Name == r.Name && g.Version == v {
					list = append(list, fmt.Sprintf("{%d, columns%s}", g.Layout.Size, g.Name))
				}
			}
		}
		for _, n := range r.RNames {
			fmt.Fprintf(b, "\tRType%s: {%s},\n", n, strings.Join(list, ", "))
		}
	}
	b.WriteString("}\n")
}
