package chaos

import (
	"fmt"
	"time"
)

// The mean number of ticks between two troubles, and the longest that a process is gone.
const (
	troubleEvery = 25
	goneAtMost   = 60
	fullAtMost   = 100
)

// cause makes trouble, or not.
func (w *world) cause() error {
	if w.random.IntN(troubleEvery) > 0 {
		return nil
	}
	after := w.random.IntN(goneAtMost)
	if w.random.IntN(2) == 0 {
		after = 0
	}
	switch w.random.IntN(10) {
	case 0, 1:
		// On a server of its own the lease of a relay that was killed lasts for seconds, in which nothing is written.
		if w.nats == nil || w.random.IntN(4) == 0 {
			err := w.burst()
			w.relay.kill(after)
			return err
		}
	case 2:
		if w.nats != nil {
			err := w.burst()
			w.nats.kill(after)
			return err
		}
	case 3, 4, 5:
		w.consumers[w.random.IntN(len(w.consumers))].kill(after)
	case 6:
		w.cuts++
		w.sim.Reset()
	case 7, 8:
		return w.misbehave()
	case 9:
		if w.disk != nil && w.full == 0 && w.random.IntN(2) == 0 {
			w.full = 1 + w.random.IntN(fullAtMost)
			return w.disk.fill()
		}
	}
	return nil
}

// burst lets much happen at once, so that what is killed then is in the middle of it.
func (w *world) burst() error {
	_, err := w.sim.Advance(1 + w.random.IntN(40*rate))
	<-time.After(time.Duration(w.random.IntN(5000)) * time.Microsecond) // at random: nothing is waited for
	return err
}

// misbehave prepares a fault of the next session with the gateway, and removes the oldest one if there are many.
func (w *world) misbehave() error {
	pick := func(words ...string) string { return words[w.random.IntN(len(words))] }
	records := w.random.IntN(1 << w.random.IntN(14))
	end := pick("reset", "close", "half-close")
	stage := pick("connect", "greeting", "challenge", "auth", "answer", "request", "start")
	text := pick(
		fmt.Sprintf("%s=%d,on=1", end, records),
		fmt.Sprintf("%s=%db,on=1", end, w.random.IntN(1<<(4+w.random.IntN(16)))),
		fmt.Sprintf("%s=%s,on=1", end, stage),
		fmt.Sprintf("cut-record=%d,on=1", records),
	)
	handle, err := w.sim.AddFault(text)
	if err != nil {
		return err
	}
	w.faults = append(w.faults, handle)
	if len(w.faults) > 4 {
		w.fired += w.faults[0].Fired()
		w.faults[0].Remove()
		w.faults = w.faults[1:]
	}
	return nil
}
