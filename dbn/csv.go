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

// AppendCSV appends a record to dst as one row. The record must have the layout of the columns. The
// capacity of dst grows to what the longest row of such a record would need. A [Formatter] does the
// same faster for records that follow each other.
func AppendCSV(dst []byte, r Record, columns []Column, symbol string, o *TextOptions) []byte {
	f := newFormatter(o)
	return f.appendCSV(dst, r, columns, symbol)
}

func (f *formatter) appendCSV(dst []byte, r Record, columns []Column, symbol string) []byte {
	o := &f.options
	l, all := layoutOf(columns)
	if !all || !isUsual(f.delimiter) {
		dst = appendColumnsCSV(dst, r, columns, o)
		if o.TsOut {
			dst = appendTime(append(dst, f.delimiter), r.TsOut(), o)
		}
		if o.MapSymbol {
			dst = append(dst, f.delimiter)
			start := len(dst)
			dst = QuoteCSV(append(dst, symbol...), start, f.delimiter)
		}
		return append(dst, '\n')
	}
	dst, p := room(dst, longestCSV[l]+39+2*len(symbol)+2)
	p = f.csvRow(l, p, r.Pointer())
	if o.TsOut {
		p = f.time(putByte(p, f.delimiter), r.TsOut())
	}
	if o.MapSymbol {
		p = f.csvSymbol(putByte(p, f.delimiter), symbol)
	}
	return upTo(dst, putByte(p, '\n'))
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
		dst = columns[i].append(dst, r, o)
		if k := columns[i].kind; k == ColumnText || k == ColumnChar {
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

// csvHeader writes the columns rtype, publisher_id and instrument_id.
func (f *formatter) csvHeader(p unsafe.Pointer, hd *RecordHeader) unsafe.Pointer {
	key := *(*uint64)(unsafe.Pointer(hd)) // these three, and the length
	if key != f.headerOf {
		f.newHeader(key, hd)
	}
	put8(p, f.header[0])
	put8(unsafe.Add(p, 8), f.header[1])
	put8(unsafe.Add(p, 16), f.header[2])
	return unsafe.Add(p, f.headerLen)
}

func (f *formatter) newHeader(key uint64, hd *RecordHeader) {
	start := unsafe.Pointer(&f.header)
	p := putByte(putUint8(start, uint8(hd.RType)), f.delimiter)
	p = putByte(putUint32(p, uint32(hd.PublisherID)), f.delimiter)
	p = putUint32(p, hd.InstrumentID)
	f.headerOf, f.headerLen = key, uintptr(p)-uintptr(start)
}

// csvChar writes a character field as appendChar, with quotes where they are needed.
func (f *formatter) csvChar(p unsafe.Pointer, c byte) unsafe.Pointer {
	if c == f.delimiter || c == '"' {
		return f.quotedCSVChar(p, c)
	}
	text := csvChars[c]
	put8(p, text)
	return unsafe.Add(p, text>>56)
}

func (f *formatter) quotedCSVChar(p unsafe.Pointer, c byte) unsafe.Pointer {
	return end(QuoteCSV(appendChar(into(p, 8), c), 0, f.delimiter))
}

// csvText writes a field of text, with quotes where they are needed.
func (f *formatter) csvText(p unsafe.Pointer, field []byte) unsafe.Pointer {
	q := p
	for _, c := range field {
		switch {
		case c == 0:
			return q
		case c == f.delimiter || textClass[c]&csvPlain == 0:
			return f.quotedCSVText(p, fieldText(field))
		}
		q = putByte(q, c)
	}
	return p // a text without an end
}

// csvSymbol writes a symbol, with quotes where they are needed.
func (f *formatter) csvSymbol(p unsafe.Pointer, symbol string) unsafe.Pointer {
	q := p
	for i := range len(symbol) {
		c := symbol[i]
		if c == f.delimiter || textClass[c]&csvPlain == 0 {
			return f.quotedCSVText(p, unsafe.Slice(unsafe.StringData(symbol), len(symbol)))
		}
		q = putByte(q, c)
	}
	return q
}

func (f *formatter) quotedCSVText(p unsafe.Pointer, text []byte) unsafe.Pointer {
	return end(QuoteCSV(append(into(p, 2*len(text)+2), text...), 0, f.delimiter))
}
