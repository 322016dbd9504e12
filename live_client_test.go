package dbnloop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

const dataset = "GLBX.MDP3"

func newReactor(t testing.TB) *dbnloop.Reactor {
	t.Helper()
	r, err := dbnloop.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// session connects, subscribes to everything of a schema and starts.
func session(t testing.TB, gw *sim.Gateway, r *dbnloop.Reactor, schema dbn.Schema, opts ...dbnloop.LiveOption) *dbnloop.LiveClient {
	t.Helper()
	c, err := dbnloop.NewLiveClient(r, sim.TestKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, schema, dbn.AllSymbols)); err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(gw.Host(), gw.Port()); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// runUntilError polls until the session's end and returns its reason.
func runUntilError(t testing.TB, r *dbnloop.Reactor, c *dbnloop.LiveClient, h dbnloop.Handlers) error {
	t.Helper()
	var reason error
	user := h.Error
	h.Error = func(err error) {
		if reason != nil {
			t.Errorf("a second error: %v", err)
		}
		reason = err
		if user != nil {
			user(err)
		}
	}
	c.Handle(h)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for reason == nil {
		if ctx.Err() != nil {
			t.Fatal("no end of the session in 30 s")
		}
		if _, err := r.Poll(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	return reason
}

// sample reads the sample's records of one schema, as the gateway must send them.
func sample(t testing.TB, schema dbn.Schema) int {
	t.Helper()
	rtype, _ := dbn.RTypeOf(schema)
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	n := 0
	c := session(t, gw, r, schema)
	runUntilError(t, r, c, dbnloop.Handlers{Record: func(rec dbn.Record) {
		if rec.RType() == rtype {
			n++
		}
	}})
	if n == 0 {
		t.Fatalf("the sample holds no %s", schema)
	}
	return n
}

func TestRecordsReachTypedHandlers(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	var mbo, mappings, other int
	var states []dbnloop.State
	var metadata *dbn.Metadata
	err := runUntilError(t, r, c, dbnloop.Handlers{
		Mbo: func(m *dbn.MboMsg) {
			if m.Hd.RType != dbn.RTypeMbo || m.Hd.InstrumentID == 0 {
				t.Fatalf("not an mbo record: %+v", m.Hd)
			}
			mbo++
		},
		SymbolMapping: func(*dbn.SymbolMappingMsg) { mappings++ },
		Record:        func(dbn.Record) { other++ },
		Metadata:      func(m *dbn.Metadata) { metadata = m },
		State:         func(s dbnloop.State) { states = append(states, s) },
	})
	if !errors.Is(err, dbnloop.ErrConnectionClosed) {
		t.Errorf("the end: %v", err)
	}
	if mbo < 100 || mappings == 0 {
		t.Errorf("%d mbo, %d mappings, %d others", mbo, mappings, other)
	}
	if metadata == nil || metadata.Dataset != dataset || metadata.Version != 3 {
		t.Errorf("metadata %+v", metadata)
	}
	want := []dbnloop.State{dbnloop.Connecting, dbnloop.Authenticating, dbnloop.Ready, dbnloop.Streaming, dbnloop.Disconnected}
	if len(states) < 4 || states[len(states)-1] != dbnloop.Disconnected {
		t.Errorf("states %v, want %v", states, want)
	}
}

func TestRunHandlersGetTheSameRecords(t *testing.T) {
	want := sample(t, dbn.SchemaMbo)
	for _, tsOut := range []bool{false, true} {
		gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
		r := newReactor(t)
		var opts []dbnloop.LiveOption
		if tsOut {
			opts = append(opts, dbnloop.WithTsOut())
		}
		c := session(t, gw, r, dbn.SchemaMbo, opts...)
		records, calls := 0, 0
		runUntilError(t, r, c, dbnloop.Handlers{MboRun: func(run []dbn.MboMsg) {
			calls++
			records += len(run)
			for i := range run {
				if run[i].Hd.RType != dbn.RTypeMbo {
					t.Fatalf("record %d of a run: %+v", i, run[i].Hd)
				}
			}
		}})
		if records != want {
			t.Errorf("ts_out %v: %d records, want %d", tsOut, records, want)
		}
		if !tsOut && calls > records/10 {
			t.Errorf("%d calls for %d records: runs are not used", calls, records)
		}
	}
}

func TestPauseInAHandlerLosesAndRepeatsNothing(t *testing.T) {
	want := sample(t, dbn.SchemaMbo)
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	got := 0
	err := runUntilError(t, r, c, dbnloop.Handlers{Mbo: func(m *dbn.MboMsg) {
		if c.IsPaused() {
			t.Fatal("a record while paused")
		}
		got++
		if got%7 == 0 {
			c.Pause()
			if _, err := r.AfterFunc(0, c.Resume); err != nil {
				t.Fatal(err)
			}
		}
	}})
	if got != want {
		t.Errorf("%d records, want %d (%v)", got, want, err)
	}
}

func TestAPanicPassesThroughAndLeavesTheRest(t *testing.T) {
	want := sample(t, dbn.SchemaTrades)
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaTrades)
	got, panics := 0, 0
	var end error
	c.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) {
			got++
			if got%3 == 0 {
				panic("of the handler")
			}
		},
		Error: func(err error) { end = err },
	})
	for end == nil {
		func() {
			defer func() {
				if p := recover(); p != nil {
					panics++
				}
			}()
			if _, err := r.Poll(time.Second); err != nil {
				t.Fatal(err)
			}
		}()
	}
	if got != want || panics != want/3 {
		t.Errorf("%d records and %d panics, want %d and %d", got, panics, want, want/3)
	}
}

