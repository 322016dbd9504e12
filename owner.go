package dbnloop

import (
	"runtime"
	"sync/atomic"
)

// owner records who is inside a reactor. It knows calls, not goroutines: another goroutine may
// take over between two calls, but two calls at once are detected here. (A call of another
// goroutine while a handler runs looks like one of the handler's; it is detected when both call
// at once.) At most one goroutine is therefore inside the C++ core, without a lock.
type owner struct{ state atomic.Int32 }

const (
	idle     int32 = iota // nobody
	busy                  // Poll, Run or a single call, outside handlers
	handling              // handlers run
	called                // a handler made a call
	shut                  // closed for good
)

// acquire begins a call that is refused inside a handler.
func (o *owner) acquire() error {
	if o.state.CompareAndSwap(idle, busy) {
		return nil
	}
	switch o.state.Load() {
	case shut:
		return newError(CodeInvalidState, "the reactor is closed")
	case handling:
		return newError(CodeInvalidState, "Poll, Run, Reactor.Close and iterators may not be used inside a handler, nor by another goroutine meanwhile; call Stop there")
	}
	return errBusy()
}

func errBusy() error {
	return newError(CodeInvalidState, "the reactor is in use by another goroutine: Post what must run beside Run or Poll, or Stop them first")
}

// release ends what acquire began, including handlers that a panic left.
func (o *owner) release() { o.state.Store(idle) }

func (o *owner) close()       { o.state.Store(shut) }
func (o *owner) closed() bool { return o.state.Load() == shut }

// Only the owner calls beginHandlers and endHandlers.
func (o *owner) beginHandlers() { o.state.Store(handling) }

// endHandlers waits for a call that another goroutine made while the last handler ran, which is
// a bug of the caller: two calls at once would corrupt the core's memory.
func (o *owner) endHandlers() {
	for !o.state.CompareAndSwap(handling, busy) {
		runtime.Gosched()
	}
}

// enter begins a single call, which is allowed inside a handler and refused to a second
// goroutine.
func (o *owner) enter() (leave int32, err error) {
	if o.state.CompareAndSwap(idle, busy) {
		return idle, nil
	}
	if o.state.CompareAndSwap(handling, called) {
		return handling, nil
	}
	if o.closed() {
		return 0, newError(CodeInvalidState, "the reactor is closed")
	}
	return 0, errBusy()
}

func (o *owner) leave(to int32) { o.state.Store(to) }

// mustEnter is enter for methods without an error. Simultaneous use by two goroutines is a bug
// of the caller, so it panics with the error. It returns false when the reactor is closed:
// there is then nothing to do and nothing to leave.
func (r *Reactor) mustEnter() (leave int32, open bool) {
	leave, err := r.owner.enter()
	if err == nil {
		return leave, true
	}
	if r.owner.closed() {
		return 0, false
	}
	panic(err)
}
