package dbnloop

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/dbnloop/dbnloop/bindings"
)

// StreamState is what a continuous client is doing.
type StreamState uint32

// The states of a continuous client.
const (
	StreamStopped    StreamState = iota
	StreamWaiting                // for the next attempt
	StreamConnecting             // to the gateway
	StreamHistory                // delivers a historical range
	StreamReplaying              // delivers what the gateway replays
	StreamLive
)

// String returns the name of the state.
func (s StreamState) String() string {
	names := [...]string{"Stopped", "Waiting", "Connecting", "History", "Replaying", "Live"}
	if int(s) < len(names) {
		return names[s]
	}
	return "StreamState(?)"
}

// RecoveryPolicy is what is done about the records that were missed while a session was broken.
type RecoveryPolicy uint32

// The policies.
const (
	RecoveryReplay   RecoveryPolicy = iota // all are recovered
	RecoveryNatural                        // none: the stream continues with the present. Each break is a Gap.
	RecoverySnapshot                       // mbo only: a snapshot of the book instead. Each break is a Gap.
)

// String returns the name of the policy.
func (p RecoveryPolicy) String() string {
	names := [...]string{"Replay", "Natural", "Snapshot"}
	if int(p) < len(names) {
		return names[p]
	}
	return "RecoveryPolicy(?)"
}

// ContinuousClient is one stream without a gap: every record from a given time on, once and in
// order, across broken sessions, from history through intraday replay into live.
//
// After Start it connects, subscribes, and recovers by itself whatever a broken session made it
// miss. The Error handler is called once, as the last handler: after Stop, for an error that no
// retry can repair (the key is refused, the dataset is unknown, every subscription is refused),
// or when a limit of the options is reached. What could not be recovered is reported as a Gap to
// the Continuity handler, never hidden.
//
// Order holds per schema and instrument. A replay precedes the live records of its schema.
// System and error records of every session are delivered. Symbol mappings that a new session
// repeats are not, and neither is its metadata unless it differs.
type ContinuousClient struct {
	source
	stream *bindings.Continuous
	seen   atomic.Uint32 // the state; written by the owner only
}

