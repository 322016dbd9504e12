package output

import (
	"cmp"
	"errors"
	"io"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// dbnSink writes the stream as it came, the gateway's own records included: without the
// symbol mappings a capture would lose its symbols.
type dbnSink struct {
	output *Output
	path   string
	zstd   bool
	bare   bool // without metadata
	stdout io.Writer

	dest    *destination
	encoder *dbn.Encoder
	buf     []byte
	gather  int // how much, before it is written
	lag     lag
}

// frameSize is how many bytes of records one zstd frame of a file holds.
const frameSize = 4 << 20

func (s *dbnSink) Begin(m *dbn.Metadata) (err error) {
	if s.dest, err = s.output.open(s.path, s.stdout); err != nil {
		return err
	}
	var options []dbn.EncoderOption
	if s.zstd {
		options = append(options, dbn.WithZstd(frameSize))
	}
	s.lag, s.gather = newLag(), s.output.gather()
	if s.bare || s.output.resumes(s.path) && s.dest.hasData() {
		m = nil // nobody wants it, or the file has it
	}
	if s.encoder, err = dbn.NewEncoder(s.dest, m, options...); err != nil {
		s.dest.discard()
	}
	return ownError(err)
}

func (s *dbnSink) Message(r dbn.Record, symbol string, known bool) error {
	return s.Record(r, symbol, known)
}

func (s *dbnSink) Record(r dbn.Record, _ string, _ bool) error {
	s.buf = append(s.buf, r.Bytes()...)
	if len(s.buf) >= s.gather {
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

func (s *dbnSink) EndTurn() error {
	perTurn := s.dest.file == nil || s.dest.paid() && !s.zstd
	if !perTurn && !s.lag.overFor(s.dest.maxLag()) {
		return nil
	}
	return cmp.Or(s.write(), ownError(s.encoder.Flush()))
}

func (s *dbnSink) Close() error {
	err := s.write()
	if s.encoder != nil {
		err = cmp.Or(err, ownError(s.encoder.Close()))
	}
	return cmp.Or(err, s.dest.close())
}

// Symbol changes nothing here.
func (s *dbnSink) Symbol(string) {}
