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
	format  *dbn.Formatter
	columns *columnFilter
}

func (s *jsonSink) Begin(m *dbn.Metadata) (err error) {
	o := s.output.Text
	o.Indent = o.Pretty
	o.TsOut = m.TsOut && s.columns.wants("ts_out")
	o.MapSymbol = o.MapSymbol && s.columns.wants("symbol")
	s.format = dbn.NewFormatter(o)
	s.out, err = s.output.openText(s.stdout)
	return err
}

// headerColumns are what is known of a record whose type is not.
var headerColumns = dbn.ColumnsFor(dbn.RTypeOhlcv1S, dbn.Version)[:4]

func (s *jsonSink) Record(r dbn.Record, symbol string, known bool) error {
	columns := dbn.ColumnsOf(r)
	if columns == nil {
		columns = headerColumns
	}
	columns = s.columns.of(r.RType(), columns)
	s.out.buf = append(s.format.AppendJSON(s.out.buf, r, columns, symbol, known), '\n')
	return s.out.endLine()
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
