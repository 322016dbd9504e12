package output

import (
	"cmp"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// textWriter gathers lines: to be written one by one on a terminal, batch by batch into a
// pipe, in large pieces into a file.
type textWriter struct {
	dest    *destination
	zw      *zstd.Encoder
	buf     []byte
	perLine bool
	perTurn bool
	plain   func(dst, record []byte) []byte // what a terminal gets in place of a record; nil: the record
	shown   []byte
	pending bool // the compressor holds something back
	lag     lag
}

// writeSize is how much is gathered before it is written.
const writeSize = 64 << 10

func newTextWriter(dest *destination, compress bool) (*textWriter, error) {
	t := &textWriter{
		dest: dest, perLine: term.IsTerminal(dest.w), perTurn: dest.file == nil || dest.paid() && !compress, lag: newLag(),
	}
	if !compress {
		return t, nil
	}
	var err error
	t.zw, err = zstd.NewWriter(dest, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	return t, err
}

// endLine is called when a whole record is in the buffer.
func (t *textWriter) endLine() error {
	if !t.perLine && len(t.buf) < writeSize {
		return nil
	}
	if t.plain != nil {
		t.shown = t.plain(t.shown[:0], t.buf)
		t.buf, t.shown = t.shown, t.buf
	}
	return t.write()
}

// endTurn is called when no more records are at hand for the moment.
func (t *textWriter) endTurn() error {
	if !t.perTurn && !t.lag.overFor(t.dest.maxLag()) {
		return nil
	}
	if err := t.write(); err != nil || !t.pending {
		return err
	}
	t.pending = false
	return t.zw.Flush()
}

func (t *textWriter) write() error {
	if len(t.buf) == 0 {
		return nil
	}
	if t.zw != nil {
		_, err := t.zw.Write(t.buf)
		t.buf, t.pending = t.buf[:0], true
		return err
	}
	n, err := t.dest.Write(t.buf)
	if err != nil {
		t.dest.endLine(t.buf[:n])
	}
	t.buf = t.buf[:0]
	return err
}

func (t *textWriter) close() error {
	err := t.write()
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