// NewContinuousClient creates a client on the reactor. It checks that the key consists of 32
// printable ASCII characters; the key appears in no error and no log. It may be called inside a
// handler. It returns ErrInvalidAPIKey for a malformed key, ErrInvalidArgument for an option
// that is out of range, and ErrInvalidState when called from a second goroutine while another
// one is inside the reactor.
func NewContinuousClient(r *Reactor, apiKey string, opts ...ContinuousOption) (*ContinuousClient, error) {
	if r == nil {
		return nil, newError(CodeInvalidArgument, "NewContinuousClient: the reactor is nil")
	}
	config := continuousConfig{newConfig(), bindings.ContinuousOptionsDefault()}
	for _, o := range opts {
		if o != nil {
			o.applyContinuous(&config)
		}
	}
	if config.err != nil {
		return nil, config.err
	}
	c := &ContinuousClient{}
	c.observe = func() { c.seen.Store(c.stream.State()) }
	c.onState = func(number uint32) {
		state := StreamState(number)
		c.log.Debug("dbnloop: state", "state", state.String())
		if c.h.StreamState != nil {
			c.h.StreamState(state)
		}
	}
	err := c.attach(r, config.log, func(loop *bindings.Reactor) (native, *bindings.Error) {
		stream, e := bindings.ContinuousNew(loop, apiKey, config.c)
		c.stream = stream
		return stream, e
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Subscribe requests records, before or after Start, all of which are recovered after a break.
// With a start the stream begins at that time, which may lie years back, but not in the future;
// after Start a subscription cannot have one. What must come from history needs one start and one
// StypeIn for all subscriptions of a schema, and at most 2000 symbols; tbbo and mbp-1, whose records
// are alike, need separate clients there. Otherwise the stream ends with ErrInvalidArgument, or
// after a break with a Gap, before anything is bought. It returns the subscription's number, counted
// from 1. It may be called inside a handler.
//
// It returns ErrInvalidDataset, ErrInvalidSymbol or ErrInvalidSchema if the respective field is
// invalid; ErrInvalidArgument for a start in the future, and for fields that exclude each other;
// ErrInvalidState for a start after Start, and when called from a second goroutine while another
// one is inside the reactor.
func (c *ContinuousClient) Subscribe(s Subscription) (id uint32, err error) {
	return c.SubscribeWithPolicy(s, RecoveryReplay)
}

// SubscribeWithPolicy is Subscribe with another policy than RecoveryReplay. All subscriptions of
// a schema need the same policy: otherwise it returns ErrInvalidArgument. It may be called inside
// a handler. It returns ErrInvalidState as Subscribe does, also on a second goroutine while
// another one is inside the reactor.
func (c *ContinuousClient) SubscribeWithPolicy(s Subscription, policy RecoveryPolicy) (id uint32, err error) {
	in, err := s.forC()
	if err != nil {
		return 0, err
	}
	err = c.call(func() (e *bindings.Error) {
		id, e = c.stream.Subscribe(in, uint32(policy))
		return e
	})
	return id, err
}

// Unsubscribe takes symbols away, as LiveClient.Unsubscribe does, with the same errors. What is
// left is what a reconnect restores. It may be called inside a handler. It returns
// ErrInvalidState also when called from a second goroutine while another one is inside the
// reactor.
func (c *ContinuousClient) Unsubscribe(u Unsubscription) error {
	in, err := u.forC()
	if err != nil {
		return err
	}
	return c.call(func() *bindings.Error { return c.stream.Unsubscribe(in) })
}

// Subscriptions returns the effective set, as LiveClient.Subscriptions does. It may be called
// inside a handler. It returns ErrInvalidState after Close, and when called from a second
// goroutine while another one is inside the reactor.
func (c *ContinuousClient) Subscriptions() (out []EffectiveRequest, err error) {
	err = c.call(func() *bindings.Error {
		requests, e := c.stream.Subscriptions()
		out = effectiveRequestsOf(requests)
		return e
	})
	return out, err
}

// Start begins the stream in the next turn. After its end, inside the Error handler too, Start
// continues where it ended. It may be called inside a handler. It returns ErrInvalidState without
// a subscription, while the stream is in progress, and when called from a second goroutine while
// another one is inside the reactor.
func (c *ContinuousClient) Start() error {
	return c.call(func() *bindings.Error {
		e := c.stream.Start()
		if e == nil {
			c.begin()
		}
		return e
	})
}

// Stop ends the stream; the Error handler receives ErrCancelled in a later turn. In a turn that
// delivers records (inside their handlers, or in a task that was posted there) no further record
// is delivered. Otherwise records that the gateway had sent before it noticed are still
// delivered, for at most 5 s. Without a stream it does nothing. It may be called inside a handler.
// It returns ErrInvalidState when called from a second goroutine while another one is inside the
// reactor.
func (c *ContinuousClient) Stop() error {
	return c.call(func() *bindings.Error {
		c.dropRecords()
		return c.stream.Stop()
	})
}

// Position returns where the stream is: what the handlers received so far, to begin there again
// with ResumeFrom, in another process too. It has at most some 100 KiB, and its form may change
// with the library's version. The caller owns it. It may be called between turns and inside a
// handler (also one of a timer, and a task of Post), but not inside a handler of this client's
// records or the body of a loop over them: pause there, and call it when Poll has returned, or
// leave the loop first. Otherwise it returns ErrInvalidState, as it does when called from a second
// goroutine while another one is inside the reactor.
func (c *ContinuousClient) Position() (position []byte, err error) {
	inside := false
	err = c.call(func() (e *bindings.Error) {
		if inside = c.r.cur.client == &c.source; inside {
			return nil
		}
		// Nothing of what this turn still holds was received.
		for i := c.r.next; i < len(c.r.events); i++ {
			if c.r.events[i].Source == c.id {
				keep(&c.r.events[i])
			}
		}
		position, e = c.stream.Position()
		return e
	})
	if inside {
		return nil, newError(CodeInvalidState, "Position: a record of this client is being handled: pause the client, and call it when Poll has returned (or after the loop)")
	}
	return position, err
}

// ResumeFrom lets Start begin at a position instead of the start of the subscriptions. It may be
// called inside a handler. It returns ErrInvalidArgument, and changes nothing, when the position
// is damaged, of another version or of another dataset, and ErrInvalidState while the stream is in
// progress, and when called from a second goroutine while another one is inside the reactor.
func (c *ContinuousClient) ResumeFrom(position []byte) error {
	return c.call(func() *bindings.Error { return c.stream.ResumeFrom(position) })
}

// State returns what the client is doing, as of the last call and the last event that was
// handled; StreamStopped after Close. Any goroutine may call it at any time, and it never waits.
func (c *ContinuousClient) State() StreamState {
	if c.closed.Load() {
		return StreamStopped
	}
	return StreamState(c.seen.Load())
}

// Spent returns the US dollars that history has cost so far; 0 after Close. It may be called
// inside a handler. Called from a second goroutine while another one is inside the reactor, it
// panics with ErrInvalidState.
func (c *ContinuousClient) Spent() (dollars float64) {
	c.must(func() { dollars = c.stream.Spent() })
	return dollars
}

func (c *source) onContinuity(event ContinuityEvent) {
	level := slog.LevelInfo
	if event.Kind == Gap {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, "dbnloop: continuity", "event", event.Kind.String(),
		"gap", event.Gap.String(), "attempt", event.Attempt, "delay", event.Delay,
		"from", event.From, "to", event.To, "cost", event.Cost, "error", event.Err)
	if c.h.Continuity != nil {
		c.h.Continuity(event)
	}
}
