package sim

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// showGarbage sends what is not DBN, when that was asked for; true when it did.
func (s *session) showGarbage() (bool, error) {
	switch {
	case s.faults.Garbage:
		noise := rand.NewChaCha8([32]byte([]byte("garbage in place of a DBN stream")))
		garbage := make([]byte, 64<<10)
		noise.Read(garbage) //nolint:errcheck // never fails
		copy(garbage, "NBD\xff")
		if _, err := s.wire.Write(garbage); err != nil {
			return true, err
		}
	case s.faults.HugeMetadata:
		head := append([]byte{'D', 'B', 'N', s.tl.version, 0xF0, 0xFF, 0xFF, 0xFF}, bytes.Repeat([]byte{0}, 4096)...)
		if err := s.out.add(head); err != nil {
			return true, err
		}
		if err := s.out.flush(); err != nil {
			return true, err
		}
	default:
		return false, nil
	}
	s.g.running.Go(func() { s.readLines(make(chan string)) })
	return true, cmp.Or(s.finish(), errSessionOver)
}

// armBytes sets the next byte position at which a fault waits. It is called when the DBN
// stream begins and whenever such a fault has passed.
func (s *session) armBytes() {
	s.wire.limit = -1
	fault, ok := takeFault(&s.faults.Stream, func(p Position) bool { return p.kind == afterBytes })
	if !ok {
		return
	}
	s.wire.limit = max(fault.At.count, s.wire.sent)
	s.wire.atLimit = func() error {
		s.armBytes()
		return s.show(fault)
	}
}

// faultsHere shows the faults of this place among the records and returns how many records
// may be sent until the next one.
func (s *session) faultsHere() (int64, error) {
	for {
		fault, ok := takeFault(&s.faults.Stream, func(p Position) bool {
			return p.kind == afterRecords && p.count <= s.sent
		})
		if !ok {
			break
		}
		if err := s.show(fault); err != nil {
			return 0, err
		}
	}
	limit := int64(noLimit)
	for _, fault := range s.faults.Stream {
		if fault.At.kind == afterRecords {
			limit = min(limit, fault.At.count-s.sent)
		}
	}
	return limit, nil
}

// show does what a fault says. An error ends the session; errSessionOver does so politely.
func (s *session) show(fault StreamFault) error {
	s.log.Info("fault", "kind", fault.Kind.String(), "records", s.sent, "bytes", s.wire.sent)
	if fault.At.kind != afterBytes {
		if err := s.showRecord(fault); err != nil {
			return err
		}
		if err := s.out.flush(); err != nil {
			return err
		}
	}
	switch fault.Kind {
	case FaultRefuse:
		// Before the session ends, or a client that reconnects at once would get in.
		s.g.door.shut(fault.For)
	case FaultSlowReader:
		return s.slowReader(fault.Records)
	case FaultStall:
		return s.stall(fault.For)
	case FaultReset:
		return s.reset()
	case FaultHalfClose:
		s.closeWrite()
		return s.stall(0)
	case FaultClose:
		if fault.At.kind == afterBytes {
			s.closeWrite() // in the middle of a write: nothing may be added
			return s.stall(0)
		}
		return errSessionOver
	case FaultCutRecord, FaultZeroLength, FaultErrorClose:
		return errSessionOver
	}
	return nil
}

// showRecord sends the record that belongs to a fault, if it has one.
func (s *session) showRecord(fault StreamFault) error {
	switch fault.Kind {
	case FaultCutRecord:
		next := s.play.nextRecord()
		if next == nil {
			next = s.compose.heartbeat(s.now())
		}
		return s.out.add(next[:len(next)/2])
	case FaultZeroLength:
		rec := s.compose.heartbeat(s.now())
		rec[0] = 0
		return s.out.add(rec)
	case FaultErrorClose:
		text := fault.Text
		if text == "" {
			text = "Internal error"
		}
		return s.control(s.compose.failure(s.now(), dbn.ErrorCodeInternalError, true, text))
	case FaultSlowWarning:
		return s.control(s.compose.slowWarning(s.now()))
	case FaultSkipped:
		return s.control(s.compose.skipped(s.now(), 1))
	case FaultUnknownRecord:
		rec := make([]byte, unknownLen)
		setLen(rec, len(rec))
		rec[1] = unknownRType
		return s.control(rec)
	}
	return nil
}

// unknownRType is a record type that DBN does not define.
const (
	unknownRType = 0xEE
	unknownLen   = 32
)

// stall sends nothing for a time, or until the client goes.
func (s *session) stall(d time.Duration) error {
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
		return fmt.Errorf("the client has gone while stalled")
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// reset resets the connection once the peer's kernel has what was sent.
func (s *session) reset() error {
	awaitAcknowledged(s.ctx, s.conn)
	if err := s.conn.SetLinger(0); err != nil {
		return err
	}
	if err := s.conn.Close(); err != nil {
		return err
	}
	return errReset
}

// errReset ends a session whose connection a fault has reset.
var errReset = errors.New("the connection was reset, as the fault asks")

// awaitAcknowledged waits, not for ever, until the peer's kernel has what was sent: a reset
// discards what is still on the way. Where our kernel does not say how much that is, it waits
// as long as loopback may need.
func awaitAcknowledged(ctx context.Context, conn *net.TCPConn) {
	for deadline := time.Now().Add(lingerTime); time.Now().Before(deadline); {
		n, err := unacknowledged(conn)
		if errors.Is(err, errors.ErrUnsupported) {
			pause(ctx, unknownDelay)
			return
		}
		if n == 0 || err != nil || !pause(ctx, time.Millisecond) {
			return
		}
	}
}

// unknownDelay is how long bytes on loopback may be on their way.
const unknownDelay = 100 * time.Millisecond
