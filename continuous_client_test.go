package dbnloop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// received is what the handlers of a continuous client got.
type received struct {
	client  *dbnloop.ContinuousClient
	raw     []byte // market data, back to back
	records int
	events  []dbnloop.ContinuityEvent
	states  []dbnloop.StreamState
	errors  []error
}

func (got *received) handlers() dbnloop.Handlers {
	return dbnloop.Handlers{
		Record: func(r dbn.Record) {
			switch r.RType() {
			case dbn.RTypeSystem, dbn.RTypeError, dbn.RTypeSymbolMapping:
				return
			}
			got.raw = append(got.raw, r.Bytes()...)
			got.records++
		},
		Continuity:  func(e dbnloop.ContinuityEvent) { got.events = append(got.events, e) },
		StreamState: func(s dbnloop.StreamState) { got.states = append(got.states, s) },
		Error:       func(err error) { got.errors = append(got.errors, err) },
	}
}

// of are the events of a kind.
func (got *received) of(kind dbnloop.ContinuityKind) (events []dbnloop.ContinuityEvent) {
	for _, e := range got.events {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

// old lets a gateway replay sample data, however old it is.
func old() dbnloop.ContinuousOption { return dbnloop.WithReplayLimit(50 * 365 * 24 * time.Hour) }

// continuous subscribes a client to everything of a schema. A start of 0 begins with the present.
func continuous(t testing.TB, r *dbnloop.Reactor, host string, port int, schema dbn.Schema, start uint64, opts ...dbnloop.ContinuousOption) *received {
	t.Helper()
	return continuousOf(t, r, host, port, schema, []string{dbn.AllSymbols}, start, opts...)
}

func continuousOf(t testing.TB, r *dbnloop.Reactor, host string, port int, schema dbn.Schema, symbols []string, start uint64, opts ...dbnloop.ContinuousOption) *received {
	t.Helper()
	opts = append([]dbnloop.ContinuousOption{dbnloop.WithGateway(host, port), dbnloop.WithBackoff(0, 0), old()}, opts...)
	c, err := dbnloop.NewContinuousClient(r, sim.TestKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	got := &received{client: c}
	c.Handle(got.handlers())
	s := dbnloop.NewSubscription(dataset, schema, symbols...)
	s.HasStart, s.Start = start != 0, dbn.UnixNanos(start)
	if _, err := c.Subscribe(s); err != nil {
		t.Fatal(err)
	}
	return got
}

// until polls until done, or fails.
func (got *received) until(t testing.TB, r *dbnloop.Reactor, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !done() {
		if ctx.Err() != nil {
			t.Fatalf("%s: not in 30 s; %d records, events %+v, states %v, errors %v", what, got.records, got.events, got.states, got.errors)
		}
		if _, err := r.Poll(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// start starts the client and polls until it is live and has n records, or has ended.
func (got *received) start(t testing.TB, r *dbnloop.Reactor, n int) {
	t.Helper()
	if err := got.client.Start(); err != nil {
		t.Fatal(err)
	}
	got.until(t, r, fmt.Sprintf("%d records", n), func() bool {
		return got.records >= n && got.client.State() == dbnloop.StreamLive || len(got.errors) > 0
	})
}

// want compares what came with what happened.
func (got *received) want(t testing.TB, what string, raw []byte) {
	t.Helper()
	if !bytes.Equal(got.raw, raw) || len(got.errors) > 0 {
		t.Fatalf("%s: %d records and %d bytes came, want %d bytes; events %+v; errors %v", what, got.records, len(got.raw), len(raw), got.events, got.errors)
	}
}

// Every byte that the gateway says is the last one of a session once: of the handshake, of the
// metadata, of a record, and of a replay. What happens meanwhile is not lost, and nothing comes
// twice.
func TestAContinuousStreamSurvivesEveryCut(t *testing.T) {
	const n = 24
	r := newReactor(t)
	m := mboMarket(t, n)
	start := m.clockFrom(0)
	run := func(t *testing.T, what string, visits ...visit) (said []int) {
		m.again(4, visits...)
		got := continuous(t, r, "127.0.0.1", m.port(), m.schema, start)
		got.start(t, r, n)
		got.want(t, what, m.since(0))
		if gaps := got.of(dbnloop.Gap); len(gaps) != 0 {
			t.Fatalf("%s: gaps %+v", what, gaps)
		}
		got.client.Close()
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.said
	}
	for _, shape := range []struct{ live, away int }{{6, 0}, {6, 5}, {0, 9}} {
		t.Run(fmt.Sprintf("once, after %d records, %d missed", shape.live, shape.away), func(t *testing.T) {
			whole := run(t, "a calm first session", visit{cut: math.MaxInt, live: shape.live, away: shape.away})
			for cut := range whole[0] {
				run(t, fmt.Sprintf("cut after byte %d", cut), visit{cut: cut, live: shape.live, away: shape.away})
			}
		})
	}
	t.Run("twice, between any two records and inside them", func(t *testing.T) {
		size := len(m.records[0].raw)
		first := run(t, "a calm first session", visit{cut: math.MaxInt, live: 6})[0]
		step := size / 2
		for a := first - 6*size; a <= first; a += step {
			for b := first - 6*size; b <= first+3*size; b += step {
				run(t, fmt.Sprintf("cut after bytes %d and %d", a, b), visit{cut: a, live: 6, away: 2}, visit{cut: b, live: 3, away: 1})
			}
		}
	})
}

// The stream begins with the present, is cut, and continues without what came before it. A
// session that broke before its first record told only its time, so those of that time come too.
func TestAContinuousStreamFromThePresentOn(t *testing.T) {
	const n = 30
	r := newReactor(t)
	m := mboMarket(t, n)
	for i := range 12 * (n - 12) {
		present, live := i/12, i%12
		if present > 0 && bytes.Equal(m.records[present-1].raw, m.records[present].raw) {
			continue // which of the two was the first, nobody can tell
		}
		m.again(present, visit{cut: math.MaxInt, live: live, away: 3})
		got := continuous(t, r, "127.0.0.1", m.port(), m.schema, 0)
		got.start(t, r, n-present)
		want := m.since(present)
		if live == 0 {
			want = m.from(m.clockFrom(present), present)
		}
		got.want(t, fmt.Sprintf("cut after %d records", live), want)
		got.client.Close()
	}
}

// A loop over records sees one stream.
func TestALoopOverAContinuousStreamEndsWithItsStop(t *testing.T) {
	const n = 40
	r := newReactor(t)
	m := mboMarket(t, n)
	m.again(0, visit{cut: math.MaxInt, live: 10, away: 5}, visit{cut: 100, live: 4, away: 5})
	got := continuous(t, r, "127.0.0.1", m.port(), m.schema, m.clockFrom(0))
	c := got.client
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for rec, err := range c.Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.RType() != dbn.RTypeMbo {
			continue
		}
		if raw = append(raw, rec.Bytes()...); len(raw) == len(m.since(0)) {
			if err := c.Stop(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(raw, m.since(0)) {
		t.Errorf("%d bytes of records, want %d", len(raw), len(m.since(0)))
	}
}

// Each record is once the last that a process received: after a pause, after Stop in its handler,
// and after leaving a loop. Another process continues with the next one.
func TestAContinuousStreamContinuesAtAPosition(t *testing.T) {
	const n = 24
	r := newReactor(t)
	m := mboMarket(t, n)
	start := m.clockFrom(0)
	ends := map[string]func(t *testing.T, got *received, last int) []byte{
		"paused": func(t *testing.T, got *received, last int) []byte {
			h := got.handlers()
			record := h.Record
			h.Record = func(rec dbn.Record) {
				record(rec)
				if got.records == last {
					got.client.Pause()
					if _, err := got.client.Position(); !errors.Is(err, dbnloop.ErrInvalidState) {
						t.Errorf("Position inside the handler: %v", err)
					}
				}
			}
			got.client.Handle(h)
			if err := got.client.Start(); err != nil {
				t.Fatal(err)
			}
			got.until(t, r, "a pause", got.client.IsPaused)
			position, err := got.client.Position()
			if err != nil {
				t.Fatal(err)
			}
			// The batch that was held is acknowledged now; the position is the same.
			r.Poll(0)
			if again, err := got.client.Position(); err != nil || !bytes.Equal(again, position) {
				t.Errorf("another position after the next turn: %v", err)
			}
			return position
		},
		"stopped": func(t *testing.T, got *received, last int) []byte {
			h := got.handlers()
			record := h.Record
			h.Record = func(rec dbn.Record) {
				if record(rec); got.records == last {
					if err := got.client.Stop(); err != nil {
						t.Error(err)
					}
				}
			}
			got.client.Handle(h)
			if err := got.client.Start(); err != nil {
				t.Fatal(err)
			}
			got.until(t, r, "the end", func() bool { return len(got.errors) > 0 })
			if !errors.Is(got.errors[0], dbnloop.ErrCancelled) || got.client.State() != dbnloop.StreamStopped {
				t.Errorf("ended with %v, %v", got.errors[0], got.client.State())
			}
			position, err := got.client.Position()
			if err != nil {
				t.Fatal(err)
			}
			return position
		},
		"posted": func(t *testing.T, got *received, last int) (position []byte) {
			h := got.handlers()
			record := h.Record
			h.Record = func(rec dbn.Record) {
				if record(rec); got.records != last {
					return
				}
				got.client.Pause()
				r.Post(func() {
					var err error
					if position, err = got.client.Position(); err != nil {
						t.Error(err)
					}
				})
			}
			got.client.Handle(h)
			if err := got.client.Start(); err != nil {
				t.Fatal(err)
			}
			got.until(t, r, "the task", func() bool { return position != nil })
			return position
		},
		"left": func(t *testing.T, got *received, last int) []byte {
			if err := got.client.Start(); err != nil {
				t.Fatal(err)
			}
			for rec, err := range got.client.Records(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				got.handlers().Record(rec)
				if got.records == last {
					break
				}
			}
			position, err := got.client.Position()
			if err != nil {
				t.Fatal(err)
			}
			return position
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			for last := 1; last < n; last++ {
				// The first process sees a break, too.
				m.again(2, visit{cut: math.MaxInt, live: 9, away: 2})
				first := continuous(t, r, "127.0.0.1", m.port(), m.schema, start)
				position := end(t, first, last)
				if first.records != last {
					t.Fatalf("%d records, want %d", first.records, last)
				}
				first.client.Close()
				second := continuous(t, r, "127.0.0.1", m.port(), m.schema, start)
				if err := second.client.ResumeFrom(position); err != nil {
					t.Fatal(err)
				}
				second.start(t, r, n-last)
				second.raw = append(first.raw, second.raw...)
				second.want(t, fmt.Sprintf("resumed after record %d", last), m.since(0))
				second.client.Close()
			}
		})
	}
}

// Start after Stop continues in the same client.
func TestAStoppedContinuousStreamStartsAgain(t *testing.T) {
	const n = 30
	r := newReactor(t)
	m := mboMarket(t, n)
	m.again(5)
	got := continuous(t, r, "127.0.0.1", m.port(), m.schema, m.clockFrom(0))
	h := got.handlers()
	record := h.Record
	h.Record = func(rec dbn.Record) {
		if record(rec); got.records%8 == 0 {
			if err := got.client.Stop(); err != nil {
				t.Error(err)
			}
		}
	}
	ends := 0
	h.Error = func(err error) {
		ends++
		if !errors.Is(err, dbnloop.ErrCancelled) {
			t.Errorf("ended with %v", err)
		}
		if err := got.client.Start(); err != nil {
			t.Error(err)
		}
	}
	got.client.Handle(h)
	got.start(t, r, n)
	got.want(t, "started again", m.since(0))
	if ends != n/8 {
		t.Errorf("%d ends, want %d", ends, n/8)
	}
}

// The connection may break while the gateway still has to notice the end.
func TestAStoppedContinuousStreamIsCancelledHoweverItsSessionEnds(t *testing.T) {
	const n = 10
	r := newReactor(t)
	for _, resets := range []bool{false, true} {
		m := mboMarket(t, n)
		m.again(0)
		m.endsWithResets(resets)
		got := continuous(t, r, "127.0.0.1", m.port(), m.schema, m.clockFrom(0))
		got.start(t, r, n)
		if err := got.client.Stop(); err != nil {
			t.Fatal(err)
		}
		got.until(t, r, "the end", func() bool { return len(got.errors) > 0 })
		if !errors.Is(got.errors[0], dbnloop.ErrCancelled) || len(got.of(dbnloop.Reconnecting)) > 0 {
			t.Errorf("resets %v: ended with %v, events %+v", resets, got.errors[0], got.events)
		}
	}
}

func TestAPositionThatDoesNotFitIsRefused(t *testing.T) {
	const n = 20
	r := newReactor(t)
	m := mboMarket(t, n)
	got := continuous(t, r, "127.0.0.1", m.port(), m.schema, m.clockFrom(0))
	got.start(t, r, n)
	position, err := got.client.Position()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, c *dbnloop.ContinuousClient, position []byte, words string) {
		t.Helper()
		err := c.ResumeFrom(position)
		if !errors.Is(err, dbnloop.ErrInvalidArgument) || !strings.Contains(fmt.Sprint(err), words) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantMisuse(t, "ResumeFrom after Start", got.client.ResumeFrom(position))
	fresh := continuous(t, r, "127.0.0.1", m.port(), m.schema, 0).client
	for i := range position {
		damaged := slices.Clone(position)
		damaged[i] ^= 0x40
		refused(fmt.Sprintf("byte %d is damaged", i), fresh, damaged, "ResumeFrom")
		refused(fmt.Sprintf("%d bytes", i), fresh, position[:i], "ResumeFrom")
	}
	other := slices.Clone(position)
	other[7]++
	refused("another version", fresh, other, "version 2")
	foreign, err := dbnloop.NewContinuousClient(r, sim.TestKey, dbnloop.WithLive(dbnloop.WithDataset("XNAS.ITCH")))
	if err != nil {
		t.Fatal(err)
	}
	refused("another dataset", foreign, position, "GLBX.MDP3")
	if err := fresh.ResumeFrom(position); err != nil {
		t.Errorf("a good one after the bad ones: %v", err)
	}
}

// Of the records that were handed out a replay must bring again those of the overlap.
func TestAReplayThatContradictsIsAGap(t *testing.T) {
	const n = 24
	r := newReactor(t)
	m := mboMarket(t, n)
	const had = 10 // records of the first session
	for i := range had {
		// Of records that are equal it does not matter which one is missing.
		m.again(0, visit{cut: math.MaxInt, live: had, away: 4}, visit{cut: -1, live: -1, omit: map[int]bool{i: true}})
		got := continuous(t, r, "127.0.0.1", m.port(), m.schema, m.clockFrom(0))
		got.start(t, r, n)
		got.want(t, fmt.Sprintf("without record %d", i), m.since(0))
		gaps := got.of(dbnloop.Gap)
		if len(gaps) != 1 || gaps[0].Gap != dbnloop.GapContradiction || gaps[0].Schema != m.schema || !gaps[0].HasSchema || uint64(gaps[0].From) != m.records[i].clock || gaps[0].To < gaps[0].From {
			t.Errorf("without record %d, of %d: gaps %+v", i, m.records[i].clock, gaps)
		}
		got.client.Close()
	}
	t.Run("complete too early", func(t *testing.T) {
		for after := 1; after < had; after++ {
			m.again(0, visit{cut: math.MaxInt, live: had, away: 4}, visit{cut: -1, live: -1, claimAfter: after})
			got := continuous(t, r, "127.0.0.1", m.port(), m.schema, m.clockFrom(0))
			got.start(t, r, n-4)
			gaps := got.of(dbnloop.Gap)
			lowest := uint64(math.MaxUint64)
			for _, h := range m.records[after:had] {
				lowest = min(lowest, h.clock)
			}
			if len(gaps) != 1 || gaps[0].Gap != dbnloop.GapContradiction || uint64(gaps[0].From) > lowest {
				t.Errorf("complete after %d: gaps %+v, want one from %d", after, gaps, lowest)
			}
			got.client.Close()
		}
	})
}

func TestThePoliciesThatDoNotRecoverReportTheirGaps(t *testing.T) {
	const n = 24
	r := newReactor(t)
	m := mboMarket(t, n)
	for policy, snapshot := range map[dbnloop.RecoveryPolicy]string{dbnloop.RecoveryNatural: "snapshot=0", dbnloop.RecoverySnapshot: "snapshot=1"} {
		t.Run(policy.String(), func(t *testing.T) {
			m.again(0, visit{cut: math.MaxInt, live: 9, away: 5})
			c, err := dbnloop.NewContinuousClient(r, sim.TestKey, dbnloop.WithGateway("127.0.0.1", m.port()), dbnloop.WithBackoff(0, 0), old())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			got := &received{client: c}
			c.Handle(got.handlers())
			if _, err := c.SubscribeWithPolicy(dbnloop.NewSubscription(dataset, m.schema, dbn.AllSymbols), policy); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, m.schema, "ESZ6")); !errors.Is(err, dbnloop.ErrInvalidArgument) {
				t.Errorf("another policy for the same schema: %v", err)
			}
			got.start(t, r, n-5)
			got.want(t, "without what was missed", append(slices.Clip(m.since(0)[:9*len(m.records[0].raw)]), m.since(14)...))
			gaps := got.of(dbnloop.Gap)
			if len(gaps) != 1 || gaps[0].Gap != dbnloop.GapPolicy || gaps[0].Schema != m.schema {
				t.Errorf("gaps %+v", gaps)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if len(m.asked) != 2 || !strings.Contains(m.asked[1], snapshot) || strings.Contains(m.asked[1], "start=") {
				t.Errorf("asked for %q", m.asked)
			}
		})
	}
	if _, err := continuous(t, r, "127.0.0.1", m.port(), m.schema, 0).client.SubscribeWithPolicy(dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "ESZ6"), dbnloop.RecoverySnapshot); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Errorf("a snapshot of trades: %v", err)
	}
}

func TestWhatEndsAContinuousStream(t *testing.T) {
	end := func(t *testing.T, got *received, r *dbnloop.Reactor) error {
		t.Helper()
		if err := got.client.Start(); err != nil {
			t.Fatal(err)
		}
		got.until(t, r, "the end", func() bool { return len(got.errors) > 0 })
		r.Poll(0)
		if len(got.errors) != 1 || got.client.State() != dbnloop.StreamStopped || got.states[0] != dbnloop.StreamConnecting || got.states[len(got.states)-1] != dbnloop.StreamStopped {
			t.Errorf("errors %v, states %v", got.errors, got.states)
		}
		return got.errors[0]
	}
	t.Run("the key is refused", func(t *testing.T) {
		gw := simtest.Gateway(t, sim.Config{Faults: sim.Faults{RefuseAuth: "Authentication failed."}})
		r := newReactor(t)
		got := continuous(t, r, gw.Host(), gw.Port(), dbn.SchemaTrades, 0)
		if err := end(t, got, r); !errors.Is(err, dbnloop.ErrAuthFailed) || strings.Contains(err.Error(), sim.TestKey) {
			t.Errorf("ended with %v", err)
		}
		if sessions := gw.Stats().Sessions; sessions != 1 {
			t.Errorf("%d sessions, want 1", sessions)
		}
	})
	t.Run("every subscription is refused", func(t *testing.T) {
		gw := simtest.Gateway(t, sim.Config{})
		r := newReactor(t)
		got := continuous(t, r, gw.Host(), gw.Port(), dbn.SchemaCmbp1, 0)
		if err := end(t, got, r); !errors.Is(err, dbnloop.ErrGateway) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("it gives up", func(t *testing.T) {
		gw := simtest.Gateway(t, sim.Config{Faults: sim.Faults{CloseBeforeGreeting: true}})
		r := newReactor(t)
		got := continuous(t, r, gw.Host(), gw.Port(), dbn.SchemaTrades, 0, dbnloop.WithGiveUpAfter(20*time.Millisecond))
		err := end(t, got, r)
		attempts := got.of(dbnloop.Reconnecting)
		if !errors.Is(err, dbnloop.ErrConnectionClosed) || !strings.Contains(err.Error(), "gave up after 20 ms") || len(attempts) == 0 {
			t.Errorf("ended with %v after %+v", err, attempts)
		}
		for i, attempt := range attempts {
			if int(attempt.Attempt) != i+1 || !errors.Is(attempt.Err, dbnloop.ErrConnectionClosed) {
				t.Errorf("attempt %d: %+v", i+1, attempt)
			}
		}
	})
}

func TestOptionsAndArgumentsOfAContinuousClientThatAreRefused(t *testing.T) {
	r := newReactor(t)
	for name, o := range map[string]dbnloop.ContinuousOption{
		"port":           dbnloop.WithGateway("", 70000),
		"a short memory": dbnloop.WithMemory(1000), "a long memory": dbnloop.WithMemory(2 << 30),
		"delays":       dbnloop.WithBackoff(2*time.Second, time.Second),
		"give up":      dbnloop.WithGiveUpAfter(-1),
		"replay limit": dbnloop.WithReplayLimit(time.Millisecond),
		"a cost":       dbnloop.WithMaxCost(-1), "no cost": dbnloop.WithMaxCost(math.NaN()),
		"of live":    dbnloop.WithLive(dbnloop.WithReceiveBuffer(-1)),
		"of history": dbnloop.WithHistory(dbnloop.WithRetries(-1)),
	} {
		if _, err := dbnloop.NewContinuousClient(r, sim.TestKey, o); !errors.Is(err, dbnloop.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := dbnloop.NewContinuousClient(nil, sim.TestKey); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Errorf("no reactor: %v", err)
	}
	if _, err := dbnloop.NewContinuousClient(r, "short"); !errors.Is(err, dbnloop.ErrInvalidAPIKey) {
		t.Errorf("a short key: %v", err)
	}
	c, err := dbnloop.NewContinuousClient(r, sim.TestKey, nil, dbnloop.WithMaxCost(math.Inf(1)))
	if err != nil {
		t.Fatal(err)
	}
	wantMisuse(t, "Start without a subscription", c.Start())
	s := dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "ESZ6")
	s.HasStart, s.Start = true, dbn.UnixNanosOf(time.Now().Add(time.Hour))
	if _, err := c.Subscribe(s); !errors.Is(err, dbnloop.ErrInvalidArgument) || !strings.Contains(err.Error(), "future") {
		t.Errorf("a start in the future: %v", err)
	}
	if _, err := c.SubscribeWithPolicy(dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "ESZ6"), 3); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Errorf("another policy: %v", err)
	}
}
