package tail

import (
	"io"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/dbnloop/dbnloop/dbn"
)

// tableSink prints aligned rows for people.
type tableSink struct {
	output *output
	stdout io.Writer
	out    *textWriter
	table  *table
}

func (s *tableSink) begin(*dbn.Metadata) (err error) {
	if s.out, err = s.output.openText(s.stdout); err != nil {
		return err
	}
	s.table.width = terminalWidth(s.out.dest.w)
	if !s.output.omitHeader {
		s.out.buf = s.table.appendHeader(s.out.buf)
	}
	return s.out.endLine()
}

func (s *tableSink) record(r dbn.Record, symbol string, _ bool) error {
	s.out.buf = s.table.appendRow(s.out.buf, r, symbol)
	return s.out.endLine()
}

func (s *tableSink) message(r dbn.Record) error {
	if !s.output.system {
		return nil
	}
	return s.record(r, "", false)
}

// endTurn also looks at the terminal's width, which may change at any time.
func (s *tableSink) endTurn() error {
	if s.out.perLine {
		s.table.width = terminalWidth(s.out.dest.w)
	}
	return s.out.endTurn()
}

func (s *tableSink) close() error { return s.out.close() }

// Colors of the table, as terminal control sequences.
const (
	colorReset  = "\x1b[0m"
	colorDim    = "\x1b[2m"
	colorBold   = "\x1b[1m"
	colorRed    = "\x1b[31m"
	colorGreen  = "\x1b[32m"
	colorYellow = "\x1b[33m"
	colorBlue   = "\x1b[34m"
)

// table renders records of any mix of schemas into rows of the same columns: time, schema,
// symbol, what happened, side, price, size; what is left is the details' at the end.
type table struct {
	color  bool
	width  int // of the terminal; 0: rows are as long as they are
	names  [256]string
	date   uint32 // of the last row
	symbol int    // width of the symbol column
	at     int    // visible characters of the row that is being written
	detail []byte
}

// Widths of the columns. The price column is aligned at its decimal point.
const (
	timeWidth   = 15
	schemaWidth = 10
	minSymbol   = 6
	maxSymbol   = 24
	actionWidth = 9
	sideWidth   = 4
	wholeWidth  = 7 // of a price, before the point
	fracWidth   = 5 // the point and what is behind it, at least
	sizeWidth   = 8
)

func newTable(schemas []dbn.Schema, color bool) *table {
	t := &table{color: color, symbol: minSymbol}
	for i := range t.names {
		t.names[i] = dbn.RType(i).String()
	}
	t.names[dbn.RTypeMbp0] = "trades"
	t.names[dbn.RTypeInstrumentDef] = "definition"
	t.names[dbn.RTypeSymbolMapping] = "mapping"
	// Both schemas have the same rtype; the name is known when only one was asked for.
	if slices.Contains(schemas, dbn.SchemaTbbo) && !slices.Contains(schemas, dbn.SchemaMbp1) {
		t.names[dbn.RTypeMbp1] = "tbbo"
	}
	return t
}

// widen makes room for a symbol before the rows that will show it.
func (t *table) widen(symbol string) {
	t.symbol = max(t.symbol, min(utf8.RuneCountInString(symbol), maxSymbol))
}

func (t *table) appendHeader(dst []byte) []byte {
	t.at = 0
	dst = t.paint(dst, colorBold)
	dst = t.left(dst, "TIME (UTC)", timeWidth+1)
	dst = t.left(dst, "SCHEMA", schemaWidth+1)
	dst = t.left(dst, "SYMBOL", t.symbol+1)
	dst = t.left(dst, "ACTION", actionWidth+1)
	dst = t.left(dst, "SIDE", sideWidth+1)
	dst = t.right(dst, "PRICE", wholeWidth+fracWidth)
	dst = t.right(dst, "SIZE", sizeWidth+1)
	dst = append(dst, "  DETAIL"...)
	return append(t.unpaint(dst), '\n')
}

// row is what a record type fills in; unset values leave their column empty.
type row struct {
	action string
	side   dbn.Side
	price  dbn.Price
	size   uint64
	noSize bool
	color  string // of the whole row's schema name
}

func (t *table) appendRow(dst []byte, r dbn.Record, symbol string) []byte {
	ts := r.IndexTs()
	if date := dbn.DateOf(ts); date != t.date && !ts.IsUndef() {
		t.date = date
		dst = t.appendDate(dst, ts)
	}
	t.detail = t.detail[:0]
	cells := t.describe(r)
	t.at = 0
	dst = t.paint(dst, colorDim)
	dst = t.appendClock(dst, ts)
	dst = t.unpaint(dst)
	dst = t.paint(dst, cells.color)
	dst = t.left(dst, t.names[r.RType()], schemaWidth+1)
	dst = t.unpaint(dst)
	dst = t.appendSymbol(dst, r, symbol)
	dst = t.left(dst, cells.action, actionWidth+1)
	sideColor, sideName := sideOf(cells.side)
	dst = t.paint(dst, sideColor)
	dst = t.left(dst, sideName, sideWidth+1)
	dst = t.appendPrice(dst, cells.price)
	dst = t.unpaint(dst)
	if cells.noSize {
		dst = t.right(dst, "", sizeWidth+1)
	} else {
		dst = t.rightNumber(dst, cells.size, sizeWidth+1)
	}
	dst = t.appendDetail(dst)
	return append(dst, '\n')
}

