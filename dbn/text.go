package dbn

import (
	"bytes"
	"fmt"
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

// AppendJSON appends a record to dst as one JSON object, without a line feed. If hasSymbol is
// false, MapSymbol writes null.
func AppendJSON(dst []byte, r Record, columns []Column, symbol string, hasSymbol bool, o *TextOptions) []byte {
	dst = append(dst, '{')
	open := inRecord
	level := uint8(0)
	comma := false
	for i := range columns {
		c := &columns[i]
		if c.group != open {
			dst, comma = closeGroup(dst, open, comma)
			if comma {
				dst = append(dst, ',')
			}
			switch c.group {
			case inHeader:
				dst = append(dst, `"hd":{`...)
			case inLevels:
				dst = append(dst, `"levels":[{`...)
				level = c.level
			}
			open, comma = c.group, false
		} else if c.group == inLevels && c.level != level {
			dst = append(dst, '}', ',', '{')
			level, comma = c.level, false
		}
		if comma {
			dst = append(dst, ',')
		}
		dst = append(dst, c.key...)
		dst = c.appendJSON(dst, r, o)
		comma = true
	}
	dst, comma = closeGroup(dst, open, comma)
	if o.TsOut {
		if comma {
			dst = append(dst, ',')
		}
		dst = appendJSONTime(append(dst, `"ts_out":`...), r.TsOut(), o.Pretty)
		comma = true
	}
	if o.MapSymbol {
		if comma {
			dst = append(dst, ',')
		}
		dst = append(dst, `"symbol":`...)
		if hasSymbol {
			dst = appendJSONString(dst, symbol, o.Exact)
		} else {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, '}')
}

func closeGroup(dst []byte, open columnGroup, comma bool) ([]byte, bool) {
	switch open {
	case inHeader:
		return append(dst, '}'), true
	case inLevels:
		return append(dst, '}', ']'), true
	}
	return dst, comma
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

func (c *Column) appendJSON(dst []byte, r Record, o *TextOptions) []byte {
	pretty := o.Pretty
	switch c.kind {
	case kindU64, kindI64:
		dst = append(dst, '"')
		return append(c.append(dst, r, pretty), '"')
	case kindPrice:
		if pretty && at[Price](r, c).IsUndef() {
			return append(dst, "null"...)
		}
		dst = append(dst, '"')
		return append(c.append(dst, r, pretty), '"')
	case kindTime:
		return appendJSONTime(dst, at[UnixNanos](r, c), pretty)
	case kindChar:
		if at[byte](r, c) == 0 {
			return append(dst, "null"...)
		}
		dst = append(dst, '"')
		if o.Exact {
			dst = appendChar(dst, at[byte](r, c))
		} else {
			dst = appendJSONChar(dst, at[byte](r, c))
		}
		return append(dst, '"')
	case kindText:
		return appendJSONString(dst, c.text(r), true) // it is UTF-8
	default:
		return c.append(dst, r, pretty)
	}
}

func appendJSONTime(dst []byte, t UnixNanos, pretty bool) []byte {
	if pretty && (t == 0 || t.IsUndef()) {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	return append(appendTime(dst, t, pretty), '"')
}

// appendJSONChar writes the byte of a character field as one character of a JSON string, as
// appendChar does where that is valid JSON.
func appendJSONChar(dst []byte, c byte) []byte {
	switch {
	case c == '\'':
		return append(dst, c)
	case c >= 0x20 && c < 0x7F, c == '\t', c == '\r', c == '\n':
		return appendChar(dst, c)
	}
	return appendUnicodeEscape(dst, c)
}

func appendUnicodeEscape(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// appendJSONString escapes what the official tool escapes, including the slash. Invalid UTF-8 is
// replaced, unless it should stay raw.
func appendJSONString[T string | []byte](dst []byte, text T, raw bool) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\' || c == '/':
			dst = append(dst, '\\', c)
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = appendUnicodeEscape(dst, c)
		case c < utf8.RuneSelf || raw:
			dst = append(dst, c)
		default:
			r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
			dst = utf8.AppendRune(dst, r)
			i += size - 1
		}
	}
	return append(dst, '"')
}

// AppendIndented appends a compact JSON value to dst with an indentation of four spaces per
// level. The result is that of [encoding/json.Indent], which would refuse what
// [TextOptions.Exact] writes, because that may not be JSON, and takes three times as long.
func AppendIndented(dst, compact []byte) []byte {
	depth := 0
	newline := func() {
		dst = append(dst, '\n')
		for i := 0; i < depth; i++ {
			dst = append(dst, "    "...)
		}
	}
	inString := false
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		if inString {
			dst = append(dst, c)
			if c == '\\' && i+1 < len(compact) {
				i++
				dst = append(dst, compact[i])
			} else if c == '"' {
				inString = false
			}
			continue
		}
		switch c {
		case '"':
			inString = true
			dst = append(dst, c)
		case '{', '[':
			dst = append(dst, c)
			if i+1 < len(compact) && (compact[i+1] == '}' || compact[i+1] == ']') {
				i++
				dst = append(dst, compact[i])
				continue
			}
			depth++
			newline()
		case '}', ']':
			depth--
			newline()
			dst = append(dst, c)
		case ',':
			dst = append(dst, c)
			newline()
		case ':':
			dst = append(dst, ':', ' ')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendJSON appends the header to dst as one JSON object, as the official tool prints it.
func (m *Metadata) AppendJSON(dst []byte, pretty bool) []byte {
	str := func(key, v string) { dst = appendJSONString(append(dst, key...), v, false) }
	dst = append(dst, `{"version":`...)
	dst = strconv.AppendUint(dst, uint64(m.Version), 10)
	str(`,"dataset":`, m.Dataset)
	if m.Schema == SchemaNone {
		dst = append(dst, `,"schema":null`...)
	} else {
		str(`,"schema":`, m.Schema.String())
	}
	dst = appendJSONTime(append(dst, `,"start":`...), m.Start, pretty)
	dst = append(dst, `,"end":`...)
	if m.End == 0 || m.End.IsUndef() {
		dst = append(dst, "null"...)
	} else {
		dst = appendJSONTime(dst, m.End, pretty)
	}
	dst = append(dst, `,"limit":`...)
	if m.Limit == 0 {
		dst = append(dst, "null"...)
	} else {
		dst = append(strconv.AppendUint(append(dst, '"'), m.Limit, 10), '"')
	}
	if m.StypeIn == STypeNone {
		dst = append(dst, `,"stype_in":null`...)
	} else {
		str(`,"stype_in":`, m.StypeIn.String())
	}
	str(`,"stype_out":`, m.StypeOut.String())
	dst = strconv.AppendBool(append(dst, `,"ts_out":`...), m.TsOut)
	dst = strconv.AppendInt(append(dst, `,"symbol_cstr_len":`...), int64(m.SymbolCstrLen), 10)
	list := func(key string, symbols []string) {
		dst = append(append(dst, key...), '[')
		for i, s := range symbols {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, s, false)
		}
		dst = append(dst, ']')
	}
	list(`,"symbols":`, m.Symbols)
	list(`,"partial":`, m.Partial)
	list(`,"not_found":`, m.NotFound)
	dst = append(dst, `,"mappings":[`...)
	for i, mapping := range m.Mappings {
		if i > 0 {
			dst = append(dst, ',')
		}
		str(`{"raw_symbol":`, mapping.RawSymbol)
		dst = append(dst, `,"intervals":[`...)
		for j, interval := range mapping.Intervals {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONDate(append(dst, `{"start_date":`...), interval.StartDate, pretty)
			dst = appendJSONDate(append(dst, `,"end_date":`...), interval.EndDate, pretty)
			str(`,"symbol":`, interval.Symbol)
			dst = append(dst, '}')
		}
		dst = append(dst, ']', '}')
	}
	return append(dst, ']', '}')
}

func appendJSONDate(dst []byte, date uint32, pretty bool) []byte {
	if !pretty {
		return strconv.AppendUint(dst, uint64(date), 10)
	}
	return fmt.Appendf(dst, `"%04d-%02d-%02d"`, date/10000, date/100%100, date%100)
}
