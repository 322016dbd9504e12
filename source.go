package dbnloop

import (
	"context"
	"log/slog"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/reword"
)

// native is implemented by the C handle of every kind of client.
type native interface {
	ID() uint64
	Pause()
	Resume()
	Close()
	Free()
	Stats(*bindings.Stats) bool // on any thread, until Free
}

// source is the common part of all clients: a stream of records that can be paused and that
// ends once.
type source struct {
	r    *Reactor
	c    native // nil once freed; see core.life
	id   uint64
	h    Handlers
	one  *oneByOne // of h, for mixed batches; nil until one comes
	log  *slog.Logger
	pull func(batch *mixedBatch, cur *cursor) // set while an iterator takes the records
	// onState receives the states of clients that have any.
	onState func(state uint32)
	// observe, if not nil, takes a snapshot of a state that a call or an event may have changed.
	observe func()

	// Written by the owner only, and read on any goroutine.
	closed atomic.Bool // the memory may remain until the turn ends
	paused atomic.Bool
	tsOut  atomic.Bool

	// Of the last stream, for iterators.
	begun    bool   // a stream was requested
	end      *Error // nil: it is in progress, or complete
	complete bool   // it is complete

	// The events of a turn are gathered before its handlers run. A stream that a handler ended
	// must not continue with events of the same turn, so in the turns below its records, or all
	// of its events, are dropped.
	droppedThrough uint64
	restartedAt    uint64
}

// attach registers the handle that open creates as a client of the reactor.
func (c *source) attach(r *Reactor, log *slog.Logger, open func(*bindings.Reactor) (native, *bindings.Error)) error {
	leave, err := r.owner.enter()
	if err != nil {
		return err
	}
	defer r.owner.leave(leave)
	handle, e := open(r.core.loop)
	if e != nil {
		return fromC(e)
	}
	c.r, c.c, c.id, c.log = r, handle, handle.ID(), log
	r.clients[c.id] = c
	r.core.natives[c.id] = handle
	return nil
}

// begin is called when another stream begins: what this turn holds belongs to the previous one.
func (c *source) begin() {
	c.begun, c.end, c.complete = true, nil, false
	c.tsOut.Store(false)
	c.dropEvents()
}

// dropEvents drops everything that this turn still holds of the previous stream.
func (c *source) dropEvents() {
	c.restartedAt = c.r.turnNo
	c.r.cur.stopFor(c)
}

// dropRecords drops the records that this turn holds.
func (c *source) dropRecords() {
	c.droppedThrough = c.r.turnNo
	c.r.cur.stopFor(c)
}

// call runs f if the client may be used now.
func (c *source) call(f func() *bindings.Error) error {
	leave, err := c.r.owner.enter()
	if err != nil {
		return err
	}
	defer c.r.owner.leave(leave)
	if c.closed.Load() {
		return newError(CodeInvalidState, "the client is closed")
	}
	e := f()
	if c.observe != nil {
		c.observe()
	}
	if e != nil {
		return fromC(e)
	}
	return nil
}

// must is call for methods without an error; see mustEnter. On a closed client it does nothing.
func (c *source) must(f func()) {
	leave, open := c.r.mustEnter()
	if !open {
		return
	}
	defer c.r.owner.leave(leave)
	if !c.closed.Load() {
		f()
	}
}

// Handle sets the handlers, replacing the previous ones. Inside a handler it takes effect with
// the next record (a run handler has already received its complete run). Called from a second
// goroutine while another one is inside the reactor, it panics with ErrInvalidState. It does
// nothing after Close.
func (c *source) Handle(h Handlers) {
	c.must(func() {
		c.h = h
		if c.one != nil {
			h.fill(c.one)
		}
		c.r.cur.stopFor(c)
	})
}

// Pause takes effect after the current handler returns: no further record is delivered and
// nothing more is read, so memory stays bounded and no record is lost. Called from a second
// goroutine while another one is inside the reactor, it panics with ErrInvalidState: Post it
// there. It does nothing after Close.
func (c *source) Pause() {
	c.must(func() {
		c.c.Pause()
		c.paused.Store(true)
		c.r.cur.stopFor(c)
	})
}

// Resume resumes delivery, with buffered records first and then the socket or the file. It
// delivers nothing itself. Called from a second goroutine while another one is inside the
// reactor, it panics with ErrInvalidState: Post it there. It does nothing after Close.
func (c *source) Resume() { c.must(c.resume) }

func (c *source) resume() {
	c.c.Resume()
	c.paused.Store(false)
}

// IsPaused reports whether Pause is in effect. Any goroutine may call it at any time.
func (c *source) IsPaused() bool { return c.paused.Load() }

// TsOut reports whether the stream's records carry the gateway's send time; false until the
// metadata has arrived. Any goroutine may call it at any time.
func (c *source) TsOut() bool { return c.tsOut.Load() }

// Close ends the stream at once, without calling a handler, and frees the client, which cannot
// be used again. It may be called more than once, and inside a handler. It returns
// ErrInvalidState when called from a second goroutine while another one is inside the reactor.
func (c *source) Close() error { return c.closeWith(func() {}) }

