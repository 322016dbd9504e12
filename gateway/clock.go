package gateway

import (
	"slices"
	"sync"
	"time"
)

// Clock is the source of time of a gateway: pace, heartbeats and time stamps.
// The default is the system's clock; [ManualClock] makes tests exact.
type Clock interface {
	// Now is the current time.
	Now() time.Time
	// NewTimer returns a timer that fires once after d. A duration of zero or less
	// fires at once.
	NewTimer(d time.Duration) Timer
}

// Timer is a one-shot timer made by a [Clock].
type Timer interface {
	// C receives the time when the timer fires.
	C() <-chan time.Time
	// Stop releases the timer. It may be called more than once.
	Stop()
}

// SystemClock is the [Clock] of the machine, and the default.
type SystemClock struct{}

// Now is the current time.
func (SystemClock) Now() time.Time { return time.Now() }

// NewTimer returns a timer of package time.
func (SystemClock) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(d)} }

type systemTimer struct{ t *time.Timer }

func (t systemTimer) C() <-chan time.Time { return t.t.C }
func (t systemTimer) Stop()               { t.t.Stop() }

// ManualClock is a [Clock] that moves only when it is advanced. All methods may be
// called from any goroutine.
type ManualClock struct {
	mu      sync.Mutex
	changed *sync.Cond
	now     time.Time
	timers  []*manualTimer
}

// NewManualClock returns a clock that stands at start.
func NewManualClock(start time.Time) *ManualClock {
	c := &ManualClock{now: start}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// Now is the time that the clock was last moved to.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// NewTimer returns a timer that fires when the clock reaches Now()+d.
func (c *ManualClock) NewTimer(d time.Duration) Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &manualTimer{clock: c, when: c.now.Add(d), ch: make(chan time.Time, 1)}
	if d <= 0 {
		t.ch <- c.now
		return t
	}
	c.timers = append(c.timers, t)
	c.changed.Broadcast()
	return t
}

// Advance moves the clock by d and fires the timers that are due, earliest first.
func (c *ManualClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	slices.SortStableFunc(c.timers, func(a, b *manualTimer) int { return a.when.Compare(b.when) })
	n := 0
	for n < len(c.timers) && !c.timers[n].when.After(c.now) {
		c.timers[n].ch <- c.now
		n++
	}
	c.timers = slices.Delete(c.timers, 0, n)
}

// AwaitTimers blocks until at least n timers wait for the clock to move: until then the
// code under test is still at work.
func (c *ManualClock) AwaitTimers(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.timers) < n {
		c.changed.Wait()
	}
}

type manualTimer struct {
	clock *ManualClock
	when  time.Time
	ch    chan time.Time
}

func (t *manualTimer) C() <-chan time.Time { return t.ch }

func (t *manualTimer) Stop() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.timers = slices.DeleteFunc(t.clock.timers, func(o *manualTimer) bool { return o == t })
}
