package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// stream is the second phase: DBN to the client, further subscription lines from it.
func (s *Session) stream() error {
	s.feed.Records.Begin()
	if !s.metaSent {
		if s.ill != nil {
			if over, err := s.ill.Metadata(s); err != nil {
				return err
			} else if over {
				s.g.running.Go(func() { s.readLines(make(chan string)) })
				return cmp.Or(s.finish(), ErrOver)
			}
		}
		if err := s.sendMetadata(); err != nil {
			return err
		}
	}
	lines := make(chan string, 16)
	s.g.running.Go(func() { s.readLines(lines) })
	err := s.deliver(lines)
	if errors.Is(err, ErrOver) || errors.Is(err, errClientGone) {
		return cmp.Or(s.finish(), err)
	}
	return err
}

// errClientGone means that the client sends nothing more. It may still be reading: one that
// shuts its sending side down drains what is on the way, so the stream ends politely.
var errClientGone = errors.New("the client has gone")

// readLines passes the client's further lines on, until it sends no more.
func (s *Session) readLines(lines chan<- string) {
	defer close(s.gone)
	for {
		line, err := readLine(s.in, s.g.cfg.MaxLine)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.log.Debug("read", "error", err)
			}
			return
		}
		select {
		case lines <- line:
		case <-s.ctx.Done():
			return
		}
	}
}

// sendMetadata sends the DBN header of the session.
func (s *Session) sendMetadata() error {
	s.metaSent = true
	meta := dbn.Metadata{
		Version: s.feed.Version, Dataset: s.auth.dataset, Schema: dbn.SchemaNone,
		Start: s.feed.Records.Now(), End: dbn.UndefTimestamp,
		StypeIn: dbn.STypeNone, StypeOut: dbn.STypeRawSymbol, TsOut: s.auth.tsOut,
	}
	head, err := meta.Append(nil)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	s.wire.begin(&s.g.count.Bytes)
	if s.ill != nil {
		s.ill.Stream(s)
	}
	if err := s.out.Add(head); err != nil {
		return err
	}
	return s.out.flush()
}

// deliver sends records, control records and heartbeats until the session is over.
func (s *Session) deliver(lines <-chan string) error {
	if err := s.handleWaiting(); err != nil {
		return err
	}
	quiet := quietClock{s: s}
	for {
		if err := s.takeLines(lines); err != nil {
			return err
		}
		limit, err := s.here()
		if err != nil {
			return err
		}
		n, next, err := s.feed.Records.Step(s.out, limit)
		s.sent += n
		s.g.count.Records.Add(n)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		if done, err := s.reachedEnd(); done || err != nil {
			return err
		}
		if err := s.out.flush(); err != nil {
			return err
		}
		s.publish()
		if err := quiet.wait(lines, next); err != nil {
			return err
		}
	}
}

// takeLines handles the lines that have arrived, without waiting.
func (s *Session) takeLines(lines <-chan string) error {
	for {
		select {
		case line := <-lines:
			if err := s.handleLine(line); err != nil {
				return err
			}
		case <-s.posts.waiting:
			if err := s.answerPosts(); err != nil {
				return err
			}
		case <-s.ctx.Done():
			return s.ctx.Err()
		default:
			select {
			case <-s.gone:
				return errClientGone
			default:
				return nil
			}
		}
	}
}

// here lets the misbehaviour of this place happen and returns how many records may be sent
// until the next one.
func (s *Session) here() (int64, error) {
	if s.ill == nil {
		return noLimit, nil
	}
	return s.ill.Here(s)
}

// reachedEnd handles the end of the data: what goes wrong there, and the end of the session
// when that was asked for.
func (s *Session) reachedEnd() (bool, error) {
	if !s.feed.Records.Ended() {
		return false, nil
	}
	if !s.atEnd && s.ill != nil {
		if err := s.ill.End(s); err != nil {
			return true, err
		}
	}
	s.atEnd = true
	if s.g.cfg.CloseAtEnd && s.feed.Records.Ended() {
		return true, ErrOver
	}
	return false, nil
}

// publish makes the session's counters visible.
func (s *Session) publish() {
	s.note(func(info *SessionInfo) { info.Records = s.sent })
}

// quietClock waits for the next record and keeps the time since something was sent.
type quietClock struct {
	s     *Session
	bytes int64
	since time.Time
}

// wait blocks until a record is due, a line has come or a heartbeat was sent.
func (q *quietClock) wait(lines <-chan string, next time.Time) error {
	s, clock := q.s, q.s.g.cfg.Clock
	now := clock.Now()
	if q.since.IsZero() || q.bytes != s.wire.sent {
		q.bytes, q.since = s.wire.sent, now
	}
	beat := q.since.Add(s.auth.heartbeat)
	wake := beat
	if !next.IsZero() && next.Before(wake) {
		wake = next
	}
	timer := clock.NewTimer(wake.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C():
		if wake.Equal(beat) {
			return s.Control(s.messages.Heartbeat(s.Now()))
		}
		return nil
	case line := <-lines:
		return s.handleLine(line)
	case <-s.posts.waiting:
		return s.answerPosts()
	case <-s.gone:
		return errClientGone
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// finish ends the stream politely: everything is sent, then FIN, and the client may read it
// in peace. It waits for the client's own end, for a bounded time.
func (s *Session) finish() error {
	if err := s.out.close(); err != nil {
		return err
	}
	s.publish()
	s.CloseWrite()
	select {
	case <-s.gone:
	case <-s.ctx.Done():
	case <-time.After(lingerTime):
	}
	return nil
}

// lingerTime bounds how long a finished session waits for its client to close.
const lingerTime = 5 * time.Second

// noLimit is how many records may be sent when nothing waits after them.
const noLimit = math.MaxInt64
