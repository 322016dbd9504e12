package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// historical runs a simulator with faults and gives the flags that lead to it.
func historical(t *testing.T, args ...string) []string {
	t.Helper()
	dir := t.TempDir()
	args = append([]string{"--hist-port", "0", "--hist-port-file", "port", "--ca-out", "ca.pem"}, args...)
	_, stop, err := startSim(dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	url, err := histURL(dir)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--hist-url", url, "--ca-file", filepath.Join(dir, "ca.pem")}
}

// day asks for a day of the sample data.
func day(flags []string, more ...string) []string {
	args := append([]string{"hist", "-y", "-d", "GLBX.MDP3", "-s", "mbo", "--start", "2026-11-15", "ESZ6"}, flags...)
	return append(args, more...)
}

func TestASignalEndsHistoricalData(t *testing.T) {
	flags := historical(t, "--hist-stored", "--hist-fault", "stall-body=70000")
	p := start(t, day(flags, "-J")...)
	first := p.line()
	p.signal(syscall.SIGINT)
	rest, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 130 || !strings.Contains(p.stderr.String(), "interrupted: ") {
		t.Errorf("exit code %d; stderr: %s", code, p.stderr)
	}
	for line := range strings.Lines(first + string(rest)) {
		if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
			t.Fatalf("an unfinished line: %q", line)
		}
	}
}

func TestASignalKeepsWhatADownloadHas(t *testing.T) {
	flags := historical(t, "--hist-stored", "--hist-fault", "stall-body=70000")
	p := start(t, day(flags, "-o", "a.dbn.zst", "-v")...)
	if !p.stderr.await("using the historical API") { // signals are watched from then on
		t.Fatalf("stderr: %s", p.stderr)
	}
	for i := 1; !strings.Contains(p.stderr.String(), "70,000 bytes"); i++ {
		p.signal(syscall.SIGUSR1)
		if !p.stderr.await(fmt.Sprintf("(?s)((waiting for the server|downloading for).*){%d}", min(i, 1000))) {
			t.Fatalf("stderr: %s", p.stderr)
		}
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 130 || !strings.Contains(p.stderr.String(), "what was received is kept in a.dbn.zst.part") {
		t.Errorf("exit code %d; stderr: %s", code, p.stderr)
	}
	entries, err := os.ReadDir(p.cmd.Dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "a.dbn.zst.part" {
		t.Fatalf("left: %v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Size() != 70_000 {
		t.Errorf("the part: %v, %v", info, err)
	}
}

func TestASignalEndsWaitingForAnAnswer(t *testing.T) {
	flags := historical(t, "--hist-fault", "stall-headers")
	for _, args := range [][]string{
		day(flags, "-J"), day(flags, "-o", "a.dbn.zst"), day(flags, "--dry-run"),
		append([]string{"datasets"}, flags...),
	} {
		t.Run(args[0], func(t *testing.T) {
			p := start(t, append(args, "-v")...)
			if !p.stderr.await("using the historical API") { // signals are watched from then on
				t.Fatalf("stderr: %s", p.stderr)
			}
			p.signal(syscall.SIGUSR1)
			if !p.stderr.await("waiting for the server's answer|no records yet|downloading for") {
				t.Fatalf("stderr: %s", p.stderr)
			}
			p.signal(syscall.SIGTERM)
			if code := p.wait(); code != 143 {
				t.Errorf("exit code %d; stderr: %s", code, p.stderr)
			}
			entries, err := os.ReadDir(p.cmd.Dir)
			if err != nil || len(entries) > 0 {
				t.Errorf("left: %v, %v", entries, err)
			}
		})
	}
}

func TestHistoricalBrokenPipe(t *testing.T) {
	flags := historical(t, "--hist-repeat-bytes", "1000000000")
	p := start(t, day(flags, "-J")...)
	p.line()
	p.pipe.Close()
	if code := p.wait(); code != 0 || p.stderr.String() != "" {
		t.Errorf("exit code %d, stderr: %q", code, p.stderr)
	}
}
