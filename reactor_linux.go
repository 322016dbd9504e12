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
	batch   mixedBatch                       // that batch
	copy    poisoner

	timers  map[uint64]timer
	watches map[uint64]watch // by an id that is never reused
	watchOf map[int]uint64   // by fd
	lastID  uint64           // of a watch
	parking parking

	spin      time.Duration
	spinUntil time.Time // of Run

	stop      atomic.Bool
	woken     atomic.Bool // Wake was called since the last turn
	hasPosted atomic.Bool // posted is not empty
	mu        sync.Mutex
	posted    []func()
}

// core is what the cleanup of a dropped Reactor frees, so it must not point back to it.
type core struct {
	// life guards the existence of the C++ reactor and of its clients, not their use: Wake and
	// Stats hold it for reading, on any goroutine; the owner holds it for writing only while it
	// frees. Only the owner, one goroutine at a time, makes any other call.
	life    sync.RWMutex
	loop    *bindings.Reactor // nil once freed
	natives map[uint64]native
	fd      int // the epoll fd
}

// NewReactor creates a reactor. Close it when done, before or after its clients. Any goroutine
// may call it. It returns ErrInvalidArgument for an option that is out of range, and ErrSystem
// when the four file descriptors that it needs are unavailable.
func NewReactor(opts ...ReactorOption) (*Reactor, error) {
	var config reactorConfig
	for _, o := range opts {
		if o != nil {
			o.applyReactor(&config)
		}
	}
	if config.err != nil {
		return nil, config.err
	}
	if have := bindings.LibraryABIVersion(); have != bindings.ABIVersion {
		return nil, newError(CodeInvalidState, "the linked libdbnloop %s has ABI version %d, this package was built with a header of version %d: rebuild both from one source",
			bindings.LibraryVersion(), have, bindings.ABIVersion)
	}
	loop, e := bindings.ReactorNew(config.c)
	if e != nil {
		return nil, fromC(e)
	}
	loop.AcceptMixed()
	c := &core{loop: loop, natives: map[uint64]native{}}
	// From here on timers make the epoll fd readable: every wait is for that fd.
	var err error
	if c.fd, err = loop.Fd(); err != nil {
		c.free()
		return nil, systemError("making the reactor's timerfd", err)
	}
	r := &Reactor{
		core:    c,
		spin:    config.spin,
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
	c.life.Lock()
	defer c.life.Unlock()
	for _, handle := range c.natives {
		handle.Free()
	}
	clear(c.natives)
	c.loop.Free()
	c.loop = nil
}

func (c *core) wake() {
	c.life.RLock()
	defer c.life.RUnlock()
	if c.loop != nil {
		c.loop.Wake()
	}
}

// Poll runs one bounded turn: it waits at most timeout (negative: without limit; 0: not at
// all), runs the handlers of what happened and returns the number of events (a Wake is one). It
// returns 0 early when a signal or the library's own work, such as a handshake, ended the wait.
// It waits in epoll_wait, in C++, and blocks its thread meanwhile; Run does not. Once a turn has
// gathered 1 MiB of records, the other clients have theirs in the next turns.
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
	return r.turn(milliseconds(timeout))
}

// turn is Poll for an owner.
func (r *Reactor) turn(timeoutMs int32) (n int, err error) {
	if r.next == len(r.events) {
		if r.hasPosted.Load() {
			timeoutMs = 0
		}
		events, e := r.core.loop.Poll(timeoutMs)
		r.events, r.next = events, 0
		r.turnNo++
		if e != nil {
			return 0, fromC(e)
		}
	}
	if r.woken.Swap(false) {
		n++
	}
	if r.next == len(r.events) && !r.hasPosted.Load() {
		return n, nil
	}
	r.owner.beginHandlers()
	defer r.endHandlers()
	for r.next < len(r.events) {
		event := &r.events[r.next]
		r.next++
		n++
		r.handle(event)
	}
	return n + r.runPosted(), nil
}

// endHandlers also runs when a handler panics.
func (r *Reactor) endHandlers() {
	r.owner.endHandlers()
	for _, c := range r.toFree {
		c.free()
	}
	clear(r.toFree)
	r.toFree = r.toFree[:0]
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
	n, err := r.turn(0)
	if err != nil {
		return err
	}
	if r.spin > 0 {
		now := time.Now()
		if n > 0 {
			r.spinUntil = now.Add(r.spin)
		} else if now.Before(r.spinUntil) {
			return nil
		}
	}
	if n > 0 {
		return nil
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
func (r *Reactor) Wake() {
	r.woken.Store(true)
	r.core.wake()
}

// Post runs f once in a later turn, as a handler, in the order of the calls. Any goroutine may
// call it at any time, also inside a handler; it never waits for a turn. After Close it does
// nothing, and tasks that have not run are dropped. Tasks are kept until a turn runs them: a
// caller that posts faster than the reactor turns must limit itself. Post panics if f is nil.
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
	for _, c := range r.clients {
		c.free()
	}
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
	asked bool                  // ready was called for this wait
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
	// level is checked before the wait, with poll(2). After the wait a turn asks epoll.
	p.ready = func(fd uintptr) bool {
		if p.asked {
			return true
		}
		p.asked = true
		var ready bool
		ready, p.err = readable(int(fd))
		return ready || p.err != nil
	}
	return nil
}

func (p *parking) park() error {
	p.asked = false
	if err := p.conn.Read(p.ready); err != nil {
		return systemError("waiting for the epoll fd", err)
	}
	return p.err
}

func (p *parking) close() { p.file.Close() }

// readable reports whether fd is readable now.
func readable(fd int) (bool, error) {
	for {
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return false, systemError("poll", err)
		}
		return n > 0, nil
	}
}
