package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// A demo relays what its simulator sends, ends in order at SIGTERM, and leaves nothing.
func TestADemoRelaysAndLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := startRelay(t, "--demo", "--admin", "127.0.0.1:0")
	first := consume(t, p, nil, 1)
	if len(first) == 0 {
		t.Error("no record came")
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil || !strings.Contains(p.log.String(), "msg=done") {
		t.Errorf("the end in order: %v\n%s", err, p.log)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v, %v", left, err)
	}
}

func TestMistakesOnTheCommandLineAreNamed(t *testing.T) {
	t.Setenv("DATABENTO_API_KEY", "")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--demo", "--listen", "0.0.0.0:0"}, 2, "the key of a demo is public"},
		{[]string{"--demo", "--config", "x"}, 2, "exclude each other"},
		{[]string{"--schema", "trades"}, 2, "belong to --dataset"},
		{[]string{"-d", "GLBX.MDP3", "--schema", "trades"}, 4, "no API key"},
		{[]string{"--config", "/nonexistent/relay.toml"}, 2, "relay.toml"},
		{[]string{"status", "--admin", "127.0.0.1:1"}, 1, "no relay answers at 127.0.0.1:1"},
	} {
		var stdout, stderr strings.Builder
		if code := run(t.Context(), test.args, &stdout, &stderr); code != test.code || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%q: code %d, %q, want %d, %q", test.args, code, stderr.String(), test.code, test.want)
		}
	}
}
