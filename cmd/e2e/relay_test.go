package e2e

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/config"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/service"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// relayOf starts a relay of some schemas. Its consumers have the key that its gateway has.
func relayOf(t *testing.T, gateway string, schemas ...string) *service.Service {
	t.Helper()
	c := config.Config{
		Upstream: config.Upstream{Gateway: gateway, ReplayLimit: config.Duration(1 << 60)},
		Log:      config.Log{Directory: t.TempDir()},
		Datasets: []config.Dataset{{Name: "GLBX.MDP3", Start: "all"}},
	}
	for _, schema := range schemas {
		c.Datasets[0].Subscriptions = append(c.Datasets[0].Subscriptions, config.Subscription{Schema: schema})
	}
	relay, err := service.Start(t.Context(), c, service.Keys{Upstream: sim.TestKey, Consumers: []string{sim.TestKey}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Close() }) //nolint:errcheck // the directory goes with it
	return relay
}

// dbn-tail receives through a relay exactly what it receives from the gateway itself: live from the first record on, and
// from a replay that becomes live in the middle, with several filters at once.
func TestDbnTailReceivesThroughARelay(t *testing.T) {
	market := simtest.Gateway(t, sim.Config{SharedMarket: true, Retention: sim.KeepAll})
	direct := simtest.Gateway(t, sim.Config{})
	relay := relayOf(t, market.Addr(), "mbo", "trades", "mbp-10", "definition", "ohlcv-1s")
	for relay.Status(t.Context()).Datasets[0].Symbols < 4 { // names of the instruments precede the market
		if err := relay.Err(); err != nil {
			t.Fatal(err)
		}
	}
	type consumer struct {
		process *process
		args    []string
	}
	var consumers []consumer
	begin := func(schema, symbol string, more ...string) {
		_, records := simtest.SampleFile(t, schema)
		count := 0
		simtest.Pick(records, func(rec dbn.Record) bool {
			if symbol == "ALL_SYMBOLS" || rec.Header().InstrumentID == 4916 {
				count++
			}
			return false
		})
		args := append([]string{"-d", "GLBX.MDP3", "-s", schema, "-y", "-J", "-l", fmt.Sprint(count), symbol}, more...)
		p := start(t, append([]string{"-v", "--gateway", relay.Addr()}, args...)...)
		if !p.stderr.await("Subscription request 1 for .* succeeded") {
			t.Fatalf("%q: %s", args, p.stderr)
		}
		consumers = append(consumers, consumer{p, args})
	}
	begin("mbo", "ESZ6")
	begin("trades", "ALL_SYMBOLS", "--compression", "zstd")
	if _, err := market.Advance(3000); err != nil {
		t.Fatal(err)
	}
	begin("mbo", "ALL_SYMBOLS", "--start", "0")
	begin("mbp-10", "ESZ6", "--start", "0", "--compression", "zstd")
	begin("ohlcv-1s", "4916", "--start", "0", "-i", "instrument_id")
	if _, err := market.Advance(1 << 30); err != nil {
		t.Fatal(err)
	}
	for _, c := range consumers {
		got, err := io.ReadAll(c.process.stdout)
		if code := c.process.wait(); err != nil || code != 0 {
			t.Fatalf("%q: code %d, %v\n%s", c.args, code, err, c.process.stderr)
		}
		p := start(t, slices.Concat([]string{"--gateway", direct.Addr()}, c.args)...)
		want, err := io.ReadAll(p.stdout)
		if code := p.wait(); err != nil || code != 0 {
			t.Fatalf("without a relay: %q: code %d, %v\n%s", c.args, code, err, p.stderr)
		}
		if string(got) != string(want) || len(want) == 0 {
			t.Errorf("%q: %d lines through the relay differ from the %d of the gateway", c.args, strings.Count(string(got), "\n"), strings.Count(string(want), "\n"))
		}
	}
}
