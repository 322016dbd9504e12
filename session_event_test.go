package dbnloop_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

func TestSessionEventsComeBehindTheirRecords(t *testing.T) {
	config := sim.Config{AtEnd: sim.CloseAtEnd}
	for _, fault := range []string{"slow-warning=5", "skipped=9"} {
		if err := config.Faults.ParseFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	gw := simtest.Gateway(t, config)
	r := newReactor(t)
	c, err := dbnloop.NewLiveClient(r, sim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	id, err := c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "ESZ6", "NOPE9"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Connect(gw.Host(), gw.Port()), c.Start()); err != nil {
		t.Fatal(err)
	}
	var got []dbnloop.SessionEvent
	var told string // by the last message record
	trades := 0
	runUntilError(t, r, c, dbnloop.Handlers{
		Trade:        func(*dbn.TradeMsg) { trades++ },
		System:       func(m *dbn.SystemMsg) { told = m.MsgString() },
		GatewayError: func(m *dbn.ErrorMsg) { told = m.ErrString() },
		Session: func(e dbnloop.SessionEvent) {
			if e.Message != told {
				t.Errorf("event %q behind the record %q", e.Message, told)
			}
			if e.TsEvent == 0 {
				t.Errorf("%v without a time", e.Kind)
			}
			e.TsEvent, e.Message = 0, ""
			got = append(got, e)
		},
	})
	want := []dbnloop.SessionEvent{
		{Kind: dbnloop.SubscriptionAck, Code: dbn.ErrorCodeUnset, SubscriptionID: id, Schema: dbn.SchemaTrades, HasSchema: true},
		{Kind: dbnloop.SymbolUnresolved, Code: dbn.ErrorCodeSymbolResolutionFailed},
		{Kind: dbnloop.SlowReader, Code: dbn.ErrorCodeUnset},
		{Kind: dbnloop.RecordsSkipped, Code: dbn.ErrorCodeSkippedRecordsAfterSlowReading},
	}
	byKind := cmp.Transformer("byKind", func(events []dbnloop.SessionEvent) map[dbnloop.SessionEventKind]dbnloop.SessionEvent {
		m := map[dbnloop.SessionEventKind]dbnloop.SessionEvent{}
		for _, e := range events {
			m[e.Kind] = e
		}
		return m
	})
	if diff := cmp.Diff(want, got, byKind); diff != "" || len(got) != len(want) {
		t.Errorf("%d events: %s", len(got), diff)
	}
	if trades == 0 {
		t.Error("no trade")
	}
}

func TestSessionEventHandlersMayPauseAndClose(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaTrades)
	closed := false
	records := 0
	c.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) {
			if closed {
				t.Error("a record after Close")
			}
			records++
		},
		Session: func(dbnloop.SessionEvent) {
			c.Pause()
			if _, err := r.AfterFunc(time.Millisecond, func() {
				if records > 0 {
					t.Error("a record while paused")
				}
				closed = true
				c.Close()
				r.Stop()
			}); err != nil {
				t.Error(err)
			}
		},
		Error: func(err error) { t.Error(err) },
	})
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !closed {
		t.Error("no session event came")
	}
}

func TestSessionEventKindsHaveNames(t *testing.T) {
	for k := dbnloop.SubscriptionAck; k <= dbnloop.Notice; k++ {
		if strings.Contains(k.String(), "?") {
			t.Errorf("%d: %v", k, k)
		}
	}
	for _, k := range []dbnloop.SessionEventKind{0, 10, 1 << 31} {
		if k.String() != "SessionEventKind(?)" {
			t.Errorf("%d: %v", k, k)
		}
	}
}

func TestStatsCountWhatHandlersGot(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo, dbnloop.WithTsOut())
	var records [256]uint64
	var size uint64
	runUntilError(t, r, c, dbnloop.Handlers{Record: func(rec dbn.Record) {
		records[rec.RType()]++
		size += uint64(rec.Size())
	}})
	s := c.Stats()
	if diff := cmp.Diff(records, s.Records); diff != "" || s.Bytes != size {
		t.Errorf("%d bytes, want %d; %s", s.Bytes, size, diff)
	}
	if s.Count(dbn.RTypeMbo) != records[dbn.RTypeMbo] || s.Count() < s.Count(dbn.RTypeMbo, dbn.RTypeSystem) {
		t.Errorf("%d records", s.Count())
	}
	if s.BytesRead <= s.Bytes || s.Reads == 0 || s.Batches == 0 || s.Polls == 0 || s.Buffered != 0 || s.Pauses != 0 {
		t.Errorf("%+v", s)
	}
	if n := s.GatewayToClient.Count(); n != s.Batches || s.VenueToGateway.Count() == 0 || s.VenueToGateway.Count() > n {
		t.Errorf("%d and %d latencies of %d batches", n, s.VenueToGateway.Count(), s.Batches)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Count() != 0 {
		t.Errorf("after Close: %+v", s)
	}
}

func TestStatsTellOfPauses(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaTrades)
	c.Pause()
	if _, err := r.Poll(0); err != nil {
		t.Fatal(err)
	}
	first := c.Stats()
	c.Resume()
	c.Pause()
	if s := c.Stats(); first.Pauses != 1 || s.Pauses != 2 || s.Paused < first.Paused {
		t.Errorf("%+v, then %+v", first, s)
	}
}

func TestLatencyHistogramBounds(t *testing.T) {
	var h dbnloop.LatencyHistogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 {
		t.Error("an empty one has values")
	}
	h[0], h[10], h[63] = 1, 98, 1
	for q, want := range map[float64]time.Duration{0: 0, 0.01: 0, 0.5: 1023, 0.99: 1023, 1: 1<<63 - 1, 5: 1<<63 - 1, -1: 0} {
		if got := h.Quantile(q); got != want {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
}
