package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestSoakForAMoment runs everything that the command runs, for a few seconds, but does not count with
// DuckDB.
func TestSoakForAMoment(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("../../scripts/go-shipped.sh", "build", "-ldflags=-w", "-o", dir+"/", "github.com/dbnloop/dbnloop/cmd/dbn-sim", "github.com/dbnloop/dbnloop/cmd/dbn-tail")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the programs: %v\n%s", err, out)
	}
	o := options{
		duration: 4 * time.Second, seed: uint64(time.Now().UnixNano()), program: filepath.Join(dir, "dbn-sim"), tail: filepath.Join(dir, "dbn-tail"),
		records: 20_000, download: 64 << 20, moreKiB: 128 << 10, // the race detector's own memory varies
		rate: 200, rotate: "1s",
	}
	if err := run(t.Context(), o); err != nil {
		t.Error(err)
	}
	if err := runCapture(t.Context(), o); err != nil {
		t.Error("the capture:", err)
	}
}
