package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/dbnloop/dbnloop/internal/tcp"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// Server is the server of the session.
func (s *Session) Server() *Server { return s.g }

// Misbehaviour is what goes wrong in the session; nil when nothing does.
func (s *Session) Misbehaviour() Misbehaviour { return s.ill }

// Logger is the session's.
func (s *Session) Logger() *slog.Logger { return s.log }

// TsOut reports whether the client asked for the send time in each record.
func (s *Session) TsOut() bool { return s.auth.tsOut }

// SlowReader is the slow_reader_behavior that the client asked for; "" when it did not.
func (s *Session) SlowReader() string { return s.auth.slowReader }

// Messages makes the gateway's own records in the session's DBN version.
func (s *Session) Messages() Messages { return s.messages }

// Now is the time that the gateway's own records carry, in nanoseconds since 1970.
func (s *Session) Now() uint64 { return uint64(s.time().UnixNano()) }

func (s *Session) time() time.Time {
	if s.feed != nil && s.feed.Time != nil {
		return s.feed.Time()
	}
	return s.g.cfg.Clock.Now()
}

// Sent is how many data records the client was sent.
func (s *Session) Sent() int64 { return s.sent }

// Bytes is the position in the DBN stream as it is sent.
func (s *Session) Bytes() int64 { return s.wire.sent }

// Write sends bytes that belong to no DBN stream.
func (s *Session) Write(text []byte) error {
	_, err := s.wire.Write(text)
	return err
}

// Control sends a record of the gateway's own, with ts_out when the client asked for it.
func (s *Session) Control(rec []byte) error {
	if s.auth.tsOut {
		rec = wire.AppendTsOut(rec, 0, s.time())
	}
	return s.out.Add(rec)
}

// Lines is how many lines that subscribe or unsubscribe have come.
func (s *Session) Lines() int { return s.lines }

// Drain reads away what the client sends, until it goes. It is for the text phase.
func (s *Session) Drain() {
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		s.log.Debug("read away", "error", err)
		return
	}
	io.Copy(io.Discard, s.in) //nolint:errcheck // the client goes in one way or another
}

// Add sends bytes of the DBN stream as they are.
func (s *Session) Add(raw []byte) error { return s.out.Add(raw) }

// Flush writes what was added, so that the client can decode it now.
func (s *Session) Flush() error { return s.out.flush() }

// CoalesceMetadata sends the metadata in the same segment as the reply to the
// authentication, without waiting for the start of the session.
func (s *Session) CoalesceMetadata() { s.coalesce = true }

// Split sends at most n bytes in one write; 0 means no limit.
func (s *Session) Split(n int) { s.wire.split = n }

// StopAt calls reached when position bytes of the DBN stream have been sent, and before the
// next one. An error of it ends the session. Only one such place is set at a time; a negative
// one removes it.
func (s *Session) StopAt(position int64, reached func() error) {
	s.wire.limit, s.wire.atLimit = position, reached
	if position >= 0 {
		s.wire.limit = max(position, s.wire.sent)
	}
}

// CloseWrite shuts the sending side down.
func (s *Session) CloseWrite() {
	if err := s.conn.CloseWrite(); err != nil {
		s.log.Debug("shut down", "error", err)
	}
}

// Stall sends nothing for a time, 0 being forever, or until the client goes.
func (s *Session) Stall(d time.Duration) error {
	var end <-chan time.Time
	if d > 0 {
		timer := s.g.cfg.Clock.NewTimer(d)
		defer timer.Stop()
		end = timer.C()
	}
	select {
	case <-end:
		return nil
	case <-s.gone:
		return errors.New("the client has gone while stalled")
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// Reset resets the connection once the peer's kernel has what was sent. It always returns an
// error, which ends the session.
func (s *Session) Reset() error {
	tcp.AwaitAcknowledged(s.ctx, s.conn)
	if err := s.conn.SetLinger(0); err != nil {
		return err
	}
	if err := s.conn.Close(); err != nil {
		return err
	}
	return errReset
}

// errReset ends a session whose connection was reset on purpose.
var errReset = errors.New("the connection was reset, as the fault asks")

// Context is done when the server closes.
func (s *Session) Context() context.Context { return s.ctx }
