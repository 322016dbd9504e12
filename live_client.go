package dbnloop

import (
	"math"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// State is where a live client stands.
type State uint32

// The states, in order.
const (
	Disconnected State = iota
	Connecting
	Authenticating
	Ready
	Streaming
)

// String is the state's name.
func (s State) String() string {
	names := [...]string{"Disconnected", "Connecting", "Authenticating", "Ready", "Streaming"}
	if int(s) < len(names) {
		return names[s]
	}
	return "State(?)"
}

// Subscription asks for records of a schema for some symbols.
type Subscription struct {
	Dataset string     // "": the session's; the first subscription must name it
	Schema  dbn.Schema // required; dbn.SchemaMbo is the zero value
	Symbols []string   // at least one, see StypeIn; dbn.AllSymbols alone selects every one
	// StypeIn is what the symbols are. Its zero value is dbn.STypeInstrumentID, numbers;
	// NewSubscription sets the usual dbn.STypeRawSymbol.
	StypeIn dbn.SType
	// HasStart asks for a replay from Start on, inclusive; only before the client's Start.
	// A Start of 0 is then all that the gateway has kept. Without HasStart records come in
	// real time, and a Start other than 0 is refused.
	HasStart bool
	Start    dbn.UnixNanos
	Snapshot bool // of the book first; mbo only, not with HasStart
}

// NewSubscription is a subscription of raw symbols in real time.
func NewSubscription(dataset string, schema dbn.Schema, symbols ...string) Subscription {
	return Subscription{Dataset: dataset, Schema: schema, Symbols: symbols, StypeIn: dbn.STypeRawSymbol}
}

// LiveClient is a session with Databento's live gateway. Calls may come in any order:
// Connect, Subscribe and Start each take effect when they can. A session ends once, with
// one call of the Error handler; then Connect and Subscribe begin another one.
type LiveClient struct {
	source
	live *bindings.Live
}

// NewLiveClient makes a client on the reactor. The key's form (32 printable ASCII
// characters) is checked here; it appears in no error and no log. Inside a handler it is
// allowed. ErrInvalidAPIKey, ErrInvalidArgument for an option that is out of range, and
// ErrInvalidState from a second goroutine while one is inside the reactor.
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

// Connect begins to connect. An empty gateway is derived from the dataset, as soon as that
// is known; port 0 is 13000. ErrInvalidState unless Disconnected: Disconnect ends the
// present session at once, and after Stop its end is the call of the Error handler, inside
// which Connect is allowed.
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

// Disconnect ends the session at once: no handler is called for it any more, and what the
// gateway had sent is dropped. Connect and Subscribe then begin another session with the
// same client; Close, in contrast, frees it. A loop over Records or Batches ends silently.
// Without a session it does nothing. Inside a handler it is allowed. ErrInvalidState after
// Close, and from a second goroutine while one is inside the reactor.
func (c *LiveClient) Disconnect() error {
	return c.call(func() *bindings.Error {
		c.live.Close()
		c.renew()
		if c.end == nil {
			c.end = newError(CodeCancelled, "the session was ended by Disconnect")
		}
		return nil
	})
}

// Subscribe asks for records, and returns the subscription's id, counted from 1. That the
// gateway accepts it is reported later, by a system record, or that it refuses, by an error
// record; Handlers.Session gets either. Inside handlers it is allowed.
//
// ErrInvalidDataset, ErrInvalidSymbol and ErrInvalidSchema as they say; ErrInvalidArgument
// for fields that do not go together; ErrInvalidState while the session is being stopped,
// for a replay after Start, and from a second goroutine while one is inside the reactor.
func (c *LiveClient) Subscribe(s Subscription) (id uint32, err error) {
	symbols, err := symbolList(s.StypeIn, s.Symbols)
	if err != nil {
		return 0, err
	}
	if s.Start != 0 && !s.HasStart {
		return 0, newError(CodeInvalidArgument, "Subscribe: Start is %s, but HasStart is not set: set it to replay from there, or leave Start 0 for records in real time", s.Start)
	}
	err = c.call(func() (e *bindings.Error) {
		id, e = c.live.Subscribe(bindings.Subscription{
			Dataset: s.Dataset, Symbols: symbols,
			Schema: uint32(s.Schema), StypeIn: uint32(s.StypeIn),
			Snapshot: s.Snapshot, HasStart: s.HasStart, Start: uint64(s.Start),
		})
		return e
	})
	return id, err
}

// Start asks for the stream to begin, now or when Ready. A session is started once:
// ErrInvalidState the second time, and from a second goroutine while one is inside the
// reactor. Inside a handler it is allowed.
func (c *LiveClient) Start() error { return c.call(c.live.Start) }

// Stop ends the session politely; the Error handler gets ErrCancelled, in a later turn. In
// a turn that delivers records (inside their handlers, or in a task that was posted there)
// no record comes after this. Elsewhere what the gateway had sent before it noticed still
// comes, for 5 s at most. Without a session it does nothing; see Disconnect for an end at
// once. ErrInvalidState from a second goroutine while one is inside the reactor.
func (c *LiveClient) Stop() error {
	return c.call(func() *bindings.Error {
		e := c.live.Stop()
		if e == nil && State(c.live.State()) == Disconnected {
			c.mute()
		}
		return e
	})
}

// State is where the client stands; Disconnected after Close. Any goroutine may call it at
// any time.
func (c *LiveClient) State() (s State) {
	c.ask(func() { s = State(c.live.State()) })
	return s
}

// SessionID is the gateway's id of this session, or of the one that ended last: it is kept,
// also inside the Error handler, until the next Connect. It is 0 before authentication,
// after Close, and when the gateway's id is not a number up to 2^64 - 1; then SessionIDText
// has it. Any goroutine may call it at any time.
func (c *LiveClient) SessionID() (id uint64) {
	c.ask(func() { id = c.live.SessionID() })
	return id
}

// SessionIDText is SessionID as the gateway wrote it, without control characters; empty before
// authentication. Any goroutine may call it at any time.
func (c *LiveClient) SessionIDText() (id string) {
	c.ask(func() { id = c.live.SessionIDText() })
	return id
}
