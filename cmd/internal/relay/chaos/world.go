package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/sim"
)

// Options are those of Run and Takeovers.
type Options struct {
	// Relay makes a process of dbn-relay with arguments.
	Relay func(args ...string) *exec.Cmd
	// Seed is that of the random choices.
	Seed uint64
	// Duration is how long something is killed. The round that runs then is completed.
	Duration time.Duration
	// Events is how much happens in a round. Default: 150000.
	Events int
	// KeepDisk leaves out that the disk is full.
	KeepDisk bool
	// Kills is how often the relay that writes is killed in Takeovers.
	Kills int
	// Out receives a line for each round.
	Out io.Writer
}

const (
	// tick is how often the market moves.
	tick = 10 * time.Millisecond
	// rate is how many records happen in a tick, on average.
	rate = 50
	// firstKill is the earliest tick at which something is killed for certain.
	firstKill = 40
	// patience is how long a record may be missing in the end.
	patience = 2 * time.Minute
)

// world is a market, a relay, perhaps a NATS server, and consumers.
type world struct {
	Options
	random *rand.Rand
	market exchange.Market
	sim    *sim.Gateway
	faults []*sim.FaultHandle
	dir    string
	disk   *disk // nil: none can be mounted
	url    string

	relay     *process
	nats      *process // nil: it is in the relay
	consumers []*process
	full      int // ticks until the disk has space again
	cuts      int
	fired     int64
}

// newGateway simulates the service with a market.
func newGateway(dir string, market exchange.Market) (*sim.Gateway, error) {
	files, err := market.Write(dir)
	if err != nil {
		return nil, err
	}
	config := sim.Config{SharedMarket: true, Retention: sim.KeepAll}
	for _, path := range files {
		config.Sources = append(config.Sources, sim.FileSource(path))
	}
	return sim.NewGateway(config)
}

// newWorld builds one below a directory; nothing runs yet.
func newWorld(o Options, random *rand.Rand, dir string, embedded bool) (w *world, err error) {
	w = &world{Options: o, random: random, dir: dir, market: exchange.New(random, o.Events)}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.sim, err = newGateway(dir, w.market); err != nil {
		return w, err
	}
	logs := filepath.Join(dir, "log")
	if err := os.Mkdir(filepath.Join(dir, "disk"), 0o700); err != nil {
		return w, err
	}
	if !o.KeepDisk {
		if w.disk, err = newDisk(filepath.Join(dir, "disk")); err == nil {
			logs = filepath.Join(w.disk.dir, "log")
		}
	}
	addresses, err := freeAddresses(2)
	if err != nil {
		return w, err
	}
	serve, natsAddress := addresses[0], addresses[1]
	w.url = "nats://" + natsAddress
	where := "directory = \"" + logs + "\"\nlisten = \"" + natsAddress + "\"\nmin_free = \"32MiB\""
	if !embedded {
		w.nats = &process{name: "NATS", make: func() *exec.Cmd { return part("nats", "chaos", logs, natsAddress) }}
		where = "url = \"" + w.url + "\""
	}
	settings, err := writeSettings(dir, w.sim.Addr(), serve, where, w.market)
	if err != nil {
		return w, err
	}
	w.relay = &process{name: "relay", make: func() *exec.Cmd { return o.relay(settings) }}
	for _, c := range [][]string{
		{"gateway", serve, strings.ReplaceAll(w.market.Schemas(), " ", "")}, {"position", w.url}, {"durable", w.url},
	} {
		args := append([]string{w.path(c[0])}, c[1:]...)
		w.consumers = append(w.consumers, &process{name: c[0], make: func() *exec.Cmd { return part(c[0], args...) }})
	}
	return w, nil
}

func (w *world) path(consumer string) string { return filepath.Join(w.dir, consumer+".out") }

// relay makes the process of a relay with a configuration.
func (o *Options) relay(settings string) *exec.Cmd {
	cmd := o.Relay("--config", settings)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "DATABENTO_API_KEY="+sim.TestKey)
	return cmd
}

// writeSettings writes the configuration of a relay, and its keys.
func writeSettings(dir, gateway, serve, where string, market exchange.Market) (string, error) {
	_, port, err := split(serve)
	if err != nil {
		return "", err
	}
	keys, settings := filepath.Join(dir, "keys"), filepath.Join(dir, fmt.Sprintf("relay-%d.toml", port))
	text := fmt.Sprintf("[upstream]\ngateway = %q\nreplay_limit = \"36500d\"\n[log]\n%s\n[serve]\nkeys_file = %q\nlisten = %q\n[[dataset]]\nname = %q\nstart = \"all\"\n",
		gateway, where, keys, serve, exchange.Dataset)
	for _, s := range market.Streams {
		text += fmt.Sprintf("[[dataset.subscription]]\nschema = %q\n", s.Schema)
	}
	return settings, errors.Join(os.WriteFile(keys, []byte(consumerKey+"\n"), 0o600), os.WriteFile(settings, []byte(text), 0o600))
}

