package dbnloop_test

import (
	"errors"
	"testing"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

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
	if allocs > 0 && !dbnloop.Poisoned {
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
