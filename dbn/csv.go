package dbn

import (
	"encoding/binary"
	"unsafe"
)

// AppendCSVHeader appends the names of the columns and a line feed to dst.
func AppendCSVHeader(dst []byte, columns []Column, o *TextOptions) []byte {
	d := o.delimiter()
	for i := range columns {
		if i > 0 {
			dst = append(dst, d)
		}
		dst = append(dst, columns[i].Name...)
	}
	if o.TsOut {
		dst = append(append(dst, d), "ts_out"...)
	}
	if o.MapSymbol {
		dst = append(append(dst, d), "symbol"...)
	}
	return append(dst, '\n')
}

// AppendCSV appends a record to dst as one row. The record must have the layout of the columns.
func AppendCSV(dst []byte, r Record, columns []Column, symbol string, o *TextOptions) []byte {
	d := o.delimiter()
	if l := layoutOf(r, columns); l != nil && isUsual(d) {
		var p unsafe.Pointer
		dst, p = room(dst, longestCSV[l.id])
		dst = upTo(dst, csvRow(l.id, p, r.Pointer(), d, o.Pretty))
	} else {
		dst = appendColumnsCSV(dst, r, columns, o)
	}
	if o.TsOut {
		dst = appendTime(append(dst, d), r.TsOut(), o.Pretty)
	}
	if o.MapSymbol {
		dst = append(dst, d)
		start := len(dst)
		dst = QuoteCSV(append(dst, symbol...), start, d)
	}
	return append(dst, '\n')
}

// isUsual reports whether a delimiter occurs in no escape of a character, nor in a number, a
// price or a time.
func isUsual(delimiter byte) bool {
	switch delimiter {
	case ',', ';', '\t', '|', ' ':
		return true
	}
	return false
}

func appendColumnsCSV(dst []byte, r Record, columns []Column, o *TextOptions) []byte {
	d := o.delimiter()
	for i := range columns {
		if i > 0 {
			dst = append(dst, d)
		}
		start := len(dst)
		dst = columns[i].append(dst, r, o.Pretty)
		if k := columns[i].kind; k == kindText || k == kindChar {
			dst = QuoteCSV(dst, start, d)
		}
	}
	return dst
}

// QuoteCSV puts the field dst[start:] into quotes if a reader of CSV with this delimiter needs
// them.
func QuoteCSV(dst []byte, start int, delimiter byte) []byte {
	field := dst[start:]
	need, quotes := false, 0
	for _, c := range field {
		switch c {
		case '"':
			need = true
			quotes++
		case delimiter, '\n', '\r':
			need = true
		}
	}
	if !need {
		return dst
	}
	end := len(dst)
	for i := 0; i < quotes+2; i++ {
		dst = append(dst, 0)
	}
	w := len(dst) - 1
	dst[w] = '"'
	for i := end - 1; i >= start; i-- {
		w--
		dst[w] = dst[i]
		if dst[i] == '"' {
			w--
			dst[w] = '"'
		}
	}
	dst[start] = '"'
	return dst
}

// csvChars holds the text of the characters that need no quotes, and in the highest byte its
// length.
var csvChars = func() (table [256]uint64) {
	for c := range table {
		text := appendChar(make([]byte, 0, 8), byte(c))
		if n := len(text); c != '"' {
			table[c] = binary.LittleEndian.Uint64(text[:8]) | uint64(n)<<56
		}
	}
	return table
}()

// csvChar writes a character field as appendChar, with quotes where they are needed.
func csvChar(p unsafe.Pointer, c, delimiter byte) unsafe.Pointer {
	text := csvChars[c]
	if c == delimiter || c == '"' {
		return quotedCSVChar(p, c, delimiter)
	}
	put8(p, text)
	return unsafe.Add(p, text>>56)
}

func quotedCSVChar(p unsafe.Pointer, c, delimiter byte) unsafe.Pointer {
	return end(QuoteCSV(appendChar(into(p, 8), c), 0, delimiter))
}

// csvText writes a field of text, with quotes where they are needed.
func csvText(p unsafe.Pointer, field []byte, delimiter byte) unsafe.Pointer {
	q := p
	for _, c := range field {
		switch {
		case c == 0:
			return q
		case c == delimiter || textClass[c]&csvPlain == 0:
			return quotedCSVText(p, field, delimiter)
		}
		q = putByte(q, c)
	}
	return p // a text without an end
}

func quotedCSVText(p unsafe.Pointer, field []byte, delimiter byte) unsafe.Pointer {
	return end(QuoteCSV(append(into(p, 2*len(field)+2), fieldText(field)...), 0, delimiter))
}
