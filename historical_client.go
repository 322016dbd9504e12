package dbnloop

import (
	"context"
	"net/url"

	"github.com/dbnloop/dbnloop/bindings"
)

// HistoricalClient is a client of Databento's historical API over HTTPS. It streams one range
// at a time: call Request and Start, then receive records until the Complete or the Error
// handler is called. Calls and downloads run concurrently with it, any number at a time.
//
// The methods that take a context wait for their answer by polling the reactor, so that
// everything else on it continues. Inside handlers, and while another goroutine is inside the
// reactor, they return ErrInvalidState. Use Call inside handlers, and Post a Call from other
// goroutines.
type HistoricalClient struct {
	source
	hist  *bindings.Historical
	calls map[uint64]struct{}
}

// NewHistoricalClient creates a client on the reactor. It checks that the key consists of 32
// printable ASCII characters; the key appears in no error and no log. It may be called inside a
// handler. It returns ErrInvalidAPIKey for a malformed key, ErrInvalidArgument for an option
// that is out of range, and ErrInvalidState when called from a second goroutine while another
// one is inside the reactor.
func NewHistoricalClient(r *Reactor, apiKey string, opts ...HistoricalOption) (*HistoricalClient, error) {
	if r == nil {
		return nil, newError(CodeInvalidArgument, "NewHistoricalClient: the reactor is nil")
	}
	config := historicalConfig{config: newConfig(), c: bindings.HistoricalOptionsDefault()}
	for _, o := range opts {
		if o != nil {
			o.applyHistorical(&config)
		}
	}
	if config.err != nil {
		return nil, config.err
	}
	c := &HistoricalClient{calls: map[uint64]struct{}{}}
	err := c.attach(r, config.log, func(loop *bindings.Reactor) (native, *bindings.Error) {
		hist, e := bindings.HistoricalNew(loop, apiKey, config.c)
		c.hist = hist
		return hist, e
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Request sets the range that Start requests. It may be called inside a handler. It returns
// ErrInvalidState while a stream is in progress, and when called from a second goroutine while
// another one is inside the reactor.
func (c *HistoricalClient) Request(r HistoricalRequest) error {
	in, err := r.forC()
	if err != nil {
		return err
	}
	return c.call(func() *bindings.Error { return c.hist.Request(in) })
}

// Start sends the request, once, because it may cost money. It may be called inside a handler.
// It returns ErrInvalidState without a Request, while a stream is in progress, and when called
// from a second goroutine while another one is inside the reactor.
func (c *HistoricalClient) Start() error {
	return c.call(func() *bindings.Error {
		e := c.hist.Start()
		if e == nil {
			c.begin()
		}
		return e
	})
}

// Stop ends the stream at once: no further record is delivered, and the Error handler receives
// ErrCancelled. The client can be used again. It may be called inside a handler. It returns
// ErrInvalidState when called from a second goroutine while another one is inside the reactor.
func (c *HistoricalClient) Stop() error {
	return c.call(func() *bindings.Error {
		c.dropRecords()
		return c.hist.Stop()
	})
}

// CallKind determines how a call is sent and whether it may be retried.
type CallKind uint32

// Kinds of calls.
const (
	CallGet            CallKind = bindings.CallGet            // read-only; the parameters become the query
	CallPostIdempotent CallKind = bindings.CallPostIdempotent // read-only
	// CallPostNonIdempotent may be billed: it is retried only after 429, or 503 with Retry-After.
	CallPostNonIdempotent CallKind = bindings.CallPostNonIdempotent
)

// CallID identifies a call or a download.
type CallID uint64

// Call calls an endpoint such as "metadata.list_datasets" without waiting. done runs once, in a
// later turn, with an error or with the body, which is valid until done returns. It may be
// called inside a handler. It returns ErrInvalidState when called from a second goroutine while
// another one is inside the reactor.
func (c *HistoricalClient) Call(kind CallKind, endpoint string, params url.Values, done func(body []byte, err error)) (CallID, error) {
	if done == nil {
		return 0, newError(CodeInvalidArgument, "Call: the function for %s is nil", endpoint)
	}
	var id uint64
	err := c.call(func() (e *bindings.Error) {
		if id, e = c.hist.Call(uint32(kind), endpoint, params.Encode()); e != nil {
			return e
		}
		c.await(id, func(event *bindings.Event) {
			c.forget(id)
			response := event.Response()
			if response.Error.Code != 0 {
				done(nil, errorOf(&response.Error))
				return
			}
			done(response.Body(), nil)
		})
		return nil
	})
	return CallID(id), err
}

func (c *HistoricalClient) await(id uint64, f func(*bindings.Event)) {
	c.calls[id] = struct{}{}
	c.r.calls[id] = func(event *bindings.Event) {
		if !c.closed.Load() {
			f(event)
		}
	}
}

func (c *HistoricalClient) forget(id uint64) {
	delete(c.calls, id)
	delete(c.r.calls, id)
}

// Cancel cancels a call or a download; its function is not called. It returns false when the
// call has ended or does not exist, and after Close. It may be called inside a handler. Called
// from a second goroutine while another one is inside the reactor, it panics with
// ErrInvalidState.
func (c *HistoricalClient) Cancel(id CallID) (known bool) {
	c.must(func() {
		_, known = c.calls[uint64(id)]
		c.forget(uint64(id))
		c.hist.Cancel(uint64(id))
	})
	return known
}

// Close ends the stream, all calls and all downloads at once, without calling any handler or
// function, and frees the client, which cannot be used again. It may be called more than once,
// and inside a handler. It returns ErrInvalidState when called from a second goroutine while
// another one is inside the reactor.
func (c *HistoricalClient) Close() error {
	return c.closeWith(func() {
		for id := range c.calls {
			c.forget(id)
		}
	})
}

// wait begins a call and polls until its answer has arrived or ctx is done.
func (c *HistoricalClient) wait(ctx context.Context, begin func(done func(error)) (CallID, error)) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	over := false
	var result error
	id, err := begin(func(err error) { over, result = true, err })
	if err != nil {
		return err
	}
	if err := c.r.until(ctx, func() bool { return over || c.closed.Load() }); err != nil {
		c.Cancel(id)
		return err
	}
	if !over {
		return newError(CodeInvalidState, "the client was closed during the call")
	}
	return result
}

// Do calls an endpoint and waits for the body, which the caller owns. It returns
// ErrInvalidState inside a handler, and when called from a second goroutine while another one
// is inside the reactor.
func (c *HistoricalClient) Do(ctx context.Context, kind CallKind, endpoint string, params url.Values) (body []byte, err error) {
	err = c.wait(ctx, func(done func(error)) (CallID, error) {
		return c.Call(kind, endpoint, params, func(b []byte, err error) {
			body = append([]byte{}, b...)
			done(err)
		})
	})
	return body, err
}
