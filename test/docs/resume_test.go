package docs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dbnloop/dbnloop/sim"
)

// resumes runs a program that keeps its position in a file three times: until the gateway refuses
// it, until a signal, and to the end. Together the runs count all records.
func resumes(all int) func(t *testing.T, path, language string) {
	return func(t *testing.T, path, language string) {
		file := filepath.Join(t.TempDir(), "position")
		first := resumed(t, path, language, file, sim.CloseAtEnd, nil, "close=50,on=1", "auth-refused=closed for today,on=2-99")
		if first <= 0 || first >= all {
			t.Errorf("the first run counted %d trades, want some of %d", first, all)
		}
		stop := func(gateway *sim.Gateway, program *os.Process) {
			if err := errors.Join(gateway.AwaitSubscribed(t.Context(), 1), program.Signal(syscall.SIGTERM)); err != nil {
				t.Error(err)
			}
		}
		second := resumed(t, path, language, file, sim.StayAtEnd, stop)
		if second < first || second > all {
			t.Errorf("the second run ended with %d trades, after %d of %d", second, first, all)
		}
		if third := resumed(t, path, language, file, sim.CloseAtEnd, nil); third != all {
			t.Errorf("%d trades in the end, want %d", third, all)
		}
	}
}

// resumed is the number of trades that one run prints.
func resumed(t *testing.T, path, language, file string, atEnd sim.EndAction, stop func(*sim.Gateway, *os.Process), faults ...string) int {
	t.Helper()
	gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources(), AtEnd: atEnd, Clock: sim.NewManualClock(sampleBegin)})
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	for _, fault := range faults {
		if _, err := gateway.AddFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{file, gateway.Host(), strconv.Itoa(gateway.Port())}
	if language == "go" {
		args = []string{"-gateway", gateway.Host(), "-port", strconv.Itoa(gateway.Port()), file}
	}
	command := exec.Command(path, args...)
	command.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Start(); err != nil {
		t.Fatalf("%v: make test-docs builds it", err)
	}
	if stop != nil {
		stop(gateway, command.Process)
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var trades int
	if _, err := fmt.Sscanf(strings.TrimSpace(stdout.String()), "%d trades", &trades); err != nil {
		t.Fatalf("%v: %q\n%s", err, &stdout, &stderr)
	}
	return trades
}
