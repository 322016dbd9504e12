package output

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
)

// Template is the text of a line with fields in braces, such as {symbol} {price:>10.2}.
type Template struct{ pieces []piece }

// piece is text, or a field and how it is written.
type piece struct {
	text     string
	field    string // empty: text
	width    int    // of the terminal's columns, at least
	align    byte   // '<', '>', or 0: as is usual for the field
	decimals int    // of prices and times; -1: nine
}

const (
	maxTemplateWidth = 1000
	maxDecimals      = 9
)

// ParseTemplate reads a template. Two braces stand for one; \t, \n, \r, \0 and \\ are the
// characters that they are elsewhere. A field may have a width after a colon, with < or > before
// it and a number of decimals after it.
func ParseTemplate(text string) (*Template, error) {
	t := new(Template)
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
			e := strings.IndexByte(`tnr0\{}`, byteAt(text, i))
			if i == len(text) || e < 0 {
				return nil, fmt.Errorf("%q: after a backslash want one of t, n, r, 0 and another backslash", text)
			}
			plain.WriteByte("\t\n\r\x00\\{}"[e])
		case (c == '{' || c == '}') && byteAt(text, i+1) == c:
			plain.WriteByte(c)
			i++
		case c == '}':
			return nil, fmt.Errorf(`%q: a } without a { before it: write }} for the character`, text)
		case c == '{':
			inside, _, closed := strings.Cut(text[i+1:], "}")
			if !closed {
				return nil, fmt.Errorf(`%q: a { without a } after it: write {{ for the character`, text)
			}
			field, err := parseField(inside)
			if err != nil {
				return nil, fmt.Errorf("{%s}: %w", inside, err)
			}
			t.pieces = append(t.pieces, piece{text: plain.String()}, field)
			plain.Reset()
			i += 1 + len(inside)
		default:
			plain.WriteByte(c)
		}
	}
	if t.pieces == nil {
		return nil, fmt.Errorf("%q names no field: write one in braces, such as {price}", text)
	}
	t.pieces = append(t.pieces, piece{text: plain.String() + "\n"})
	return t, nil
}

func byteAt(text string, i int) byte {
	if i < len(text) {
		return text[i]
	}
	return 0
}

// parseField reads what is between braces.
func parseField(inside string) (p piece, err error) {
	name, spec, _ := strings.Cut(inside, ":")
	p = piece{field: strings.TrimSpace(name), decimals: -1}
	if p.field == "" {
		return p, fmt.Errorf("missing name of a field")
	}
	if c := byteAt(spec, 0); c == '<' || c == '>' {
		p.align, spec = c, spec[1:]
	}
	width, decimals, precise := strings.Cut(spec, ".")
	if width != "" {
		if p.width, err = strconv.Atoi(width); err != nil || p.width < 1 || p.width > maxTemplateWidth {
			return p, fmt.Errorf("width %q: want 1 to %d", width, maxTemplateWidth)
		}
	}
	if precise {
		if p.decimals, err = strconv.Atoi(decimals); err != nil || p.decimals < 0 || p.decimals > maxDecimals {
			return p, fmt.Errorf("decimals %q: want 0 to %d", decimals, maxDecimals)
		}
	}
	return p, nil
}

// Fields are the names of the fields.
func (t *Template) Fields() (names []string) {
	for i := range t.pieces {
		if name := t.pieces[i].field; name != "" {
			names = append(names, name)
		}
	}
	return names
}

// linesSink writes each record by a template.
type linesSink struct {
	output *Output
	stdout io.Writer
	out    *textWriter
}

func (s *linesSink) Begin(*dbn.Metadata) (err error) {
	s.out, err = s.output.openText(s.stdout, s.format)
	return err
}

// format makes what appends records as lines.
func (s *linesSink) format() appendRecord {
	text := dbn.NewFormatter(s.output.Text)
	pieces := s.output.Template.pieces
	readers := make([]*fieldReader, len(pieces))
	for i := range pieces {
		readers[i] = newFieldReader(pieces[i].field, text)
	}
	return func(dst []byte, r dbn.Record, symbol string, _ bool) []byte {
		for i := range pieces {
			switch p := &pieces[i]; p.field {
			case "":
				dst = append(dst, p.text...)
			case "symbol":
				dst = p.pad(append(dst, symbol...), len(dst), '<')
			default:
				dst = p.appendField(dst, r, readers[i])
			}
		}
		return dst
	}
}

