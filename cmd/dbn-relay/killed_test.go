package main

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/chaos"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// asRelay makes a process of this test binary the program.
const asRelay = "DBN_RELAY_TEST_MAIN"

func TestMain(m *testing.M) {
	chaos.Main()
	if os.Getenv(asRelay) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is a relay that runs.
type process struct {
	cmd  *exec.Cmd
	addr string
	log  *bytes.Buffer
}

func startRelay(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...), log: new(bytes.Buffer)}
	p.cmd.Env = append(os.Environ(), asRelay+"=1", "DATABENTO_API_KEY="+sim.TestKey)
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		p.cmd.Wait() //nolint:errcheck // the log says why
		t.Fatalf("the relay does not listen: %v\n%s", err, p.log)
	}
	p.addr = strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
	return p
}

// A relay is killed again and again while the market moves, and a consumer keeps what it has between its own sessions.
// In the end the log has given it every record once and in order.
func TestARelayIsKilledAndLosesNothing(t *testing.T) {
	const parts = 6
	meta, trades := simtest.SampleFile(t, "mbo")
	market := simtest.Gateway(t, sim.Config{
		Sources: []sim.Source{sim.RecordsSource(meta, trades)}, SharedMarket: true, Retention: sim.KeepAll,
	})
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte("# consumers\n"+demoKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "relay.toml")
	if err := os.WriteFile(settings, []byte(`
[upstream]
gateway = "`+market.Addr()+`"
replay_limit = "36500d"
[log]
directory = "`+filepath.Join(dir, "log")+`"
[serve]
keys_file = "`+keys+`"
listen = "127.0.0.1:0"
[[dataset]]
name = "GLBX.MDP3"
start = "all"
[[dataset.subscription]]
schema = "mbo"
`), 0o600); err != nil {
		t.Fatal(err)
	}
	records := 0
	for rest := trades; len(rest) > 0; rest = rest[int(rest[0])*4:] {
		records++
	}
	for i := range parts {
		p := startRelay(t, "--config", settings)
		moved := (records + parts - 1) / parts
		// It is killed while records are on their way: nobody waits for them, except in every second life, where a
		// consumer has seen some of them.
		if _, err := market.Advance(moved); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			consume(t, p, trades, len(trades)*i/(2*parts))
		}
		p.cmd.Process.Kill() //nolint:errcheck // Wait says what became of it
		p.cmd.Wait()         //nolint:errcheck // it was killed
	}
	p := startRelay(t, "--config", settings)
	got := consume(t, p, trades, len(trades))
	if !bytes.Equal(got, trades) {
		t.Errorf("%d bytes came, and differ from the %d that were sent\n%s", len(got), len(trades), p.log)
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil || !strings.Contains(p.log.String(), "msg=done") {
		t.Errorf("the end in order: %v\n%s", err, p.log)
	}
}

// consume receives from the beginning of the log until that many bytes have come, which must be the first of what is
// wanted, unless that is nil.
func consume(t *testing.T, p *process, want []byte, least int) []byte {
	t.Helper()
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	defer reactor.Close() //nolint:errcheck // the test has what it wants
	client, err := dbnloop.NewLiveClient(reactor, demoKey)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	var ended error
	client.Handle(dbnloop.Handlers{
		Mbo:   func(m *dbn.MboMsg) { got = append(got, dbn.Ref(&m.Hd).Bytes()...) },
		Error: func(err error) { ended = err },
	})
	s := dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaMbo, dbn.AllSymbols)
	s.HasStart = true
	host, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Subscribe(s); err != nil {
		t.Fatal(err)
	}
	if err := client.Connect(host, number); err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, reactor.Wake)()
	for len(got) < least {
		if _, err := reactor.Poll(-1); err != nil || ended != nil || ctx.Err() != nil {
			t.Fatalf("%d of %d bytes came: %v, %v, %v\n%s", len(got), least, err, ended, ctx.Err(), p.log)
		}
	}
	if want != nil && (len(got) > len(want) || !bytes.Equal(got, want[:len(got)])) {
		t.Fatalf("%d bytes came, and they are not the first of what was sent", len(got))
	}
	return got
}
