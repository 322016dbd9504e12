package dbnloop

import (
	"context"
	"iter"

	"github.com/dbnloop/dbnloop/dbn"
)

// Records polls the reactor and yields each record of this client until its stream ends. It
// neither connects nor starts the client. A record is valid until the next step. If the stream
// fails, the error is yielded as the last element, and again by a later loop. Completion,
// cancellation, and Close or Disconnect in the body of the loop end the loop without an error.
// The other handlers of the reactor run as usual, and the body of the loop counts as a handler.
//
// ErrInvalidState is yielded inside a handler, inside another loop of the same reactor, before
// a stream was started, and to a second goroutine while another one is inside the reactor.
//
// Leaving the loop early pauses the client: the records that follow are kept for the next loop,
// or for the handlers after Resume. A paused client is resumed when a loop begins.
func (c *source) Records(ctx context.Context) iter.Seq2[dbn.Record, error] {
	return func(yield func(dbn.Record, error) bool) {
		one := func(r dbn.Record) bool { return yield(r, nil) }
		deliver := func(b *mixedBatch, cur *cursor) bool {
			for {
				if b.mixed != nil {
					if !b.yieldEach(cur, one) {
						return false
					}
				} else if !b.Batch.yieldEach(cur, one) {
					return false
				}
				if !cur.stop || c.halted() {
					return true
				}
				cur.stop = false
			}
		}
		if err := c.loop(ctx, deliver); err != nil {
			yield(dbn.Record{}, err)
		}
	}
}

// Batches is like Records, but yields batches. A yielded batch counts as consumed and is valid
// until the next step. It yields ErrInvalidState inside a handler, and on a second goroutine
// while another one is inside the reactor.
func (c *source) Batches(ctx context.Context) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		deliver := func(b *mixedBatch, cur *cursor) bool {
			batch := b.Batch
			if b.mixed != nil {
				batch = b.checked()
			}
			cur.consumed = batch.size
			return yield(batch, nil)
		}
		if err := c.loop(ctx, deliver); err != nil {
			yield(Batch{}, err)
		}
	}
}

// loop polls until the stream ends or deliver returns false. The error is what the iterator
// yields last, or nil.
func (c *source) loop(ctx context.Context, deliver func(*mixedBatch, *cursor) bool) error {
	r := c.r
	if err := r.owner.acquire(); err != nil {
		return err
	}
	defer r.owner.release()
	switch {
	case c.closed.Load():
		return newError(CodeInvalidState, "the client is closed")
	case !c.begun:
		return newError(CodeInvalidState, "no stream was requested: begin one first (Connect, Subscribe and Start; Request and Start)")
	}
	broke := false
	c.pull = func(b *mixedBatch, cur *cursor) {
		if !deliver(b, cur) {
			broke = true
			c.Pause()
		}
	}
	defer func() { c.pull = nil }()
	if c.paused.Load() {
		c.resume()
	}
	err := r.turns(ctx, func() bool { return broke || c.closed.Load() || c.complete || c.end != nil })
	if err != nil || broke || c.closed.Load() || c.end == nil || c.end.Code == CodeCancelled {
		return err
	}
	return c.end
}
