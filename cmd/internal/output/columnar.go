package output

import (
	"bufio"
	"cmp"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/columnar"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// columnarSink writes Parquet or Arrow: one file, or one for each schema.
type columnarSink struct {
	output   *Output
	stdout   io.Writer
	schemas  []dbn.Schema
	metadata *dbn.Metadata
	files    []*columnarFile
	of       [256]*columnarFile // by rtype
}

// columnarFile is the file of one schema.
type columnarFile struct {
	schema dbn.Schema
	dest   *destination
	buffer *bufio.Writer
	writer *columnar.Writer
}

// Columnar reports whether a format holds columns: of one schema in each file, which is useful only
// when it is complete.
func (f Format) Columnar() bool { return f == Parquet || f == Arrow }

// single reports whether all records are of one schema, so that one file holds them.
func (s *columnarSink) single() bool { return len(s.schemas) == 1 }

func (s *columnarSink) Begin(m *dbn.Metadata) error {
	s.metadata = m
	if s.single() {
		_, err := s.open(s.schemas[0])
		return err
	}
	if s.output.Path == "" {
		return exit.BadUsage("%s holds one schema, but there may be several: choose one with --schema, or give --output FILE, which becomes a file for each", s.output.Format)
	}
	return nil
}

// streams reports whether what is written goes to standard output.
func (o *Settings) streams() bool { return o.Path == "" && o.To == nil }

// columnMemory bounds what one of many files gathers; 0: it is the only one.
func (o *Settings) columnMemory() int {
	if o.To == nil {
		return 0
	}
	return 1 << 20
}

// SchemaPath is the file of one schema among several: FILE.mbo.parquet for FILE.parquet.
func SchemaPath(path string, schema dbn.Schema) string {
	extension := filepath.Ext(path)
	return strings.TrimSuffix(path, extension) + "." + schema.String() + extension
}

// open begins the file of a schema.
func (s *columnarSink) open(schema dbn.Schema) (*columnarFile, error) {
	o, path := s.output, s.output.Path
	if !s.single() {
		path = SchemaPath(path, schema)
		if err := o.CheckFile(path); err != nil {
			return nil, err
		}
	}
	m := *s.metadata
	m.Schema = schema
	if !s.single() {
		m.RecordCount = nil // it is that of all schemas
	}
	rtype, _ := dbn.RTypeOf(schema)
	format := columnar.Parquet
	if o.Format == Arrow {
		format = columnar.Arrow
	}
	f := &columnarFile{schema: schema}
	f.buffer = bufio.NewWriterSize(f, writeSize)
	var err error
	if f.writer, err = columnar.NewWriter(f.buffer, format, columnar.Options{
		Metadata: &m, RType: rtype, Pretty: o.Text.Pretty, Symbols: o.Text.MapSymbol, Fields: o.Fields,
		Zstd: o.Zstd, Stream: o.streams() && !isRegular(s.stdout), Memory: o.columnMemory(),
	}); err != nil {
		return nil, exit.BadUsage("%s: %w", schema, err)
	}
	if f.dest, err = o.open(path, s.stdout); err != nil {
		return nil, err
	}
	s.files = append(s.files, f)
	s.of[rtype] = f
	return f, nil
}

// isRegular reports whether standard output is a file, which can be read from its end.
func isRegular(stdout io.Writer) bool {
	var stat unix.Stat_t
	fd, ok := term.Descriptor(stdout)
	return ok && unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG
}

// Write passes on what is encoded.
func (f *columnarFile) Write(p []byte) (int, error) { return f.dest.Write(p) }

// fail is the error of the destination, if it has one: encoders wrap it in words of their own. After
// any other one, too, the file is not complete.
func (f *columnarFile) fail(err error) error {
	if err == nil {
		return nil
	}
	if f.dest.failure == nil {
		f.dest.failure = f.dest.failed(err)
	}
	return f.dest.failure
}

func (s *columnarSink) Record(r dbn.Record, symbol string, known bool) error {
	f := s.of[r.RType()]
	if f == nil && !s.single() {
		var err error
		if f, err = s.open(s.schemaOf(r)); err != nil {
			return err
		}
	}
	if f == nil || !f.writer.Fits(r) {
		return exit.Fail(exit.Corrupt, "a record of type %s (%d bytes) does not fit into the %s's columns: use -J", r.RType(), r.Size(), s.output.Format)
	}
	return f.fail(f.writer.Write(r, symbol, known))
}

// schemaOf is the schema of a record: one that was asked for, or the first that has such records.
func (s *columnarSink) schemaOf(r dbn.Record) dbn.Schema {
	i := slices.IndexFunc(s.schemas, func(schema dbn.Schema) bool {
		rtype, _ := dbn.RTypeOf(schema)
		return rtype == r.RType()
	})
	if i >= 0 {
		return s.schemas[i]
	}
	return SchemaOf(r.RType())
}

// EndTurn passes on what was gathered for the reader of a stream. Nobody reads a file that is not
// complete.
func (s *columnarSink) EndTurn() error {
	if !s.output.streams() || s.output.Format != Arrow {
		return nil
	}
	for _, f := range s.files {
		if err := f.fail(cmp.Or(f.writer.Flush(), f.buffer.Flush())); err != nil {
			return err
		}
	}
	return nil
}

// Close completes the files.
func (s *columnarSink) Close() (err error) {
	for _, f := range s.files {
		err = cmp.Or(err, f.fail(cmp.Or(f.writer.Close(), f.buffer.Flush())))
		err = cmp.Or(err, f.dest.close())
	}
	return err
}

// Message drops the gateway's own records: they are not rows of the schema.
func (s *columnarSink) Message(dbn.Record, string, bool) error { return nil }

// Symbol changes nothing here.
func (s *columnarSink) Symbol(string) {}
