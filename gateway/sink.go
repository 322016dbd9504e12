package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// flushSize is how much is gathered before it is written.
const flushSize = 256 << 10

// ErrOver ends a session as intended: nothing more is sent.
var ErrOver = errors.New("session over")

// writer writes to the connection: in small pieces when asked to, and up to a byte position
// where a fault waits.
type writer struct {
	conn  net.Conn
	split int // at most this many bytes in one write; 0 means no limit
	sent  int64
	// limit is how many bytes may be sent before atLimit is called; -1 means no limit. An
	// error of atLimit ends the session.
	limit   int64
	atLimit func() error
	// lead goes out in front of the next bytes, in the same segment.
	lead []byte
	// total counts the bytes of all sessions; nil while the text phase lasts.
	total *atomic.Int64
}

// begin is called where the DBN stream begins: positions count from here.
func (w *writer) begin(total *atomic.Int64) {
	w.sent, w.total = -int64(len(w.lead)), total
}

func (w *writer) Write(p []byte) (int, error) {
	if len(w.lead) == 0 {
		return w.write(p)
	}
	whole := append(w.lead, p...)
	lead := len(w.lead)
	w.lead = nil
	n, err := w.write(whole)
	return max(n-lead, 0), err
}

func (w *writer) write(p []byte) (int, error) {
	done := 0
	for done < len(p) || w.limit == w.sent {
		if w.limit == w.sent {
			if err := w.atLimit(); err != nil {
				return done, err
			}
			continue
		}
		n := len(p) - done
		if w.split > 0 {
			n = min(n, w.split)
		}
		if w.limit >= 0 {
			n = int(min(int64(n), w.limit-w.sent))
		}
		m, err := w.conn.Write(p[done : done+n])
		done += m
		w.sent += int64(m)
		if w.total != nil {
			w.total.Add(int64(m))
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Sink takes the bytes of the DBN stream: it gathers small pieces, compresses when the
// client asked for it, and passes large pieces through without a copy.
type Sink struct {
	w  *writer
	zw *zstd.Encoder // nil without compression
	// Pending are bytes that were gathered and not written yet. Records are appended to it;
	// a call of Relieve must follow.
	Pending []byte
}

func newSink(w *writer, compress bool) (*Sink, error) {
	s := &Sink{w: w}
	if compress {
		// One goroutine less: with a concurrency of 1 the encoder works in Write.
		zw, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true),
			zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		s.zw = zw
	}
	return s, nil
}

// Add gathers p after what was added before.
func (s *Sink) Add(p []byte) error {
	if len(p) >= flushSize/4 {
		if err := s.drain(); err != nil {
			return err
		}
		return s.pass(p)
	}
	s.Pending = append(s.Pending, p...)
	return s.Relieve()
}

// Relieve writes what is gathered when it is much.
func (s *Sink) Relieve() error {
	if len(s.Pending) < flushSize {
		return nil
	}
	return s.drain()
}

// drain passes on what is gathered.
func (s *Sink) drain() error {
	if len(s.Pending) == 0 {
		return nil
	}
	err := s.pass(s.Pending)
	s.Pending = s.Pending[:0]
	return err
}

func (s *Sink) pass(p []byte) error {
	var to io.Writer = s.w
	if s.zw != nil {
		to = s.zw
	}
	_, err := to.Write(p)
	return err
}

// flush writes everything so that the client can decode it now.
func (s *Sink) flush() error {
	if err := s.drain(); err != nil {
		return err
	}
	if s.zw != nil {
		return s.zw.Flush()
	}
	return nil
}

// close ends the zstd frame. Nothing may be added after it.
func (s *Sink) close() error {
	if err := s.drain(); err != nil {
		return err
	}
	if s.zw != nil {
		return s.zw.Close()
	}
	return nil
}
