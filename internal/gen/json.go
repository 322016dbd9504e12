package main

import (
	"fmt"
	"strings"
)

// genGoJSON writes, for every record layout, the functions that write its JSON object: compact
// and indented.
func genGoJSON(s *schemaFile) string {
	structs := structsByName(s)
	w := new(textWriter)
	w.WriteString(goBanner + "import \"unsafe\"\n\n")
	longest := ""
	for _, indented := range []bool{false, true} {
		form := "json"
		if indented {
			form = "indentedJSON"
		}
		w.printf("// %sObject writes a record up to the members that are not its own, or the end of the object.\n", form)
		w.printf("func (f *formatter) %sObject(l layoutID, p, r unsafe.Pointer) unsafe.Pointer {\nswitch l {\n", form)
		for _, r := range goRecords(s) {
			w.printf("case layout%s:\nreturn f.%s%s(p, (*%s)(r))\n", r.Name, form, r.Name, r.Name)
		}
		w.printf("}\npanic(\"a layout without a JSON object\")\n}\n\n")
		for _, r := range goRecords(s) {
			w.longest = 0
			j := jsonWriter{w, indented, 0}
			j.object(form, r.Name, textColumns(structs, r.Layout))
			if indented {
				longest += longestOf(r.Name, w.longest)
			}
		}
	}
	w.printf("var longestJSON = [...]int{\n%s}\n", longest)
	return w.String()
}

func longestOf(name string, n int) string { return fmt.Sprintf("layout%s: %d,\n", name, n) }

// jsonWriter writes one object.
type jsonWriter struct {
	*textWriter
	indented bool
	depth    int
}

// text adds to the literal before the next value. In indented form opening, closing and
// separating bring a new line.
func (w *jsonWriter) text(s string) { w.literal += s }

func (w *jsonWriter) newline() {
	if w.indented {
		w.literal += "\n" + strings.Repeat("    ", w.depth)
	}
}

func (w *jsonWriter) open(s string) {
	w.text(s)
	w.depth++
	w.newline()
}

func (w *jsonWriter) close(s string) {
	w.depth--
	w.newline()
	w.text(s)
}

func (w *jsonWriter) comma() {
	w.text(",")
	w.newline()
}

func (w *jsonWriter) key(name string) {
	w.text(`"` + name + `":`)
	if w.indented {
		w.text(" ")
	}
}

func (w *jsonWriter) object(form, name string, columns []textColumn) {
	levels := levelCount(columns)
	w.printf("func (f *formatter) %s%s(p unsafe.Pointer, m *%s) unsafe.Pointer {\n", form, name, name)
	w.open("{")
	group := "inRecord"
	before := 0 // the loop
	for i, c := range columns {
		if c.level > 0 { // the loop has written it
			continue
		}
		begins, ends := firstLevel(columns, i)
		if group == "inHeader" && c.group != group {
			w.close("}")
		}
		if i > 0 {
			w.comma()
		}
		if c.group == "inHeader" && group != c.group {
			w.key("hd")
			w.open("{")
		}
		if begins {
			w.key("levels")
			w.open("[")
			w.flush()
			before = w.longest
			w.printf("for i := range m.Levels {\nl := &m.Levels[i]\n")
			w.open("{")
		}
		group = c.group
		w.key(c.key)
		w.jsonColumn(c)
		if ends {
			w.close("}")
			n := len(w.literal)
			w.comma()
			n = len(w.literal) - n
			w.flush()
			w.longest = before + (w.longest-before)*levels
			w.printf("}\np = unsafe.Add(p, -%d)\n", n) // no comma after the last one
			w.close("]")
		}
	}
	if group == "inHeader" {
		w.close("}")
	}
	w.flush()
	w.depth = 0
	w.printf("return p\n}\n\n")
}

func (w *jsonWriter) jsonColumn(c textColumn) {
	v := c.value
	quoted := c.kind() == "U64" || c.kind() == "I64"
	if quoted {
		w.text(`"`)
	}
	w.flush()
	switch {
	case w.number(c):
	case c.kind() == "Price":
		w.printf("p = f.jsonPrice(p, %s)\n", v)
		w.longest += 23
	case c.kind() == "Time":
		w.printf("p = f.jsonTime(p, %s)\n", v)
		w.longest += 37
	case c.kind() == "Char":
		w.printf("p = f.jsonChar(p, byte(%s))\n", v)
		w.longest += 8
	default:
		w.printf("p = jsonText(p, %s[:])\n", v)
		w.longest += 6*c.field.Size + 2
	}
	if quoted {
		w.text(`"`)
	}
}
