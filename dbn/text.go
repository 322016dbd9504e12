package dbn

import (
	"bytes"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// Column is one text column of a record's layout: a CSV column, a JSON key.
type Column struct {
	Name   string
	key    string // `"price":`
	kind   columnKind
	offset uint16
	size   uint16
	group  columnGroup
	level  uint8
}

type columnKind uint8

const (
	kindU8 columnKind = iota
	kindU16
	kindU32
	kindU64
	kindI8
	kindI16
	kindI32
	kindI64
	kindPrice
	kindTime
	kindChar
	kindText
)

// columnGroup is where JSON nests a column.
type columnGroup uint8

const (
	inRecord columnGroup = iota
	inHeader
	inLevels
)

type textLayout struct {
	size    int
	columns []Column
}

// ColumnsOf returns the text columns of a record, in the order of the official tool; nil for an
// unknown rtype or a record shorter than every layout of its rtype.
func ColumnsOf(r Record) []Column { return columnsFor(r.RType(), r.Size()) }

// ColumnsFor returns the text columns of an rtype in a DBN version.
func ColumnsFor(rtype RType, version uint8) []Column {
	return columnsFor(rtype, SizeOf(rtype, version))
}

func columnsFor(rtype RType, size int) []Column {
	for _, l := range layouts[rtype] {
		if size >= l.size {
			return l.columns
		}
	}
	return nil
}

// TextOptions determine how records are written as text. The zero value is the default of the
// official tool: plain integers, no symbol.
type TextOptions struct {
	Pretty    bool // prices with nine decimals, times in ISO 8601, undefined ones empty or null
	TsOut     bool // the stream's records carry a ts_out: adds a column at the end
	MapSymbol bool // adds a column "symbol" at the very end
	// Exact writes JSON byte for byte as the official tool does, even where that is not valid
	// JSON: a character field that is not printable ASCII, or an apostrophe, becomes an escape
	// such as \xe2 or \', and a symbol that is not UTF-8 stays unchanged. Without Exact they
	// become \u00E2, ' and U+FFFD for each invalid byte; everything else is the same.
	Exact     bool
	Delimiter byte // delimiter of CSV; 0: ','. A tab gives TSV
}

func (o *TextOptions) delimiter() byte {
	if o.Delimiter == 0 {
		return ','
	}
	return o.Delimiter
}

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

func at[T any](r Record, c *Column) T { return *(*T)(unsafe.Add(r.Pointer(), int(c.offset))) }

// Append appends the column's plain or pretty value to dst, as in CSV, without quotes.
func (c *Column) Append(dst []byte, r Record, pretty bool) []byte {
	return c.append(dst, r, pretty)
}

func (c *Column) append(dst []byte, r Record, pretty bool) []byte {
	switch c.kind {
	case kindU8:
		return strconv.AppendUint(dst, uint64(at[uint8](r, c)), 10)
	case kindU16:
		return strconv.AppendUint(dst, uint64(at[uint16](r, c)), 10)
	case kindU32:
		return strconv.AppendUint(dst, uint64(at[uint32](r, c)), 10)
	case kindU64:
		return strconv.AppendUint(dst, at[uint64](r, c), 10)
	case kindI8:
		return strconv.AppendInt(dst, int64(at[int8](r, c)), 10)
	case kindI16:
		return strconv.AppendInt(dst, int64(at[int16](r, c)), 10)
	case kindI32:
		return strconv.AppendInt(dst, int64(at[int32](r, c)), 10)
	case kindI64:
		return strconv.AppendInt(dst, at[int64](r, c), 10)
	case kindPrice:
		if pretty {
			return at[Price](r, c).Append(dst)
		}
		return strconv.AppendInt(dst, at[int64](r, c), 10)
	case kindTime:
		return appendTime(dst, at[UnixNanos](r, c), pretty)
	case kindChar:
		return appendChar(dst, at[byte](r, c))
	default:
		return append(dst, c.text(r)...)
	}
}

// text is a string field's text; empty when it has no NUL or is not UTF-8.
func (c *Column) text(r Record) []byte {
	b := unsafe.Slice((*byte)(unsafe.Add(r.Pointer(), int(c.offset))), int(c.size))
	n := bytes.IndexByte(b, 0)
	if n < 0 || !utf8.Valid(b[:n]) {
		return nil
	}
	return b[:n]
}

func appendTime(dst []byte, t UnixNanos, pretty bool) []byte {
	if !pretty {
		return strconv.AppendUint(dst, uint64(t), 10)
	}
	if t == 0 {
		return dst
	}
	return t.Append(dst)
}

const hexDigits = "0123456789abcdef"

// appendChar writes a character field: nothing for NUL, an escape if it is not printable.
func appendChar(dst []byte, c byte) []byte {
	switch c {
	case 0:
		return dst
	case '\t':
		return append(dst, '\\', 't')
	case '\r':
		return append(dst, '\\', 'r')
	case '\n':
		return append(dst, '\\', 'n')
	case '\'', '"', '\\':
		return append(dst, '\\', c)
	}
	if c < 0x20 || c >= 0x7F {
		return append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(dst, c)
}
