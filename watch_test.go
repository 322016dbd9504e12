package dbnloop_test

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
)

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
