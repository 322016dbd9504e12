package dbnloop

import (
	"math"
	"sync/atomic"

	"github.com/dbnloop/dbnloop/bindings"
)

// State is the state of a live client.
type State uint32

// The states, in order.
const (
	Disconnected State = iota
	Connecting
	Authenticating
	Ready
	Streaming
)

// String returns the name of the state.
func (s State) String() string {
	names := [...]string{"Disconnected", "Connecting", "Authenticating", "Ready", "Streaming"}
	if int(s) < len(names) {
		return names[s]
	}
	return "State(?)"
}

// LiveClient is a client of Databento's live gateway. Connect, Subscribe and Start may be
// called in any order; each takes effect as soon as it can. A session ends once, with one call
// of the Error handler. Connect and Subscribe then begin another session.
type LiveClient struct {
	source
	live *bindings.Live
	seen atomic.Pointer[session] // never nil; written by the owner only
}

// session is a snapshot of what the getters return, for any goroutine.
type session struct {
	state  State
	id     uint64
	idText string
	fd     int
}

// NewLiveClient creates a client on the reactor. It checks that the key consists of 32
// printable ASCII characters; the key appears in no error and no log. It may be called inside a
// handler. It returns ErrInvalidAPIKey for a malformed key, ErrInvalidArgument for an option
// that is out of range, and ErrInvalidState when called from a second goroutine while another
// one is inside the reactor.
func NewLiveClient(r *Reactor, apiKey string, opts ...LiveOption) (*LiveClient, error) {
	if r == nil {
		return nil, newError(CodeInvalidArgument, "NewLiveClient: the reactor is nil")
	}
	config := liveConfig{config: newConfig(), c: bindings.LiveOptionsDefault()}
	for _, o := range opts {
		if o != nil {
			o.apply(&config)
		}
	}
	if config.err != nil {
		return nil, config.err
	}
	c := &LiveClient{}
	c.seen.Store(&session{fd: -1})
	c.onState = func(number uint32) {
		state := State(number)
		c.log.Debug("dbnloop: state", "state", state.String())
		if c.h.State != nil {
			c.h.State(state)
		}
	}
	c.observe = func() {
		c.seen.Store(&session{State(c.live.State()), c.live.SessionID(), c.live.SessionIDText(), c.live.Fd()})
	}
	err := c.attach(r, config.log, func(loop *bindings.Reactor) (native, *bindings.Error) {
		live, e := bindings.LiveNew(loop, apiKey, config.c)
		c.live = live
		return live, e
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Connect begins to connect. An empty gateway is derived from the dataset as soon as that is
// known; port 0 is 13000. It may be called inside a handler. It returns ErrInvalidState unless
// the client is Disconnected: Disconnect ends the present session at once, and Stop ends it
// with a call of the Error handler, inside which Connect may be called. It returns
// ErrInvalidState also when called from a second goroutine while another one is inside the
// reactor.
func (c *LiveClient) Connect(gateway string, port int) error {
	if port < 0 || port > math.MaxUint16 {
		return newError(CodeInvalidArgument, "Connect: port %d is not in 0 to 65535 (0: 13000)", port)
	}
	var busy error
	err := c.call(func() *bindings.Error {
		if s := State(c.live.State()); s != Disconnected {
			busy = newError(CodeInvalidState, "Connect: this client has a session, which is %s: end it with Disconnect (at once) or with Stop (then connect in the Error handler)", s)
			return nil
		}
		e := c.live.Connect(gateway, int32(port))
		if e == nil {
			c.begin()
		}
		return e
	})
	if err != nil {
		return err
	}
	return busy
}

// Disconnect ends the session at once: no further handler is called for it, and data that the
// gateway had sent is dropped. Connect and Subscribe then begin another session with the same
// client, whereas Close frees the client. A loop over Records or Batches ends silently. Without
// a session it does nothing. It may be called inside a handler. It returns ErrInvalidState
// after Close, and when called from a second goroutine while another one is inside the reactor.
func (c *LiveClient) Disconnect() error {
	return c.call(func() *bindings.Error {
		c.live.Close()
		c.dropEvents()
		if c.end == nil {
			c.end = newError(CodeCancelled, "the session was ended by Disconnect")
		}
		return nil
	})
}

// Subscribe requests records and returns the id of the subscription, counted from 1. The
// gateway answers later, with a system record if it accepts the subscription and with an error
// record if it refuses; Handlers.Session receives either. It may be called inside a handler.
//
// It returns ErrInvalidDataset, ErrInvalidSymbol or ErrInvalidSchema if the respective field is
// invalid; ErrInvalidArgument for fields that exclude each other; ErrInvalidState while the
// session is being stopped, for a replay after Start, and when called from a second goroutine
// while another one is inside the reactor.
func (c *LiveClient) Subscribe(s Subscription) (id uint32, err error) {
	in, err := s.forC()
	if err != nil {
		return 0, err
	}
	err = c.call(func() (e *bindings.Error) {
		id, e = c.live.Subscribe(in)
		return e
	})
	return id, err
}

// Unsubscribe takes symbols away from what this session has subscribed to; the session
// continues. The gateway answers later, with a system record that Handlers.SessionEvent receives
// as UnsubscribeAck; until then, records of these symbols may still arrive. It may be called
// whenever Subscribe may be, also inside a handler.
//
// Nothing is sent if it fails. It returns ErrInvalidDataset if the dataset is not the session's;
// ErrInvalidSymbol or ErrInvalidSchema if the respective field is invalid; ErrInvalidArgument
// for a StypeIn that cannot be used, or that the schema was not subscribed with;
// ErrInvalidState if this session has never subscribed to the schema, while it is being
// stopped, and when called from a second goroutine while another one is inside the reactor.
func (c *LiveClient) Unsubscribe(u Unsubscription) error {
	in, err := u.forC()
	if err != nil {
		return err
	}
	return c.call(func() *bindings.Error { return c.live.Unsubscribe(in) })
}

// Subscriptions returns the effective set: the requests that, made in this order, subscribe a
// new session to what this one is subscribed to. Symbols that were unsubscribed are missing from
// the lists that contained them, and a subscription without symbols is missing. Where no list
// contained them (dbn.AllSymbols, or a symbology such as dbn.STypeContinuous) the unsubscription
// is part of the set, after the subscriptions that it concerns.
//
// The set consists of what was asked for, whatever the gateway has answered. It is that of the
// present session, including what was asked for before Connect. After the end of a session, also
// inside the Error handler, it is that of the session that ended, until the next Connect or
// Subscribe. It may be called inside a handler. It returns ErrInvalidState after Close, and when
// called from a second goroutine while another one is inside the reactor.
func (c *LiveClient) Subscriptions() ([]EffectiveRequest, error) {
	var out []EffectiveRequest
	err := c.call(func() *bindings.Error {
		requests, e := c.live.Subscriptions()
		out = effectiveRequestsOf(requests)
		return e
	})
	return out, err
}

// Start asks the gateway to begin the stream, now or once the client is Ready. It may be called
// inside a handler. It returns ErrInvalidState the second time in a session, and when called
// from a second goroutine while another one is inside the reactor.
func (c *LiveClient) Start() error { return c.call(c.live.Start) }

// Stop ends the session in order; the Error handler receives ErrCancelled in a later turn. In a
// turn that delivers records (inside their handlers, or in a task that was posted there) no
// further record is delivered. Otherwise records that the gateway had sent before it noticed
// are still delivered, for at most 5 s. Without a session it does nothing. Disconnect ends the
// session at once. It may be called inside a handler. It returns ErrInvalidState when called
// from a second goroutine while another one is inside the reactor.
func (c *LiveClient) Stop() error {
	return c.call(func() *bindings.Error {
		e := c.live.Stop()
		if e == nil && State(c.live.State()) == Disconnected {
			c.dropRecords()
		}
		return e
	})
}

// last is what the owner saw last.
func (c *LiveClient) last() session {
	if c.closed.Load() {
		return session{fd: -1}
	}
	return *c.seen.Load()
}

// State returns the state of the client, as of the last call and the last event that was
// handled; Disconnected after Close. Any goroutine may call it at any time, and it never waits.
func (c *LiveClient) State() State { return c.last().state }

// SessionID returns the gateway's id of this session, or of the one that ended last. It is kept
// until the next Connect, so it is known inside the Error handler. It is 0 before
// authentication, after Close, and when the gateway's id is not a number up to 2^64 - 1; see
// SessionIDText. Any goroutine may call it at any time, and it never waits.
func (c *LiveClient) SessionID() uint64 { return c.last().id }

// SessionIDText returns the session id as the gateway wrote it, without control characters;
// empty before authentication and after Close. Any goroutine may call it at any time, and it
// never waits.
func (c *LiveClient) SessionIDText() string { return c.last().idText }

// Fd returns the session's socket, for socket options that no LiveOption sets, as of the last
// call and the last event that was handled; -1 while the client is not connected, and after
// Close. The client owns it and closes it when the session ends: do not read, write or close
// it. Any goroutine may call it at any time, and it never waits.
func (c *LiveClient) Fd() int { return c.last().fd }
