package main

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/chaos"
)

// chaosOptions make processes of this test binary the relays.
func chaosOptions(t *testing.T) chaos.Options {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Setenv("TMPDIR", t.TempDir())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return chaos.Options{
		Relay: func(args ...string) *exec.Cmd {
			cmd := exec.Command(os.Args[0], args...)
			cmd.Env = append(os.Environ(), asRelay+"=1")
			return cmd
		},
		Seed: seed, Out: t.Output(),
	}
}

// The relay, NATS and the consumers are killed and sessions are cut. In the end the log and every consumer have each
// record once and in order. The disk keeps its space here: make relay-chaos fills it as well.
func TestChaosLosesAndRepeatsNothing(t *testing.T) {
	o := chaosOptions(t)
	o.Events, o.KeepDisk = 5000, true
	report, err := chaos.Run(t.Context(), o)
	t.Log(report)
	if err != nil {
		t.Fatal(err)
	}
	if report.Rounds < 2 || report.RelayKills == 0 || len(report.ConsumerKills) != 3 {
		t.Errorf("too little happened: %v", report)
	}
}

// Of two relays on a cluster of three NATS servers the one that writes is killed, and the other one takes over.
func TestARelayOnAClusterIsReplacedWithoutGapOrRepeat(t *testing.T) {
	o := chaosOptions(t)
	o.Kills = 2
	report, err := chaos.Takeovers(t.Context(), o)
	t.Log(report)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Times) != o.Kills {
		t.Errorf("too little happened: %v", report)
	}
}
