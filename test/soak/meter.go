package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

// usage is what must not grow.
type usage struct{ rssKiB, fds, goroutines, simsKiB int }

func measure() (u usage) {
	u.rssKiB = rssOf("self")
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.fds = len(entries) - 1 // this reading's own
	}
	u.goroutines = runtime.NumGoroutine()
	return u
}

// rssOf is the memory of a process in KiB; 0 when it is gone.
func rssOf(pid string) (kib int) {
	if status, err := os.ReadFile("/proc/" + pid + "/status"); err == nil {
		if _, rest, ok := bytes.Cut(status, []byte("VmRSS:")); ok {
			kib, _ = strconv.Atoi(string(bytes.Fields(rest)[0]))
		}
	}
	return kib
}

func (u usage) String() string {
	return fmt.Sprintf("RSS %d KiB, %d fds, %d goroutines; the simulators' RSS %d KiB", u.rssKiB, u.fds, u.goroutines, u.simsKiB)
}

// most is the larger of each.
func most(a, b usage) usage {
	return usage{max(a.rssKiB, b.rssKiB), max(a.fds, b.fds), max(a.goroutines, b.goroutines), max(a.simsKiB, b.simsKiB)}
}

// meter prints from time to time, and compares the peaks of the second half with those of the
// first, of which the beginning is left out: caches fill.
type meter struct {
	w        *world
	sims     *sims
	interval time.Duration
	began    time.Time
	options
	printed       time.Time
	first, second usage
}

func newMeter(o options, w *world, s *sims) *meter {
	return &meter{w: w, sims: s, interval: max(o.duration/200, 50*time.Millisecond), began: time.Now(), options: o, printed: time.Now()}
}

// measure takes the memory that is in use: what Go's heap has freed is returned first, because how much of
// that waits for its next use is chance.
func (m *meter) measure() usage {
	debug.FreeOSMemory()
	u := measure()
	u.simsKiB = m.sims.rssKiB()
	return u
}

func (m *meter) tick() {
	now := m.measure()
	elapsed := time.Since(m.began)
	switch {
	case elapsed > m.duration/2:
		m.second = most(m.second, now)
	case elapsed > m.duration/20:
		m.first = most(m.first, now)
	}
	if time.Since(m.printed) >= 10*time.Second {
		m.print()
	}
}

func (m *meter) print() {
	m.printed = time.Now()
	var records, bytes, streams, pauses, breaks uint64
	for _, a := range m.w.actors {
		records += a.total
		bytes += a.bytes
		streams += a.streams
		pauses += a.pauses
		breaks += a.breaks
	}
	for _, u := range m.w.streams {
		records += u.records
		bytes += u.bytes
		streams += u.restarts
		pauses += u.pauses
		breaks += u.breaks
	}
	elapsed := time.Since(m.began).Seconds()
	fmt.Printf("soak: %4.0f s: %d records, %.1f MB/s, %d streams, %d pauses, %d breaks; %v\n", elapsed, records,
		float64(bytes)/1e6/elapsed, streams, pauses, breaks, m.measure())
}

// What may be added in the second half: the sockets of the moment vary, with the writers that are
// killed and the sessions that are being replaced. A leak adds one with each of hundreds of breaks.
const (
	moreFds        = 16
	moreGoroutines = 2
)

func (m *meter) verdict() error {
	fmt.Printf("soak: peaks of the first half: %v; of the second: %v\n", m.first, m.second)
	for _, c := range []struct {
		what                string
		before, after, most int
	}{
		{"RSS (KiB)", m.first.rssKiB, m.second.rssKiB, m.moreKiB},
		{"fds", m.first.fds, m.second.fds, moreFds},
		{"goroutines", m.first.goroutines, m.second.goroutines, moreGoroutines},
		{"the simulators' RSS (KiB)", m.first.simsKiB, m.second.simsKiB, len(m.sims.processes) * m.moreKiB},
	} {
		if c.after > c.before+c.most {
			return fmt.Errorf("%s grew from %d to %d", c.what, c.before, c.after)
		}
	}
	return nil
}
