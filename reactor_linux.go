package dbnloop

import (
	"context"
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

// Reactor is an event loop around epoll, written in C++, that the caller drives. Its zero value
// cannot be used; see NewReactor. The package comment says which goroutine may call what.
type Reactor struct {
	core    *core
	cleanup runtime.Cleanup
	owner   owner

	events  []bindings.Event // of the last poll; C memory
	next    int              // the first event that was not handled yet
	turnNo  uint64           // counts polls, so that a client recognises old events
	clients map[uint64]*source
	calls   map[uint64]func(*bindings.Event) // of historical clients, by id
	toFree  []*source                        // closed inside a handler
	cur     cursor                           // of the batch that is being delivered
	copy    poisoner

	timers  map[uint64]timer
	watches map[uint64]watch // by an id that is never reused
	watchOf map[int]uint64   // by fd
	lastID  uint64           // of a watch
	parking parking

	stop      atomic.Bool
	hasPosted atomic.Bool // posted is not empty
	mu        sync.Mutex
	posted    []func()
}

// core is what the cleanup of a dropped Reactor frees, so it must not point back to it.
type core struct {
	// mu is held by whoever is inside the C++ core: the owner, for the duration of one call, or
	// a getter on any goroutine. It is never held while a handler runs or a goroutine waits.
	mu      sync.Mutex
	loop    *bindings.Reactor
	natives map[uint64]native
	fd      int // the epoll fd

	wakeMu sync.Mutex // any goroutine may call Wake
	wakeFd int        // -1 once closed
}

// wakeID identifies the watch of the eventfd; the ids of user watches begin at 1.
const wakeID = 0

// NewReactor creates a reactor. Close it when done, before or after its clients. Any goroutine
// may call it. It returns ErrSystem when the five file descriptors that it needs are
// unavailable.
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
	c := &core{loop: loop, natives: map[uint64]native{}, wakeFd: wake}
	if e := loop.Add(wake, unix.EPOLLIN, wakeID); e != nil {
		c.free()
		return nil, fromC(e)
	}
	// From here on timers make the epoll fd readable: every wait is for that fd.
	if c.fd, err = loop.Fd(); err != nil {
		c.free()
		return nil, systemError("making the reactor's timerfd", err)
	}
	r := &Reactor{
		core:    c,
		clients: map[uint64]*source{},
		calls:   map[uint64]func(*bindings.Event){},
		timers:  map[uint64]timer{},
		watches: map[uint64]watch{},
		watchOf: map[int]uint64{},
	}
	// Now, and not when Run first waits: a request that is billed may be under way by then.
	if err := r.parking.open(c.fd); err != nil {
		c.free()
		return nil, err
	}
	// Only a safety net: the caller should call Close.
	r.cleanup = runtime.AddCleanup(r, (*core).free, c)
	return r, nil
}

func (c *core) free() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, handle := range c.natives {
		handle.Free()
	}
	clear(c.natives)
	c.loop.Free()
	c.wakeMu.Lock()
	defer c.wakeMu.Unlock()
	unix.Close(c.wakeFd)
	c.wakeFd = -1
}

// poll is one turn of the core, which does not wait.
func (c *core) poll() ([]bindings.Event, *bindings.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loop.Poll(0)
}

func (c *core) wake() {
	c.wakeMu.Lock()
	defer c.wakeMu.Unlock()
	if c.wakeFd < 0 {
		return
	}
	one := [8]byte{1}
	for {
		if _, err := unix.Write(c.wakeFd, one[:]); err != unix.EINTR {
			return // EAGAIN: the counter is full, so it is readable anyway
		}
	}
}

// Poll runs one bounded turn: it waits at most timeout (negative: without limit; 0: not at
// all), runs the handlers of what happened and returns the number of events (a Wake is one). It
// blocks its thread while it waits; Run does not.
//
// A panic in a handler passes through. The record then counts as consumed, and the next Poll
// delivers what remains.
//
// It returns ErrInvalidState inside a handler, and when called from a second goroutine while
// another one is inside the reactor.
func (r *Reactor) Poll(timeout time.Duration) (int, error) {
	if err := r.owner.acquire(); err != nil {
		return 0, err
	}
	defer r.owner.release()
	n, err := r.turn()
	if n > 0 || err != nil || timeout == 0 {
		return n, err
	}
	// Not inside the core, which getters of other goroutines may need during the wait.
	if ready, err := readable(r.core.fd, timeout); !ready || err != nil {
		return 0, err
	}
	return r.turn()
}