// closeWith is Close; forget drops what the particular kind of client holds.
func (c *source) closeWith(forget func()) error {
	leave, err := c.r.owner.enter()
	if err != nil {
		if c.r.owner.closed() {
			return nil
		}
		return err
	}
	defer c.r.owner.leave(leave)
	if c.closed.Swap(true) {
		return nil
	}
	c.r.cur.stopFor(c)
	c.c.Close()
	forget()
	if leave == handling {
		// The handler may still read its record: the memory is freed after the turn.
		c.r.toFree = append(c.r.toFree, c)
		delete(c.r.clients, c.id)
		return nil
	}
	c.free()
	return nil
}

// free frees the handle, once nobody is inside its Stats.
func (c *source) free() {
	c.closed.Store(true)
	c.r.core.life.Lock()
	defer c.r.core.life.Unlock()
	if c.c == nil {
		return
	}
	delete(c.r.clients, c.id)
	delete(c.r.core.natives, c.id)
	c.c.Free()
	c.c = nil
}

func (c *source) handle(event *bindings.Event) {
	if c.restartedAt == c.r.turnNo {
		keep(event)
		return // of the previous session
	}
	if c.observe != nil && (event.Kind == bindings.EventState || event.Kind == bindings.EventError) {
		c.observe()
	}
	switch event.Kind {
	case bindings.EventRecords:
		c.deliver(event.Records())
	case bindings.EventMetadata:
		c.onMetadata(event.Metadata())
	case bindings.EventState:
		c.onState(event.State())
	case bindings.EventSession:
		c.onSession(sessionEventOf(event.Session()))
	case bindings.EventContinuity:
		c.onContinuity(continuityEventOf(event.Continuity()))
	case bindings.EventComplete:
		c.complete = true
		c.log.Debug("dbnloop: stream complete")
		if c.h.Complete != nil {
			c.h.Complete()
		}
	case bindings.EventWarning:
		text := event.Warning()
		c.log.Warn("dbnloop: the server warns", "warning", text)
		if c.h.Warning != nil {
			c.h.Warning(text)
		}
	case bindings.EventError:
		c.onError(event.Error())
	}
}

func (c *source) onMetadata(event *bindings.MetadataEvent) {
	c.tsOut.Store(event.TsOut != 0)
	m, _, err := dbn.DecodeMetadata(event.Data())
	if err != nil {
		c.log.Warn("dbnloop: metadata cannot be shown", "error", err)
		return
	}
	if c.h.Metadata != nil {
		c.h.Metadata(&m)
	}
}

func (c *source) onSession(event SessionEvent) {
	level := slog.LevelDebug
	if event.warns() {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, "dbnloop: gateway event", "event", event.Kind.String(),
		"subscription", event.SubscriptionID, "message", event.Message)
	if c.h.SessionEvent != nil {
		c.h.SessionEvent(event)
	}
}

func errorOf(event *bindings.ErrorEvent) *Error {
	return &Error{ErrorCode(event.Code), reword.Text(event.Message()), syscall.Errno(event.Errno), httpError(event.HTTP)}
}

func (c *source) onError(event *bindings.ErrorEvent) {
	c.end = errorOf(event)
	c.log.Info("dbnloop: session ended", "error", c.end)
	if c.h.Error != nil {
		c.h.Error(c.end)
	}
}

// halted reports that no further record of this turn may be delivered.
func (c *source) halted() bool {
	return c.paused.Load() || c.closed.Load() || c.droppedThrough == c.r.turnNo || c.restartedAt == c.r.turnNo
}

// deliver delivers a batch. However it ends, it stores what was consumed in the event, which
// the next poll reads.
func (c *source) deliver(event *bindings.RecordsEvent) {
	if c.halted() {
		event.Consumed = 0
		return
	}
	cur := &c.r.cur
	*cur = cursor{client: c}
	batch := &c.r.batch // not a variable, which would be allocated for c.pull
	*batch = mixedBatch{c.r.copy.batch(Batch{
		data:  event.Data,
		size:  int(event.Size),
		runs:  unsafe.Slice(event.Runs, int(event.RunCount)),
		tsOut: event.TsOut != 0,
	}), event.Mixed}
	defer func() {
		event.Consumed = uintptr(cur.consumed)
		cur.client = nil
		*batch = mixedBatch{}
		c.r.copy.poison()
	}()
	if c.pull != nil {
		c.pull(batch, cur)
		return
	}
	if batch.mixed != nil {
		c.deliverMixed(batch, cur)
		return
	}
	for i := range batch.runs {
		run := &batch.runs[i]
		size, left := int(run.RecordSize), int(run.Count)
		// Once, unless a handler interrupts the run and delivery continues nevertheless.
		for left > 0 {
			before := cur.consumed
			c.h.run(cur, dbn.RType(run.RType), run.Typed != 0, unsafe.Add(batch.data, before), size, left)
			left -= (cur.consumed - before) / size
			if cur.stop {
				if c.halted() {
					return
				}
				cur.stop = false
			}
		}
	}
}

// deliverMixed delivers a mixed batch.
func (c *source) deliverMixed(batch *mixedBatch, cur *cursor) {
	if c.one == nil {
		c.one = new(oneByOne)
		c.h.fill(c.one)
	}
	for {
		c.one.each(cur, &c.h, batch)
		if !cur.stop || c.halted() {
			return
		}
		cur.stop = false
	}
}
