package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// A job that was ordered is not lost with the process that waits for it: what the message says
// fetches the files.
func TestASignalLeavesAJobThatCanBeFetched(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC))
	h := simtest.Historical(t, simhist.Config{JobDelay: time.Hour, Clock: clock})
	server := []string{"--hist-url", h.URL(), "--ca-file", simtest.CAFile(t, h)}
	dir := t.TempDir()
	p := start(t, append(server, "batch", "submit", "-y", "--wait", "--dir", dir, "-d", "GLBX.MDP3", "-s", "trades", "--start", "2026-11-15", "ESZ6")...)
	if !p.stderr.await(`job GLBX-\S+: queued`) {
		t.Fatalf("stderr: %s", p.stderr)
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 130 {
		t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
	}
	_, hint, found := strings.Cut(p.stderr.String(), "; dbn-tail ")
	command, _, complete := strings.Cut(hint, " fetches its files")
	if !found || !complete {
		t.Fatalf("stderr: %s", p.stderr)
	}
	clock.Advance(time.Hour)
	p = start(t, append(strings.Fields(command), server...)...)
	if code := p.wait(); code != 0 {
		t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
	}
	files, err := filepath.Glob(filepath.Join(dir, "GLBX-*", "*.dbn.zst"))
	if err != nil || len(files) != 1 {
		t.Errorf("%q, %v", files, err)
	}
}
