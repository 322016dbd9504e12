package dbnloop_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// What the gateway no longer retains comes from history, when its price is allowed.
func TestAContinuousStreamBeginsInHistory(t *testing.T) {
	_, raw := simtest.SampleFile(t, dbn.SchemaTrades.String())
	var clocks []dbn.UnixNanos
	simtest.Pick(raw, func(rec dbn.Record) bool {
		clocks = append(clocks, rec.IndexTs())
		return false
	})
	n := len(clocks)
	run := func(t *testing.T, seam int, opts ...dbnloop.ContinuousOption) (*received, *dbnloop.Reactor) {
		gw := simtest.Gateway(t, sim.Config{LiveFrom: clocks[seam], SharedMarket: true, Retention: sim.KeepAll})
		server := simtest.Historical(t, simhist.Config{Present: gw.Present})
		r := newReactor(t)
		opts = append([]dbnloop.ContinuousOption{
			dbnloop.WithReplayLimit(0), // everything begins in history
			dbnloop.WithHistory(dbnloop.WithURL(server.URL()), dbnloop.WithCAFile(simtest.CAFile(t, server))),
		}, opts...)
		got := continuous(t, r, gw.Host(), gw.Port(), dbn.SchemaTrades, uint64(clocks[0]-1_000_000_000), opts...)
		if err := got.client.Start(); err != nil {
			t.Fatal(err)
		}
		got.until(t, r, "live, or an end", func() bool { return got.client.State() == dbnloop.StreamLive || len(got.errors) > 0 })
		if len(got.errors) == 0 {
			if _, err := gw.Advance(1 << 30); err != nil {
				t.Fatal(err)
			}
			got.until(t, r, "every record", func() bool { return got.records >= n })
		}
		return got, r
	}
	for _, seam := range []int{n / 4, n / 2, n - 1} {
		t.Run(fmt.Sprintf("until record %d", seam), func(t *testing.T) {
			got, _ := run(t, seam, dbnloop.WithMaxCost(math.Inf(1)))
			got.want(t, "history, replay and live", raw)
			prices := got.of(dbnloop.Price)
			if len(prices) != 1 || prices[0].Cost <= 0 || prices[0].Cost != got.client.Spent() || prices[0].From > prices[0].To {
				t.Errorf("prices %+v, spent %v", prices, got.client.Spent())
			}
			if !slices.Contains(got.states, dbnloop.StreamHistory) {
				t.Errorf("states %v", got.states)
			}
		})
	}
	t.Run("nothing is bought unless it is allowed", func(t *testing.T) {
		got, _ := run(t, n/2, dbnloop.WithMaxCost(0))
		prices := got.of(dbnloop.Price)
		if len(prices) != 1 || prices[0].Cost <= 0 || got.client.Spent() != 0 || got.records != 0 {
			t.Errorf("prices %+v, spent %v, %d records", prices, got.client.Spent(), got.records)
		}
		if len(got.errors) != 1 || !errors.Is(got.errors[0], dbnloop.ErrLimitExceeded) || !strings.Contains(got.errors[0].Error(), "max_cost") {
			t.Errorf("errors %v", got.errors)
		}
	})
}

// An undisturbed stream allocates nothing per record.
func TestAContinuousStreamAllocatesNothingPerRecord(t *testing.T) {
	const n = 400_000
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{numbered(n)}})
	r := newReactor(t)
	got := continuous(t, r, gw.Host(), gw.Port(), dbn.SchemaMbo, 0)
	count := 0
	got.client.Handle(dbnloop.Handlers{Mbo: func(*dbn.MboMsg) { count++ }})
	if err := got.client.Start(); err != nil {
		t.Fatal(err)
	}
	got.until(t, r, "the first records", func() bool { return count > n/10 })
	before := count
	allocations := testing.AllocsPerRun(1, func() {
		for limit := count + n/4; count < limit; {
			if _, err := r.Poll(-1); err != nil {
				t.Fatal(err)
			}
		}
	})
	if records := count - before; allocations > float64(records)/1000 {
		t.Errorf("%v allocations for some %d records", allocations, records/2)
	}
}