// turn is Poll for an owner, without a wait.
func (r *Reactor) turn() (int, error) {
	defer r.endTurn()
	if r.next == len(r.events) {
		events, e := r.core.poll()
		r.events, r.next = events, 0
		r.turnNo++
		if e != nil {
			return 0, fromC(e)
		}
	}
	if r.next == len(r.events) && !r.hasPosted.Load() {
		return 0, nil
	}
	r.owner.beginHandlers()
	n := 0
	for r.next < len(r.events) {
		event := &r.events[r.next]
		r.next++
		n++
		r.handle(event)
	}
	return n + r.runPosted(), nil
}

// endTurn also runs when a handler panics.
func (r *Reactor) endTurn() {
	if len(r.toFree) > 0 {
		r.core.mu.Lock()
		for _, c := range r.toFree {
			c.free()
		}
		r.core.mu.Unlock()
		clear(r.toFree)
		r.toFree = r.toFree[:0]
	}
	r.owner.endHandlers()
}

// milliseconds rounds up, so that half a millisecond does not become a busy loop.
func milliseconds(d time.Duration) int32 {
	if d < 0 {
		return -1
	}
	ms := d / time.Millisecond
	if d%time.Millisecond != 0 {
		ms++
	}
	return int32(min(ms, math.MaxInt32))
}

func (r *Reactor) handle(event *bindings.Event) {
	switch event.Kind {
	case bindings.EventTimer:
		r.onTimer(event.Timer())
	case bindings.EventFd:
		fd := event.Fd()
		if fd.Userdata == wakeID {
			var buf [8]byte
			unix.Read(r.core.wakeFd, buf[:])
			return
		}
		r.onFd(fd.Userdata, fd.Ready)
	case bindings.EventResponse:
		r.onCall(event.Response().Request, event)
	case bindings.EventProgress:
		r.onCall(event.Progress().Request, event)
	default:
		if c, ok := r.clients[event.Source]; ok {
			c.handle(event)
		} else {
			keep(event) // closed since
		}
	}
}

func (r *Reactor) onCall(id uint64, event *bindings.Event) {
	if f, ok := r.calls[id]; ok {
		f(event)
	}
}

// keep leaves the records of an event, if it has any, to a later turn.
func keep(event *bindings.Event) {
	if event.Kind == bindings.EventRecords {
		event.Records().Consumed = 0
	}
}

func (r *Reactor) runPosted() int {
	if !r.hasPosted.Load() {
		return 0
	}
	r.mu.Lock()
	tasks := r.posted
	r.posted = nil
	r.hasPosted.Store(false)
	r.mu.Unlock()
	for i, f := range tasks {
		r.runTask(f, tasks[i+1:])
	}
	return len(tasks)
}

// runTask keeps the rest for the next turn when f panics.
func (r *Reactor) runTask(f func(), rest []func()) {
	done := false
	defer func() {
		if done || len(rest) == 0 {
			return
		}
		r.mu.Lock()
		r.posted = append(append([]func(){}, rest...), r.posted...)
		r.hasPosted.Store(true)
		r.mu.Unlock()
		r.Wake()
	}()
	f()
	done = true
}

// Run polls until Stop, and then returns nil, or until ctx is done, and then returns its cause.
// Between turns the goroutine is parked, and no thread waits. Run returns at once if Stop was
// called before it. A panic in a handler passes through, as in Poll.
//
// It returns ErrInvalidState inside a handler, and when called from a second goroutine while
// another one is inside the reactor.
func (r *Reactor) Run(ctx context.Context) error {
	if err := r.owner.acquire(); err != nil {
		return err
	}
	defer r.owner.release()
	return r.turns(ctx, func() bool { return r.stop.Swap(false) })
}

// until polls until done returns true, or until ctx is done, and then returns its cause. A Stop
// is kept for Run.
func (r *Reactor) until(ctx context.Context, done func() bool) error {
	if err := r.owner.acquire(); err != nil {
		return err
	}
	defer r.owner.release()
	return r.turns(ctx, done)
}

// turns is until for an owner.
func (r *Reactor) turns(ctx context.Context, done func() bool) error {
	defer context.AfterFunc(ctx, r.Wake)()
	for !done() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.turnOrPark(); err != nil {
			return err
		}
	}
	return nil
}

