package dbn

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"
)

// Column is one text column of a record's layout: a CSV column, a JSON key.
type Column struct {
	Name   string
	key    string // `"price":`
	kind   ColumnKind
	offset uint16
	size   uint16
	group  columnGroup
	level  uint8
	layout layoutID
}

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

// layoutOf returns the layout that the columns are all columns of. What has one is written by the
// function that was generated for it, a choice of columns one by one.
func layoutOf(columns []Column) (l layoutID, all bool) {
	if len(columns) == 0 {
		return 0, false
	}
	l = columns[0].layout
	of := layoutColumns[l]
	return l, len(columns) == len(of) && &columns[0] == &of[0]
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
	Indent    bool // JSON has an indentation of four spaces per level, as AppendIndented gives it
	Delimiter byte // delimiter of CSV; 0: ','. A tab gives TSV
	// Location is the time zone of pretty times, which end with their distance from UTC, such as
	// -05:00. nil: UTC, and they end with Z.
	Location *time.Location
}

func (o *TextOptions) delimiter() byte {
	if o.Delimiter == 0 {
		return ','
	}
	return o.Delimiter
}

func at[T any](r Record, c *Column) T { return *(*T)(unsafe.Add(r.Pointer(), int(c.offset))) }

// Append appends the column's plain or pretty value to dst, as in CSV, without quotes.
func (c *Column) Append(dst []byte, r Record, pretty bool) []byte {
	return c.append(dst, r, &TextOptions{Pretty: pretty})
}

func (c *Column) append(dst []byte, r Record, o *TextOptions) []byte {
	switch c.kind {
	case ColumnU8:
		return strconv.AppendUint(dst, uint64(at[uint8](r, c)), 10)
	case ColumnU16:
		return strconv.AppendUint(dst, uint64(at[uint16](r, c)), 10)
	case ColumnU32:
		return strconv.AppendUint(dst, uint64(at[uint32](r, c)), 10)
	case ColumnU64:
		return strconv.AppendUint(dst, at[uint64](r, c), 10)
	case ColumnI8:
		return strconv.AppendInt(dst, int64(at[int8](r, c)), 10)
	case ColumnI16:
		return strconv.AppendInt(dst, int64(at[int16](r, c)), 10)
	case ColumnI32:
		return strconv.AppendInt(dst, int64(at[int32](r, c)), 10)
	case ColumnI64:
		return strconv.AppendInt(dst, at[int64](r, c), 10)
	case ColumnPrice:
		if o.Pretty {
			return at[Price](r, c).Append(dst)
		}
		return strconv.AppendInt(dst, at[int64](r, c), 10)
	case ColumnTime:
		return appendTime(dst, at[UnixNanos](r, c), o)
	case ColumnChar:
		return appendChar(dst, at[byte](r, c))
	default:
		return append(dst, c.text(r)...)
	}
}

func (c *Column) text(r Record) []byte {
	return fieldText(unsafe.Slice((*byte)(unsafe.Add(r.Pointer(), int(c.offset))), int(c.size)))
}

// fieldText is a string field's text; empty when it has no NUL or is not UTF-8.
func fieldText(field []byte) []byte {
	n := bytes.IndexByte(field, 0)
	if n < 0 || !utf8.Valid(field[:n]) {
		return nil
	}
	return field[:n]
}

// textClass says of each byte where it can be written as it is: in the text of CSV, unless it is
// the delimiter, in the text of JSON, and as a character field of JSON. What belongs to a longer
// character is for the slow way, which checks it.
var textClass = func() (table [256]uint8) {
	for c := range table {
		if c < utf8.RuneSelf && c != 0 {
			if c != '"' && c != '\r' && c != '\n' {
				table[c] |= csvPlain
			}
			if c >= ' ' && c != '"' && c != '\\' && c != '\'' && c != 0x7F {
				table[c] |= charPlain
			}
			if c >= ' ' && c != '"' && c != '\\' && c != '/' {
				table[c] |= jsonPlain
			}
		}
	}
	return table
}()

const (
	csvPlain  = 1
	jsonPlain = 2
	charPlain = 4
)

// into is a slice that appends at p, where n bytes can be written.
func into(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n)[:0] }

// end is the address after a slice that into began.
func end(b []byte) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), len(b)) }

func appendTime(dst []byte, t UnixNanos, o *TextOptions) []byte {
	if !o.Pretty {
		return strconv.AppendUint(dst, uint64(t), 10)
	}
	if t == 0 {
		return dst
	}
	if o.Location != nil && !t.IsUndef() {
		return appendZonedTime(dst, t, o.Location)
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
