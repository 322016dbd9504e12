package dbn

import (
	"fmt"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// AppendJSON appends a record to dst as one JSON object, without a line feed. If hasSymbol is
// false, MapSymbol writes null. A [Formatter] does the same faster for records that follow each
// other.
func AppendJSON(dst []byte, r Record, columns []Column, symbol string, hasSymbol bool, o *TextOptions) []byte {
	f := newFormatter(o)
	return f.appendJSON(dst, r, columns, symbol, hasSymbol)
}

func (f *formatter) appendJSON(dst []byte, r Record, columns []Column, symbol string, hasSymbol bool) []byte {
	o := &f.options
	l, all := layoutOf(columns)
	if !all {
		return appendColumnsJSON(dst, r, columns, symbol, hasSymbol, o)
	}
	dst, p := room(dst, longestJSON[l])
	separator, end := ",", "}"
	if o.Indent {
		p = f.indentedJSONObject(l, p, r.Pointer())
		separator, end = ",\n    ", "\n}"
	} else {
		p = f.jsonObject(l, p, r.Pointer())
	}
	dst = upTo(dst, p)
	if o.TsOut || o.MapSymbol {
		dst = appendStreamJSON(append(dst, separator...), r, symbol, hasSymbol, separator, o)
	}
	return append(dst, end...)
}

// appendStreamJSON appends the members that are not the record's own.
func appendStreamJSON(dst []byte, r Record, symbol string, hasSymbol bool, separator string, o *TextOptions) []byte {
	colon := ":"
	if o.Indent {
		colon = ": "
	}
	if o.TsOut {
		dst = appendJSONTime(append(append(dst, `"ts_out"`...), colon...), r.TsOut(), o)
		if o.MapSymbol {
			dst = append(dst, separator...)
		}
	}
	if o.MapSymbol {
		dst = append(append(dst, `"symbol"`...), colon...)
		if hasSymbol {
			dst = appendJSONString(dst, symbol, o.Exact)
		} else {
			dst = append(dst, "null"...)
		}
	}
	return dst
}

// appendColumnsJSON is AppendJSON for a choice of columns.
func appendColumnsJSON(dst []byte, r Record, columns []Column, symbol string, hasSymbol bool, o *TextOptions) []byte {
	start := len(dst)
	compact := *o
	compact.Indent = false
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
	if o.TsOut || o.MapSymbol {
		if comma {
			dst = append(dst, ',')
		}
		dst = appendStreamJSON(dst, r, symbol, hasSymbol, ",", &compact)
	}
	dst = append(dst, '}')
	if o.Indent { // in place
		end := len(dst)
		dst = AppendIndented(dst, dst[start:])
		dst = append(dst[:start], dst[end:]...)
	}
	return dst
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

func (c *Column) appendJSON(dst []byte, r Record, o *TextOptions) []byte {
	pretty := o.Pretty
	switch c.kind {
	case ColumnU64, ColumnI64:
		dst = append(dst, '"')
		return append(c.append(dst, r, o), '"')
	case ColumnPrice:
		if pretty && at[Price](r, c).IsUndef() {
			return append(dst, "null"...)
		}
		dst = append(dst, '"')
		return append(c.append(dst, r, o), '"')
	case ColumnTime:
		return appendJSONTime(dst, at[UnixNanos](r, c), o)
	case ColumnChar:
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
	case ColumnText:
		return appendJSONString(dst, c.text(r), true) // it is UTF-8
	default:
		return c.append(dst, r, o)
	}
}

func appendJSONTime(dst []byte, t UnixNanos, o *TextOptions) []byte {
	if o.Pretty && (t == 0 || t.IsUndef()) {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	return append(appendTime(dst, t, o), '"')
}

// jsonPrice writes a price with its quotes, or null.
func (f *formatter) jsonPrice(p unsafe.Pointer, v Price) unsafe.Pointer {
	if v.IsUndef() && f.options.Pretty {
		return putNull(p)
	}
	return putByte(f.price(putByte(p, '"'), v), '"')
}

// jsonTime writes a time with its quotes, or null.
func (f *formatter) jsonTime(p unsafe.Pointer, t UnixNanos) unsafe.Pointer {
	if (t == 0 || t.IsUndef()) && f.options.Pretty {
		return putNull(p)
	}
	return putByte(f.time(putByte(p, '"'), t), '"')
}

func putNull(p unsafe.Pointer) unsafe.Pointer {
	return put1Words(p, "null    ", 4)
}

// jsonChar writes a character field.
func (f *formatter) jsonChar(p unsafe.Pointer, c byte) unsafe.Pointer {
	if textClass[c]&charPlain == 0 {
		return escapedJSONChar(p, c, f.options.Exact)
	}
	put4(p, '"'|uint32(c)<<8|'"'<<16)
	return unsafe.Add(p, 3)
}

func escapedJSONChar(p unsafe.Pointer, c byte, exact bool) unsafe.Pointer {
	switch dst := append(into(p, 8), '"'); {
	case c == 0:
		return putNull(p)
	case exact:
		return end(append(appendChar(dst, c), '"'))
	default:
		return end(append(appendJSONChar(dst, c), '"'))
	}
}

// jsonText writes a field of text.
func jsonText(p unsafe.Pointer, field []byte) unsafe.Pointer {
	q := putByte(p, '"')
	for _, c := range field {
		switch {
		case c == 0:
			return putByte(q, '"')
		case textClass[c]&jsonPlain == 0:
			return escapedJSONText(p, field)
		}
		q = putByte(q, c)
	}
	return escapedJSONText(p, field)
}

func escapedJSONText(p unsafe.Pointer, field []byte) unsafe.Pointer {
	return end(appendJSONString(into(p, 6*len(field)+2), fieldText(field), true)) // it is UTF-8
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
	o := &TextOptions{Pretty: pretty}
	str := func(key, v string) { dst = appendJSONString(append(dst, key...), v, false) }
	dst = append(dst, `{"version":`...)
	dst = strconv.AppendUint(dst, uint64(m.Version), 10)
	str(`,"dataset":`, m.Dataset)
	if m.Schema == SchemaNone {
		dst = append(dst, `,"schema":null`...)
	} else {
		str(`,"schema":`, m.Schema.String())
	}
	dst = appendJSONTime(append(dst, `,"start":`...), m.Start, o)
	dst = append(dst, `,"end":`...)
	if m.End == 0 || m.End.IsUndef() {
		dst = append(dst, "null"...)
	} else {
		dst = appendJSONTime(dst, m.End, o)
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
