package interop

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

const relayKey = "db-relayINTEROPrelayINTEROPrelay"

// relayFilter is what a consumer subscribes to.
type relayFilter struct {
	schema, stype, symbols string
	instruments            []string // nil: all of them
}

// want are the records of the sample data that the filter lets pass.
func (f relayFilter) want(t *testing.T) (count int, sum string) {
	_, records := simtest.SampleFile(t, f.schema)
	records = simtest.Pick(records, func(rec dbn.Record) bool {
		if f.instruments != nil && !slices.Contains(f.instruments, fmt.Sprint(rec.Header().InstrumentID)) {
			return false
		}
		count++
		return true
	})
	return count, fmt.Sprintf("%d %x", count, sha256.Sum256(records))
}

// relayLanguage is an official client.
type relayLanguage struct {
	name    string
	command []string
}

// relayClient is a process of an official client.
type relayClient struct {
	name, want string
	cmd        *exec.Cmd
	out        *bufio.Reader
	log        *strings.Builder
}

func (c *relayClient) expect(t *testing.T, line string) {
	t.Helper()
	got, err := c.out.ReadString('\n')
	if err != nil || strings.TrimSpace(got) != line {
		c.cmd.Process.Kill() //nolint:errcheck // it may have ended
		c.cmd.Wait()         //nolint:errcheck // likewise
		t.Fatalf("%s: %q, %v, want %q\n%s", c.name, got, err, line, c.log)
	}
}

// The official clients, unchanged, receive through a relay what its gateway sent: those that are live from the first
// record on, and those that begin with a replay in the middle and become live, each with another filter.
func TestClientsReceiveThroughTheRelay(t *testing.T) {
	if os.Getenv("RELAY_BIN") == "" {
		t.Skip("run test/interop/relay.sh; it builds the clients")
	}
	var languages []relayLanguage
	for _, l := range []relayLanguage{
		{"python", []string{os.Getenv("RELAY_PYTHON"), "relay.py"}}, {"rust", []string{os.Getenv("RELAY_RUST")}}, {"c++", []string{os.Getenv("RELAY_CPP")}},
	} {
		if l.command[0] != "" {
			languages = append(languages, l)
		}
	}
	if len(languages) == 0 {
		t.Fatal("no client: set RELAY_PYTHON, RELAY_RUST or RELAY_CPP")
	}
	market := simtest.Gateway(t, sim.Config{SharedMarket: true, Retention: sim.KeepAll})
	port, admin, relay := startRelay(t, market.Addr())
	awaitInstruments(t, admin, 4)

	var clients []*relayClient
	start := func(mode string, filters []relayFilter) {
		var begun []*relayClient
		for _, language := range languages {
			for i, f := range filters {
				count, sum := f.want(t)
				if count == 0 {
					t.Fatalf("the filter %v lets nothing pass", f)
				}
				compression := []string{"none", "zstd"}[i%2]
				args := slices.Concat(language.command[1:], []string{port, relayKey, mode, f.schema, f.stype, f.symbols, compression, strconv.Itoa(count)})
				c := &relayClient{name: fmt.Sprintf("%s %s %s %s", language.name, mode, f.schema, f.symbols), want: sum, log: new(strings.Builder)}
				c.cmd = exec.Command(language.command[0], args...)
				c.cmd.Stderr = c.log
				stdout, err := c.cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := c.cmd.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.cmd.Process.Kill() }) //nolint:errcheck // it has ended, when all went well
				c.out = bufio.NewReader(stdout)
				begun = append(begun, c)
			}
		}
		for _, c := range begun {
			c.expect(t, "ready")
		}
		clients = append(clients, begun...)
	}
	start("live", []relayFilter{
		{"mbo", "raw_symbol", "ESZ6", []string{"4916"}},
		{"trades", "raw_symbol", "ALL_SYMBOLS", nil},
		{"mbp-10", "instrument_id", "4916", []string{"4916"}},
		{"definition", "raw_symbol", "ALL_SYMBOLS", nil},
	})
	advance(t, market, 2000)
	start("replay", []relayFilter{
		{"mbo", "raw_symbol", "ALL_SYMBOLS", nil},
		{"trades", "parent", "ES.FUT", []string{"4916"}},
		{"mbp-1", "raw_symbol", "ESZ6", []string{"4916"}},
		{"statistics", "raw_symbol", "ALL_SYMBOLS", nil},
		{"status", "raw_symbol", "ALL_SYMBOLS", nil},
		{"ohlcv-1s", "instrument_id", "4916", []string{"4916"}},
	})
	advance(t, market, 1<<30)
	for _, c := range clients {
		c.expect(t, "complete")
	}
	if err := relay.Process.Signal(syscall.SIGTERM); err != nil { // it drains, so a record too many would come
		t.Fatal(err)
	}
	for _, c := range clients {
		c.expect(t, c.want)
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, c.log)
		}
		t.Logf("%-42s %s", c.name, c.want)
	}
	if err := relay.Wait(); err != nil {
		t.Errorf("the relay's end: %v", err)
	}
}

func advance(t *testing.T, market *sim.Gateway, records int) {
	t.Helper()
	if _, err := market.Advance(records); err != nil {
		t.Fatal(err)
	}
}

// startRelay starts a relay of all sample schemas that one log can hold.
func startRelay(t *testing.T, gateway string) (port, admin string, relay *exec.Cmd) {
	t.Helper()
	dir := t.TempDir()
	keys, settings := filepath.Join(dir, "keys"), filepath.Join(dir, "relay.toml")
	admin = freeAddress(t)
	var text strings.Builder
	fmt.Fprintf(&text, "[upstream]\ngateway = %q\nreplay_limit = \"36500d\"\n[log]\ndirectory = %q\n"+
		"[serve]\nlisten = \"127.0.0.1:0\"\nkeys_file = %q\n[admin]\nlisten = %q\n[[dataset]]\nname = \"GLBX.MDP3\"\nstart = \"all\"\n",
		gateway, filepath.Join(dir, "log"), keys, admin)
	for _, schema := range []string{"mbo", "trades", "mbp-1", "mbp-10", "bbo-1s", "ohlcv-1s", "definition", "statistics", "status"} {
		fmt.Fprintf(&text, "[[dataset.subscription]]\nschema = %q\n", schema)
	}
	for path, content := range map[string]string{keys: relayKey + "\n", settings: text.String()} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	relay = exec.Command(filepath.Join(os.Getenv("RELAY_BIN"), "dbn-relay"), "--config", settings, "--quiet")
	relay.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	relay.Stderr = os.Stderr
	stdout, err := relay.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := relay.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Process.Kill() }) //nolint:errcheck // it has ended, when all went well
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the relay does not listen: %v", err)
	}
	_, port, err = net.SplitHostPort(strings.TrimPrefix(strings.TrimSpace(line), "listening on "))
	if err != nil {
		t.Fatal(err)
	}
	return port, admin, relay
}

// freeAddress is one that was free a moment ago: the relay does not print the address that it serves its status at.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// awaitInstruments asks the relay until it knows the names of that many instruments.
func awaitInstruments(t *testing.T, admin string, want int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		var status struct {
			Datasets []struct{ Instruments int }
		}
		response, err := http.Get("http://" + admin + "/status")
		if err == nil {
			body, readErr := io.ReadAll(response.Body)
			response.Body.Close()
			if err := json.Unmarshal(body, &status); err != nil || readErr != nil {
				t.Fatal(err, readErr)
			}
			if len(status.Datasets) == 1 && status.Datasets[0].Instruments >= want {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the relay knows %+v, %v", status, err)
		}
	}
}