func TestCloseInAHandlerEndsDelivery(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	got := 0
	c.Handle(dbnloop.Handlers{
		Mbo: func(m *dbn.MboMsg) {
			got++
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			_ = m.Price // the record is readable until the handler returns
		},
		Error: func(err error) { t.Errorf("an error after Close: %v", err) },
	})
	for got == 0 {
		r.Poll(time.Second)
	}
	for range 10 {
		r.Poll(0)
	}
	if got != 1 {
		t.Errorf("%d records after Close", got-1)
	}
	if err := c.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaMbo, "ESZ6")); !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Subscribe after Close: %v", err)
	}
}

// connectAgain subscribes, connects and starts a client that has no session.
func connectAgain(gw *sim.Gateway, c *dbnloop.LiveClient, schema dbn.Schema) error {
	_, err := c.Subscribe(dbnloop.NewSubscription(dataset, schema, dbn.AllSymbols))
	return errors.Join(err, c.Connect(gw.Host(), gw.Port()), c.Start())
}

func TestDisconnectEndsASessionForTheNext(t *testing.T) {
	trades := sample(t, dbn.SchemaTrades)
	connect := func(t *testing.T) (*dbnloop.Reactor, *sim.Gateway, *dbnloop.LiveClient) {
		gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
		r := newReactor(t)
		return r, gw, session(t, gw, r, dbn.SchemaMbo)
	}
	// What Connect says to a client that has a session leads to what works.
	refused := func(t *testing.T, gw *sim.Gateway, c *dbnloop.LiveClient) {
		t.Helper()
		err := c.Connect(gw.Host(), gw.Port())
		wantMisuse(t, "Connect with a session", err)
		if !strings.Contains(err.Error(), "Disconnect") || !strings.Contains(err.Error(), c.State().String()) {
			t.Errorf("the message does not lead on: %v", err)
		}
	}
	t.Run("in every state", func(t *testing.T) {
		for _, at := range []dbnloop.State{dbnloop.Connecting, dbnloop.Authenticating, dbnloop.Ready, dbnloop.Streaming} {
			t.Run(at.String(), func(t *testing.T) {
				r, gw, c := connect(t)
				again := 0
				var states []dbnloop.State
				err := runUntilError(t, r, c, dbnloop.Handlers{
					State: func(s dbnloop.State) {
						states = append(states, s)
						if s != at || again > 0 {
							return
						}
						refused(t, gw, c)
						if err := c.Disconnect(); err != nil {
							t.Fatal(err)
						}
						if got := c.State(); got != dbnloop.Disconnected {
							t.Errorf("%s after Disconnect", got)
						}
						states = nil
						again = 1
						if err := connectAgain(gw, c, dbn.SchemaTrades); err != nil {
							t.Fatal(err)
						}
					},
					Mbo: func(*dbn.MboMsg) {
						if again > 0 {
							t.Error("a record of the session before")
						}
					},
					Trade: func(*dbn.TradeMsg) { again++ },
				})
				if !errors.Is(err, dbnloop.ErrConnectionClosed) || again != trades+1 {
					t.Errorf("%d trades of the second session, want %d; then %v", again-1, trades, err)
				}
				if len(states) == 0 || states[0] != dbnloop.Connecting {
					t.Errorf("states of the second session: %v", states)
				}
			})
		}
	})
	t.Run("in a handler of records, and between turns", func(t *testing.T) {
		r, gw, c := connect(t)
		mbo, got := 0, 0
		h := dbnloop.Handlers{
			Mbo: func(*dbn.MboMsg) {
				if mbo++; mbo == 5 {
					if err := errors.Join(c.Disconnect(), c.Disconnect()); err != nil {
						t.Error(err)
					}
				}
			},
			Trade: func(*dbn.TradeMsg) { got++ },
			Error: func(err error) { t.Errorf("a handler was called: %v", err) },
		}
		c.Handle(h)
		polled(t, r, func() bool { return mbo == 5 })
		for range 3 {
			r.Poll(0)
		}
		if err := connectAgain(gw, c, dbn.SchemaMbo); err != nil {
			t.Fatal(err)
		}
		mbo = 100 // so that no record ends the second session
		polled(t, r, func() bool { return mbo > 105 })
		c.Disconnect()
		if err := connectAgain(gw, c, dbn.SchemaTrades); err != nil {
			t.Fatal(err)
		}
		h.Error = nil
		runUntilError(t, r, c, h)
		if got != trades {
			t.Errorf("%d trades, want %d", got, trades)
		}
	})
	t.Run("a loop ends silently, and the next one has the next session", func(t *testing.T) {
		_, gw, c := connect(t)
		n := 0
		for _, err := range c.Records(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				if err := c.Disconnect(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n != 3 {
			t.Errorf("%d records, want 3", n)
		}
		if err := connectAgain(gw, c, dbn.SchemaTrades); err != nil {
			t.Fatal(err)
		}
		got := 0
		for rec, err := range c.Records(t.Context()) {
			if err == nil && rec.RType() == dbn.RTypeMbp0 {
				got++
			}
		}
		if got != trades {
			t.Errorf("%d trades, want %d", got, trades)
		}
	})
	t.Run("after Stop", func(t *testing.T) {
		r, gw, c := connect(t)
		mbo, got := 0, 0
		c.Handle(dbnloop.Handlers{Mbo: func(*dbn.MboMsg) { mbo++ }})
		polled(t, r, func() bool { return mbo > 0 })
		if err := errors.Join(c.Stop(), c.Disconnect(), connectAgain(gw, c, dbn.SchemaTrades)); err != nil {
			t.Fatal(err)
		}
		err := runUntilError(t, r, c, dbnloop.Handlers{Trade: func(*dbn.TradeMsg) { got++ }})
		if got != trades || !errors.Is(err, dbnloop.ErrConnectionClosed) {
			t.Errorf("%d trades, want %d; then %v", got, trades, err)
		}
	})
	t.Run("without a session, and closed", func(t *testing.T) {
		r := newReactor(t)
		c, err := dbnloop.NewLiveClient(r, sim.TestKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Disconnect(); err != nil {
			t.Error(err)
		}
		c.Close()
		wantMisuse(t, "Disconnect of a closed client", c.Disconnect())
	})
}

func TestFieldsThatCannotMeanAnythingAreRefused(t *testing.T) {
	r := newReactor(t)
	live, err := dbnloop.NewLiveClient(r, sim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	hist := newHistorical(t, r)
	say := func(what string, err, want error, mentions string) {
		t.Helper()
		if !errors.Is(err, want) || !strings.Contains(err.Error(), mentions) {
			t.Errorf("%s: %v, want %v with %q", what, err, want, mentions)
		}
	}
	replay := dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "ESZ6")
	replay.Start = 1_700_000_000_000_000_000
	_, err = live.Subscribe(replay)
	say("Start without HasStart", err, dbnloop.ErrInvalidArgument, "HasStart")
	for _, symbols := range [][]string{{"ESZ6"}, {"5122", "NQZ6"}, {"ES.FUT"}, {"-1"}, {"4294967296"}, {""}} {
		_, err = live.Subscribe(dbnloop.Subscription{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: symbols})
		say("names as ids, live", err, dbnloop.ErrInvalidSymbol, "StypeIn")
		rng := dbnloop.HistoricalRequest{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: symbols, Start: 1, End: 2, StypeOut: dbn.STypeRawSymbol}
		say("names as ids, a range", hist.Request(rng), dbnloop.ErrInvalidSymbol, "StypeIn")
		_, err = hist.Cost(t.Context(), rng)
		say("names as ids, a cost", err, dbnloop.ErrInvalidSymbol, "StypeIn")
		_, err = hist.SubmitJob(t.Context(), dbnloop.BatchRequest{Range: rng})
		say("names as ids, a job", err, dbnloop.ErrInvalidSymbol, "StypeIn")
		_, err = hist.StartDownload(dbnloop.DownloadRequest{Range: rng, Path: t.TempDir() + "/f"}, func(dbnloop.DownloadResult, error) {})
		say("names as ids, a download", err, dbnloop.ErrInvalidSymbol, "StypeIn")
		_, err = hist.Resolve(t.Context(), dataset, symbols, dbn.STypeInstrumentID, dbn.STypeRawSymbol, "2026-11-15", "")
		say("names as ids, resolved", err, dbnloop.ErrInvalidSymbol, "StypeIn")
	}
	both := dbnloop.DownloadRequest{URLPath: "/v0/batch/download/a/b/c", Range: dbnloop.NewHistoricalRequest(dataset, dbn.SchemaTrades, 1, 2, "ESZ6"), Path: t.TempDir() + "/f"}
	_, err = hist.StartDownload(both, func(dbnloop.DownloadResult, error) {})
	say("a download of two things", err, dbnloop.ErrInvalidArgument, "URLPath")
	for _, good := range []dbnloop.Subscription{
		{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: []string{"5122", "0", "4294967295"}},
		{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: []string{dbn.AllSymbols}},
		dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "7203"), // a raw symbol may be a number
		{Dataset: dataset, Schema: dbn.SchemaTrades, Symbols: []string{"5122"}, HasStart: true},
	} {
		if _, err := live.Subscribe(good); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

func TestStopInAHandlerEndsWithCancelled(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	got := 0
	err := runUntilError(t, r, c, dbnloop.Handlers{Mbo: func(*dbn.MboMsg) {
		got++
		c.Stop()
	}})
	if !errors.Is(err, dbnloop.ErrCancelled) || got != 1 {
		t.Errorf("%d records, then %v", got, err)
	}
}

func TestPollInAHandlerIsRefused(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaTrades)
	asked := false
	runUntilError(t, r, c, dbnloop.Handlers{Trade: func(*dbn.TradeMsg) {
		if asked {
			return
		}
		asked = true
		if _, err := r.Poll(0); !errors.Is(err, dbnloop.ErrInvalidState) {
			t.Errorf("Poll inside a handler: %v", err)
		}
		if err := r.Close(); !errors.Is(err, dbnloop.ErrInvalidState) {
			t.Errorf("Reactor.Close inside a handler: %v", err)
		}
	}})
	if !asked {
		t.Fatal("no record came")
	}
}

func TestTwoGoroutinesAtOnceAreReported(t *testing.T) {
	r := newReactor(t)
	entered := make(chan struct{})
	done := make(chan struct{})
	r.AfterFunc(0, func() {
		close(entered)
		<-done
	})
	polled := make(chan error)
	go func() {
		_, err := r.Poll(time.Second)
		polled <- err
	}()
	<-entered
	_, err := r.Poll(0)
	close(done)
	if !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("a second Poll at once: %v", err)
	}
	if err := <-polled; err != nil {
		t.Error(err)
	}
}

func TestIterators(t *testing.T) {
	want := sample(t, dbn.SchemaTrades)
	t.Run("Records", func(t *testing.T) {
		gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
		r := newReactor(t)
		c := session(t, gw, r, dbn.SchemaTrades)
		got := 0
		var end error
		// Breaking off keeps the rest for the next loop.
		for end == nil {
			for rec, err := range c.Records(t.Context()) {
				if err != nil {
					end = err
					break
				}
				if _, ok := dbn.As[dbn.TradeMsg](rec); ok {
					got++
					if got%5 == 0 {
						break
					}
				}
			}
		}
		if got != want || !errors.Is(end, dbnloop.ErrConnectionClosed) {
			t.Errorf("%d records, want %d; then %v", got, want, end)
		}
	})
	t.Run("Batches", func(t *testing.T) {
		gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
		r := newReactor(t)
		c := session(t, gw, r, dbn.SchemaTrades, dbnloop.WithTsOut())
		got := 0
		for b, err := range c.Batches(t.Context()) {
			if err != nil {
				break
			}
			for run := range b.Runs() {
				if dbnloop.RunOf[dbn.TradeMsg](run) != nil {
					t.Error("records with ts_out do not lie side by side")
				}
				for _, m := range dbnloop.RunWithTsOut[dbn.TradeMsg](run) {
					if m.TsOut == 0 {
						t.Error("no ts_out")
					}
					got++
				}
			}
		}
		if got != want {
			t.Errorf("%d records, want %d", got, want)
		}
	})
	t.Run("the context ends it", func(t *testing.T) {
		gw := simtest.Gateway(t, sim.Config{})
		r := newReactor(t)
		c := session(t, gw, r, dbn.SchemaTrades)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var end error
		for _, err := range c.Records(ctx) {
			cancel()
			end = err
		}
		if !errors.Is(end, context.Canceled) {
			t.Errorf("the end: %v", end)
		}
	})
}

func TestTheSessionIDIsKnownInTheErrorHandler(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	var while, atEnd uint64
	var text string
	err := runUntilError(t, r, c, dbnloop.Handlers{
		Mbo:   func(*dbn.MboMsg) { while = c.SessionID() },
		Error: func(error) { atEnd, text = c.SessionID(), c.SessionIDText() },
	})
	if !errors.Is(err, dbnloop.ErrConnectionClosed) {
		t.Error(err)
	}
	if while == 0 || atEnd != while || text != fmt.Sprint(while) || c.SessionID() != while {
		t.Errorf("the session's id: %d while it streams, %d and %q at its end, %d after", while, atEnd, text, c.SessionID())
	}
}

// What the refusal says to do works.
func TestConnectWhileStreamingLeavesTheClientUsable(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	records, ended := 0, false
	c.Handle(dbnloop.Handlers{
		Mbo:   func(*dbn.MboMsg) { records++ },
		Error: func(error) { ended = true },
	})
	polled(t, r, func() bool { return records > 0 })
	err := c.Connect(gw.Host(), gw.Port())
	wantMisuse(t, "Connect while streaming", err)
	if strings.Contains(err.Error(), "Close") || !strings.Contains(err.Error(), "Stop") {
		t.Errorf("Close would end the client for good: %v", err)
	}
	before := records
	polled(t, r, func() bool { return records > before || records == sample(t, dbn.SchemaMbo) })
	if ended || c.State() != dbnloop.Streaming {
		t.Fatal("the refused call ended the session")
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	polled(t, r, func() bool { return ended })
	records = 0
	_, err = c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaMbo, dbn.AllSymbols))
	if err = errors.Join(err, c.Connect(gw.Host(), gw.Port()), c.Start()); err != nil {
		t.Fatal(err)
	}
	polled(t, r, func() bool { return records > 0 })
}

func TestErrors(t *testing.T) {
	r := newReactor(t)
	t.Run("key form", func(t *testing.T) {
		const key = "db-secretsecret"
		_, err := dbnloop.NewLiveClient(r, key)
		if !errors.Is(err, dbnloop.ErrInvalidAPIKey) || strings.Contains(err.Error(), key) {
			t.Errorf("%v", err)
		}
	})
	t.Run("options", func(t *testing.T) {
		for name, o := range map[string]dbnloop.LiveOption{
			"heartbeat":                dbnloop.WithHeartbeat(4*time.Second, 0),
			"heartbeat, long":          dbnloop.WithHeartbeat(1801*time.Second, 0),
			"heartbeat, in fractions":  dbnloop.WithHeartbeat(5500*time.Millisecond, 0),
			"heartbeat, negative":      dbnloop.WithHeartbeat(-time.Second, 0),
			"heartbeat, far too long":  dbnloop.WithHeartbeat((math.MaxInt32+20)*time.Second, 0),
			"heartbeat, in 2^32 and 9": dbnloop.WithHeartbeat((1<<32+9)*time.Second, 0),
			"buffer":                   dbnloop.WithBufferSize(1),
			"policy":                   dbnloop.WithUpgradePolicy(9),
			"agent":                    dbnloop.WithUserAgent("a|b"),
		} {
			if _, err := dbnloop.NewLiveClient(r, sim.TestKey, o); !errors.Is(err, dbnloop.ErrInvalidArgument) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		key := "db-wrongwrongwrongwrongwrong0000"
		gw := simtest.Gateway(t, sim.Config{})
		c, err := dbnloop.NewLiveClient(r, key, dbnloop.WithDataset(dataset))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect(gw.Host(), gw.Port())
		err = runUntilError(t, r, c, dbnloop.Handlers{})
		if !errors.Is(err, dbnloop.ErrAuthFailed) || strings.Contains(err.Error(), key) {
			t.Errorf("%v", err)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		gw := simtest.Gateway(t, sim.Config{})
		host, port := gw.Host(), gw.Port()
		gw.Close()
		c, _ := dbnloop.NewLiveClient(r, sim.TestKey, dbnloop.WithDataset(dataset))
		defer c.Close()
		c.Connect(host, port)
		err := runUntilError(t, r, c, dbnloop.Handlers{})
		if !errors.Is(err, dbnloop.ErrConnectionFailed) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a symbol that breaks the protocol", func(t *testing.T) {
		c, _ := dbnloop.NewLiveClient(r, sim.TestKey)
		defer c.Close()
		for _, s := range []string{"", "a|b", "a\nb", "a,b"} {
			if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaMbo, s)); !errors.Is(err, dbnloop.ErrInvalidSymbol) {
				t.Errorf("%q: %v", s, err)
			}
		}
		if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, 999, "ES")); !errors.Is(err, dbnloop.ErrInvalidSchema) {
			t.Errorf("%v", err)
		}
	})
}

