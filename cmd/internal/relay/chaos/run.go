package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// Report is what happened.
type Report struct {
	Rounds, Records                           int
	RelayKills, NATSKills, Cuts, Faults, Full int
	ConsumerKills                             map[string]int
	Exits                                     map[string]int // of processes that ended by themselves
	Repeats                                   int            // messages that the durable consumer received again after its death
	FirstKiB, LaterKiB                        int            // the relays' peak RSS in the first half, and in the second
	NATSKiB                                   int
	NoDisk                                    bool // none could be mounted
}

func (r *Report) String() string {
	disk := fmt.Sprintf("disk full %d times", r.Full)
	if r.NoDisk {
		disk = "no disk was full, because none can be mounted here"
	}
	return fmt.Sprintf("%d rounds, %d records in the log once and in order; killed: relay %d, NATS %d, consumers %v; %d sessions reset, %d faults shown, %s; "+
		"ended by themselves: %v; messages that the durable consumer received again: %d; peak RSS of relays %d KiB, later %d KiB, of NATS %d KiB",
		r.Rounds, r.Records, r.RelayKills, r.NATSKills, r.ConsumerKills, r.Cuts, r.Faults, disk, r.Exits, r.Repeats, r.FirstKiB, r.LaterKiB, r.NATSKiB)
}

// Run makes rounds until the time is over, two at least: with NATS as a process of its own and inside the relay by turns.
// It fails when a record is lost, comes twice, or comes out of order, in the log or at a consumer.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Events == 0 {
		o.Events = 150000
	}
	random := rand.New(rand.NewPCG(o.Seed, 1))
	r := &Report{ConsumerKills: map[string]int{}, Exits: map[string]int{}}
	began := time.Now()
	for r.Rounds < 2 || time.Since(began) < o.Duration && ctx.Err() == nil {
		if err := r.round(ctx, o, random, time.Since(began) > o.Duration/2); err != nil {
			return r, fmt.Errorf("round %d: %w", r.Rounds+1, err)
		}
		fmt.Fprintf(o.Out, "%4.0f s: %v\n", time.Since(began).Seconds(), r)
	}
	return r, nil
}

func (r *Report) round(ctx context.Context, o Options, random *rand.Rand, later bool) error {
	dir, err := os.MkdirTemp("", "dbn-relay-chaos-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(o, random, dir, r.Rounds%2 == 1)
	if err != nil {
		return err
	}
	defer w.close()
	repeats, err := w.round(ctx)
	if err != nil {
		return err
	}
	r.Rounds++
	for _, s := range w.market.Streams {
		r.Records += s.Count
	}
	r.Repeats += repeats
	r.RelayKills += w.relay.kills
	r.Cuts += w.cuts
	r.Faults += int(w.fired)
	r.NoDisk = w.disk == nil
	if w.disk != nil {
		r.Full += w.disk.fills
	}
	if w.nats != nil {
		r.NATSKills += w.nats.kills
		r.NATSKiB = max(r.NATSKiB, w.nats.peak)
	}
	for _, c := range w.consumers {
		r.ConsumerKills[c.name] += c.kills
	}
	for _, p := range w.processes() {
		if p.exits > 0 {
			r.Exits[p.name] += p.exits
			fmt.Fprintf(o.Out, "      %s ended by itself %d times, at last: %s\n", p.name, p.exits, p.reason)
		}
	}
	if later {
		r.LaterKiB = max(r.LaterKiB, w.relay.peak)
	} else {
		r.FirstKiB = max(r.FirstKiB, w.relay.peak)
	}
	return nil
}
