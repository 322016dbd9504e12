package main

// genGoCSV writes, for every record layout, the function that writes its CSV row.
func genGoCSV(s *schemaFile) string {
	structs := structsByName(s)
	w := new(textWriter)
	w.WriteString(goBanner + "import \"unsafe\"\n\n")
	w.printf("// csvRow writes the columns of a record, of which longestCSV says how many bytes they are at most.\n")
	w.printf("func (f *formatter) csvRow(l layoutID, p, r unsafe.Pointer) unsafe.Pointer {\nswitch l {\n")
	for _, r := range goRecords(s) {
		w.printf("case layout%s:\nreturn f.csv%s(p, (*%s)(r))\n", r.Name, r.Name, r.Name)
	}
	w.printf("}\npanic(\"a layout without a CSV row\")\n}\n\n")
	longest := ""
	for _, r := range goRecords(s) {
		w.longest = 0
		w.csv(r.Name, textColumns(structs, r.Layout))
		longest += longestOf(r.Name, w.longest)
	}
	w.printf("var longestCSV = [...]int{\n%s}\n", longest)
	return w.String()
}

func (w *textWriter) csv(name string, columns []textColumn) {
	levels := levelCount(columns)
	w.printf("func (f *formatter) csv%s(p unsafe.Pointer, m *%s) unsafe.Pointer {\n", name, name)
	for i, c := range columns {
		switch begins, ends := firstLevel(columns, i); {
		case c.level > 0: // the loop has written it
			continue
		case c.value == "m.Hd.RType":
			w.printf("p = putByte(p, f.delimiter)\np = f.csvHeader(p, &m.Hd)\n")
			w.longest += 21
			if i == 0 || columns[i+1].value != "m.Hd.PublisherID" || columns[i+2].value != "m.Hd.InstrumentID" {
				panic("the columns of the header are not in their order")
			}
		case c.value == "m.Hd.PublisherID", c.value == "m.Hd.InstrumentID": // csvHeader has written them
		case begins:
			w.printf("for i := range m.Levels {\nl := &m.Levels[i]\n")
			w.csvColumn(c, i > 0, levels)
		default:
			w.csvColumn(c, i > 0, levels)
			if ends {
				w.printf("}\n")
			}
		}
	}
	w.printf("return p\n}\n\n")
}

// firstLevel reports whether the first level begins or ends with a column.
func firstLevel(columns []textColumn, i int) (begins, ends bool) {
	in := func(i int) bool {
		return i >= 0 && i < len(columns) && columns[i].group == "inLevels" && columns[i].level == 0
	}
	return in(i) && !in(i-1), in(i) && !in(i+1)
}

func (w *textWriter) csvColumn(c textColumn, follows bool, levels int) {
	before := w.longest
	if follows {
		w.printf("p = putByte(p, f.delimiter)\n")
		w.longest++
	}
	switch v := c.value; {
	case w.number(c):
	case c.kind() == "Price":
		w.printf("p = f.price(p, %s)\n", v)
		w.longest += 21
	case c.kind() == "Time":
		w.printf("p = f.time(p, %s)\n", v)
		w.longest += 35
	case c.kind() == "Char":
		w.printf("p = f.csvChar(p, byte(%s))\n", v)
		w.longest += 5
	default:
		w.printf("p = f.csvText(p, %s[:])\n", v)
		w.longest += 2*c.field.Size + 2
	}
	if c.group == "inLevels" {
		w.longest = before + (w.longest-before)*levels
	}
}
