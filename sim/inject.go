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
	parts  []*addedFaults
	stream []pendingFault // those that are left
	armed  *pendingFault  // the one that waits at a byte position
	play   *player
}

// pendingFault is a fault of the stream that is to be shown.
type pendingFault struct {
	StreamFault
	*FaultHandle
}

// misbehave is what goes wrong in a connection, by its number.
func (g *Gateway) misbehave(number int64) gateway.Misbehaviour {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.connections = max(g.connections, number)
	g.faults = slices.DeleteFunc(g.faults, func(f *addedFaults) bool { return f.Removed() })
	m := new(misbehaviour)
	for _, f := range g.faults {
		if f.concerns(number, g.cfg.Clock.Now()) {
			m.add(f)
		}
	}
	return m
}

func (m *misbehaviour) add(f *addedFaults) {
	m.parts = append(m.parts, f)
	for _, fault := range f.Stream {
		m.stream = append(m.stream, pendingFault{fault, f.FaultHandle})
	}
}

// join adds faults to a session that streams.
func (m *misbehaviour) join(s *gateway.Session, f *addedFaults) {
	if slices.Contains(m.parts, f) {
		return // the session has begun after they were added
	}
	m.add(f)
	m.Stream(s)
}

// first counts and returns the first of the faults that has something; nil when none has.
func (m *misbehaviour) first(has func(*Faults) bool) *Faults {
	for _, f := range m.parts {
		if !f.Removed() && has(&f.Faults) {
			f.Fire()
			return &f.Faults
		}
	}
	return nil
}

// Greet shows what goes wrong before the client has said anything.
func (m *misbehaviour) Greet(s *gateway.Session) (greeting, challenge string, err error) {
	if f := m.first(func(f *Faults) bool { return f.SplitBytes > 0 }); f != nil {
		s.Split(f.SplitBytes)
	}
	if m.first(func(f *Faults) bool { return f.CoalesceAuth }) != nil {
		s.CoalesceMetadata()
	}
	if m.first(func(f *Faults) bool { return f.CloseBeforeGreeting }) != nil {
		return "", "", gateway.ErrOver
	}
	if m.first(func(f *Faults) bool { return f.EndlessLine }) != nil {
		filler := []byte(strings.Repeat("x", 64<<10))
		for err == nil {
			err = s.Write(filler)
		}
		return "", "", err
	}
	if f := m.first(func(f *Faults) bool { return f.Greeting != "" }); f != nil {
		greeting = f.Greeting
	}
	if f := m.first(func(f *Faults) bool { return f.Challenge != "" }); f != nil {
		challenge = f.Challenge
	}
	return greeting, challenge, nil
}

// Authenticate refuses the client when that was asked for.
func (m *misbehaviour) Authenticate() error {
	if f := m.first(func(f *Faults) bool { return f.RefuseAuth != "" }); f != nil {
		return errors.New(f.RefuseAuth)
	}
	return nil
}

// replay are the faults of a replay that begins.
func (m *misbehaviour) replay() (list []*replayFault) {
	for _, f := range m.parts {
		if !f.Removed() && !f.Replay.none() {
			list = append(list, &replayFault{ReplayFaults: &f.Replay, FaultHandle: f.FaultHandle})
		}
	}
	return list
}

// Metadata sends what is not DBN, when that was asked for.
func (m *misbehaviour) Metadata(s *gateway.Session) (over bool, err error) {
	if m.first(func(f *Faults) bool { return f.Garbage }) != nil {
		noise := rand.NewChaCha8([32]byte([]byte("garbage in place of a DBN stream")))
		garbage := make([]byte, 64<<10)
		noise.Read(garbage) //nolint:errcheck // never fails
		copy(garbage, "NBD\xff")
		return true, s.Write(garbage)
	}
	if m.first(func(f *Faults) bool { return f.HugeMetadata }) != nil {
		head := append([]byte{'D', 'B', 'N', m.play.tl.Version, 0xF0, 0xFF, 0xFF, 0xFF}, bytes.Repeat([]byte{0}, 4096)...)
		if err := s.Add(head); err != nil {
			return true, err
		}
		return true, s.Flush()
	}
	return false, nil
}

