package dbnloop_test

import (
	"errors"
	"math"
	"runtime"
	"slices"
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

// A Poll crosses into the core once and waits there; it makes no second turn after the wait.
func TestAPollIsOneTurn(t *testing.T) {
	r := newReactor(t)
	c, err := dbnloop.NewLiveClient(r, sim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	ticks := 0
	if _, err := r.Every(time.Millisecond, func() { ticks++ }); err != nil {
		t.Fatal(err)
	}
	before, calls := c.Stats().Polls, uint64(0)
	for ; ticks < 50; calls++ {
		if _, err := r.Poll(-1); err != nil {
			t.Fatal(err)
		}
	}
	if turns := c.Stats().Polls - before; turns != calls {
		t.Errorf("%d turns in %d calls of Poll", turns, calls)
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

func TestSpin(t *testing.T) {
	for _, d := range []time.Duration{-1, time.Second + time.Microsecond, 1500 * time.Nanosecond} {
		if _, err := dbnloop.NewReactor(dbnloop.WithSpin(d)); !errors.Is(err, dbnloop.ErrInvalidArgument) {
			t.Errorf("WithSpin(%v): %v, want InvalidArgument", d, err)
		}
	}
	r, err := dbnloop.NewReactor(nil, dbnloop.WithSpin(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in, out := pipe(t)
	defer unix.Close(in)
	defer unix.Close(out)
	read := 0
	if err := r.Add(in, unix.EPOLLIN, func(uint32) {
		n, err := unix.Read(in, make([]byte, 16))
		if err != nil {
			t.Error(err)
		}
		read += n
		if read == 2 {
			r.Stop()
		}
	}); err != nil {
		t.Fatal(err)
	}
	unix.Write(out, []byte("a"))
	if n, err := r.Poll(-1); n != 1 || err != nil || read != 1 {
		t.Errorf("Poll: %d, %v, read %d", n, err, read)
	}
	// Run spins for a while after each event, then parks; an event ends either.
	for range 3 {
		timer, err := r.AfterFunc(5*time.Millisecond, func() { unix.Write(out, []byte("b")) })
		if err != nil {
			t.Fatal(err)
		}
		read = 1
		if err := r.Run(t.Context()); err != nil || read != 2 || r.Cancel(timer) {
			t.Errorf("Run: %v, read %d", err, read)
		}
	}
}
