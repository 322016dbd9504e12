package output

import (
	"cmp"
	"runtime"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// textWriter makes records into text and gathers it: to be written record by record on a terminal,
// batch by batch into a pipe, in large pieces into a file. Once a turn has brought more than one
// such piece, several goroutines make the rest of it into text.
type textWriter struct {
	dest    *destination
	format  func() appendRecord // nil: not records, or text that depends on what came before
	record  appendRecord
	pipe    *pipeline // nil: not needed yet
	piped   bool      // this turn's records go through the pipeline
	single  bool      // not through a pipeline: this is one of many files
	zw      *zstd.Encoder
	buf     []byte
	perLine bool
	perTurn bool
	plain   func(dst, record []byte) []byte // what a terminal gets in place of a record; nil: the record
	shown   []byte
	gather  int  // how much, before it is written
	pending bool // the compressor holds something back
	lag     lag
}

// writeSize is how much is gathered before it is written.
const writeSize = 64 << 10

func (o *Settings) gather() int {
	if o.Gather > 0 {
		return o.Gather
	}
	return writeSize
}

func newTextWriter(dest *destination, compress bool, format func() appendRecord) (*textWriter, error) {
	t := &textWriter{
		dest: dest, format: format, perLine: term.IsTerminal(dest.w), perTurn: dest.file == nil || dest.paid() && !compress, gather: writeSize, lag: newLag(),
	}
	if format != nil {
		t.record = format()
	}
	if !compress {
		return t, nil
	}
	var err error
	t.zw, err = zstd.NewWriter(dest, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	return t, err
}

// take makes a record into text.
func (t *textWriter) take(r dbn.Record, symbol string, known bool) error {
	return t.takeRun(dbn.Run{First: r, Count: 1}, symbol, known)
}

// takeRun makes records into text.
func (t *textWriter) takeRun(r dbn.Run, symbol string, known bool) error {
	for i := range r.Count {
		if t.piped {
			return t.pipe.run(r.Slice(i, r.Count), symbol, known)
		}
		t.buf = t.record(t.buf, r.At(i), symbol, known)
		if err := t.endLine(); err != nil {
			return err
		}
	}
	return nil
}

// endLine is called when a whole record is in the buffer.
func (t *textWriter) endLine() error {
	if !t.perLine && len(t.buf) < t.gather {
		return nil
	}
	if t.plain != nil {
		t.shown = t.plain(t.shown[:0], t.buf)
		t.buf, t.shown = t.shown, t.buf
	}
	err := t.write(t.buf)
	t.buf = t.buf[:0]
	if workers := min(runtime.GOMAXPROCS(0)-1, maxWorkers); workers > 0 && t.format != nil && !t.perLine && !t.single {
		if t.piped = true; t.pipe == nil {
			t.pipe = newPipeline(workers, t.format, t.write)
		}
	}
	return err
}

// flush writes all that was taken.
func (t *textWriter) flush() error {
	if t.piped {
		t.piped = false
		return t.pipe.drain()
	}
	err := t.write(t.buf)
	t.buf = t.buf[:0]
	return err
}

// endTurn is called when no more records are at hand for the moment.
func (t *textWriter) endTurn() error {
	if !t.perTurn && !t.lag.overFor(t.dest.maxLag()) {
		return nil
	}
	if err := t.flush(); err != nil || !t.pending {
		return err
	}
	t.pending = false
	return t.zw.Flush()
}

// write writes text that consists of complete lines. With a pipeline, that is what calls it.
func (t *textWriter) write(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if t.zw != nil {
		_, err := t.zw.Write(text)
		t.pending = true
		return err
	}
	n, err := t.dest.Write(text)
	if err != nil {
		t.dest.endLine(text[:n])
	}
	return err
}

func (t *textWriter) close() error {
	err := t.flush()
	if t.pipe != nil {
		t.pipe.close()
	}
	if t.zw != nil {
		err = cmp.Or(err, t.zw.Close())
	}
	return cmp.Or(err, t.dest.close())
}

// lag bounds how far a file lags the records that came, in time: it can be read up to there
// even when the machine stops. (By size it is bounded too: writeSize, frameSize.)
type lag struct{ since time.Time }

// MaxLag is how old a record may get before it is in the file.
const MaxLag = 5 * time.Second

// MaxPaidLag bounds what is lost of data that was paid for when the program is killed.
const MaxPaidLag = 200 * time.Millisecond

func (d *destination) maxLag() time.Duration {
	if d.paid() {
		return MaxPaidLag
	}
	return MaxLag
}

func newLag() lag { return lag{time.Now()} }

// overFor reports whether it is time to write, and begins again when it is.
func (l *lag) overFor(most time.Duration) bool {
	now := time.Now()
	if now.Sub(l.since) < most {
		return false
	}
	l.since = now
	return true
}

// Backdate makes a sink act as if it had last written a while ago: for tests of what waits.
func Backdate(s Sink) {
	past := lag{time.Now().Add(-MaxLag)}
	switch sink := s.(type) {
	case *dbnSink:
		sink.lag = past
	case *jsonSink:
		sink.out.lag = past
	case *csvSink:
		sink.out.lag = past
	}
}
