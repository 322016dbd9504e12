package main

import (
	"fmt"
	"os"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/sim"
)

// block is how many records are repeated.
const block = 64 << 20 / 56

// taken is what one round has taken.
type taken struct {
	elapsed, cpu time.Duration
	memory       int
	messages     int // in the log
}

// measureIngest compares the relay, from its socket to the log's acknowledgements, with bare publishers. The rounds
// alternate, so what else the machine does meets all of them.
func measureIngest(s *settings) error {
	passes := max(s.megabytes<<20/(block*recordSize), 1)
	records := passes * block
	var relay, bare, reading []taken
	for i := range s.rounds {
		one, err := s.ingestByRelay(fmt.Sprintf("relay-%d", i), passes)
		if err != nil {
			return err
		}
		other, err := s.ingestBare(bareRole, fmt.Sprintf("bare-%d", i), passes)
		if err != nil {
			return err
		}
		third, err := s.ingestBare(readingRole, fmt.Sprintf("reading-%d", i), passes)
		if err != nil {
			return err
		}
		relay, bare, reading = append(relay, one), append(bare, other), append(reading, third)
	}
	a, b, c := least(relay), least(bare), least(reading)
	for _, of := range []struct {
		what string
		taken
	}{{"ingest, bare publisher", b}, {"ingest, bare publisher and reader", c}, {"ingest, relay", a}} {
		row(of.what, "%7.2f M records/s  %6.1f MB/s  %4d CPU ns a record  %4d MiB resident  %d messages", float64(records)/of.elapsed.Seconds()/1e6,
			float64(records*recordSize)/of.elapsed.Seconds()/1e6, int(of.cpu.Nanoseconds())/records, of.memory, of.messages)
	}
	for _, of := range []struct {
		what string
		taken
	}{{"ingest, relay to bare publisher", b}, {"ingest, relay to bare publisher and reader", c}} {
		row(of.what, "%7.2f of the speed, %.2f of the CPU time (minima of %d alternating rounds)",
			float64(of.elapsed)/float64(a.elapsed), float64(a.cpu)/float64(of.cpu), s.rounds)
	}
	return nil
}

// least takes the least of each: what else runs can only add.
func least(rounds []taken) taken {
	best := rounds[0]
	for _, t := range rounds {
		best = taken{min(best.elapsed, t.elapsed), min(best.cpu, t.cpu), max(best.memory, t.memory), max(best.messages, t.messages)}
	}
	return best
}

func source(passes int, end sim.EndAction, shift bool) (*sim.Gateway, error) {
	_, records := stream(block)
	return sim.NewGateway(sim.Config{Sources: []sim.Source{records}, Passes: passes, ShiftPasses: shift, AtEnd: end})
}

func (s *settings) ingestByRelay(name string, passes int) (t taken, err error) {
	gateway, err := source(passes, sim.StayAtEnd, false)
	if err != nil {
		return t, err
	}
	defer gateway.Close() //nolint:errcheck // it has sent everything
	directory, err := s.log(name)
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(directory) //nolint:errcheck // nothing else can be done
	began := firstByte(gateway)
	p, err := s.startRelay(gateway.Addr(), directory, "all")
	if err != nil {
		return t, err
	}
	defer p.end() //nolint:errcheck // it was measured
	if err := p.awaitBytes(int64(passes*block*recordSize), func() { t.memory = max(t.memory, p.memory()) }); err != nil {
		return t, err
	}
	t.elapsed, t.cpu = time.Since(<-began), p.cpu()
	status, err := p.status()
	t.messages = int(status.Datasets[0].Messages)
	return t, err
}

func (s *settings) ingestBare(role, name string, passes int) (t taken, err error) {
	gateway, err := source(passes, sim.CloseAtEnd, false)
	if err != nil {
		return t, err
	}
	defer gateway.Close() //nolint:errcheck // it has sent everything
	directory, err := s.log(name)
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(directory) //nolint:errcheck // nothing else can be done
	began := firstByte(gateway)
	p, err := start(os.Args[0], role, gateway.Addr(), directory)
	if err != nil {
		return t, err
	}
	defer p.end() //nolint:errcheck // it is ended by a signal
	if _, err := p.lines.ReadString('\n'); err != nil {
		return t, err
	}
	t.elapsed, t.cpu, t.memory, t.messages = time.Since(<-began), p.cpu(), p.memory(), passes*block*recordSize/batch.Target
	return t, nil
}

// firstByte gives the time at which a gateway has begun to send.
func firstByte(gateway *sim.Gateway) <-chan time.Time {
	began := make(chan time.Time, 1)
	go func() {
		for gateway.Stats().Bytes == 0 {
			time.Sleep(time.Millisecond)
		}
		began <- time.Now()
	}()
	return began
}
