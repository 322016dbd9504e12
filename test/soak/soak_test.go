package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestSoakForAMoment runs everything that the command runs, for a few seconds.
func TestSoakForAMoment(t *testing.T) {
	program := filepath.Join(t.TempDir(), "dbn-sim")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/dbnloop/dbnloop/cmd/dbn-sim").CombinedOutput(); err != nil {
		t.Fatalf("building dbn-sim: %v\n%s", err, out)
	}
	err := run(t.Context(), options{
		duration: 4 * time.Second, seed: uint64(time.Now().UnixNano()), program: program,
		records: 20_000, download: 64 << 20, moreKiB: 128 << 10, // the race detector's own memory varies
	})
	if err != nil {
		t.Fatal(err)
	}
}
