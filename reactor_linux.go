package dbnloop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/bindings"
)

// Reactor is an event loop around epoll, in C++, that the caller drives. See the package
// comment for who may call what, when.
type Reactor struct {
	c *core

	// use says who is inside: free, in a C call, running handlers, or a call made by one.
	use atomic.Int32

	events  []bindings.Event // of the last poll; C memory
	next    int              // the first that was not handled yet
	clients map[uint64]*LiveClient
	toFree  []*LiveClient // closed inside a handler
	timers  map[uint64]timer
	fds     map[int]func(events uint32)

	file *os.File // a duplicate of the epoll fd, on Go's netpoller; made by Run
	conn syscall.RawConn
	cur  cursor // of the batch that is being delivered
	copy poisoner
}

// core is what a cleanup must be able to free without the Reactor.
type core struct {
	loop *bindings.Reactor

	mu     sync.Mutex // of what other goroutines touch
	wakeFd int        // -1 once closed
	stop   bool
	posted []func()
}

type timer struct {
	f      func()
	repeat bool
}

const (
	useFree int32 = iota
	useInC
	useHandlers
	useFromHandler
)

const wakeUserdata = math.MaxUint64

// NewReactor makes a reactor. Close it when done; clients first or after, in any order.
func NewReactor() (*Reactor, error) {
	if have := bindings.LibraryABIVersion(); have != bindings.ABIVersion {
		return nil, newError(CodeInvalidState, "the linked libdbnloop %s has ABI version %d, this package was built with a header of version %d: rebuild both from one source",
			bindings.LibraryVersion(), have, bindings.ABIVersion)
	}
	loop, e := bindings.ReactorNew()
	if e != nil {
		return nil, fromC(e)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		loop.Free()
		return nil, systemError("eventfd", err)
	}
	if e := loop.Add(wake, unix.EPOLLIN, wakeUserdata); e != nil {
		unix.Close(wake)
		loop.Free()
		return nil, fromC(e)
	}
	r := &Reactor{
		c:       &core{loop: loop, wakeFd: wake},
		clients: map[uint64]*LiveClient{},
		timers:  map[uint64]timer{},
		fds:     map[int]func(uint32){},
	}
	// Only a safety net: Close is the caller's.
	runtime.AddCleanup(r, func(c *core) { c.free() }, r.c)
	return r, nil
}

func (c *core) free() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wakeFd < 0 {
		return
	}
	c.loop.Free()
	unix.Close(c.wakeFd)
	c.wakeFd = -1
}

func fromC(e *bindings.Error) error {
	return &Error{ErrorCode(e.Code), e.Message, syscall.Errno(e.Errno)}
}

func systemError(what string, err error) error {
	e := newError(CodeSystem, "%s: %v", what, err)
	errors.As(err, &e.Errno)
	return e
}

// enter begins a call into C. From a handler it is fine; from a second goroutine it is not.
func (r *Reactor) enter() (leave int32, err error) {
	if r.c.loop == nil || r.closed() {
		return 0, newError(CodeInvalidState, "the reactor is closed")
	}
	if r.use.CompareAndSwap(useFree, useInC) {
		return useFree, nil
	}
	if r.use.CompareAndSwap(useHandlers, useFromHandler) {
		return useHandlers, nil
	}
	return 0, newError(CodeInvalidState, "the reactor is in use by another goroutine: only Stop, Post and Wake may be called at any time")
}

func (r *Reactor) leave(to int32) { r.use.Store(to) }

func (r *Reactor) closed() bool {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.c.wakeFd < 0
}

// Poll is one bounded turn: it waits at most timeout (negative: no limit; 0: not at all),
// runs the handlers of what happened and returns how many events that were. It blocks its
// thread while it waits; Run does not.
//
// A panic in a handler passes through; the record counts as taken, and what is left is
// delivered by the next Poll.
func (r *Reactor) Poll(timeout time.Duration) (int, error) {
	if r.closed() {
		return 0, newError(CodeInvalidState, "the reactor is closed")
	}
	if !r.use.CompareAndSwap(useFree, useInC) {
		return 0, newError(CodeInvalidState, "Poll and Run may not be called inside a handler, nor by two goroutines at once")
	}
	defer r.endTurn()
	if r.next == len(r.events) {
		events, e := r.c.loop.Poll(milliseconds(timeout))
		r.events, r.next = events, 0
		if e != nil {
			return 0, fromC(e)
		}
	}
	r.use.Store(useHandlers)
	n := 0
	for r.next < len(r.events) {
		event := &r.events[r.next]
		r.next++
		r.handle(event)
		n++
	}
	return n + r.runPosted(), nil
}

