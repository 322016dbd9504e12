package tail

import (
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/live"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// What the demo shows unless flags say otherwise: about six seconds.
const (
	demoDataset = "GLBX.MDP3"
	demoRecords = 360
	demoRate    = 60 // records per second, to be read
)

var demoSchemas = []dbn.Schema{
	dbn.SchemaDefinition, dbn.SchemaStatus, dbn.SchemaStatistics, dbn.SchemaTrades,
	dbn.SchemaMbo, dbn.SchemaMbp10, dbn.SchemaOhlcv1S,
}

// prepareDemo fills in what the command line left out. mix means that the schemas are the demo's.
func (f *rootFlags) prepareDemo(args *[]string) (mix bool, err error) {
	switch {
	case f.gateway != "" || f.key != "" || f.keyFile != "":
		return false, exit.BadUsage("--demo has a gateway and a key of its own: leave out --gateway, -k and --key-file")
	case f.dataset != "" && f.dataset != demoDataset:
		return false, exit.BadUsage("--demo has data of %s only, not of %s", demoDataset, f.dataset)
	}
	f.dataset = demoDataset
	if mix = len(f.schemas) == 0; mix {
		f.schemas = names(demoSchemas)
	}
	if len(*args) == 0 && f.symbolsFile == "" && !f.allSymbols {
		*args = []string{dbn.AllSymbols}
	}
	return mix, nil
}

// demo runs the session against a simulator inside this process.
func (c *commandLine) demo(s *session, mix bool) error {
	rate := float64(demoRate)
	if s.Selection.Limit == 0 {
		s.Selection.Limit = demoRecords
	} else if s.Selection.Limit > demoRecords {
		// More records in the same time, so that it stays a few seconds.
		rate *= float64(s.Selection.Limit) / demoRecords
	}
	gw, err := demoGateway(s, mix, rate)
	if err != nil {
		return err
	}
	defer gw.Close() //nolint:errcheck // nothing is lost with it
	c.log.Info("demo: sample data from a simulator on " + gw.Addr() + "; no key, no network")
	return s.run(c.log)
}

// demoGateway starts the simulator of a session, which repeats the sample data.
func demoGateway(s *session, mix bool, rate float64) (*sim.Gateway, error) {
	sources, err := live.DemoSources(mix)
	if err != nil {
		return nil, exit.Fail(exit.Failure, "the demo's data: %w", err)
	}
	gw, err := sim.NewGateway(sim.Config{
		Sources: sources, Pace: sim.PerSecond(rate), AtEnd: sim.CloseAtEnd, Passes: sim.Forever, ShiftPasses: true,
	})
	if err != nil {
		return nil, exit.Fail(exit.Failure, "the demo's simulator: %w", err)
	}
	s.Host, s.Port, s.Key, s.KeyOrigin = gw.Host(), gw.Port(), sim.TestKey, "key from the demo"
	return gw, nil
}
