package dbnloop

import (
	"time"

	"golang.org/x/sys/unix"
)

// TimerID identifies a timer.
type TimerID uint64

type timer struct {
	f      func()
	repeat bool
}

// AfterFunc runs f once, d from now, as a handler. A d below 0 counts as 0, and one above 10
// years as 10 years. It may be called inside a handler. It returns ErrInvalidArgument for a nil
// f, and ErrInvalidState when called from a second goroutine while another one is inside the
// reactor, and after Close.
func (r *Reactor) AfterFunc(d time.Duration, f func()) (TimerID, error) {
	return r.addTimer(d, 0, f)
}

// Every runs f every d (> 0) as a handler, until Cancel. Runs that were missed are not
// repeated. It may be called inside a handler. It returns ErrInvalidArgument for a nil f or a d
// that is not positive, and ErrInvalidState when called from a second goroutine while another
// one is inside the reactor, and after Close.
func (r *Reactor) Every(d time.Duration, f func()) (TimerID, error) {
	if d <= 0 {
		return 0, newError(CodeInvalidArgument, "a timer's period must be greater than 0, not %v", d)
	}
	return r.addTimer(d, d, f)
}

// aDecade is more than any timer needs, and less than what the C side refuses.
const aDecade = 10 * 365 * 24 * time.Hour

func (r *Reactor) addTimer(delay, period time.Duration, f func()) (TimerID, error) {
	if f == nil {
		return 0, newError(CodeInvalidArgument, "a timer's function is nil")
	}
	leave, err := r.owner.enter()
	if err != nil {
		return 0, err
	}
	defer r.owner.leave(leave)
	id, e := r.core.loop.Timer(uint64(min(max(delay, 0), aDecade)), uint64(min(period, aDecade)))
	if e != nil {
		return 0, fromC(e)
	}
	r.timers[id] = timer{f, period > 0}
	return TimerID(id), nil
}

// Cancel cancels a timer, even one that is due but whose function has not run yet. It returns
// false when the timer has fired or does not exist, and after Close. It may be called inside a
// handler, including that of the timer itself. Called from a second goroutine while another one
// is inside the reactor, it panics with ErrInvalidState.
func (r *Reactor) Cancel(id TimerID) bool {
	leave, open := r.mustEnter()
	if !open {
		return false
	}
	defer r.owner.leave(leave)
	_, known := r.timers[uint64(id)]
	delete(r.timers, uint64(id))
	r.core.loop.Cancel(uint64(id))
	return known
}

func (r *Reactor) onTimer(id uint64) {
	t, ok := r.timers[id]
	if !ok {
		return // cancelled since
	}
	if !t.repeat {
		delete(r.timers, id)
	}
	t.f()
}

// watch is an fd that was added.
type watch struct {
	f        func(events uint32)
	interest uint32
}

// Add watches fd, level-triggered: f is called as a handler with epoll's event bits. ERR and
// HUP are always reported. The fd still belongs to the caller. It may be called inside a
// handler. It returns ErrInvalidArgument for a nil f or an fd that is watched already,
// ErrSystem when epoll refuses the fd, and ErrInvalidState when called from a second goroutine
// while another one is inside the reactor, and after Close.
func (r *Reactor) Add(fd int, events uint32, f func(events uint32)) error {
	if f == nil {
		return newError(CodeInvalidArgument, "Add: the function for fd %d is nil", fd)
	}
	leave, err := r.owner.enter()
	if err != nil {
		return err
	}
	defer r.owner.leave(leave)
	// A turn may hold events of an fd that was removed since and whose number was reused; an id
	// distinguishes them.
	id := r.lastID + 1
	if e := r.core.loop.Add(fd, events, id); e != nil {
		return fromC(e)
	}
	r.lastID = id
	r.watches[id] = watch{f, events}
	r.watchOf[fd] = id
	return nil
}

// Modify changes the events of an fd that was added, including for events that this turn
// already holds. It may be called inside a handler. It returns ErrInvalidArgument for an fd
// that is not watched, and ErrInvalidState when called from a second goroutine while another
// one is inside the reactor, and after Close.
func (r *Reactor) Modify(fd int, events uint32) error {
	leave, err := r.owner.enter()
	if err != nil {
		return err
	}
	defer r.owner.leave(leave)
	if e := r.core.loop.Modify(fd, events); e != nil {
		return fromC(e)
	}
	id := r.watchOf[fd]
	r.watches[id] = watch{r.watches[id].f, events}
	return nil
}

func (r *Reactor) onFd(id uint64, events uint32) {
	w, ok := r.watches[id]
	if !ok {
		return // removed since
	}
	// Interest that was withdrawn since is no longer reported.
	if ready := events & (w.interest | unix.EPOLLERR | unix.EPOLLHUP); ready != 0 {
		w.f(ready)
	}
}

// Remove stops watching an fd: its function is no longer called, not even for events that this
// turn already holds. Unknown fds are ignored. Call it before closing the fd. It may be called
// inside a handler. It returns ErrInvalidState when called from a second goroutine while
// another one is inside the reactor, and after Close.
func (r *Reactor) Remove(fd int) error {
	leave, err := r.owner.enter()
	if err != nil {
		return err
	}
	defer r.owner.leave(leave)
	delete(r.watches, r.watchOf[fd])
	delete(r.watchOf, fd)
	if e := r.core.loop.Remove(fd); e != nil {
		return fromC(e)
	}
	return nil
}
