package historical_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// A file that stays on disk is served as one in memory.
func TestARangeOfAFileOnDisk(t *testing.T) {
	before := market.LargeFile
	t.Cleanup(func() { market.LargeFile = before })
	market.LargeFile = 0
	meta, want := simtest.SampleFile(t, "trades")
	head, err := meta.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trades.dbn")
	if err := os.WriteFile(path, append(head, want...), 0o600); err != nil {
		t.Fatal(err)
	}
	h := serve(t, historical.Config{Sources: []sim.Source{sim.FileSource(path)}})
	_, list := records(t, h, "dataset=GLBX.MDP3", "schema=trades", "start=2026-11-15")
	if !bytes.Equal(bytes.Join(list, nil), want) {
		t.Errorf("%d records differ from the file's", len(list))
	}
	// What is missing when it is asked for is an answer that breaks off.
	if err := os.Truncate(path, int64(len(head)+len(want)/2)); err != nil {
		t.Fatal(err)
	}
	if a, err := tradesOf(t, h); err == nil && a.err == nil {
		t.Errorf("a file that lost its end: status %d with %d bytes", a.status, len(a.body))
	}
}
