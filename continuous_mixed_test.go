package dbnloop_test

import (
	"math/rand/v2"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// Neighbouring records of a replay seldom share their schema. They are handed out in batches all
// the same: one turn for each would make the replay of a day take hours.
func TestAReplayOfMixedSchemasComesInFewBatches(t *testing.T) {
	market := exchange.New(rand.New(rand.NewPCG(21, 22)), 20_000)
	files, err := market.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config := sim.Config{SharedMarket: true, Retention: sim.KeepAll}
	for _, path := range files {
		config.Sources = append(config.Sources, sim.FileSource(path))
	}
	gw := simtest.Gateway(t, config)
	if _, err := gw.Advance(1 << 30); err != nil {
		t.Fatal(err)
	}
	r := newReactor(t)
	c, err := dbnloop.NewContinuousClient(r, sim.TestKey, dbnloop.WithGateway(gw.Host(), gw.Port()), dbnloop.WithBackoff(0, 0), old())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, s := range market.Streams {
		subscription := dbnloop.NewSubscription(exchange.Dataset, s.Schema, dbn.AllSymbols)
		subscription.HasStart, subscription.Start = true, exchange.Start
		if _, err := c.Subscribe(subscription); err != nil {
			t.Fatal(err)
		}
	}
	got, audit := &received{client: c}, market.Audit()
	h := got.handlers()
	h.Record = func(rec dbn.Record) {
		if err := audit.Add(rec); err != nil && !t.Failed() {
			t.Error(err)
		}
	}
	c.Handle(h)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	live := func() bool { return audit.Left == 0 && c.State() == dbnloop.StreamLive || t.Failed() }
	got.until(t, r, "everything", live)
	batches := c.Stats().Batches
	if audit.Records < 100*int(batches) {
		t.Errorf("%d records came in %d batches", audit.Records, batches)
	}
	// They come again after a break, and are dropped.
	gw.Reset()
	got.until(t, r, "another session", func() bool { return len(got.of(dbnloop.Recovered)) == len(market.Streams) || t.Failed() })
	for _, e := range got.of(dbnloop.Recovered) {
		if e.Replayed != e.Dropped || e.Dropped == 0 {
			t.Errorf("%+v", e)
		}
	}
	if err := audit.Complete(); err != nil {
		t.Error(err)
	}
}
