package dbnloop_test

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// wantMisuse checks for the error that a call at the wrong time gets.
func wantMisuse(t *testing.T, what string, err error) {
	t.Helper()
	var e *dbnloop.Error
	if !errors.Is(err, dbnloop.ErrInvalidState) || !errors.As(err, &e) || e.Code != dbnloop.CodeInvalidState {
		t.Errorf("%s: %v, want InvalidState", what, err)
	}
}

// polled runs turns until done or for 30 s.
func polled(t *testing.T, r *dbnloop.Reactor, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in 30 s")
		}
		if _, err := r.Poll(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	return p[0], p[1]
}

func TestRun(t *testing.T) {
	t.Run("a Stop before Run ends it at once", func(t *testing.T) {
		r := newReactor(t)
		r.Stop()
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("Stop from another goroutine ends it", func(t *testing.T) {
		r := newReactor(t)
		began := make(chan struct{})
		r.Post(func() { close(began) })
		go func() {
			<-began
			r.Stop()
		}()
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("Stop in a handler ends it after the turn", func(t *testing.T) {
		r := newReactor(t)
		ran := 0
		r.Post(func() { ran++; r.Stop() })
		r.Post(func() { ran++ })
		if err := r.Run(t.Context()); err != nil || ran != 2 {
			t.Errorf("%d tasks, then %v", ran, err)
		}
	})
	t.Run("the end of the context ends it with its cause", func(t *testing.T) {
		r := newReactor(t)
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		r.Post(func() { cancel(cause) })
		if err := r.Run(ctx); !errors.Is(err, cause) {
			t.Errorf("Run: %v", err)
		}
		if err := r.Run(ctx); !errors.Is(err, cause) {
			t.Errorf("Run with a context that is over: %v", err)
		}
	})
	t.Run("so does one that ends while it is parked", func(t *testing.T) {
		for range 50 {
			r := newReactor(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if err := r.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Run: %v", err)
			}
			cancel()
		}
	})
	t.Run("timers, fds and tasks wake a parked Run", func(t *testing.T) {
		r := newReactor(t)
		in, out := pipe(t)
		defer unix.Close(in)
		defer unix.Close(out)
		var got []string
		err := r.Add(in, unix.EPOLLIN, func(uint32) {
			got = append(got, "fd")
			var b [1]byte
			unix.Read(in, b[:])
			r.Post(func() { got = append(got, "task"); r.Stop() })
		})
		if err != nil {
			t.Fatal(err)
		}
		r.AfterFunc(time.Millisecond, func() {
			got = append(got, "timer")
			// From outside, when Run has parked again or not.
			go unix.Write(out, []byte{1})
		})
		if err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"timer", "fd", "task"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if err := r.Remove(in); err != nil {
			t.Error(err)
		}
	})
	t.Run("a panic of a handler passes through it", func(t *testing.T) {
		r := newReactor(t)
		r.Post(func() { panic("of a task") })
		func() {
			defer func() {
				if p := recover(); p != "of a task" {
					t.Errorf("recovered %v", p)
				}
			}()
			r.Run(t.Context())
		}()
		r.Stop()
		if err := r.Run(t.Context()); err != nil {
			t.Errorf("Run after a panic: %v", err)
		}
	})
}

// Reactors that wait in Run hold goroutines, not threads.
func TestAParkedRunHoldsNoThread(t *testing.T) {
	const n = 64
	before := threads(t)
	var reactors []*dbnloop.Reactor
	var parked atomic.Int32
	done := make(chan error, n)
	for range n {
		r := newReactor(t)
		reactors = append(reactors, r)
		go func() { done <- r.Run(t.Context()) }()
		// The second task is run by a Run that had been parked.
		r.Post(func() { r.Post(func() { parked.Add(1) }) })
	}
	for parked.Load() < n {
		runtime.Gosched()
	}
	// Another turn each, from outside, so that all of them have parked at least once.
	for _, r := range reactors {
		r.Post(func() { parked.Add(1) })
	}
	for parked.Load() < 2*n {
		runtime.Gosched()
	}
	if grown := threads(t) - before; grown > n/2 {
		t.Errorf("%d threads more for %d reactors", grown, n)
	}
	for _, r := range reactors {
		r.Stop()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func threads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

func TestPost(t *testing.T) {
	t.Run("tasks of all goroutines run once each", func(t *testing.T) {
		r := newReactor(t)
		const goroutines, each = 8, 200
		ran := 0
		for range goroutines {
			go func() {
				for range each {
					r.Post(func() { ran++ })
				}
			}()
		}
		polled(t, r, func() bool { return ran == goroutines*each })
	})
	t.Run("a panic leaves the tasks behind it for the next turn", func(t *testing.T) {
		r := newReactor(t)
		var order []int
		for i := range 4 {
			r.Post(func() {
				order = append(order, i)
				if i == 1 {
					panic(i)
				}
			})
		}
		func() {
			defer func() { recover() }()
			r.Poll(0)
		}()
		if _, err := r.Poll(-1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(order, []int{0, 1, 2, 3}) {
			t.Errorf("order %v", order)
		}
	})
	t.Run("a panic of another handler does not strand tasks", func(t *testing.T) {
		r := newReactor(t)
		ran := false
		r.Post(func() { ran = true })
		r.AfterFunc(0, func() { panic("of a timer") })
		func() {
			defer func() { recover() }()
			r.Poll(0)
		}()
		// Would wait for ever had the wake-up been lost.
		if _, err := r.Poll(-1); err != nil {
			t.Fatal(err)
		}
		if !ran {
			t.Error("the task did not run")
		}
	})
	t.Run("a nil task panics at the call", func(t *testing.T) {
		r := newReactor(t)
		defer func() {
			if recover() == nil {
				t.Error("Post took a nil function")
			}
		}()
		r.Post(nil)
	})
	t.Run("after Close it does nothing", func(t *testing.T) {
		r := newReactor(t)
		r.Close()
		r.Post(func() { t.Error("a task of a closed reactor ran") })
		r.Wake()
		r.Stop()
	})
}

func TestTimers(t *testing.T) {
	t.Run("every, until cancelled by itself", func(t *testing.T) {
		r := newReactor(t)
		ran := 0
		var id dbnloop.TimerID
		id, err := r.Every(time.Microsecond, func() {
			if ran++; ran == 3 && !r.Cancel(id) {
				t.Error("Cancel found no timer")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		polled(t, r, func() bool { return ran == 3 })
		if n, err := r.Poll(time.Millisecond); n != 0 || err != nil {
			t.Errorf("%d events after Cancel, %v", n, err)
		}
		if r.Cancel(id) {
			t.Error("a second Cancel found the timer")
		}
	})
	t.Run("cancelled by another of the same turn", func(t *testing.T) {
		r := newReactor(t)
		var second dbnloop.TimerID
		r.AfterFunc(0, func() { r.Cancel(second) })
		second, _ = r.AfterFunc(0, func() { t.Error("a cancelled timer ran") })
		polled(t, r, func() bool { return !r.Cancel(second) })
	})
	t.Run("bad arguments", func(t *testing.T) {
		r := newReactor(t)
		for name, call := range map[string]func() error{
			"no period":   func() error { _, err := r.Every(0, func() {}); return err },
			"no function": func() error { _, err := r.AfterFunc(0, nil); return err },
			"no fd":       func() error { return r.Add(-1, unix.EPOLLIN, func(uint32) {}) },
			"no callback": func() error { return r.Add(0, unix.EPOLLIN, nil) },
			"not added":   func() error { return r.Modify(12345, unix.EPOLLIN) },
		} {
			if err := call(); !errors.Is(err, dbnloop.ErrInvalidArgument) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A timeout that no number of milliseconds can hold means for ever, not at once, and not
// some other time.
func TestTheLongestTimeoutWaits(t *testing.T) {
	for _, timeout := range []time.Duration{math.MaxInt64, math.MaxInt32 * time.Millisecond * 2, -1, math.MinInt64} {
		r := newReactor(t)
		ran := false
		r.AfterFunc(time.Millisecond, func() { ran = true })
		if _, err := r.Poll(timeout); err != nil {
			t.Fatal(err)
		}
		// A turn may begin a moment before the deadline; it must not have been an early return.
		if !ran {
			r.Poll(timeout)
		}
		if !ran {
			t.Errorf("Poll(%d) did not wait", timeout)
		}
	}
}

// An event that the turn holds already must not reach the next owner of the fd's number.
func TestAStaleEventOfAnFdIsDropped(t *testing.T) {
	r := newReactor(t)
	readable := func() (in, out int) {
		in, out = pipe(t)
		unix.Write(out, []byte{1})
		return in, out
	}
	a, aOut := readable()
	b, bOut := readable()
	defer unix.Close(aOut)
	defer unix.Close(bOut)
	calls := 0
	// Whichever comes first replaces the other one.
	replace := func(self, other int) func(uint32) {
		return func(uint32) {
			calls++
			r.Remove(self)
			r.Remove(other)
			if err := unix.Dup3(aEmpty(t), other, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			err := r.Add(other, unix.EPOLLIN, func(uint32) { t.Error("an event of the fd before") })
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, fds := range [][2]int{{a, b}, {b, a}} {
		if err := r.Add(fds[0], unix.EPOLLIN, replace(fds[0], fds[1])); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Poll(time.Second); err != nil {
		t.Fatal(err)
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
	r.Remove(a)
	r.Remove(b)
	unix.Close(a)
	unix.Close(b)
}

// Interest that a handler takes back is not told any more, not even by what the turn holds.
func TestModifyHoldsForTheTurnToo(t *testing.T) {
	r := newReactor(t)
	var in, calls [2]int
	for i := range in {
		var out int
		in[i], out = pipe(t)
		unix.Write(out, []byte{1})
		defer unix.Close(out)
		defer unix.Close(in[i])
		err := r.Add(in[i], unix.EPOLLIN, func(uint32) {
			calls[i]++
			unix.Read(in[i], make([]byte, 1))
			if err := r.Modify(in[1-i], 0); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Poll(time.Second); err != nil {
		t.Fatal(err)
	}
	if calls[0]+calls[1] != 1 {
		t.Fatalf("calls %v, want one", calls)
	}
	// Asked for again, it comes: nothing is lost.
	for i := range in {
		if err := r.Modify(in[i], unix.EPOLLIN); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Poll(time.Second); err != nil {
		t.Fatal(err)
	}
	if calls != [2]int{1, 1} {
		t.Errorf("calls %v, want one each", calls)
	}
}

// aEmpty is a pipe's reading end with nothing in it, closed with the test.
func aEmpty(t *testing.T) int {
	in, out := pipe(t)
	t.Cleanup(func() { unix.Close(in); unix.Close(out) })
	return in
}

// Fd serves inside another loop: it is readable when, and only when, Poll has work.
func TestFdInsideAnotherLoop(t *testing.T) {
	r := newReactor(t)
	fd := r.Fd()
	readable := func(timeout int) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, timeout)
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		return n > 0
	}
	if readable(0) {
		t.Error("readable with nothing to do")
	}
	ran := 0
	r.AfterFunc(time.Millisecond, func() { ran++ })
	for !readable(1000) {
	}
	r.Poll(0)
	r.Post(func() { ran++ })
	if !readable(1000) {
		t.Error("not readable after Post")
	}
	r.Poll(0)
	if ran != 2 || readable(0) {
		t.Errorf("%d ran; readable afterwards: %v", ran, readable(0))
	}
}

// What Run waits with is made with the reactor: without fds nothing is begun that may be
// billed.
func TestAReactorWithoutFdsIsRefused(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	before, refused := openFds(), 0
	for most := uint64(3); ; most++ {
		few := limit
		few.Cur = most
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
			t.Fatal(err)
		}
		r, err := dbnloop.NewReactor()
		if err == nil {
			// With no fd to spare it waits, and works.
			r.Post(r.Stop)
			err = errors.Join(r.Run(t.Context()), r.Close())
			most = limit.Cur
		} else if refused++; !errors.Is(err, dbnloop.ErrSystem) || !errors.Is(err, unix.EMFILE) {
			t.Errorf("with fds below %d: %v", most, err)
		} else {
			err = nil
		}
		if e := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); e != nil || err != nil {
			t.Fatal(e, err)
		}
		if now := openFds(); now != before {
			t.Fatalf("%d fds before, %d after a try with fds below %d", before, now, most)
		}
		if most == limit.Cur {
			break
		}
	}
	if refused < 4 {
		t.Errorf("it was refused %d times: it needs four fds", refused)
	}
}

// Nothing but a dropped Reactor: the safety net must free what the C side holds.
func TestADroppedReactorIsFreed(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	before := openFds()
	func() {
		for range 10 {
			r, err := dbnloop.NewReactor()
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				c, err := dbnloop.NewLiveClient(r, sim.TestKey, dbnloop.WithDataset(dataset))
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Connect(gw.Host(), gw.Port()); err != nil {
					t.Fatal(err)
				}
			}
			r.Poll(0)
		}
	}()
	gw.Close()
	for deadline := time.Now().Add(10 * time.Second); openFds() > before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d fds before, %d now", before, openFds())
		}
		runtime.GC()
	}
}

// Go preempts by signals, which interrupt system calls of the C++ core.
func TestAStormOfSignalsLosesNothing(t *testing.T) {
	const n = 100_000
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{numbered(n)}, AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				unix.Kill(unix.Getpid(), unix.SIGURG)
			}
		}
	}()
	next := uint64(0)
	runUntilError(t, r, c, dbnloop.Handlers{Mbo: func(m *dbn.MboMsg) {
		if m.OrderID != next {
			t.Fatalf("record %d where %d was due", m.OrderID, next)
		}
		next++
	}})
	close(stop)
	<-stopped
	if next != n {
		t.Errorf("%d records, want %d", next, n)
	}
}

// In a busy loop too: turns, and waits in between.
func TestRunAllocatesNothingPerTurn(t *testing.T) {
	r := newReactor(t)
	in, out := pipe(t)
	defer unix.Close(in)
	defer unix.Close(out)
	const turns = 2000
	n := 0
	var before, after runtime.MemStats
	var b [1]byte
	err := r.Add(in, unix.EPOLLIN, func(uint32) {
		unix.Read(in, b[:])
		switch n++; n {
		case 100:
			runtime.ReadMemStats(&before)
		case 100 + turns:
			runtime.ReadMemStats(&after)
			r.Stop()
			return
		}
		unix.Write(out, b[:])
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Remove(in)
	unix.Write(out, b[:])
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if allocs := float64(after.Mallocs-before.Mallocs) / turns; allocs > 0.1 {
		t.Errorf("%.2f allocations per turn", allocs)
	}
}

func TestVersionNamesAgree(t *testing.T) {
	// The names of all codes are the C++ library's.
	for code := range dbnloop.CodeChecksumMismatch + 1 {
		if name := code.String(); strings.Contains(name, "(") {
			t.Errorf("code %s has no name", strconv.Itoa(int(code)))
		}
	}
}
