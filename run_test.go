package dbnloop_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
)

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
