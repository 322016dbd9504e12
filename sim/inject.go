package sim

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// misbehaviour shows the faults of one session.
type misbehaviour struct {
	faults Faults // those that are left
	play   *player
}

// misbehave is what goes wrong in a connection, by its number.
func (g *Gateway) misbehave(number int64) gateway.Misbehaviour {
	m := new(misbehaviour)
	if limit := g.cfg.Faults.Sessions; limit == 0 || number <= int64(limit) {
		m.faults = g.cfg.Faults
		m.faults.Stream = slices.Clone(m.faults.Stream)
	}
	return m
}

// Greet shows what goes wrong before the client has said anything.
func (m *misbehaviour) Greet(s *gateway.Session) (greeting, challenge string, err error) {
	f := &m.faults
	s.Split(f.SplitBytes)
	if f.CoalesceAuth {
		s.CoalesceMetadata()
	}
	if f.CloseBeforeGreeting {
		return "", "", gateway.ErrOver
	}
	filler := []byte(strings.Repeat("x", 64<<10))
	for f.EndlessLine && err == nil {
		err = s.Write(filler)
	}
	return f.Greeting, f.Challenge, err
}

// Authenticate refuses the client when that was asked for.
func (m *misbehaviour) Authenticate() error {
	if m.faults.RefuseAuth == "" {
		return nil
	}
	return errors.New(m.faults.RefuseAuth)
}

// Metadata sends what is not DBN, when that was asked for.
func (m *misbehaviour) Metadata(s *gateway.Session) (over bool, err error) {
	switch {
	case m.faults.Garbage:
		noise := rand.NewChaCha8([32]byte([]byte("garbage in place of a DBN stream")))
		garbage := make([]byte, 64<<10)
		noise.Read(garbage) //nolint:errcheck // never fails
		copy(garbage, "NBD\xff")
		return true, s.Write(garbage)
	case m.faults.HugeMetadata:
		head := append([]byte{'D', 'B', 'N', m.play.tl.Version, 0xF0, 0xFF, 0xFF, 0xFF}, bytes.Repeat([]byte{0}, 4096)...)
		if err := s.Add(head); err != nil {
			return true, err
		}
		return true, s.Flush()
	}
	return false, nil
}

// Stream sets the next byte position at which a fault waits. It is called where the DBN
// stream begins and whenever such a fault has passed.
func (m *misbehaviour) Stream(s *gateway.Session) {
	fault, ok := takeFault(&m.faults.Stream, func(p Position) bool { return p.kind == afterBytes })
	if !ok {
		s.StopAt(-1, nil)
		return
	}
	s.StopAt(fault.At.count, func() error {
		m.Stream(s)
		return m.show(s, fault)
	})
}

// End shows the faults of the data's end.
func (m *misbehaviour) End(s *gateway.Session) error {
	for {
		fault, ok := takeFault(&m.faults.Stream, func(p Position) bool { return p.kind == atEnd })
		if !ok {
			return nil
		}
		if err := m.show(s, fault); err != nil {
			return err
		}
	}
}

// Here shows the faults of this place among the records and returns how many records
// may be sent until the next one.
func (m *misbehaviour) Here(s *gateway.Session) (int64, error) {
	for {
		fault, ok := takeFault(&m.faults.Stream, func(p Position) bool {
			return p.kind == afterRecords && p.count <= s.Sent()
		})
		if !ok {
			break
		}
		if err := m.show(s, fault); err != nil {
			return 0, err
		}
	}
	limit := int64(math.MaxInt64)
	for _, fault := range m.faults.Stream {
		if fault.At.kind == afterRecords {
			limit = min(limit, fault.At.count-s.Sent())
		}
	}
	return limit, nil
}

// show does what a fault says. An error ends the session; gateway.ErrOver does so politely.
func (m *misbehaviour) show(s *gateway.Session, fault StreamFault) error {
	s.Logger().Info("fault", "kind", fault.Kind.String(), "records", s.Sent(), "bytes", s.Bytes())
	if fault.At.kind != afterBytes {
		if err := m.showRecord(s, fault); err != nil {
			return err
		}
		if err := s.Flush(); err != nil {
			return err
		}
	}
	switch fault.Kind {
	case FaultRefuse:
		s.Server().Shut(fault.For)
	case FaultSlowReader:
		return m.slowReader(s, fault.Records)
	case FaultStall:
		return s.Stall(fault.For)
	case FaultReset:
		return s.Reset()
	case FaultHalfClose:
		s.CloseWrite()
		return s.Stall(0)
	case FaultClose:
		if fault.At.kind == afterBytes {
			s.CloseWrite() // in the middle of a write: nothing may be added
			return s.Stall(0)
		}
		return gateway.ErrOver
	case FaultCutRecord, FaultZeroLength, FaultErrorClose:
		return gateway.ErrOver
	}
	return nil
}

// showRecord sends the record that belongs to a fault, if it has one.
func (m *misbehaviour) showRecord(s *gateway.Session, fault StreamFault) error {
	switch fault.Kind {
	case FaultCutRecord:
		next := m.play.nextRecord()
		if next == nil {
			next = s.Messages().Heartbeat(s.Now())
		}
		return s.Add(next[:len(next)/2])
	case FaultZeroLength:
		rec := s.Messages().Heartbeat(s.Now())
		rec[0] = 0
		return s.Add(rec)
	case FaultErrorClose:
		text := fault.Text
		if text == "" {
			text = "Internal error"
		}
		return s.Control(s.Messages().Failure(s.Now(), dbn.ErrorCodeInternalError, true, text))
	case FaultSlowWarning:
		return s.Control(s.Messages().SlowWarning(s.Now()))
	case FaultSkipped:
		return s.Control(s.Messages().Skipped(s.Now(), 1))
	case FaultUnknownRecord:
		rec := make([]byte, unknownLen)
		wire.SetSize(rec, len(rec))
		rec[1] = unknownRType
		return s.Control(rec)
	}
	return nil
}

// unknownRType is a record type that DBN does not define.
const (
	unknownRType = 0xEE
	unknownLen   = 32
)
