// Package simtest runs simulated servers that end with a test.
package simtest

import (
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// Gateway runs a live gateway, of the sample data unless config says otherwise. A gateway
// that cannot be closed in order fails the test.
func Gateway(t testing.TB, config sim.Config) *sim.Gateway {
	t.Helper()
	if config.Sources == nil {
		config.Sources = sim.SampleSources()
	}
	gw, err := sim.NewGateway(config)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, gw)
	return gw
}

// Historical runs a server of the historical API, of the sample data unless config says
// otherwise.
func Historical(t testing.TB, config historical.Config) *historical.Server {
	t.Helper()
	if config.Sources == nil {
		config.Sources = sim.SampleSources()
	}
	h, err := historical.NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, h)
	return h
}

// CAFile is a file with the certificate of h's authority.
func CAFile(t testing.TB, h *historical.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := h.WriteCA(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func closeAfter(t testing.TB, server interface{ Close() error }) {
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}
