package dbnloop_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// told is how often each handler of a stream was called; records are counted one by one.
type told map[string]int

// panicking returns handlers that count their calls, of which one panics at its first call;
// ended is called by the last handler of a stream, before it panics.
func panicking(which string, got told, ended func()) dbnloop.Handlers {
	note := func(name string, n int) {
		first := got[name] == 0
		got[name] += n
		if name == "Error" || name == "Complete" {
			ended()
		}
		if first && name == which {
			panic(which)
		}
	}
	h := dbnloop.Handlers{
		State:        func(dbnloop.State) { note("State", 1) },
		Metadata:     func(*dbn.Metadata) { note("Metadata", 1) },
		SessionEvent: func(dbnloop.SessionEvent) { note("Session", 1) },
		Mbo:          func(*dbn.MboMsg) { note("Mbo", 1) },
		Complete:     func() { note("Complete", 1) },
		Error:        func(error) { note("Error", 1) },
	}
	if which == "MboRun" {
		h.Mbo = nil
		h.MboRun = func(run []dbn.MboMsg) { note("MboRun", len(run)) }
	}
	return h
}

// pollUntil polls until *ended and a little longer, and counts the panics that pass through.
func pollUntil(t *testing.T, r *dbnloop.Reactor, ended *bool) (panics int) {
	t.Helper()
	for turns := 0; turns < 3; {
		func() {
			defer func() {
				if recover() != nil {
					panics++
				}
			}()
			if _, err := r.Poll(10 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}()
		if *ended {
			turns++
		}
	}
	return panics
}

// A panic reaches the caller of Poll, once; who goes on misses nothing and gets nothing twice.
func TestEveryHandlerMayPanic(t *testing.T) {
	mbo := sample(t, dbn.SchemaMbo)
	t.Run("live", func(t *testing.T) {
		want := told{"State": 5, "Metadata": 1, "Session": 1, "Mbo": mbo, "Error": 1}
		for _, which := range []string{"State", "Metadata", "Session", "Mbo", "MboRun", "Error"} {
			t.Run(which, func(t *testing.T) {
				gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
				r := newReactor(t)
				c := session(t, gw, r, dbn.SchemaMbo)
				checkPanic(t, r, c.Handle, which, want)
			})
		}
	})
	t.Run("historical", func(t *testing.T) {
		want := told{"Metadata": 1, "Mbo": mbo, "Complete": 1}
		_, opts := historical(t, simhist.Config{})
		for _, which := range []string{"Metadata", "Mbo", "MboRun", "Complete"} {
			t.Run(which, func(t *testing.T) {
				r := newReactor(t)
				c := newHistorical(t, r, opts...)
				if err := c.Request(sampleRange(t, c, dbn.SchemaMbo)); err != nil {
					t.Fatal(err)
				}
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				checkPanic(t, r, c.Handle, which, want)
			})
		}
	})
}

func checkPanic(t *testing.T, r *dbnloop.Reactor, handle func(dbnloop.Handlers), which string, want told) {
	t.Helper()
	got, ended := told{}, false
	handle(panicking(which, got, func() { ended = true }))
	if panics := pollUntil(t, r, &ended); panics != 1 {
		t.Errorf("%d panics reached the caller of Poll", panics)
	}
	if n, runs := got["MboRun"]; runs {
		got["Mbo"] = n
		delete(got, "MboRun")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
