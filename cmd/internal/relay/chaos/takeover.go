package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/internal/exchange"
)

// TakeoverReport says how long nobody wrote to the log.
type TakeoverReport struct {
	Times    []time.Duration // from a kill to the first message of the other relay that a consumer received
	Records  int             // in the log once and in order
	PeakKiB  int             // of the relays
	Messages int
}

func (r *TakeoverReport) String() string {
	sorted := slices.Sorted(slices.Values(r.Times))
	if len(sorted) == 0 {
		return "no takeover"
	}
	return fmt.Sprintf("%d takeovers: p50 %v, max %v; %d records in %d messages, each once and in order; peak RSS of relays %d KiB",
		len(sorted), sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond), r.Records, r.Messages, r.PeakKiB)
}

// cluster is three NATS servers, two relays, and a market that moves.
type cluster struct {
	world
	nodes  []*process
	relays [2]*process
}

const nodes = 3

// Takeovers kills the relay that writes, again and again, while another one stands by on a cluster of three NATS
// servers. It fails when a record is lost, comes twice, or comes out of order, in the log or at a consumer.
func Takeovers(ctx context.Context, o Options) (*TakeoverReport, error) {
	r := &TakeoverReport{}
	if o.Events == 0 {
		o.Events = 4000 * (o.Kills + 1)
	}
	dir, err := os.MkdirTemp("", "dbn-relay-takeover-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	c := &cluster{world: world{Options: o, random: rand.New(rand.NewPCG(o.Seed, 2)), dir: dir}}
	defer c.close()
	if err := c.build(); err != nil {
		return r, err
	}
	return r, c.run(ctx, r)
}

func (c *cluster) close() {
	c.world.close()
	for _, p := range append(c.relays[:], c.nodes...) {
		if p != nil {
			p.end()
		}
	}
}

func (c *cluster) build() (err error) {
	c.market = exchange.New(c.random, c.Events)
	if c.sim, err = newGateway(c.dir, c.market); err != nil {
		return err
	}
	addresses, err := freeAddresses(2*nodes + 2)
	if err != nil {
		return err
	}
	clients, routes, serve := addresses[:nodes], addresses[nodes:2*nodes], addresses[2*nodes:]
	c.url = clusterURL(clients)
	for i := range nodes {
		args := []string{fmt.Sprint("node", i), filepath.Join(c.dir, fmt.Sprint("node", i)), clients[i], routes[i]}
		for k, route := range routes {
			if k != i {
				args = append(args, route)
			}
		}
		c.nodes = append(c.nodes, &process{name: args[0], make: func() *exec.Cmd { return part("nats", args...) }})
		if err := c.nodes[i].startAndWait(); err != nil {
			return err
		}
	}
	for i := range c.relays {
		settings, err := writeSettings(c.dir, c.sim.Addr(), serve[i], fmt.Sprintf("url = %q\nreplicas = %d", c.url, nodes), c.market)
		if err != nil {
			return err
		}
		c.relays[i] = &process{name: fmt.Sprint("relay ", i), make: func() *exec.Cmd { return c.Options.relay(settings) }}
		name := fmt.Sprint("gateway", i)
		c.consumers = append(c.consumers, &process{name: name, make: func() *exec.Cmd {
			return part("gateway", c.path(name), serve[i], c.market.Schemas())
		}})
	}
	return nil
}

// written is what the watcher of the log has seen.
type written struct {
	writer  string
	changed chan time.Time // when another writer's first message came
	audit   *exchange.Audit
}

func (c *cluster) run(ctx context.Context, r *TakeoverReport) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, p := range c.relays {
		if err := c.untilItRuns(ctx, p); err != nil {
			return err
		}
	}
	w := &written{changed: make(chan time.Time, 1), audit: c.market.Audit()}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)
	watched := make(chan error, 1)
	running.Go(func() { watched <- w.watch(ctx, c.url) })
	moving, still := context.WithCancel(ctx)
	defer still()
	running.Go(func() {
		if err := c.move(moving); err != nil {
			cancel(err)
		}
	})
	for _, p := range c.consumers {
		if err := p.start(); err != nil {
			return err
		}
	}
	active := 0
	select { // the first writer
	case <-w.changed:
	case err := <-watched:
		return err
	case <-time.After(patience):
		return errors.New("no relay writes" + c.said())
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), errors.New(c.said()))
	}
	// Which of them writes is what the log of each says.
	if strings.Contains(c.relays[1].said.String(), "this relay writes to the log") {
		active = 1
	}
	for range c.Kills {
		took, err := c.replace(ctx, c.relays[active], w, watched)
		if err != nil {
			return err
		}
		r.Times = append(r.Times, took)
		fmt.Fprintf(c.Out, "takeover %d: %v\n", len(r.Times), took.Round(time.Millisecond))
		for _, p := range c.relays {
			if p.gone != nil {
				r.PeakKiB = max(r.PeakKiB, rssOf(p.cmd.Process.Pid))
			}
		}
		if err := c.untilItRuns(ctx, c.relays[active]); err != nil {
			return err
		}
		active = 1 - active
	}
	still()
	if _, err := c.sim.Advance(1 << 30); err != nil {
		return err
	}
	held, err := readLogFor(c.url, c.market)
	if err != nil {
		return errors.Join(err, errors.New(c.said()))
	}
	r.Messages = len(held.sequences)
	for _, s := range c.market.Streams {
		r.Records += s.Count
	}
	return c.consumersComplete()
}

