package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// measureReplay keeps a large log, and replays it from its middle.
func measureReplay(s *settings) error {
	passes := max(s.replay*1_000_000/(block*recordSize), 2)
	gateway, err := source(passes, sim.StayAtEnd, true)
	if err != nil {
		return err
	}
	defer gateway.Close() //nolint:errcheck // it has sent everything
	directory, err := s.log("replay")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory) //nolint:errcheck // nothing else can be done
	p, err := s.startRelay(gateway.Addr(), directory, "all")
	if err != nil {
		return err
	}
	defer p.end() //nolint:errcheck // it was measured
	begin := time.Now()
	bytes := int64(passes) * int64(block*recordSize)
	var memory samples
	if err := p.awaitBytes(bytes, func() { memory.add(p) }); err != nil {
		return err
	}
	status, err := p.status()
	if err != nil {
		return err
	}
	elapsed := time.Since(begin)
	row("replay, a log is written", "%.2f GB of records, %.2f GB of log, %.1f MB/s  %s", float64(bytes)/1e9, float64(status.Datasets[0].LogBytes)/1e9,
		float64(bytes)/1e6/elapsed.Seconds(), &memory)

	begins := dbn.UnixNanosOf(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))
	middle := passes / 2 * block
	pass := dbn.UnixNanos(block-1)*1000 + dbn.UnixNanos(time.Second) // a simulator repeats its records after a second
	last := begins
	wrong := 0
	sub := all()
	sub.HasStart, sub.Start = true, begins+dbn.UnixNanos(passes/2)*pass
	want := int64(passes*block - middle)
	cpu := p.cpu()
	begin = time.Now()
	var first time.Duration
	c, err := consume(p.first, consumerKey, []dbnloop.Subscription{sub}, func(run []dbn.MboMsg) {
		if first == 0 {
			first = time.Since(begin)
		}
		for i := range run {
			if run[i].Hd.TsEvent < sub.Start || run[i].Hd.TsEvent < last {
				wrong++
			}
			last = run[i].Hd.TsEvent
		}
	})
	if err != nil {
		return err
	}
	memory = nil
	err = await(func() int64 { memory.add(p); return c.records.Load() }, want)
	elapsed = time.Since(begin)
	if err := c.close(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	cpu = p.cpu() - cpu
	came := c.records.Load()
	if wrong > 0 || came != want {
		return fmt.Errorf("%d records came, and %d are in the second half; %d were out of order or too early", came, want, wrong)
	}
	row("replay, from the middle to the end", "%.2f GB, %d records in order, first after %v, %.2f M records/s  %d CPU ns a record  %s",
		float64(came)*float64(recordSize)/1e9, came, first.Round(time.Millisecond), float64(came)/elapsed.Seconds()/1e6, cpu.Nanoseconds()/came, &memory)
	return nil
}

// samples are sizes of resident memory, in MiB.
type samples []int

func (s *samples) add(p *process) { *s = append(*s, p.memory()) }

// String names the memory over time: in the first, second, third and fourth quarter at most.
func (s *samples) String() string {
	if len(*s) < 4 {
		return fmt.Sprintf("%d MiB", slices.Max(append(*s, 0)))
	}
	quarter := len(*s) / 4
	text := "at most"
	for i := range 4 {
		text += fmt.Sprintf(" %d", slices.Max((*s)[i*quarter:(i+1)*quarter]))
	}
	return text + " MiB in the quarters of the time"
}
