package main

import (
	"fmt"
	"os"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/config"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/service"
	"github.com/dbnloop/dbnloop/sim"
)

// demoKey is the consumers' key in a demo. It is public, so a demo can be reached from this machine only.
const demoKey = "db-relayDEMOrelayDEMOrelayDEMO00"

// demo is a simulated gateway and a log that both end with the program.
type demo struct {
	gateway   *sim.Gateway
	directory string // to be removed
}

// demoSchemas are those of the sample data that one log can hold.
var demoSchemas = []string{"mbo", "trades", "mbp-1", "mbp-10", "bbo-1s", "ohlcv-1s", "definition", "statistics", "status"}

// startDemo starts the simulator, and completes the configuration.
func startDemo(c *config.Config) (*demo, error) {
	if c.Serve.Listen == "" {
		c.Serve.Listen = "127.0.0.1:0"
	}
	if !config.IsLoopback(c.Serve.Listen) {
		return nil, exit.BadUsage("--listen %s: the key of a demo is public, so only an address of this machine is possible", c.Serve.Listen)
	}
	pace, err := sim.ParsePace("1x")
	if err != nil {
		return nil, err
	}
	d := &demo{}
	if d.gateway, err = sim.NewGateway(sim.Config{
		Sources: sim.SampleSources(), SharedMarket: true, Pace: pace, Retention: sim.KeepAll,
	}); err != nil {
		return nil, err
	}
	c.Upstream.Gateway = d.gateway.Addr()
	c.Upstream.ReplayLimit = config.Duration(100 * 365 * 24 * time.Hour) // the sample's market has a time of its own
	if c.Log.Directory == "" && c.Log.URL == "" {
		if d.directory, err = os.MkdirTemp("", "dbn-relay-demo-"); err != nil {
			d.close()
			return nil, err
		}
		c.Log.Directory = d.directory
	}
	of := config.Dataset{Name: d.gateway.Datasets()[0], Start: "all"}
	for _, schema := range demoSchemas {
		of.Subscriptions = append(of.Subscriptions, config.Subscription{Schema: schema})
	}
	c.Datasets = []config.Dataset{of}
	return d, nil
}

func (d *demo) keys() service.Keys {
	return service.Keys{Upstream: sim.TestKey, Consumers: []string{demoKey}}
}

func (d *demo) close() {
	d.gateway.Close() //nolint:errcheck // the program ends
	if d.directory != "" {
		os.RemoveAll(d.directory) //nolint:errcheck // likewise
	}
}

// demoHint says what to do with a demo.
func demoHint(address string) string {
	return fmt.Sprintf("Try, in another terminal:\n  DATABENTO_API_KEY=%s dbn-tail --gateway %s -d GLBX.MDP3 -s trades --start 0 -y ALL_SYMBOLS\n", demoKey, address)
}
