package main

import (
	"fmt"
	"strings"
)

// genGoColumns writes the text columns of every record layout, in the official order.
func genGoColumns(s *schemaFile) string {
	structs := map[string]layout{}
	for _, l := range s.Structs {
		structs[l.Name] = l
	}
	var b strings.Builder
	b.WriteString(goBanner)
	for _, r := range goRecords(s) {
		fmt.Fprintf(&b, "var columns%s = []Column{\n", r.Name)
		for _, name := range r.Layout.TextColumns {
			fmt.Fprintf(&b, "\t%s,\n", goColumn(structs, r.Layout, name))
		}
		b.WriteString("}\n\n")
	}
	goLayouts(&b, s)
	return b.String()
}

// goColumn finds the field of a text column: its own, the header's, or a level's.
func goColumn(structs map[string]layout, l layout, name string) string {
	for _, f := range l.Fields {
		if f.Name == name {
			return goColumnOf(name, name, f, f.Offset, "inRecord", 0)
		}
	}
	for _, f := range structs["RecordHeader"].Fields {
		if f.Name == name {
			return goColumnOf(name, name, f, f.Offset, "inHeader", 0)
		}
	}
	var base string
	var level int
	cut := len(name) - 3
	base = name[:cut]
	fmt.Sscanf(name[cut:], "_%02d", &level)
	for _, f := range l.Fields {
		if f.Name != "levels" {
			continue
		}
		item := structs[f.Type]
		for _, sub := range item.Fields {
			if sub.Name == base {
				return goColumnOf(name, base, sub, f.Offset+level*item.Size+sub.Offset, "inLevels", level)
			}
		}
	}
	panic("no field for text column " + name)
}

func goColumnOf(name, key string, f field, offset int, group string, level int) string {
	kind := ""
	switch {
	case f.Type == "cstr":
		kind = "kindText"
	case f.Fmt == "ts":
		kind = "kindTime"
	case f.Fmt == "price":
		kind = "kindPrice"
	case f.Type == "char":
		kind = "kindChar"
	default:
		kind = "kind" + strings.ToUpper(f.Type[:1]) + f.Type[1:]
	}
	return fmt.Sprintf("{Name: %q, key: `%q:`, kind: %s, offset: %d, size: %d, group: %s, level: %d}",
		name, key, kind, offset, f.Size, group, level)
}

// goLayouts writes, per rtype, the layouts from the largest to the smallest: a record's size
// tells which one it has.
func goLayouts(b *strings.Builder, s *schemaFile) {
	all := goRecords(s)
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