// take removes the faults that the predicate wants from the list and returns the first of
// them by position; the rest stay for later. Those that were removed are forgotten.
func (m *misbehaviour) take(want func(Position) bool) (fault pendingFault, ok bool) {
	m.stream = slices.DeleteFunc(m.stream, func(f pendingFault) bool { return f.Removed() })
	best := -1
	for i, f := range m.stream {
		if want(f.At) && (best < 0 || f.At.count < m.stream[best].At.count) {
			best = i
		}
	}
	if best < 0 {
		return fault, false
	}
	fault = m.stream[best]
	m.stream = slices.Delete(m.stream, best, best+1)
	return fault, true
}

// Stream sets the next byte position at which a fault waits. It is called where the DBN
// stream begins, and whenever there is another one to wait for.
func (m *misbehaviour) Stream(s *gateway.Session) {
	if m.armed != nil {
		m.stream, m.armed = append(m.stream, *m.armed), nil
	}
	fault, ok := m.take(func(p Position) bool { return p.kind == afterBytes })
	if !ok {
		s.StopAt(-1, nil)
		return
	}
	m.armed = &fault
	s.StopAt(fault.At.count, func() error {
		m.armed = nil
		m.Stream(s)
		return m.show(s, fault)
	})
}

// Stage shows the faults of a stage of the text phase.
func (m *misbehaviour) Stage(s *gateway.Session, reached gateway.Stage) error {
	line := int64(1)
	if reached == gateway.Requested {
		line = int64(s.Lines())
	}
	return m.showAll(s, func(p Position) bool { return p.kind == atStage && p.stage == reached && p.count == line })
}

// Here shows the faults of this place among the records and returns how many records may be
// sent until the next one.
func (m *misbehaviour) Here(s *gateway.Session) (int64, error) {
	if err := m.showAll(s, func(p Position) bool { return p.kind == afterRecords && p.count <= s.Sent() }); err != nil {
		return 0, err
	}
	limit := int64(math.MaxInt64)
	for _, fault := range m.stream {
		if fault.At.kind == afterRecords {
			limit = min(limit, fault.At.count-s.Sent())
		}
	}
	return limit, nil
}

// End shows the faults of the data's end.
func (m *misbehaviour) End(s *gateway.Session) error {
	return m.showAll(s, func(p Position) bool { return p.kind == atEnd })
}

func (m *misbehaviour) showAll(s *gateway.Session, at func(Position) bool) error {
	for {
		fault, ok := m.take(at)
		if !ok {
			return nil
		}
		if err := m.show(s, fault); err != nil {
			return err
		}
	}
}

// show does what a fault says. An error ends the session; gateway.ErrOver does so politely.
func (m *misbehaviour) show(s *gateway.Session, fault pendingFault) error {
	if fault.Removed() {
		return nil
	}
	fault.Fire()
	s.Logger().Info("fault", "kind", fault.Kind.String(), "records", s.Sent(), "bytes", s.Bytes())
	if fault.At.kind == atStage {
		return showText(s, fault.StreamFault)
	}
	if fault.At.betweenRecords() {
		if err := m.showRecord(s, fault.StreamFault); err != nil {
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

// showText does what a fault of the text phase says.
func showText(s *gateway.Session, fault StreamFault) error {
	if err := s.Write(nil); err != nil { // what waits for the next line
		return err
	}
	switch fault.Kind {
	case FaultRefuse:
		s.Server().Shut(fault.For)
		return nil
	case FaultReset:
		return s.Reset()
	case FaultStall:
		if fault.For > 0 {
			return s.Stall(fault.For)
		}
	default: // half-close and close
		s.CloseWrite()
	}
	s.Drain()
	return gateway.ErrOver
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
