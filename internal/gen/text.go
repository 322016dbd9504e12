package main

import (
	"fmt"
	"strconv"
	"strings"
)

// textColumn is a text column of a record layout: where its value is in the Go struct, and how
// it is written.
type textColumn struct {
	name  string // of the CSV column
	key   string // of JSON
	field field
	group string // as columnGroup
	level int
	place int    // offset in the record
	value string // Go expression: of the record m, or of the level l
}

func (c textColumn) kind() string {
	f := c.field
	switch {
	case f.Type == "cstr":
		return "Text"
	case f.Fmt == "ts":
		return "Time"
	case f.Fmt == "price":
		return "Price"
	case f.Type == "char":
		return "Char"
	}
	return strings.ToUpper(f.Type[:1]) + f.Type[1:]
}

// textColumns finds the fields of a layout's text columns: its own, the header's, or a level's.
func textColumns(structs map[string]layout, l layout) []textColumn {
	var columns []textColumn
	for _, name := range l.TextColumns {
		columns = append(columns, findTextColumn(structs, l, name))
	}
	return columns
}

func findTextColumn(structs map[string]layout, l layout, name string) textColumn {
	for _, f := range l.Fields {
		if f.Name == name {
			return textColumn{name, name, f, "inRecord", 0, f.Offset, "m." + goName(name)}
		}
	}
	for _, f := range structs["RecordHeader"].Fields {
		if f.Name == name {
			return textColumn{name, name, f, "inHeader", 0, f.Offset, "m.Hd." + goName(name)}
		}
	}
	base, number, _ := strings.Cut(name[:len(name)-3]+"\n"+name[len(name)-2:], "\n")
	level, err := strconv.Atoi(number)
	if err != nil {
		panic("no field for text column " + name)
	}
	for _, f := range l.Fields {
		if f.Name != "levels" {
			continue
		}
		item := structs[f.Type]
		if level >= f.Count {
			panic("no level for text column " + name)
		}
		for _, sub := range item.Fields {
			if sub.Name == base {
				return textColumn{name, base, sub, "inLevels", level, f.Offset + level*item.Size + sub.Offset, "l." + goName(base)}
			}
		}
	}
	panic("no field for text column " + name)
}

// levelCount is how many levels a layout has. Their columns come one level after the other, with
// the same fields, so that a loop writes them.
func levelCount(columns []textColumn) int {
	var levels []textColumn
	count := 0
	for _, c := range columns {
		if c.group == "inLevels" {
			levels = append(levels, c)
			count = max(count, c.level+1)
		}
	}
	for i, c := range levels {
		if per := len(levels) / count; c.level != i/per || c.key != levels[i%per].key {
			panic("the columns of the levels are not in their order: " + c.name)
		}
	}
	return count
}

// textWriter writes the functions that write one layout.
type textWriter struct {
	strings.Builder
	literal string // what comes before the next value
	longest int    // bytes of a row, at most
}

func (w *textWriter) printf(format string, args ...any) { fmt.Fprintf(&w.Builder, format, args...) }

// flush writes the literal: eight bytes at a time, padded, because what follows is written over
// the padding.
func (w *textWriter) flush() {
	if w.literal == "" {
		return
	}
	n := len(w.literal)
	words := (n + 7) / 8
	padded := w.literal + strings.Repeat(" ", words*8-n)
	quoted := strconv.Quote(padded)
	if strconv.CanBackquote(padded) {
		quoted = "`" + padded + "`"
	}
	w.printf("p = put%dWords(p, %s, %d)\n", words, quoted, n)
	w.longest += n
	w.literal = ""
}

// number writes a column that is the same in CSV and JSON. It is false for other columns.
func (w *textWriter) number(c textColumn) bool {
	v := c.value
	switch kind := c.kind(); kind {
	case "U8":
		w.printf("p = putUint8(p, uint8(%s))\n", v)
		w.longest += 3
	case "U16", "U32":
		w.printf("p = putUint32(p, uint32(%s))\n", v)
		w.longest += 10
	case "I8", "I16", "I32":
		w.printf("p = putInt32(p, int32(%s))\n", v)
		w.longest += 11
	case "U64":
		w.printf("p = putUint64(p, uint64(%s))\n", v)
		w.longest += 20
	case "I64":
		w.printf("p = putInt64(p, int64(%s))\n", v)
		w.longest += 20
	default:
		return false
	}
	return true
}
