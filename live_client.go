package dbnloop

import (
	"log/slog"
	"math"
	"strings"
	"syscall"
	"unsafe"

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
	r      *Reactor
	c      *bindings.Live // nil once freed
	id     uint64
	h      Handlers
	log    *slog.Logger
	pull   func(batch Batch, cur *cursor) // set while an iterator takes the records
	closed bool                           // the memory may be there until the turn's end
	paused bool
	tsOut  bool

	// Of the last session, for iterators.
	connected bool   // Connect was called
	end       *Error // nil: it goes on

	// A turn's events are gathered before its handlers run. What a handler ended must not
	// go on with events of the same turn: of the turns below records, or all, are dropped.
	muted   uint64
	renewed uint64
}

// NewLiveClient makes a client on the reactor. The key's form (32 printable ASCII
// characters) is checked here; it appears in no error and no log.
func NewLiveClient(r *Reactor, apiKey string, opts ...LiveOption) (*LiveClient, error) {
	if r == nil {
		return nil, newError(CodeInvalidArgument, "NewLiveClient: the reactor is nil")
	}
	config := liveConfig{c: bindings.LiveOptionsDefault(), log: slog.New(slog.DiscardHandler)}
	for _, o := range opts {
		if o != nil {
			o.apply(&config)
		}
	}
	if config.err != nil {
		return nil, config.err
	}
	leave, err := r.owner.enter()
	if err != nil {
		return nil, err
	}
	defer r.owner.leave(leave)
	live, e := bindings.LiveNew(r.core.loop, apiKey, config.c)
	if e != nil {
		return nil, fromC(e)
	}
	c := &LiveClient{r: r, c: live, id: live.ID(), log: config.log}
	r.clients[c.id] = c
	r.core.lives[c.id] = live
	return c, nil
}

// call runs f if the client may be used now.
func (c *LiveClient) call(f func(*bindings.Live) *bindings.Error) error {
	leave, err := c.r.owner.enter()
	if err != nil {
		return err
	}
	defer c.r.owner.leave(leave)
	if c.closed {
		return newError(CodeInvalidState, "the client is closed")
	}
	if e := f(c.c); e != nil {
		return fromC(e)
	}
	return nil
}

// must is call for methods without an error: use by two goroutines at once is a bug of the
// caller, and panics. On a closed client they do nothing.
func (c *LiveClient) must(f func(*bindings.Live)) {
	leave, err := c.r.owner.enter()
	if err != nil {
		if c.r.owner.closed() {
			return
		}
		panic(err)
	}
	defer c.r.owner.leave(leave)
	if !c.closed {
		f(c.c)
	}
}

// Handle sets the handlers, replacing the last ones; inside a handler too, from the next
// record on (a handler of runs has been given its run already).
func (c *LiveClient) Handle(h Handlers) {
	c.must(func(*bindings.Live) {
		c.h = h
		c.r.cur.stopFor(c)
	})
}