func sideOf(side dbn.Side) (color, name string) {
	switch side {
	case dbn.SideAsk:
		return colorRed, "ask"
	case dbn.SideBid:
		return colorGreen, "bid"
	}
	return "", ""
}

func (t *table) paint(dst []byte, color string) []byte {
	if !t.color {
		return dst
	}
	return append(dst, color...)
}

func (t *table) unpaint(dst []byte) []byte { return t.paint(dst, colorReset) }

// appendDate marks a new day.
func (t *table) appendDate(dst []byte, ts dbn.UnixNanos) []byte {
	var buf [40]byte
	dst = t.paint(dst, colorDim)
	dst = append(dst, "-- "...)
	dst = append(dst, ts.Append(buf[:0])[:10]...)
	dst = append(dst, " --"...)
	return append(t.unpaint(dst), '\n')
}

// appendClock writes the time of day with microseconds.
func (t *table) appendClock(dst []byte, ts dbn.UnixNanos) []byte {
	if ts.IsUndef() {
		return t.left(dst, "", timeWidth+1)
	}
	var buf [40]byte
	text := ts.Append(buf[:0])
	dst = append(dst, text[11:11+timeWidth]...)
	t.at += timeWidth
	return t.spaces(dst, 1)
}

func (t *table) appendSymbol(dst []byte, r dbn.Record, symbol string) []byte {
	if symbol == "" {
		id := r.Header().InstrumentID
		if id == 0 {
			return t.left(dst, "", t.symbol+1)
		}
		start := len(dst)
		dst = appendUint(append(dst, '#'), uint64(id))
		n := len(dst) - start
		t.at += n
		return t.spaces(dst, max(t.symbol-n, 0)+1)
	}
	t.widen(symbol)
	n := 0
	for _, c := range symbol {
		if n == maxSymbol {
			break
		}
		dst = appendSafe(dst, c)
		n++
	}
	t.at += n
	return t.spaces(dst, t.symbol-n+1)
}

// appendPrice writes a price without the zeros that nobody needs, its point in the same
// column as that of the others.
func (t *table) appendPrice(dst []byte, p dbn.Price) []byte {
	if p.IsUndef() {
		return t.spaces(dst, wholeWidth+fracWidth)
	}
	var buf [24]byte
	text := appendShortPrice(buf[:0], p)
	point := slices.Index(text, '.')
	before := max(wholeWidth-point, 0)
	after := max(fracWidth-(len(text)-point), 0)
	dst = t.spaces(dst, before)
	dst = append(dst, text...)
	t.at += len(text)
	return t.spaces(dst, after)
}

// appendShortPrice writes a price with two decimals, more when it has more.
func appendShortPrice(dst []byte, p dbn.Price) []byte {
	if p.IsUndef() {
		return append(dst, '-')
	}
	dst = p.Append(dst)
	for trim := 7; trim > 0 && dst[len(dst)-1] == '0'; trim-- {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendDetail writes what fits of the details.
func (t *table) appendDetail(dst []byte) []byte {
	if len(t.detail) == 0 {
		return dst
	}
	dst = append(dst, ' ', ' ')
	t.at += 2
	if t.width == 0 {
		return append(dst, t.detail...)
	}
	room := t.width - t.at
	if room <= 0 {
		return dst
	}
	if utf8.RuneCount(t.detail) <= room {
		return append(dst, t.detail...)
	}
	cut := 0
	for range room - 1 {
		_, n := utf8.DecodeRune(t.detail[cut:])
		cut += n
	}
	return append(append(dst, t.detail[:cut]...), "…"...)
}

func (t *table) left(dst []byte, text string, width int) []byte {
	dst = append(dst, text...)
	t.at += len(text)
	// A text that is too long still gets one space behind it.
	return t.spaces(dst, max(width-len(text), 1))
}

func (t *table) right(dst []byte, text string, width int) []byte {
	dst = t.spaces(dst, max(width-len(text), 0))
	t.at += len(text)
	return append(dst, text...)
}

func (t *table) rightNumber(dst []byte, v uint64, width int) []byte {
	var buf [20]byte
	text := appendUint(buf[:0], v)
	dst = t.spaces(dst, max(width-len(text), 1))
	t.at += len(text)
	return append(dst, text...)
}

func (t *table) spaces(dst []byte, n int) []byte {
	t.at += n
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}

// appendSafe writes a character that came from the network; what could steer the terminal
// becomes a question mark.
func appendSafe(dst []byte, c rune) []byte {
	if c == unicode.ReplacementChar || !unicode.IsPrint(c) {
		return append(dst, '?')
	}
	return utf8.AppendRune(dst, c)
}

// appendSafeText writes the text of a fixed field up to its first NUL.
func appendSafeText(dst, field []byte) []byte {
	if i := slices.Index(field, 0); i >= 0 {
		field = field[:i]
	}
	for len(field) > 0 {
		c, n := utf8.DecodeRune(field)
		dst = appendSafe(dst, c)
		field = field[n:]
	}
	return dst
}
