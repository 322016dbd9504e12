package dbnloop

import (
	"time"

	"golang.org/x/sys/unix"
)

// TimerID names a timer.
type TimerID uint64

type timer struct {
	f      func()
	repeat bool
}

// AfterFunc runs f once, d from now, as a handler. A d below 0 is 0, one above 10 years is
// 10 years. Inside a handler it is allowed. ErrInvalidArgument for a nil f,
// ErrInvalidState from a second goroutine while one is inside the reactor, and after Close.
func (r *Reactor) AfterFunc(d time.Duration, f func()) (TimerID, error) {
	return r.addTimer(d, 0, f)
}

// Every runs f every d (> 0) as a handler, until Cancel; turns that came too late for some
// are not made up for. Inside a handler it is allowed. ErrInvalidArgument for a nil f or a
// d that is not positive, ErrInvalidState from a second goroutine while one is inside the
// reactor, and after Close.
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
	leave, err := r.enter()
	if err != nil {
		return 0, err
	}
	defer r.leave(leave)
	id, e := r.core.loop.Timer(uint64(min(max(delay, 0), aDecade)), uint64(min(period, aDecade)))
	if e != nil {
		return 0, fromC(e)
	}
	r.timers[id] = timer{f, period > 0}
	return TimerID(id), nil
}

// Cancel ends a timer, also one whose turn has come but whose function has not run. False
// when it has run already or is unknown, and after Close. Inside a handler it is allowed,
// in that of the timer itself too. From a second goroutine while one
// is inside the reactor it panics with ErrInvalidState.
func (r *Reactor) Cancel(id TimerID) bool {
	leave, open := r.mustEnter()
	if !open {
		return false
	}
	defer r.leave(leave)
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

// Add watches fd, level-triggered: f is called as a handler with epoll's event bits. ERR
// and HUP come whether they were asked for or not. The fd stays the caller's. Inside a
// handler it is allowed. ErrInvalidArgument for a nil f or an fd that is watched already,
// ErrSystem when epoll refuses the fd, ErrInvalidState from a second goroutine while one is
// inside the reactor, and after Close.
func (r *Reactor) Add(fd int, events uint32, f func(events uint32)) error {
	if f == nil {
		return newError(CodeInvalidArgument, "Add: the function for fd %d is nil", fd)
	}
	leave, err := r.enter()
	if err != nil {
		return err
	}
	defer r.leave(leave)
	// A turn may hold events of an fd that was removed since, and whose number is used
	// again: they are told apart by an id.
	id := r.lastID + 1
	if e := r.core.loop.Add(fd, events, id); e != nil {
		return fromC(e)
	}
	r.lastID = id
	r.watches[id] = watch{f, events}
	r.watchOf[fd] = id
	return nil
}

// Modify changes the events of an fd that was added, also for what this turn holds already.
// Inside a handler it is allowed. ErrInvalidArgument for an fd that is not watched,
// ErrInvalidState from a second goroutine while one is inside the reactor, and after Close.
func (r *Reactor) Modify(fd int, events uint32) error {
	leave, err := r.enter()
	if err != nil {
		return err
	}
	defer r.leave(leave)
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
	// Interest that was taken back since is not reported any more.
	if ready := events & (w.interest | unix.EPOLLERR | unix.EPOLLHUP); ready != 0 {
		w.f(ready)
	}
}

// Remove forgets an fd: its function is not called any more, not even for what this turn
// holds already. Unknown fds are ignored. Call it before closing the fd. Inside a handler
// it is allowed. ErrInvalidState from a second goroutine while one is inside the reactor,
// and after Close.
func (r *Reactor) Remove(fd int) error {
	leave, err := r.enter()
	if err != nil {
		return err
	}
	defer r.leave(leave)
	delete(r.watches, r.watchOf[fd])
	delete(r.watchOf, fd)
	if e := r.core.loop.Remove(fd); e != nil {
		return fromC(e)
	}
	return nil
}
