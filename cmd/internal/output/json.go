package output

import (
	"io"

	"github.com/dbnloop/dbnloop/dbn"
)

// jsonSink writes one object for each record.
type jsonSink struct {
	output  *Output
	stdout  io.Writer
	out     *textWriter
	text    dbn.TextOptions
	columns *columnFilter
}

func (s *jsonSink) Begin(m *dbn.Metadata) (err error) {
	s.text = s.output.Text
	s.text.TsOut = m.TsOut && s.columns.wants("ts_out")
	s.text.MapSymbol = s.text.MapSymbol && s.columns.wants("symbol")
	s.out, err = s.output.openText(s.stdout, s.format)
	return err
}

// format makes what appends records as lines.
func (s *jsonSink) format() appendRecord {
	text, chosen := dbn.NewFormatter(s.text), newColumnFilter(s.output.Fields)
	return func(dst []byte, r dbn.Record, symbol string, known bool) []byte {
		columns := dbn.ColumnsOf(r)
		if columns == nil {
			columns = headerColumns
		}
		columns = chosen.of(r.RType(), columns)
		return append(text.AppendJSON(dst, r, columns, symbol, known), '\n')
	}
}

// headerColumns are what is known of a record whose type is not.
var headerColumns = dbn.ColumnsFor(dbn.RTypeOhlcv1S, dbn.Version)[:4]

func (s *jsonSink) Record(r dbn.Record, symbol string, known bool) error {
	return s.out.take(r, symbol, known)
}

// Run implements RunSink.
func (s *jsonSink) Run(r dbn.Run, symbol string, known bool) error {
	return s.out.takeRun(r, symbol, known)
}

func (s *jsonSink) Message(r dbn.Record, symbol string, known bool) error {
	if !s.output.System {
		return nil
	}
	return s.Record(r, symbol, known)
}

func (s *jsonSink) EndTurn() error { return s.out.endTurn() }
func (s *jsonSink) Close() error   { return s.out.close() }

// Symbol changes nothing here.
func (s *jsonSink) Symbol(string) {}
