package output

import (
	"cmp"
	"io"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// csvSink writes rows of one schema, separated by commas or tabs.
type csvSink struct {
	output  *Output
	stdout  io.Writer
	schema  dbn.Schema // SchemaNone: that of the first record
	version uint8
	out     *textWriter
	text    dbn.TextOptions
	columns []dbn.Column // of the schema in this stream's version
	fields  []field      // with --fields: what to print, in this order
}

// field is a column, or one of the two that are no record's own.
type field struct {
	name   string
	column *dbn.Column // nil: ts_out or symbol
}

func (s *csvSink) Begin(m *dbn.Metadata) error {
	s.version = m.Version
	s.text = s.output.Text
	s.text.TsOut = m.TsOut
	if s.schema != dbn.SchemaNone {
		rtype, _ := dbn.RTypeOf(s.schema)
		s.columns = dbn.ColumnsFor(rtype, m.Version)
		if err := s.chooseFields(); err != nil {
			return err
		}
	}
	var err error
	if s.out, err = s.output.openText(s.stdout, s.format); err != nil || s.columns == nil {
		return err
	}
	return s.header()
}

// header writes the names of the columns, unless they are not wanted.
func (s *csvSink) header() error {
	if s.output.OmitHeader || s.output.resumes(s.output.Path) && s.out.dest.hasData() {
		return nil
	}
	if s.fields == nil {
		s.out.buf = dbn.AppendCSVHeader(s.out.buf, s.columns, &s.text)
	} else {
		for i, f := range s.fields {
			if i > 0 {
				s.out.buf = append(s.out.buf, s.delimiter())
			}
			s.out.buf = append(s.out.buf, f.name...)
		}
		s.out.buf = append(s.out.buf, '\n')
	}
	return s.out.endLine()
}

func (s *csvSink) chooseFields() error {
	names := s.output.Fields
	if len(names) == 0 && s.output.Disarm { // cell by cell
		names = s.allFields()
	}
	for _, name := range names {
		f := field{name: name}
		for i := range s.columns {
			if s.columns[i].Name == name {
				f.column = &s.columns[i]
			}
		}
		if f.column == nil && name != "symbol" && name != "ts_out" {
			return exit.BadUsage("--fields: %s of DBN version %d has no field %q%s", s.schema, s.version, name, cli.DidYouMean(name, s.allFields()))
		}
		s.fields = append(s.fields, f)
	}
	return nil
}

// allFields are those of a row, in their order.
func (s *csvSink) allFields() (names []string) {
	for i := range s.columns {
		names = append(names, s.columns[i].Name)
	}
	if s.text.TsOut {
		names = append(names, "ts_out")
	}
	if s.text.MapSymbol {
		names = append(names, "symbol")
	}
	return names
}

// SchemaOf is the first schema whose records are of this type.
func SchemaOf(rtype dbn.RType) dbn.Schema {
	for _, schema := range dbn.AllSchemas() {
		if t, _ := dbn.RTypeOf(schema); t == rtype {
			return schema
		}
	}
	return dbn.SchemaNone
}

func (s *csvSink) delimiter() byte {
	if s.text.Delimiter == 0 {
		return ','
	}
	return s.text.Delimiter
}

func (s *csvSink) Record(r dbn.Record, symbol string, known bool) error {
	return s.Run(dbn.Run{First: r, Count: 1}, symbol, known)
}

// Run implements RunSink: records of one type and size have the same columns.
func (s *csvSink) Run(run dbn.Run, symbol string, known bool) error {
	r := run.First
	columns := dbn.ColumnsOf(r)
	if s.columns == nil && columns != nil {
		s.schema = SchemaOf(r.RType())
		s.columns = columns
		if err := cmp.Or(s.chooseFields(), s.header()); err != nil {
			return err
		}
	}
	if len(columns) == 0 || &columns[0] != &s.columns[0] {
		return exit.Fail(exit.Corrupt, "a record of type %s (%d bytes) does not fit into the %s's columns of %s: use -J", r.RType(), r.Size(), s.output.Format, s.schema)
	}
	return s.out.takeRun(run, symbol, known)
}

// format makes what appends records as rows.
func (s *csvSink) format() appendRecord {
	text := dbn.NewFormatter(s.text)
	return func(dst []byte, r dbn.Record, symbol string, _ bool) []byte {
		if s.fields != nil {
			return s.appendFields(dst, r, symbol, text)
		}
		return text.AppendCSV(dst, r, s.columns, symbol) // Run has compared them
	}
}

func (s *csvSink) appendFields(dst []byte, r dbn.Record, symbol string, text *dbn.Formatter) []byte {
	for i, f := range s.fields {
		if i > 0 {
			dst = append(dst, s.delimiter())
		}
		start := len(dst)
		switch {
		case f.column != nil:
			dst = text.AppendValue(dst, r, f.column)
		case f.name == "symbol":
			dst = append(dst, symbol...)
		case s.text.TsOut:
			dst = text.AppendTime(dst, r.TsOut())
		}
		if s.output.Disarm {
			dst = disarm(dst, start)
		}
		dst = dbn.QuoteCSV(dst, start, s.delimiter())
	}
	return append(dst, '\n')
}

// message drops the gateway's own records: they are no rows of the schema.
func (s *csvSink) Message(dbn.Record, string, bool) error { return nil }
func (s *csvSink) EndTurn() error                         { return s.out.endTurn() }
func (s *csvSink) Close() error                           { return s.out.close() }

// Symbol changes nothing here.
func (s *csvSink) Symbol(string) {}