// Connect begins to connect. An empty gateway is derived from the dataset, as soon as that
// is known; port 0 is 13000. Refused unless Disconnected.
func (c *LiveClient) Connect(gateway string, port int) error {
	if port < 0 || port > math.MaxUint16 {
		return newError(CodeInvalidArgument, "Connect: port %d is not in 0 to 65535 (0: 13000)", port)
	}
	return c.call(func(l *bindings.Live) *bindings.Error {
		e := l.Connect(gateway, int32(port))
		if e == nil {
			c.connected, c.end = true, nil
			c.renewed = c.r.turnNo
			c.r.cur.stopFor(c)
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
	err = c.call(func(l *bindings.Live) (e *bindings.Error) {
		id, e = l.Subscribe(bindings.Subscription{
			Dataset: s.Dataset, Symbols: strings.Join(s.Symbols, ","),
			Schema: uint32(s.Schema), StypeIn: uint32(s.StypeIn),
			Snapshot: s.Snapshot, HasStart: s.HasStart, Start: uint64(s.Start),
		})
		return e
	})
	return id, err
}

// Start asks for the stream to begin, now or when Ready. A session is started once.
func (c *LiveClient) Start() error { return c.call((*bindings.Live).Start) }

// Stop ends the session by the user's wish; the Error handler gets ErrCancelled. Inside a
// handler of records no record comes after this. Elsewhere what the gateway had sent before
// it noticed may still come, for 5 s at most.
func (c *LiveClient) Stop() error {
	return c.call(func(l *bindings.Live) *bindings.Error {
		e := l.Stop()
		if e == nil && State(l.State()) == Disconnected {
			c.muted = c.r.turnNo
			c.r.cur.stopFor(c)
		}
		return e
	})
}

// Pause takes effect after the current handler returns: no further record, nothing more is
// read from the socket, memory stays bounded, nothing is lost.
func (c *LiveClient) Pause() {
	c.must(func(l *bindings.Live) {
		l.Pause()
		c.paused = true
		c.r.cur.stopFor(c)
	})
}

// Resume goes on with what is buffered, then with the socket. It delivers nothing itself.
func (c *LiveClient) Resume() {
	c.must(func(l *bindings.Live) {
		l.Resume()
		c.paused = false
	})
}

// IsPaused reports whether Pause is in effect.
func (c *LiveClient) IsPaused() bool { return c.paused }

// State is where the client stands.
func (c *LiveClient) State() (s State) {
	c.must(func(l *bindings.Live) { s = State(l.State()) })
	return s
}

// SessionID is the gateway's id of this session; 0 before authentication.
func (c *LiveClient) SessionID() (id uint64) {
	c.must(func(l *bindings.Live) { id = l.SessionID() })
	return id
}

// TsOut reports whether the stream's records carry the gateway's send time.
func (c *LiveClient) TsOut() bool { return c.tsOut }

// Close ends the session at once, without a word to the handlers, and frees the client. It
// may be called again, and inside a handler.
func (c *LiveClient) Close() error {
	if c.r.owner.closed() {
		return nil
	}
	leave, err := c.r.owner.enter()
	if err != nil {
		return err
	}
	defer c.r.owner.leave(leave)
	if c.closed {
		return nil
	}
	c.closed = true
	c.r.cur.stopFor(c)
	c.c.Close()
	if leave == handling {
		// The handler may still look at its record: the memory goes after the turn.
		c.r.toFree = append(c.r.toFree, c)
		delete(c.r.clients, c.id)
		return nil
	}
	c.free()
	return nil
}

func (c *LiveClient) free() {
	c.closed = true
	if c.c == nil {
		return
	}
	delete(c.r.clients, c.id)
	delete(c.r.core.lives, c.id)
	c.c.Free()
	c.c = nil
}

func (c *LiveClient) handle(event *bindings.Event) {
	if c.renewed == c.r.turnNo {
		event.Consumed = 0
		return // of the session before
	}
	switch event.Kind {
	case bindings.EventRecords:
		c.deliver(event)
	case bindings.EventMetadata:
		c.onMetadata(event)
	case bindings.EventState:
		state := State(event.Code)
		c.log.Debug("dbnloop: state", "state", state.String())
		if c.h.State != nil {
			c.h.State(state)
		}
	case bindings.EventError:
		c.onError(event)
	}
}

func bytesOf(event *bindings.Event) []byte {
	return unsafe.Slice((*byte)(event.Data), int(event.Size))
}

func (c *LiveClient) onMetadata(event *bindings.Event) {
	c.tsOut = event.Flags&bindings.FlagTsOut != 0
	m, _, err := dbn.DecodeMetadata(bytesOf(event))
	if err != nil {
		c.log.Warn("dbnloop: metadata cannot be shown", "error", err)
		return
	}
	if c.h.Metadata != nil {
		c.h.Metadata(&m)
	}
}

func (c *LiveClient) onError(event *bindings.Event) {
	c.end = &Error{ErrorCode(event.Code), string(bytesOf(event)), syscall.Errno(event.Errno)}
	c.log.Info("dbnloop: session ended", "error", c.end)
	if c.h.Error != nil {
		c.h.Error(c.end)
	}
}

// halted says that no further record may be delivered from what this turn holds.
func (c *LiveClient) halted() bool {
	return c.paused || c.closed || c.muted == c.r.turnNo || c.renewed == c.r.turnNo
}

// deliver hands out a batch. However it ends, what was taken is noted in the event, which
// the next poll reads.
func (c *LiveClient) deliver(event *bindings.Event) {
	if c.halted() {
		event.Consumed = 0
		return
	}
	cur := &c.r.cur
	*cur = cursor{client: c}
	batch := c.r.copy.batch(Batch{
		data:  event.Data,
		size:  int(event.Size),
		runs:  unsafe.Slice(event.Runs, int(event.RunCount)),
		tsOut: event.Flags&bindings.FlagTsOut != 0,
	})
	defer func() {
		event.Consumed = uintptr(cur.consumed)
		cur.client = nil
		c.r.copy.poison()
	}()
	if c.pull != nil {
		c.pull(batch, cur)
		return
	}
	p := batch.data
	for i := range batch.runs {
		run := &batch.runs[i]
		size, left := int(run.RecordSize), int(run.Count)
		// Once, unless a handler breaks the run off and delivery goes on all the same.
		for left > 0 {
			before := cur.consumed
			c.h.run(cur, dbn.RType(run.RType), run.Typed != 0, p, size, left)
			taken := cur.consumed - before
			p = unsafe.Add(p, taken)
			left -= taken / size
			if cur.stop {
				if c.halted() {
					return
				}
				cur.stop = false
			}
		}
	}
}
