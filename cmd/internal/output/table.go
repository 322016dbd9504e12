package output

import (
	"cmp"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// tableSink prints aligned rows for people.
type tableSink struct {
	output  *Output
	stdout  io.Writer
	out     *textWriter
	table   *table
	headed  bool           // there was a header
	resized chan os.Signal // the terminal has another size
}

func (s *tableSink) Begin(m *dbn.Metadata) (err error) {
	for i := range m.Mappings {
		s.table.widen(m.Mappings[i].RawSymbol)
	}
	if s.out, err = s.output.openText(s.stdout, nil); err != nil {
		return err
	}
	s.table.setWidth(term.Width(s.out.dest.w))
	if s.out.perLine {
		s.resized = make(chan os.Signal, 1)
		signal.Notify(s.resized, syscall.SIGWINCH)
	}
	return nil
}

// Symbol makes room for a symbol that is to come.
func (s *tableSink) Symbol(symbol string) { s.table.widen(symbol) }

// header names the columns, again when they have moved. It waits for the first row or the
// end of a turn: symbols that come in between widen their column.
func (s *tableSink) header() error {
	if s.output.OmitHeader || s.headed && !s.table.moved {
		return nil
	}
	s.headed, s.table.moved = true, false
	s.out.buf = s.table.appendHeader(s.out.buf)
	return s.out.endLine()
}

func (s *tableSink) Record(r dbn.Record, symbol string, _ bool) error {
	if len(s.resized) > 0 {
		<-s.resized
		s.table.setWidth(term.Width(s.out.dest.w))
	}
	s.table.fill(r, symbol)
	if err := s.header(); err != nil {
		return err
	}
	s.out.buf = s.table.appendRow(s.out.buf, r)
	return s.out.endLine()
}

func (s *tableSink) Message(r dbn.Record, _ string, _ bool) error {
	if !s.output.System {
		return nil
	}
	return s.Record(r, "", false)
}

// EndTurn also checks the terminal's width: a process in the background gets no signal.
func (s *tableSink) EndTurn() error {
	if s.out.perLine {
		s.table.setWidth(term.Width(s.out.dest.w))
	}
	if !s.headed {
		if err := s.header(); err != nil {
			return err
		}
	}
	return s.out.endTurn()
}

func (s *tableSink) Close() error {
	if s.resized != nil {
		signal.Stop(s.resized)
	}
	var err error
	if !s.headed {
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

// table makes records into rows. The columns are those of the schema, if there is only one, or the
// fields that were asked for. A mix of schemas has columns for what they share, and the details
// at the end.
type table struct {
	layout
	color bool
	zone  *time.Location // of the times; nil: UTC
	names [256]string    // of schemas, by rtype

	date    uint32 // of the last row, in UTC
	day     string // of the last row, as its line shows it
	dated   bool   // a new day gets a line of its own
	symbol  string // of the row that is being filled, as it may reach a terminal
	text    []byte // of its cells
	values  []value
	at      int // columns of the line that is being written
	row     row // what happened
	quote   quote
	detail  []byte     // what stands at the end
	brief   bool       // records have columns for what would be details in a mix
	mixed   bool       // the columns are those of a mix
	rtype   *dbn.RType // the columns are those of one schema, whose records have this type
	foreign bool       // the record has another one: details stand in place of its cells
}

// newTable makes the table of records of the schemas, if there are any; system: messages of the
// gateway are among them. Fields, if there are any, are the columns.
func newTable(schemas []dbn.Schema, fields []string, system, color bool, zone *time.Location) *table {
	t := &table{color: color, zone: zone, dated: true}
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
	switch {
	case len(fields) > 0:
		t.columns, t.dated = fieldColumns(fields, zone), false
	case len(schemas) == 1 && !system:
		rtype, _ := dbn.RTypeOf(schemas[0])
		t.columns, t.rtype = schemaColumns(schemas[0]), &rtype
		t.dated = schemas[0] != dbn.SchemaOhlcv1D && schemas[0] != dbn.SchemaOhlcvEod
	}
	if t.columns == nil {
		t.columns, t.mixed = mixedColumns(), true
	}
	t.moved = true
	t.choose()
	return t
}

// setWidth says how many columns the terminal has; 0: rows are as long as they are.
func (t *table) setWidth(width int) {
	if width != t.width {
		t.width = width
		t.choose()
	}
}

// widen makes room for a symbol before the rows that will show it.
func (t *table) widen(symbol string) {
	for i := range t.columns {
		if c := &t.columns[i]; c.symbol {
			t.grow(c, min(widthOf([]byte(cli.Plain(symbol))), c.most()))
		}
	}
	t.choose()
}

func (t *table) appendHeader(dst []byte) []byte {
	t.at = 0
	start := len(dst)
	dst = t.paint(dst, colorBold)
	last := len(t.columns)
	for last > 0 && !t.columns[last-1].shown {
		last--
	}
	for i := range t.columns[:last] {
		c := &t.columns[i]
		if !c.shown {
			continue
		}
		title := c.title(t.zone != nil)
		dst = t.gap(dst, c)
		before := 0
		if c.align != left {
			before = max(c.width-len(title), 0)
		}
		dst = t.spaces(dst, before)
		dst = t.cut(dst, []byte(title))
		if i < last-1 {
			dst = t.spaces(dst, c.width-before-len(title))
		}
	}
	return append(t.unpaint(trimSpaces(dst, start)), '\n')
}

// trimSpaces takes the spaces off the end of dst[start:].
func trimSpaces(dst []byte, start int) []byte {
	for len(dst) > start && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// fill makes the cells of a record, and room for them.
func (t *table) fill(r dbn.Record, symbol string) {
	if symbol != t.symbol {
		t.symbol = cli.Plain(symbol)
	}
	for t.fillOnce(r) {
	}
}

// fillOnce reports whether the columns had to be arranged in another way, so that the cells may
// have another form.
func (t *table) fillOnce(r dbn.Record) (again bool) {
	t.text, t.values = t.text[:0], t.values[:0]
	t.brief = !t.mixed
	t.row = t.describe(r)
	t.foreign = t.rtype != nil && (*t.rtype != r.RType() || r.Size() < dbn.SizeOf(r.RType(), dbn.Version))
	grown := false
	for i := range t.columns {
		c := &t.columns[i]
		t.values = append(t.values, value{begin: len(t.text)})
		v := &t.values[i]
		if c.shown {
			c.write(t, r, v)
		}
		v.end = len(t.text)
		t.measure(c, v)
		switch {
		case !c.shown || c.flexible:
		case c.align == atPoint:
			grown = v.end > v.begin && t.growAround(c, v) || grown
		default:
			grown = t.grow(c, v.width) || grown
		}
	}
	if !grown {
		return false
	}
	level := t.level
	t.choose()
	return t.level != level
}

// appendRow writes the row that fill made, after a line for the day if it is another one.
func (t *table) appendRow(dst []byte, r dbn.Record) []byte {
	if t.dated {
		dst = t.appendDay(dst, r.IndexTs())
	}
	t.at = 0
	start := len(dst)
	skip := t.needsRoom()
	for i := range t.columns {
		c := &t.columns[i]
		if !c.shown || c.flexible || skip && c.event || t.foreign && !c.always {
			continue
		}
		dst = t.gap(dst, c)
		dst = t.appendCell(dst, c, &t.values[i])
	}
	dst = t.appendDetail(dst, r)
	return append(trimSpaces(dst, start), '\n')
}

// needsRoom reports whether what stands at the end fits only where other cells would be. A quote
// counts for more than what happened, and so do the details of a row where nothing did.
func (t *table) needsRoom() bool {
	if !t.mixed || t.width == 0 {
		return false
	}
	end := 0
	if t.quote.there {
		end = t.quote.width()
	} else if t.row.isEmpty() {
		end = widthOf(t.detail)
	}
	used := t.total()
	if last := t.last(); last.width > 0 {
		used -= last.gap(false) + last.width
	}
	return end > 0 && used+t.last().gap(false)+end > t.width
}

func (t *table) last() *column { return &t.columns[len(t.columns)-1] }

// appendDetail writes what fits of the quote and the details.
func (t *table) appendDetail(dst []byte, r dbn.Record) []byte {
	if last := t.last(); t.foreign {
		t.brief = false
		t.describe(r)
	} else if !last.flexible || !last.shown {
		return dst
	}
	if t.quote.there && (t.mixed || t.foreign) {
		dst = t.spaces(dst, 2)
		start := len(dst)
		dst = t.quote.append(dst, t.width, t.at)
		t.at += len(dst) - start
	}
	if len(t.detail) == 0 {
		return dst
	}
	return t.cut(t.spaces(dst, 2), t.detail)
}

// appendDay marks a new day, and in a zone of its own another distance from UTC.
func (t *table) appendDay(dst []byte, ts dbn.UnixNanos) []byte {
	if ts.IsUndef() {
		return dst
	}
	var buf [80]byte
	day := buf[:0]
	if t.zone == nil {
		date := dbn.DateOf(ts)
		if date == t.date {
			return dst
		}
		t.date = date
		day = ts.Append(day)[:10]
	} else {
		day = ts.Time().In(t.zone).AppendFormat(day, "2006-01-02 ")
		day = append(append(day, t.zone.String()...), ts.Time().In(t.zone).Format(" (-07:00)")...)
	}
	if string(day) == t.day {
		return dst
	}
	t.day, t.at = string(day), 0
	dst = t.paint(dst, colorDim)
	dst = t.cut(dst, []byte("-- "+t.day+" --"))
	return append(t.unpaint(dst), '\n')
}

func (t *table) paint(dst []byte, color string) []byte {
	if !t.color {
		return dst
	}
	return append(dst, color...)
}

func (t *table) unpaint(dst []byte) []byte { return t.paint(dst, colorReset) }
