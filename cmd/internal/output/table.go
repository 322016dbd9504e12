package output

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// tableSink prints aligned rows for people.
type tableSink struct {
	output *Output
	stdout io.Writer
	out    *textWriter
	table  *table
	named  form // of the last header
}

func (s *tableSink) Begin(m *dbn.Metadata) (err error) {
	for i := range m.Mappings {
		s.table.widen(m.Mappings[i].RawSymbol)
	}
	if s.out, err = s.output.openText(s.stdout, nil); err != nil {
		return err
	}
	s.table.width = term.Width(s.out.dest.w)
	return nil
}

// Symbol makes room for a symbol that is to come.
func (s *tableSink) Symbol(symbol string) { s.table.widen(symbol) }

// header names the columns, again when they have moved. It waits for the first row or the
// end of a turn: symbols that come in between widen their column.
func (s *tableSink) header() error {
	form := s.table.form()
	if s.output.OmitHeader || s.named == form {
		return nil
	}
	s.named = form
	s.out.buf = s.table.appendHeader(s.out.buf)
	return s.out.endLine()
}

func (s *tableSink) Record(r dbn.Record, symbol string, _ bool) error {
	s.table.widenFor(r, symbol)
	if err := s.header(); err != nil {
		return err
	}
	s.out.buf = s.table.appendRow(s.out.buf, r, symbol)
	return s.out.endLine()
}

func (s *tableSink) Message(r dbn.Record, _ string, _ bool) error {
	if !s.output.System {
		return nil
	}
	return s.Record(r, "", false)
}

// endTurn also checks the terminal's width, which may change at any time.
func (s *tableSink) EndTurn() error {
	if s.out.perLine {
		s.table.width = term.Width(s.out.dest.w)
	}
	if s.named == (form{}) {
		if err := s.header(); err != nil {
			return err
		}
	}
	return s.out.endTurn()
}

func (s *tableSink) Close() error {
	var err error
	if s.named == (form{}) {
		err = s.header()
	}
	return cmp.Or(err, s.out.close())
}

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
	single bool   // there is one schema only
	layout layout // of the row that is being written
	at     int    // visible characters of it
	detail []byte
	quoted int // of the details, the characters of the best bid and offer
}

// layout are the widths of the columns; 0: the column is left out. The price column is
// aligned at its decimal point.
type layout struct {
	schema, action, side int
	whole                int // of a price, before the point
	frac                 int // the point and what comes after it, at least
	size                 int
	cut                  bool // texts that are longer, rather than the row's alignment
}

const (
	timeWidth = 15
	minSymbol = 6
	maxSymbol = 24
	quoteRoom = 36 // of the details: the best bid and offer with four digits more than usual
)

var (
	wideLayout   = layout{schema: 10, action: 9, side: 4, whole: 7, frac: 5, size: 8}
	narrowLayout = layout{schema: 6, action: 1, side: 1, whole: 6, frac: 3, size: 5, cut: true}
)

// columns is the width of all columns but the details, with the spaces between them.
func (t *table) columns(l *layout) int {
	return timeWidth + 1 + l.schema + 1 + t.symbol + 1 + l.action + 1 + l.side + 1 + l.whole + l.frac + 1 + l.size + 2
}

// choose takes the layout that leaves room for a quote: with short columns, and without the
// schema if there is only one, when the terminal is narrow.
func (t *table) choose() {
	t.layout = wideLayout
	if t.width > 0 && t.columns(&t.layout)+quoteRoom > t.width {
		t.layout = narrowLayout
		if t.single {
			t.layout.schema = 0
		}
	}
}

// form is where the columns are.
type form struct {
	layout layout
	symbol int
}

func (t *table) form() form {
	t.choose()
	return form{t.layout, t.symbol}
}

