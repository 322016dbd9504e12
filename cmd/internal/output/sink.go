package output

import (
	"io"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/dbn"
)

// Sink takes the records of a stream and writes them. All methods are called from one
// goroutine; a record is valid during the call only.
type Sink interface {
	// Begin is called once, before any record.
	Begin(m *dbn.Metadata) error
	// Symbol says that records of a symbol may come, so that a table makes room for it.
	Symbol(symbol string)
	// Record takes a data record and its instrument's symbol, if that is known.
	Record(r dbn.Record, symbol string, known bool) error
	// Message takes a record of the gateway's own (system, error, symbol mapping), and the
	// symbol that the metadata of a file gives its instrument.
	Message(r dbn.Record, symbol string, known bool) error
	// EndTurn is called when no more records are at hand for the moment.
	EndTurn() error
	// Close completes what was begun.
	Close() error
}

// RunSink is a Sink that takes several data records at once where they have one symbol.
type RunSink interface {
	Sink
	Run(r dbn.Run, symbol string, known bool) error
}

// NewSink makes the sink that the settings ask for; Begin opens the file. Records are of the
// schemas, if there are any.
func NewSink(o *Output, schemas []dbn.Schema, stdout io.Writer) Sink {
	switch {
	case o.Silent:
		return silent{}
	case o.Many != nil:
		return o.Many(o, schemas)
	case o.Metadata:
		return &metadataSink{output: o, stdout: stdout}
	case o.Format == Table:
		return &tableSink{output: o, stdout: stdout, table: newTable(schemas, o.Fields, o.System, o.Color, o.Text.Location)}
	case o.Format == JSON:
		return &jsonSink{output: o, stdout: stdout, columns: newColumnFilter(o.Fields)}
	case o.Format.Columnar():
		return &columnarSink{output: o, stdout: stdout, schemas: schemas}
	case o.Format == DBN:
		return &dbnSink{output: o, path: o.Path, zstd: o.Zstd, bare: o.Bare, stdout: stdout}
	case o.Format == Lines:
		return &linesSink{output: o, stdout: stdout}
	}
	s := &csvSink{output: o, stdout: stdout, schema: dbn.SchemaNone}
	if len(schemas) > 0 && !o.Fragment {
		s.schema = schemas[0]
	}
	return s
}

// NewTee makes the sink that writes everything to a file as it came. It is nil without --tee.
func NewTee(o *Output) Sink {
	if o.Tee == "" {
		return nil
	}
	return &dbnSink{output: o, path: o.Tee, zstd: o.TeeZstd}
}

// openText opens the output for text: of the records that format says how to write, or of what is
// gathered by the line.
func (o *Output) openText(stdout io.Writer, format func() appendRecord) (*textWriter, error) {
	dest, err := o.open(o.Path, stdout)
	if err != nil {
		return nil, err
	}
	t, err := newTextWriter(dest, o.Zstd, format)
	if err == nil && t.perLine {
		t.plain = o.plain()
	}
	t.gather, t.single = o.gather(), o.To != nil
	return t, err
}

// plain is how records are made fit for a terminal. Elsewhere text has the bytes of the
// official tool. Tables and lines of a template are made of plain cells wherever they go.
func (o *Output) plain() func(dst, record []byte) []byte {
	switch {
	case o.Format == JSON, o.Metadata:
		return cli.AppendPlainJSON
	case o.Format == Table, o.Format == Lines:
		return nil
	}
	keep := o.Text.Delimiter
	return func(dst, row []byte) []byte {
		end := len(row) - 1 // a line feed within the row belongs to a cell
		return append(cli.AppendPlain(dst, row[:end], keep), row[end:]...)
	}
}

// metadataSink prints the stream's metadata and nothing else.
type metadataSink struct {
	output *Output
	stdout io.Writer
	out    *textWriter
}

func (s *metadataSink) Begin(m *dbn.Metadata) (err error) {
	if s.out, err = s.output.openText(s.stdout, nil); err != nil {
		return err
	}
	text := m.AppendJSON(nil, s.output.Text.Pretty)
	if s.output.Text.Indent {
		text = dbn.AppendIndented(nil, text)
	}
	s.out.buf = append(append(s.out.buf, text...), '\n')
	return s.out.endLine()
}

func (s *metadataSink) Record(dbn.Record, string, bool) error  { return nil }
func (s *metadataSink) Message(dbn.Record, string, bool) error { return nil }
func (s *metadataSink) EndTurn() error                         { return nil }
func (s *metadataSink) Close() error                           { return s.out.close() }
func (s *metadataSink) Symbol(string)                          {}
