package tail

import (
	"log/slog"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/live"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// What the demo shows unless told otherwise: about six seconds.
const (
	demoDataset = "GLBX.MDP3"
	demoRecords = 360
	demoRate    = 60 // records per second, to be read
)

var demoSchemas = []dbn.Schema{
	dbn.SchemaDefinition, dbn.SchemaStatus, dbn.SchemaStatistics, dbn.SchemaTrades,
	dbn.SchemaMbo, dbn.SchemaMbp10, dbn.SchemaOhlcv1S,
}

// prepareDemo fills in what the command line left out.
func (f *flags) prepareDemo(args *[]string) error {
	switch {
	case f.gateway != "" || f.key != "" || f.keyFile != "":
		return exit.BadUsage("--demo has a gateway and a key of its own: leave out --gateway, -k and --key-file")
	case f.dataset != "" && f.dataset != demoDataset:
		return exit.BadUsage("--demo has data of %s only, not of %s", demoDataset, f.dataset)
	}
	f.dataset = demoDataset
	if f.demoMix = len(f.schemas) == 0; f.demoMix {
		for _, schema := range demoSchemas {
			f.schemas = append(f.schemas, schema.String())
		}
	}
	if len(*args) == 0 && f.symbolsFile == "" && !f.allSymbols {
		*args = []string{dbn.AllSymbols}
	}
	return nil
}

// demo runs the live session against a simulator inside this process.
func (p *Program) demo(f *flags, pl *plan, log *slog.Logger) error {
	rate := float64(demoRate)
	if pl.selection.Limit == 0 {
		pl.selection.Limit = demoRecords
	} else if pl.selection.Limit > demoRecords {
		// More records in the same time, so that it stays a few seconds.
		rate *= float64(pl.selection.Limit) / demoRecords
	}
	sources, err := live.DemoSources(f.demoMix)
	if err != nil {
		return exit.Fail(exit.Failure, "the demo's data: %w", err)
	}
	gw, err := sim.NewGateway(sim.Config{
		Sources: sources, Pace: sim.PerSecond(rate), AtEnd: sim.CloseAtEnd, Passes: sim.Forever, ShiftPasses: true,
	})
	if err != nil {
		return exit.Fail(exit.Failure, "the demo's simulator: %w", err)
	}
	defer gw.Close() //nolint:errcheck // nothing is lost with it
	pl.connection.host, pl.connection.port = gw.Host(), gw.Port()
	log.Info("demo: sample data from a simulator on " + gw.Addr() + "; no key, no network")
	return p.live(pl, apiKey{value: sim.TestKey, origin: "the demo"}, log)
}