func newTable(schemas []dbn.Schema, color bool) *table {
	t := &table{color: color, symbol: minSymbol, single: len(schemas) == 1}
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

// nameOf is the schema's name, a short one where the column is narrow.
func (t *table) nameOf(rtype dbn.RType) string {
	if t.layout.cut {
		if short, ok := shortNames[rtype]; ok {
			return short
		}
	}
	return t.names[rtype]
}

// shortNames are for schemas whose name is longer than a narrow column.
var shortNames = map[dbn.RType]string{
	dbn.RTypeInstrumentDef: "defn", dbn.RTypeStatistics: "stats", dbn.RTypeImbalance: "imbal", dbn.RTypeSymbolMapping: "map",
	dbn.RTypeOhlcv1S: "1s bar", dbn.RTypeOhlcv1M: "1m bar", dbn.RTypeOhlcv1H: "1h bar", dbn.RTypeOhlcv1D: "1d bar",
	dbn.RTypeOhlcvEod: "eod", dbn.RTypeOhlcvDeprecated: "ohlcv", dbn.RTypeCbbo1S: "cbbo1s", dbn.RTypeCbbo1M: "cbbo1m",
}

// widen makes room for a symbol before the rows that will show it.
func (t *table) widen(symbol string) {
	t.symbol = max(t.symbol, min(utf8.RuneCountInString(symbol), maxSymbol))
}

// widenFor makes room for what the symbol column shows of a record.
func (t *table) widenFor(r dbn.Record, symbol string) {
	if symbol != "" {
		t.widen(symbol)
		return
	}
	if id := r.Header().InstrumentID; id != 0 {
		var buf [20]byte
		t.symbol = max(t.symbol, 1+len(appendUint(buf[:0], uint64(id))))
	}
}

func (t *table) appendHeader(dst []byte) []byte {
	t.at = 0
	t.choose()
	l, start := &t.layout, len(dst)
	dst = t.paint(dst, colorBold)
	dst = t.left(dst, "TIME (UTC)", timeWidth)
	dst = t.left(dst, "SCHEMA", l.schema)
	dst = t.left(dst, "SYMBOL", t.symbol)
	dst = t.left(dst, "ACTION", l.action)
	dst = t.left(dst, "SIDE", l.side)
	dst = t.right(dst, "PRICE", l.whole+l.frac)
	dst = t.right(dst, "SIZE", l.size+1)
	dst = append(dst, "  DETAIL"...)
	return append(t.fit(t.unpaint(dst), start), '\n')
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
	t.detail, t.quoted = t.detail[:0], 0
	cells := t.describe(r)
	t.at = 0
	t.choose()
	start := len(dst)
	dst = t.paint(dst, colorDim)
	dst = t.appendClock(dst, ts)
	dst = t.unpaint(dst)
	dst = t.paint(dst, cells.color)
	dst = t.left(dst, t.nameOf(r.RType()), t.layout.schema)
	dst = t.unpaint(dst)
	dst = t.appendSymbol(dst, r, symbol)
	named, at := len(dst), t.at
	dst = t.appendCells(dst, &cells)
	if t.width > 0 && t.quoted > 0 && t.at+2+t.quoted > t.width {
		// The quote counts for more than what happened.
		dst, t.at = dst[:named-1], at-1
	}
	dst = t.appendDetail(dst)
	return append(t.fit(dst, start), '\n')
}

// appendCells writes what happened: action, side, price and size.
func (t *table) appendCells(dst []byte, cells *row) []byte {
	l := &t.layout
	dst = t.left(dst, cells.action, l.action)
	sideColor, sideName := sideOf(cells.side)
	dst = t.paint(dst, sideColor)
	dst = t.left(dst, sideName, l.side)
	dst = t.appendPrice(dst, cells.price)
	dst = t.unpaint(dst)
	if cells.noSize {
		return t.right(dst, "", l.size+1)
	}
	return t.rightNumber(dst, cells.size, l.size+1)
}

// fit cuts a line at the terminal's width, which would break it in two. Of what is in the
// line only the colors take no room.
func (t *table) fit(dst []byte, start int) []byte {
	if t.width == 0 {
		return dst
	}
	seen := 0
	for i := start; i < len(dst); {
		if dst[i] == '\x1b' {
			i += bytes.IndexByte(dst[i:], 'm') + 1
			continue
		}
		if seen++; seen > t.width {
			return t.unpaint(dst[:i])
		}
		_, n := utf8.DecodeRune(dst[i:])
		i += n
	}
	return dst
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
	start := len(dst)
	dst = t.paint(dst, colorDim)
	dst = append(dst, "-- "...)
	dst = append(dst, ts.Append(buf[:0])[:10]...)
	dst = append(dst, " --"...)
	return append(t.fit(t.unpaint(dst), start), '\n')
}

// appendClock writes the time of day with microseconds.
func (t *table) appendClock(dst []byte, ts dbn.UnixNanos) []byte {
	if ts.IsUndef() {
		return t.left(dst, "", timeWidth)
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
			return t.left(dst, "", t.symbol)
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
		dst = cli.AppendRune(dst, c)
		n++
	}
	t.at += n
	return t.spaces(dst, t.symbol-n+1)
}

// appendPrice writes a price without the zeros that nobody needs, its point in the same
// column as that of the others.
func (t *table) appendPrice(dst []byte, p dbn.Price) []byte {
	if p.IsUndef() {
		return t.spaces(dst, t.layout.whole+t.layout.frac)
	}
	var buf [24]byte
	text := appendShortPrice(buf[:0], p)
	point := slices.Index(text, '.')
	before := max(t.layout.whole-point, 0)
	after := max(t.layout.frac-(len(text)-point), 0)
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

// left writes a text and a space after its column.
func (t *table) left(dst []byte, text string, width int) []byte {
	if width == 0 {
		return dst
	}
	if t.layout.cut {
		text = text[:min(len(text), width)]
	}
	dst = append(dst, text...)
	t.at += len(text)
	return t.spaces(dst, max(width-len(text), 0)+1)
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

// appendSafeText writes the text of a fixed field up to its first NUL.
func appendSafeText(dst, field []byte) []byte {
	if i := slices.Index(field, 0); i >= 0 {
		field = field[:i]
	}
	return cli.AppendPlain(dst, field, 0)
}
