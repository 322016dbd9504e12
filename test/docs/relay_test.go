package docs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/sim"
)

// throughNATS runs the NATS example twice beside a relay: a durable consumer ends after some trades, and continues in
// another process up to the last one.
func throughNATS(t *testing.T, path string, trades int) {
	t.Helper()
	gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources(), SharedMarket: true, Retention: sim.KeepAll})
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	if _, err := gateway.Advance(1 << 30); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	keys, settings, nats := filepath.Join(dir, "keys"), filepath.Join(dir, "relay.toml"), "127.0.0.1:"+freePort(t)
	for file, text := range map[string]string{
		keys: sim.TestKey + "\n",
		settings: fmt.Sprintf("[upstream]\ngateway = %q\nreplay_limit = \"36500d\"\n[log]\ndirectory = %q\nlisten = %q\n[serve]\nlisten = \"127.0.0.1:0\"\n"+
			"keys_file = %q\n[[dataset]]\nname = \"GLBX.MDP3\"\nstart = \"all\"\n[[dataset.subscription]]\nschema = \"trades\"\n",
			gateway.Addr(), filepath.Join(dir, "log"), nats, keys),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	relay := exec.Command(filepath.Join(root, "build/bin/dbn-relay"), "--config", settings, "--quiet")
	relay.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	relay.Stderr = os.Stderr
	stdout, err := relay.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := relay.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		relay.Process.Kill() //nolint:errcheck // Wait says what became of it
		relay.Wait()         //nolint:errcheck // it was killed
	}()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("the relay is not ready: %q, %v", line, err)
	}
	consume := func(args ...string) (counted int) {
		t.Helper()
		command := exec.Command(path, append([]string{"-nats", "nats://" + nats}, args...)...)
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		for line := range strings.Lines(string(output)) {
			var symbol string
			var n int
			if _, err := fmt.Sscan(line, &symbol, &n); err != nil || len(symbol) != 4 {
				t.Fatalf("the line %q in\n%s", line, output)
			}
			counted += n
		}
		return counted
	}
	if all := consume("-trades", fmt.Sprint(trades)); all != trades {
		t.Errorf("%d trades, want %d", all, trades)
	}
	first := consume("-durable", "counter", "-trades", "1")
	if first == 0 || first > trades {
		t.Fatalf("%d trades at first, of %d", first, trades)
	}
	if rest := trades - first; rest > 0 {
		if second := consume("-durable", "counter", "-trades", fmt.Sprint(rest)); second != rest {
			t.Errorf("%d trades at first and %d later, want %d", first, second, trades)
		}
	}
}
