package tail

import (
	"errors"
	"io"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// sink takes the records of a stream and writes them. All methods are called from one
// goroutine; a record is valid during the call only.
type sink interface {
	// begin is called once, before any record.
	begin(m *dbn.Metadata) error
	// record takes a data record and its instrument's symbol, if that is known.
	record(r dbn.Record, symbol string, known bool) error
	// message takes a record of the gateway's own: system, error, symbol mapping.
	message(r dbn.Record) error
	// endTurn is called when no more records are at hand for the moment.
	endTurn() error
	// close completes what was begun.
	close() error
}

// newSink makes the sink that the settings ask for; begin opens the file.
func newSink(o *output, r *request, stdout io.Writer) sink {
	switch o.format {
	case formatTable:
		t := newTable(r.schemas, o.color)
		t.single = t.single && !o.system
		return &tableSink{output: o, stdout: stdout, table: t}
	case formatJSON:
		return &jsonSink{output: o, stdout: stdout, columns: newColumnFilter(o.fields)}
	case formatDBN:
		return &dbnSink{output: o, path: o.path, zstd: o.zstd, stdout: stdout}
	}
	s := &csvSink{output: o, stdout: stdout, schema: dbn.SchemaNone}
	if len(r.schemas) > 0 && !o.fragment {
		s.schema = r.schemas[0]
	}
	return s
}

// jsonSink writes one object for each record.
type jsonSink struct {
	output  *output
	stdout  io.Writer
	out     *textWriter
	text    dbn.TextOptions
	columns *columnFilter
	line    []byte
}

func (s *jsonSink) begin(m *dbn.Metadata) (err error) {
	s.text = s.output.text
	s.text.TsOut = m.TsOut && s.columns.wants("ts_out")
	s.text.MapSymbol = s.text.MapSymbol && s.columns.wants("symbol")
	s.out, err = s.output.openText(s.stdout)
	return err
}

// openText opens the output for text.
func (o *output) openText(stdout io.Writer) (*textWriter, error) {
	dest, err := o.open(o.path, stdout)
	if err != nil {
		return nil, err
	}
	t, err := newTextWriter(dest, o.zstd)
	if err == nil && t.perLine {
		t.plain = o.plain()
	}
	return t, err
}

// plain is how records are made fit for a terminal. Elsewhere text has the bytes of the
// official tool. Tables are made of plain cells wherever they go.
func (o *output) plain() func(dst, record []byte) []byte {
	switch {
	case o.format == formatJSON, o.metadata:
		return cli.AppendPlainJSON
	case o.format == formatTable:
		return nil
	}
	keep := o.text.Delimiter
	return func(dst, row []byte) []byte {
		end := len(row) - 1 // a line feed within the row belongs to a cell
		return append(cli.AppendPlain(dst, row[:end], keep), row[end:]...)
	}
}

// headerColumns are what is known of a record whose type is not.
var headerColumns = dbn.ColumnsFor(dbn.RTypeOhlcv1S, dbn.Version)[:4]

func (s *jsonSink) record(r dbn.Record, symbol string, known bool) error {
	columns := dbn.ColumnsOf(r)
	if columns == nil {
		columns = headerColumns
	}
	columns = s.columns.of(r.RType(), columns)
	if !s.output.text.Pretty {
		s.out.buf = dbn.AppendJSON(s.out.buf, r, columns, symbol, known, &s.text)
	} else {
		s.line = dbn.AppendJSON(s.line[:0], r, columns, symbol, known, &s.text)
		s.out.buf = dbn.AppendIndented(s.out.buf, s.line)
	}
	s.out.buf = append(s.out.buf, '\n')
	return s.out.endLine()
}

func (s *jsonSink) message(r dbn.Record) error {
	if !s.output.system {
		return nil
	}
	return s.record(r, "", false)
}

func (s *jsonSink) endTurn() error { return s.out.endTurn() }
func (s *jsonSink) close() error   { return s.out.close() }

// dbnSink writes the stream as it came, the gateway's own records included: without the
// symbol mappings a capture would lose its symbols.
type dbnSink struct {
	output *output
	path   string
	zstd   bool
	stdout io.Writer

	dest    *destination
	encoder *dbn.Encoder
	buf     []byte
	lag     lag
}

// frameSize is how many bytes of records one zstd frame of a file holds.
const frameSize = 4 << 20

func (s *dbnSink) begin(m *dbn.Metadata) (err error) {
	if s.dest, err = s.output.open(s.path, s.stdout); err != nil {
		return err
	}
	var options []dbn.EncoderOption
	if s.zstd {
		options = append(options, dbn.WithZstd(frameSize))
	}
	s.lag = newLag()
	if s.encoder, err = dbn.NewEncoder(s.dest, m, options...); err != nil {
		s.dest.discard()
	}
	return ownError(err)
}

func (s *dbnSink) record(r dbn.Record, _ string, _ bool) error { return s.message(r) }

func (s *dbnSink) message(r dbn.Record) error {
	s.buf = append(s.buf, r.Bytes()...)
	if len(s.buf) >= writeSize {
		return s.write()
	}
	return nil
}

func (s *dbnSink) write() error {
	if len(s.buf) == 0 {
		return nil
	}
	err := ownError(s.encoder.WriteBytes(s.buf))
	s.buf = s.buf[:0]
	return err
}

// ownError is the program's own error, which says what could not be written to, without
// the encoder's words.
func ownError(err error) error {
	if err == nil {
		return nil // without an allocation
	}
	var known *exit.Error
	if errors.As(err, &known) {
		return known
	}
	return err
}

func (s *dbnSink) endTurn() error {
	perTurn := s.dest.file == nil || s.dest.paid() && !s.zstd
	if !perTurn && !s.lag.overFor(s.dest.maxLag()) {
		return nil
	}
	return exit.First(s.write(), ownError(s.encoder.Flush()))
}

func (s *dbnSink) close() error {
	err := s.write()
	if s.encoder != nil {
		err = exit.First(err, ownError(s.encoder.Close()))
	}
	return exit.First(err, s.dest.close())
}

// metadataSink prints the stream's metadata and nothing else.
type metadataSink struct {
	output *output
	stdout io.Writer
	out    *textWriter
}

func (s *metadataSink) begin(m *dbn.Metadata) (err error) {
	if s.out, err = s.output.openText(s.stdout); err != nil {
		return err
	}
	text := m.AppendJSON(nil, s.output.text.Pretty)
	if s.output.text.Pretty {
		text = dbn.AppendIndented(nil, text)
	}
	s.out.buf = append(append(s.out.buf, text...), '\n')
	return s.out.endLine()
}

func (s *metadataSink) record(dbn.Record, string, bool) error { return nil }
func (s *metadataSink) message(dbn.Record) error              { return nil }
func (s *metadataSink) endTurn() error                        { return nil }
func (s *metadataSink) close() error                          { return s.out.close() }