// endTurn also runs when a handler panics.
func (r *Reactor) endTurn() {
	for _, c := range r.toFree {
		c.free()
	}
	r.toFree = r.toFree[:0]
	r.use.Store(useFree)
}

// milliseconds rounds up, so that half a millisecond is no busy loop.
func milliseconds(d time.Duration) int32 {
	if d < 0 {
		return -1
	}
	ms := (d + time.Millisecond - 1) / time.Millisecond
	return int32(min(ms, math.MaxInt32))
}

func (r *Reactor) handle(event *bindings.Event) {
	switch event.Kind {
	case bindings.EventTimer:
		t, ok := r.timers[event.Source]
		if !ok {
			return
		}
		if !t.repeat {
			delete(r.timers, event.Source)
		}
		t.f()
	case bindings.EventFd:
		if event.Source == wakeUserdata {
			var buf [8]byte
			unix.Read(r.c.wakeFd, buf[:])
			return
		}
		if f, ok := r.fds[int(event.Source)]; ok {
			f(event.Code)
		}
	default:
		c, ok := r.clients[event.Source]
		if !ok {
			event.Consumed = 0
			return
		}
		c.handle(event)
	}
}

func (r *Reactor) runPosted() int {
	r.c.mu.Lock()
	tasks := r.c.posted
	r.c.posted = nil
	r.c.mu.Unlock()
	for i, f := range tasks {
		r.runTask(f, tasks[i+1:])
	}
	return len(tasks)
}

// runTask keeps the rest for the next turn when f panics.
func (r *Reactor) runTask(f func(), rest []func()) {
	done := false
	defer func() {
		if !done {
			r.c.mu.Lock()
			r.c.posted = append(append([]func(){}, rest...), r.c.posted...)
			r.c.mu.Unlock()
			r.Wake()
		}
	}()
	f()
	done = true
}

// Run polls until Stop or the end of ctx, whose error it returns. Between turns the
// goroutine is parked; no thread waits. A Stop that came before Run ends it at once.
func (r *Reactor) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, r.Wake)()
	for {
		if r.takeStop() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := r.Poll(0)
		if err != nil {
			return err
		}
		if n == 0 {
			if err := r.park(); err != nil {
				return err
			}
		}
	}
}

func (r *Reactor) takeStop() bool {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	stop := r.c.stop
	r.c.stop = false
	return stop
}

// park waits on Go's netpoller until the epoll fd is readable.
func (r *Reactor) park() error {
	if r.file == nil {
		fd, err := unix.FcntlInt(uintptr(r.c.loop.Fd()), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return systemError("duplicating the epoll fd", err)
		}
		unix.SetNonblock(fd, true) // os.NewFile then registers it with the netpoller
		r.file = os.NewFile(uintptr(fd), "dbnloop-epoll")
		if r.conn, err = r.file.SyscallConn(); err != nil {
			return systemError("SyscallConn", err)
		}
	}
	var pollErr error
	err := r.conn.Read(func(fd uintptr) bool {
		// The netpoller is edge-triggered: an edge from before would not come again, so the
		// level is asked first.
		var ready bool
		ready, pollErr = readable(int(fd))
		return ready || pollErr != nil
	})
	return errors.Join(err, pollErr)
}

func readable(fd int) (bool, error) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return false, systemError("poll", err)
		}
		return n > 0, nil
	}
}

// Stop ends Run after its present turn. Any goroutine may call it.
func (r *Reactor) Stop() {
	r.c.mu.Lock()
	r.c.stop = true
	r.c.mu.Unlock()
	r.Wake()
}