// appendField writes a field of a record; nothing, but for its width, if the record has none.
func (p *piece) appendField(dst []byte, r dbn.Record, f *fieldReader) []byte {
	start, usual := len(dst), byte('>')
	column := f.column(r)
	switch {
	case f.name == "ts_out", column != nil && column.Kind() == dbn.ColumnTime:
		dst = p.shortenTime(f.append(dst, r), start)
		usual = '<'
	case column == nil:
	case column.Kind() == dbn.ColumnPrice:
		dst = p.roundPrice(f.append(dst, r), start)
	default:
		dst = f.append(dst, r)
		if k := column.Kind(); k == dbn.ColumnText || k == dbn.ColumnChar {
			usual = '<'
		}
	}
	return p.pad(dst, start, usual)
}

// nineDecimals is how long a point and what follows it is.
const nineDecimals = 1 + maxDecimals

// shortenTime leaves of a time's nine decimals those that are wanted. The others are cut off: a
// time must not lie in the next day.
func (p *piece) shortenTime(dst []byte, start int) []byte {
	point := bytes.IndexByte(dst[start:], '.')
	if p.decimals < 0 || point < 0 {
		return dst
	}
	point += start
	kept := point
	if p.decimals > 0 {
		kept += 1 + p.decimals
	}
	return append(dst[:kept], dst[point+nineDecimals:]...)
}

// roundPrice rounds a price of nine decimals to those that are wanted, halves away from zero.
func (p *piece) roundPrice(dst []byte, start int) []byte {
	if p.decimals < 0 || len(dst) == start {
		return dst
	}
	point := len(dst) - nineDecimals
	kept := point + 1 + p.decimals
	up := kept < len(dst) && dst[kept] >= '5'
	if p.decimals == 0 {
		kept = point
	}
	dst = dst[:kept]
	for i := kept - 1; up && i >= start; i-- {
		switch c := dst[i]; {
		case c == '9':
			dst[i] = '0'
		case c >= '0' && c < '9':
			dst[i]++
			up = false
		}
	}
	if up {
		digits := start
		if dst[start] == '-' {
			digits++
		}
		dst = append(dst, 0)
		copy(dst[digits+1:], dst[digits:])
		dst[digits] = '1'
	}
	return withoutMinus(dst, start)
}

// withoutMinus takes the sign off a zero.
func withoutMinus(dst []byte, start int) []byte {
	if dst[start] != '-' || bytes.ContainsAny(dst[start:], "123456789") {
		return dst
	}
	return append(dst[:start], dst[start+1:]...)
}

// pad makes the field dst[start:] as wide as it is to be, and fit for a terminal.
func (p *piece) pad(dst []byte, start int, usual byte) []byte {
	dst = makePlain(dst, start)
	missing := 0
	if p.width > 0 {
		missing = p.width - widthOf(dst[start:])
	}
	if missing <= 0 {
		return dst
	}
	align := p.align
	if align == 0 {
		align = usual
	}
	size := len(dst) - start
	for range missing {
		dst = append(dst, ' ')
	}
	if align == '>' {
		copy(dst[start+missing:], dst[start:start+size])
		for i := range missing {
			dst[start+i] = ' '
		}
	}
	return dst
}

func (s *linesSink) Record(r dbn.Record, symbol string, known bool) error {
	return s.out.take(r, symbol, known)
}

func (s *linesSink) Message(r dbn.Record, symbol string, known bool) error {
	if !s.output.System {
		return nil
	}
	return s.Record(r, symbol, known)
}

func (s *linesSink) EndTurn() error { return s.out.endTurn() }
func (s *linesSink) Close() error   { return s.out.close() }

// Symbol changes nothing here.
func (s *linesSink) Symbol(string) {}