func TestTheReactorEndsBeforeItsClients(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r, err := dbnloop.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	c := session(t, gw, r, dbn.SchemaTrades)
	r.Poll(0)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close of a client whose reactor is gone: %v", err)
	}
	if _, err := r.Poll(0); !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Poll after Close: %v", err)
	}
	if err := c.Start(); !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Start after the reactor's Close: %v", err)
	}
	c.Pause() // no panic
}

func TestNothingIsAllocatedPerRecord(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{Passes: sim.Forever})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	records := 0
	c.Handle(dbnloop.Handlers{Mbo: func(*dbn.MboMsg) { records++ }})
	for records < 1000 {
		r.Poll(time.Second)
	}
	before := records
	allocs := testing.AllocsPerRun(100, func() { r.Poll(time.Second) })
	if records-before < 1000 {
		t.Fatalf("only %d records came in 100 polls", records-before)
	}
	if allocs > 0 && !poisoned {
		t.Errorf("%v allocations per poll", allocs)
	}
}

func TestCAndGoAgreeOnLayouts(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaDefinition)
	n := 0
	runUntilError(t, r, c, dbnloop.Handlers{InstrumentDef: func(d *dbn.InstrumentDefMsg) {
		n++
		if int(d.Hd.Length)*4 != int(unsafe.Sizeof(*d)) {
			t.Errorf("the record has %d bytes, the struct %d", int(d.Hd.Length)*4, unsafe.Sizeof(*d))
		}
		if d.RawSymbolString() == "" || d.TsRecv == 0 {
			t.Errorf("definition %q at %v", d.RawSymbolString(), d.TsRecv)
		}
	}})
	if n == 0 {
		t.Fatal("no definition came")
	}
}

func TestMain(m *testing.M) {
	if how := os.Getenv("DBNLOOP_TEST_PATIENCE"); how != "" {
		if err := waitInAChild(how); err != nil {
			io.WriteString(os.Stderr, err.Error()+"\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	if url := os.Getenv(stoppedChild); url != "" {
		if err := beStopped(url); err != nil {
			io.WriteString(os.Stderr, err.Error()+"\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Go's netpoller opens its own files when it is first used.
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	// What hands out signals stays for ever once it has begun, as it does when fuzzing.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR2)
	signal.Reset(syscall.SIGUSR2)
	before, goroutines := openFds(), runtime.NumGoroutine()
	code := m.Run()
	if after := openFds(); code == 0 && after > before {
		io.WriteString(os.Stderr, "file descriptors were left open\n")
		code = 1
	}
	if code == 0 && !endedBut(goroutines) {
		io.WriteString(os.Stderr, "goroutines were left behind\n")
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}

// endedBut waits for goroutines that were told to end, until at most n are left.
func endedBut(n int) bool {
	for giveUp := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > n; runtime.Gosched() {
		if time.Now().After(giveUp) {
			return false
		}
	}
	return true
}

func openFds() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}