// replace kills the relay that writes, and waits for the first message of the other one.
func (c *cluster) replace(ctx context.Context, active *process, w *written, watched <-chan error) (time.Duration, error) {
	killed := time.Now()
	active.end()
	patient := time.After(patience)
	for {
		select {
		case at := <-w.changed:
			if at.After(killed) { // or the one that was killed had begun again after an error of the log
				return at.Sub(killed), nil
			}
		case err := <-watched:
			return 0, errors.Join(err, errors.New(c.said()))
		case <-patient:
			return 0, errors.New("nobody took over" + c.said())
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func readLogFor(url string, market exchange.Market) (*logged, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return readLog(ctx, url, market)
}

// consumersComplete waits until both consumers have everything.
func (c *cluster) consumersComplete() error {
	look := time.NewTicker(pollEvery)
	defer look.Stop()
	until := time.Now().Add(patience)
	for _, p := range c.consumers {
		for {
			left, err := auditDBN(c.path(p.name), c.market)
			if err != nil {
				return fmt.Errorf("consumer %s: %w", p.name, err)
			}
			if left == 0 {
				break
			}
			if time.Now().After(until) {
				return fmt.Errorf("consumer %s lacks %d records: %s%s", p.name, left, p.said.String(), c.said())
			}
			if err := p.tick(); err != nil {
				return err
			}
			<-look.C
		}
	}
	return nil
}

// untilItRuns starts a relay. One that finds no majority of the cluster yet ends, and is started again.
func (c *cluster) untilItRuns(ctx context.Context, p *process) error {
	until := time.Now().Add(patience)
	for {
		err := p.startAndWait()
		if err == nil {
			return nil
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return errors.Join(err, errors.New(c.said()))
		}
	}
}

// move moves the market.
func (c *cluster) move(ctx context.Context) error {
	random := rand.New(rand.NewPCG(c.Seed, 3))
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-clock.C:
			if _, err := c.sim.Advance(1 + random.IntN(20)); err != nil {
				return err
			}
		}
	}
}

// watch reads the log as it is written, and notices another writer.
func (w *written) watch(ctx context.Context, url string) error {
	conn, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	consumer, err := js.OrderedConsumer(ctx, batch.StreamName(exchange.Dataset), jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		b, err := batch.Parse(m.Subject(), m.Headers(), m.Data())
		if err != nil {
			return err
		}
		if b.Schema != batch.Mappings {
			if err := addTo(w.audit, b.Records); err != nil {
				return err
			}
		}
		writer, _, _ := strings.Cut(m.Headers().Get(jetstream.MsgIDHeader), "-")
		if writer != w.writer {
			w.writer = writer
			select { // only the latest change counts
			case <-w.changed:
			default:
			}
			w.changed <- time.Now()
		}
	}
}

func (c *cluster) said() string {
	text := ""
	for _, p := range c.relays {
		text += fmt.Sprintf("\n%s said:\n%s", p.name, p.said.String())
	}
	return text
}
