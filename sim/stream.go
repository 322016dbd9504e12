package sim

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
func (s *session) stream() error {
	if s.g.market != nil {
		s.g.market.open()
	}
	if !s.metaSent {
		if over, err := s.showGarbage(); over || err != nil {
			return err
		}
		if err := s.sendMetadata(); err != nil {
			return err
		}
	}
	lines := make(chan string, 16)
	s.g.running.Go(func() { s.readLines(lines) })
	err := s.deliver(lines)
	if errors.Is(err, errSessionOver) || errors.Is(err, errClientGone) {
		return cmp.Or(s.finish(), err)
	}
	return err
}

// errClientGone tells that the client sends nothing more. It may still be reading: one that
// shuts its sending side down drains what is on the way, so the stream ends politely.
var errClientGone = errors.New("the client has gone")

// readLines passes the client's further lines on, until it sends no more.
func (s *session) readLines(lines chan<- string) {
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
func (s *session) sendMetadata() error {
	s.metaSent = true
	start := s.now()
	if s.g.market != nil {
		start = s.g.market.now()
	}
	meta := dbn.Metadata{
		Version: s.tl.Version, Dataset: s.tl.Dataset, Schema: dbn.SchemaNone,
		Start: dbn.UnixNanos(start), End: dbn.UndefTimestamp,
		StypeIn: dbn.STypeNone, StypeOut: dbn.STypeRawSymbol, TsOut: s.auth.tsOut,
	}
	head, err := meta.Append(nil)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	s.wire.begin(&s.g.count.bytes)
	s.armBytes()
	if err := s.out.add(head); err != nil {
		return err
	}
	return s.out.flush()
}

// deliver sends records, control records and heartbeats until the session is over.
func (s *session) deliver(lines <-chan string) error {
	if err := s.handleWaiting(); err != nil {
		return err
	}
	quiet := quietClock{s: s}
	for {
		if err := s.takeLines(lines); err != nil {
			return err
		}
		limit, err := s.faultsHere()
		if err != nil {
			return err
		}
		n, next, err := s.play.step(s.out, limit)
		s.sent += n
		s.g.count.records.Add(n)
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
func (s *session) takeLines(lines <-chan string) error {
	for {
		select {
		case line := <-lines:
			if err := s.handleLine(line); err != nil {
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

// reachedEnd handles the end of the data: its faults, and the end of the session when that
// was asked for.
func (s *session) reachedEnd() (bool, error) {
	if s.play.stage != ended {
		return false, nil
	}
	if !s.atEnd {
		s.atEnd = true
		for {
			fault, ok := takeFault(&s.faults.Stream, func(p Position) bool { return p.kind == atEnd })
			if !ok {
				break
			}
			if err := s.show(fault); err != nil {
				return true, err
			}
		}
	}
	if s.g.cfg.AtEnd == CloseAtEnd && s.play.stage == ended {
		return true, errSessionOver
	}
	return false, nil
}

// publish makes the session's counters visible.
func (s *session) publish() {
	s.note(func(info *SessionInfo) { info.Records = s.sent })
}

// quietClock waits for the next record and keeps the time since something was sent.
type quietClock struct {
	s     *session
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
			return s.control(s.compose.heartbeat(s.now()))
		}
		return nil
	case line := <-lines:
		return s.handleLine(line)
	case <-s.gone:
		return errClientGone
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// control sends a record of the gateway's own.
func (s *session) control(rec []byte) error {
	if s.auth.tsOut {
		rec = appendTsOut(rec, 0, s.g.cfg.Clock.Now())
	}
	return s.out.add(rec)
}

// finish ends the stream politely: everything is sent, then FIN, and the client may read it
// in peace. It waits for the client's own end, for a bounded time.
func (s *session) finish() error {
	if err := s.out.close(); err != nil {
		return err
	}
	s.publish()
	s.closeWrite()
	select {
	case <-s.gone:
	case <-s.ctx.Done():
	case <-time.After(lingerTime):
	}
	return nil
}

// lingerTime bounds how long a finished session waits for its client to close.
const lingerTime = 5 * time.Second

const noLimit = math.MaxInt64