// Wake makes a waiting Poll or Run begin another turn. Any goroutine may call it.
func (r *Reactor) Wake() {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if r.c.wakeFd < 0 {
		return
	}
	one := [8]byte{1}
	for {
		if _, err := unix.Write(r.c.wakeFd, one[:]); err != unix.EINTR {
			return // EAGAIN: the counter is full, so it is readable anyway
		}
	}
}

// Post runs f once in a coming turn, in order. Any goroutine may call it.
func (r *Reactor) Post(f func()) {
	r.c.mu.Lock()
	r.c.posted = append(r.c.posted, f)
	r.c.mu.Unlock()
	r.Wake()
}

// Fd is the epoll fd: readable when Poll has something to do. For use inside another loop,
// which must call Poll(0) until it returns 0 before it waits. The reactor owns it.
func (r *Reactor) Fd() int {
	leave, err := r.enter()
	if err != nil {
		return -1
	}
	defer r.leave(leave)
	return r.c.loop.Fd()
}

// TimerID names a timer.
type TimerID uint64

// AfterFunc runs f inside Poll, once, d from now.
func (r *Reactor) AfterFunc(d time.Duration, f func()) (TimerID, error) {
	return r.addTimer(d, 0, f)
}

// Every runs f inside Poll every d (> 0) until Cancel.
func (r *Reactor) Every(d time.Duration, f func()) (TimerID, error) {
	if d <= 0 {
		return 0, newError(CodeInvalidArgument, "a timer's period must be greater than 0, not %v", d)
	}
	return r.addTimer(d, d, f)
}

func (r *Reactor) addTimer(delay, period time.Duration, f func()) (TimerID, error) {
	leave, err := r.enter()
	if err != nil {
		return 0, err
	}
	defer r.leave(leave)
	id, e := r.c.loop.Timer(uint64(max(delay, 0)), uint64(period))
	if e != nil {
		return 0, fromC(e)
	}
	r.timers[id] = timer{f, period > 0}
	return TimerID(id), nil
}

// Cancel ends a timer; false when it has run already or is unknown.
func (r *Reactor) Cancel(id TimerID) bool {
	leave, err := r.enter()
	if err != nil {
		return false
	}
	defer r.leave(leave)
	_, known := r.timers[uint64(id)]
	delete(r.timers, uint64(id))
	r.c.loop.Cancel(uint64(id))
	return known
}

// Add watches fd, level-triggered; f gets epoll's event bits inside Poll.
func (r *Reactor) Add(fd int, events uint32, f func(events uint32)) error {
	leave, err := r.enter()
	if err != nil {
		return err
	}
	defer r.leave(leave)
	if e := r.c.loop.Add(fd, events, uint64(fd)); e != nil {
		return fromC(e)
	}
	r.fds[fd] = f
	return nil
}

// Modify changes the events of an fd that was added.
func (r *Reactor) Modify(fd int, events uint32) error {
	leave, err := r.enter()
	if err != nil {
		return err
	}
	defer r.leave(leave)
	if e := r.c.loop.Modify(fd, events); e != nil {
		return fromC(e)
	}
	return nil
}

// Remove forgets an fd; call it before closing the fd.
func (r *Reactor) Remove(fd int) error {
	leave, err := r.enter()
	if err != nil {
		return err
	}
	defer r.leave(leave)
	delete(r.fds, fd)
	if e := r.c.loop.Remove(fd); e != nil {
		return fromC(e)
	}
	return nil
}

// Close frees the reactor and ends the sessions of its clients without a word to their
// handlers. It may be called again. Not inside a handler.
func (r *Reactor) Close() error {
	if r.closed() {
		return nil
	}
	if !r.use.CompareAndSwap(useFree, useInC) {
		return newError(CodeInvalidState, "Reactor.Close may not be called inside a handler, nor while another goroutine uses the reactor; call Stop there")
	}
	defer r.use.Store(useFree)
	for _, c := range r.clients {
		c.free()
	}
	if r.file != nil {
		r.file.Close()
	}
	r.events, r.next = nil, 0
	r.c.free()
	return nil
}

// String says what the reactor holds, for logs.
func (r *Reactor) String() string {
	return fmt.Sprintf("dbnloop.Reactor{clients: %d, timers: %d}", len(r.clients), len(r.timers))
}
