package dbnloop

import (
	"math"
	"strings"

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
	Symbols []string   // at least one; dbn.AllSymbols alone selects every one
	StypeIn dbn.SType  // what the symbols are; see NewSubscription for the usual one
	Start   dbn.UnixNanos
	// HasStart: replay from Start, inclusive; only before the client's Start. Start 0 is
	// all that the gateway has kept.
	HasStart bool
	Snapshot bool // of the book first; mbo only, not with Start
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
// characters) is checked here; it appears in no error and no log.
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
// is known; port 0 is 13000. ErrInvalidState unless Disconnected; the session that goes on is
// not touched: to begin another one, Stop it and wait for the Error handler.
func (c *LiveClient) Connect(gateway string, port int) error {
	if port < 0 || port > math.MaxUint16 {
		return newError(CodeInvalidArgument, "Connect: port %d is not in 0 to 65535 (0: 13000)", port)
	}
	return c.call(func() *bindings.Error {
		e := c.live.Connect(gateway, int32(port))
		if e == nil {
			c.begin()
		}
		return e
	})
}

// Subscribe asks for records, and returns the subscription's id, counted from 1. That the
// gateway accepts it is told by a system record, or an error record, later.
func (c *LiveClient) Subscribe(s Subscription) (id uint32, err error) {
	for _, symbol := range s.Symbols {
		// The border takes one comma-separated list.
		if strings.Contains(symbol, ",") {
			return 0, newError(CodeInvalidSymbol, "Subscribe: symbol %q holds a comma; give the symbols one by one", symbol)
		}
	}
	if len(s.Symbols) == 0 {
		return 0, newError(CodeInvalidSymbol, "Subscribe: no symbol is given; dbn.AllSymbols alone selects every one")
	}
	err = c.call(func() (e *bindings.Error) {
		id, e = c.live.Subscribe(bindings.Subscription{
			Dataset: s.Dataset, Symbols: strings.Join(s.Symbols, ","),
			Schema: uint32(s.Schema), StypeIn: uint32(s.StypeIn),
			Snapshot: s.Snapshot, HasStart: s.HasStart, Start: uint64(s.Start),
		})
		return e
	})
	return id, err
}

// Start asks for the stream to begin, now or when Ready. A session is started once.
func (c *LiveClient) Start() error { return c.call(c.live.Start) }

// Stop ends the session by the user's wish; the Error handler gets ErrCancelled. Inside a
// handler of records no record comes after this. Elsewhere what the gateway had sent before
// it noticed may still come, for 5 s at most.
func (c *LiveClient) Stop() error {
	return c.call(func() *bindings.Error {
		e := c.live.Stop()
		if e == nil && State(c.live.State()) == Disconnected {
			c.mute()
		}
		return e
	})
}

// State is where the client stands.
func (c *LiveClient) State() (s State) {
	c.must(func() { s = State(c.live.State()) })
	return s
}

// SessionID is the gateway's id of this session, or of the one that ended last: it is kept,
// also inside the Error handler, until the next Connect. It is 0 before authentication, and
// when the gateway's id is not a number up to 2^64 - 1; then SessionIDText has it.
func (c *LiveClient) SessionID() (id uint64) {
	c.must(func() { id = c.live.SessionID() })
	return id
}

// SessionIDText is the same as the gateway wrote it, without control characters; empty before
// authentication.
func (c *LiveClient) SessionIDText() (id string) {
	c.must(func() { id = c.live.SessionIDText() })
	return id
}
