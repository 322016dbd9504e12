package tail

import (
	"log/slog"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/live"
	"github.com/dbnloop/dbnloop/dbn"
)

// heartbeatGrace is how much longer than the heartbeat interval a session may be silent.
const heartbeatGrace = 5 * time.Second

// live runs the session of a plan.
func (p *Program) live(pl *plan, key apiKey, log *slog.Logger) error {
	c := &pl.connection
	options := []dbnloop.LiveOption{
		dbnloop.WithDataset(pl.request.dataset), dbnloop.WithCompression(c.compression),
		dbnloop.WithUpgradePolicy(c.upgrade), dbnloop.WithUserAgent("dbn-tail"),
		dbnloop.WithMaxMetadata(c.maxMetadata),
	}
	if c.tsOut {
		options = append(options, dbnloop.WithTsOut())
	}
	if c.heartbeat > 0 {
		options = append(options, dbnloop.WithHeartbeat(c.heartbeat, heartbeatGrace))
	}
	if behavior := pl.slowReader(p.Stdout); behavior != nil {
		options = append(options, dbnloop.WithSlowReader(*behavior))
	}
	r := &pl.request
	var subscriptions []dbnloop.Subscription
	for _, schema := range r.schemas {
		subscriptions = append(subscriptions, dbnloop.Subscription{
			Schema: schema, StypeIn: r.stypeIn, Symbols: r.symbols, Snapshot: r.snapshot,
			Start: r.start, HasStart: r.hasStart,
		})
	}
	return live.Run(log, live.Options{
		Host: c.host, Port: c.port, Dataset: r.dataset, Key: key.value, KeyOrigin: key.String(),
		Client: options, Subscriptions: subscriptions, Upgrade: upgradeName(c.upgrade),
		Output: &pl.output, Selection: pl.selection, Stats: pl.stats, Metrics: pl.metrics, Summary: pl.summary,
		Stdout: p.Stdout, Exit: p.Exit,
	})
}

func upgradeName(policy dbn.UpgradePolicy) string {
	return map[dbn.UpgradePolicy]string{dbn.AsIs: "as-is", dbn.UpgradeToV2: "v2", dbn.UpgradeToV3: "v3"}[policy]
}