func (w *world) processes() (all []*process) {
	if w.nats != nil {
		all = append(all, w.nats)
	}
	return append(append(all, w.relay), w.consumers...)
}

func (w *world) close() {
	for i := len(w.consumers) - 1; i >= 0; i-- {
		w.consumers[i].end()
	}
	if w.relay != nil {
		w.relay.end()
	}
	if w.nats != nil {
		w.nats.end()
	}
	if w.sim != nil {
		w.sim.Close() //nolint:errcheck // the round has ended
	}
	if w.disk != nil {
		w.disk.close()
	}
}

// round lets the whole market happen, while things are killed, and compares.
func (w *world) round(ctx context.Context) (repeats int, err error) {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	certain := map[int]*process{} // whatever else happens, each of them is killed, if it lives at that tick
	for _, p := range w.processes() {
		certain[firstKill+w.random.IntN(firstKill)] = p
	}
	for ticks, more := 0, true; more && ctx.Err() == nil; ticks++ {
		if p := certain[ticks]; p != nil {
			p.kill(0)
		}
		n := 1 + w.random.IntN(2*rate)
		happened, err := w.sim.Advance(n)
		if err != nil {
			return 0, err
		}
		more = happened == n
		if err := errors.Join(w.cause(), w.turn()); err != nil {
			return 0, err
		}
		<-clock.C
	}
	if err := w.heal(); err != nil {
		return 0, err
	}
	if _, err := w.sim.Advance(1 << 30); err != nil { // what an end before time has left
		return 0, err
	}
	return w.compare()
}

// turn starts what was killed.
func (w *world) turn() error {
	if w.full > 0 {
		if w.full--; w.full == 0 {
			if err := w.space(); err != nil {
				return err
			}
		}
	}
	for _, p := range w.processes() {
		if err := p.tick(); err != nil {
			return err
		}
	}
	return nil
}

// heal ends all faults.
func (w *world) heal() error {
	for _, f := range w.faults {
		w.fired += f.Fired()
		f.Remove()
	}
	w.faults = nil
	if w.full > 0 {
		w.full = 0
		return w.space()
	}
	return nil
}

// space makes space on the disk. A NATS server whose disk was full writes nothing until somebody starts it again; a relay
// whose server is inside it must do that by itself.
func (w *world) space() error {
	if w.nats != nil {
		w.nats.kill(0)
	}
	return w.disk.free()
}

// compare waits until the log and all consumers have everything. Processes that end by themselves are started again.
func (w *world) compare() (repeats int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	type result struct {
		held *logged
		err  error
	}
	read := make(chan result, 1)
	go func() {
		held, err := readLog(ctx, w.url, w.market)
		read <- result{held, err}
	}()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	var held *logged
	for held == nil {
		select {
		case r := <-read:
			if r.err != nil {
				return 0, fmt.Errorf("%w%s", r.err, w.states())
			}
			held = r.held
		case <-clock.C:
			if err := w.turn(); err != nil {
				return 0, err
			}
		}
	}
	checks := map[string]func(string) (int, error){
		"gateway":  func(path string) (int, error) { return auditDBN(path, w.market) },
		"position": func(path string) (int, error) { return auditPosition(path, w.market) },
		"durable": func(path string) (left int, err error) {
			left, repeats, err = auditDurable(path, held, w.serverDied())
			return left, err
		},
	}
	look := time.NewTicker(pollEvery)
	defer look.Stop()
	for _, p := range w.consumers {
		for {
			left, err := checks[p.name](w.path(p.name))
			if err != nil {
				return 0, fmt.Errorf("consumer %s: %w", p.name, err)
			}
			if left == 0 {
				break
			}
			select {
			case <-ctx.Done():
				return 0, fmt.Errorf("consumer %s lacks %d%s", p.name, left, w.states())
			case <-look.C:
			}
			if err := w.turn(); err != nil {
				return 0, err
			}
		}
	}
	return repeats, nil
}

// serverDied reports whether the NATS server was killed, or had no space to store acknowledgements.
func (w *world) serverDied() bool {
	server := w.nats
	if server == nil {
		server = w.relay
	}
	return server.kills+server.exits > 0 || w.disk != nil && w.disk.fills > 0
}

// states says how the processes are, for an error.
func (w *world) states() string {
	text := ""
	for _, p := range w.processes() {
		text += fmt.Sprintf("\n%s: alive %v, killed %d times, ended %d times, said:\n%s", p.name, p.alive(), p.kills, p.exits, p.said.String())
	}
	return text
}
