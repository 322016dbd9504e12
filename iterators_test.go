package dbnloop_test

import (
	"context"
	"errors"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

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
