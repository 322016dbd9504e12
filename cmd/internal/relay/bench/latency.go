package main

import (
	"slices"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// measureLatency compares two consumers of the same records: one of the simulator, and one of the relay of it. The
// record carries the time at which it was sent, and its number.
func measureLatency(s *settings) error {
	m, err := s.open("latency")
	if err != nil {
		return err
	}
	defer m.close()
	records := s.rate * (s.seconds + 1)
	arrivals := [2][]int64{make([]int64, records+records/4), make([]int64, records+records/4)}
	sent := make([]int64, len(arrivals[0]))
	measuring := dbn.UnixNanosOf(time.Now())
	var both [2]*consumers
	for i, at := range []struct{ address, key string }{{m.gateway.Addr(), sim.TestKey}, {m.relay.first, consumerKey}} {
		both[i], err = consume(at.address, at.key, []dbnloop.Subscription{all()}, func(run []dbn.MboMsg) {
			now := time.Now().UnixNano()
			for j := range run {
				if r := &run[j]; r.TsRecv > measuring && int(r.Sequence) < len(sent) {
					arrivals[i][r.Sequence] = now
					if i == 0 {
						sent[r.Sequence] = int64(r.TsRecv)
					}
				}
			}
		})
		if err != nil {
			return err
		}
	}
	before, first := m.relay.memory(), 0
	time.Sleep(500 * time.Millisecond) // both sessions are there
	if first, err = m.send(s.rate, time.Second, nil); err != nil {
		return err
	}
	cpu := m.relay.cpu()
	measured, err := m.send(s.rate, time.Duration(s.seconds)*time.Second, nil)
	if err != nil {
		return err
	}
	cpu = m.relay.cpu() - cpu
	for _, c := range both {
		if err := await(c.records.Load, int64(first+measured)); err != nil {
			return err
		}
	}
	for _, c := range both {
		if err := c.close(); err != nil {
			return err
		}
	}
	var of [3][]int64
	for i := first; i < first+measured; i++ {
		of[0] = append(of[0], arrivals[0][i]-sent[i])
		of[1] = append(of[1], arrivals[1][i]-sent[i])
		of[2] = append(of[2], arrivals[1][i]-arrivals[0][i])
	}
	for i, what := range []string{"latency, from the simulator", "latency, through the relay", "latency, added by the relay"} {
		slices.Sort(of[i])
		n := len(of[i])
		row(what, "p50 %6.3f ms  p90 %6.3f ms  p99 %7.3f ms  of %d records", millis(of[i][n/2]), millis(of[i][n*9/10]), millis(of[i][n*99/100]), n)
	}
	row("latency, the relay meanwhile", "%.0f records/s  %.2f cores  %d to %d MiB", float64(measured)/float64(s.seconds), cpu.Seconds()/float64(s.seconds), before, m.relay.memory())
	return nil
}

func millis(nanos int64) float64 { return float64(nanos) / 1e6 }