// turnOrPark runs a turn, or waits if there was nothing to do. A wake-up counts as something
// done, so that its purpose is checked before the next wait.
func (r *Reactor) turnOrPark() error {
	n, err := r.turn()
	if err != nil || n > 0 {
		return err
	}
	return r.parking.park()
}

// Stop ends Run after its present turn, or the next Run at once if none is in progress. Any
// goroutine may call it at any time, also inside a handler. It does not end loops over records
// and calls that wait; their context does.
func (r *Reactor) Stop() {
	r.stop.Store(true)
	r.Wake()
}

// Wake makes a waiting Poll or Run begin another turn. Any goroutine may call it at any time;
// after Close it does nothing.
func (r *Reactor) Wake() { r.core.wake() }

// Post runs f once in a later turn, as a handler, in the order of the calls. Any goroutine may
// call it at any time, also inside a handler; it never waits. After Close it does nothing, and
// tasks that have not run are dropped. Tasks are kept until a turn runs them: a caller that
// posts faster than the reactor turns must limit itself. Post panics if f is nil.
func (r *Reactor) Post(f func()) {
	if f == nil {
		panic("dbnloop: Reactor.Post of a nil function")
	}
	if r.owner.closed() {
		return
	}
	r.mu.Lock()
	r.posted = append(r.posted, f)
	r.hasPosted.Store(true)
	r.mu.Unlock()
	r.Wake()
}

// Fd returns the epoll fd, for use inside another loop. It is readable when Poll has something
// to do; the loop must call Poll(0) until it returns 0 before it waits. The reactor owns the
// fd: do not close it. -1 after Close. Any goroutine may call it at any time.
func (r *Reactor) Fd() int {
	if r.owner.closed() {
		return -1
	}
	return r.core.fd
}

// Close frees the reactor and ends the sessions of its clients, without calling a handler. It
// may be called more than once, and before or after the clients' own Close. It returns
// ErrInvalidState inside a handler, and when called from a second goroutine while another one
// is inside the reactor: call Stop then, and Close when Run has returned.
func (r *Reactor) Close() error {
	if r.owner.closed() {
		return nil
	}
	if err := r.owner.acquire(); err != nil {
		return err
	}
	defer r.owner.close()
	r.cleanup.Stop()
	r.core.mu.Lock()
	for _, c := range r.clients {
		c.free()
	}
	r.core.mu.Unlock()
	r.parking.close()
	r.events, r.next = nil, 0
	r.mu.Lock()
	r.posted = nil
	r.mu.Unlock()
	r.core.free()
	return nil
}

// parking waits for the epoll fd on Go's netpoller.
type parking struct {
	file  *os.File // a duplicate of the epoll fd
	conn  syscall.RawConn
	ready func(fd uintptr) bool // made once: no allocation per wait
	err   error
}

func (p *parking) open(epoll int) error {
	fd, err := unix.FcntlInt(uintptr(epoll), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return systemError("duplicating the epoll fd", err)
	}
	unix.SetNonblock(fd, true) // os.NewFile then registers it with the netpoller
	p.file = os.NewFile(uintptr(fd), "dbnloop-epoll")
	if p.conn, err = p.file.SyscallConn(); err != nil {
		p.close()
		return systemError("SyscallConn", err)
	}
	// The netpoller is edge-triggered: an earlier edge would not be reported again, so the
	// level is checked first, with poll(2).
	p.ready = func(fd uintptr) bool {
		var ready bool
		ready, p.err = readable(int(fd), 0)
		return ready || p.err != nil
	}
	return nil
}

func (p *parking) park() error {
	if err := p.conn.Read(p.ready); err != nil {
		return systemError("waiting for the epoll fd", err)
	}
	return p.err
}

func (p *parking) close() { p.file.Close() }

// readable reports whether fd is readable, and waits at most timeout for it (negative: without
// limit). Signals, which Go also sends to its own threads, do not end the wait.
func readable(fd int, timeout time.Duration) (bool, error) {
	begin := time.Now()
	for left := timeout; ; {
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds[:], int(milliseconds(left)))
		if err == unix.EINTR {
			if timeout > 0 {
				left = max(timeout-time.Since(begin), 0)
			}
			continue
		}
		if err != nil {
			return false, systemError("poll", err)
		}
		return n > 0, nil
	}
}
