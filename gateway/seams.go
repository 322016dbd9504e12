package gateway

import (
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// Datasets is the data that a server has. Its methods are called from many goroutines.
type Datasets interface {
	// Names are the datasets that can be asked for, sorted.
	Names() []string
	// Open is what a session gets of a dataset; nil when there is no such dataset. It is
	// called once per session, before the client is answered that it is authenticated.
	Open(s *Session, dataset string) *Feed
}

// Feed is one session's view of a dataset. Only the session's goroutine uses it.
type Feed struct {
	// Version is the DBN version of the records, and of the gateway's own.
	Version uint8
	// Time is what ts_out and the gateway's own records carry; nil is the server's clock.
	Time    func() time.Time
	Symbols Symbols
	Records Records
}

// Symbols says what subscriptions can name.
type Symbols interface {
	// Offers reports whether the dataset has a schema.
	Offers(schema dbn.Schema) bool
	// Resolve returns the instruments that a symbol stands for; none when it is unknown.
	Resolve(stype dbn.SType, symbol string) []Instrument
	// All are the instruments that ALL_SYMBOLS stands for and that have a raw symbol.
	All() []Instrument
}

// Instrument is what a symbol stands for.
type Instrument struct {
	ID uint32
	// RawSymbol is its name in symbol mapping records; without one there is no such record.
	RawSymbol string
	// Start and End bound the time during which the mapping is valid.
	Start, End dbn.UnixNanos
}

// Records is what a session is sent: which records are next, from where, and until when.
type Records interface {
	// Begin is called when the client has started the session.
	Begin()
	// Now is the time of the data, for the start of the stream's metadata.
	Now() dbn.UnixNanos
	// Replay is where a replay begins that was asked to begin at start. An [AgedOutError]
	// refuses this replay alone; any other error ends the session, after an error record.
	Replay(schema dbn.Schema, start dbn.UnixNanos) (dbn.UnixNanos, error)
	// Fits refuses a subscription that the session has no room for.
	Fits(sub *Subscription) error
	// Subscribe adds a subscription, which is Records' from then on. It returns the records
	// of the snapshot that it asks for, back to back.
	Subscribe(sub *Subscription) (snapshot []byte)
	// Unsubscribe takes the instruments for which gone is true away from a schema.
	Unsubscribe(schema dbn.Schema, gone func(id uint32) bool)
	// Step adds what is due to the sink, at most limit records, and returns their number.
	// When nothing is due it returns 0 and the time of the next record; the zero time
	// without a next record. Server.Wake brings the next call forward.
	Step(out *Sink, limit int64) (sent int64, next time.Time, err error)
	// Ended reports whether there is nothing left to send to the present subscriptions.
	Ended() bool
}

// AgedOutError says that the records of a replay are no longer kept, so that no other attempt
// will find them.
type AgedOutError struct{ Err error }

func (e *AgedOutError) Error() string { return e.Err.Error() }

// Unwrap returns what [Records] said.
func (e *AgedOutError) Unwrap() error { return e.Err }

// Misbehaviour is what goes wrong in a session on purpose. A server of real data has none.
// An error of any method ends the session; [ErrOver] ends it politely.
type Misbehaviour interface {
	// Greet is called before anything is sent. What it returns replaces the line of the
	// greeting and that of the challenge; "" leaves the usual one.
	Greet(s *Session) (greeting, challenge string, err error)
	// Stage is called whenever the text phase has come to a stage.
	Stage(s *Session, reached Stage) error
	// Authenticate returns the reason to refuse the client, or nil.
	Authenticate() error
	// Metadata is called before the metadata; true ends the session without it, once the
	// client has gone.
	Metadata(s *Session) (over bool, err error)
	// Stream is called where the DBN stream begins.
	Stream(s *Session)
	// Here is called between records. It returns how many may be sent until the next call.
	Here(s *Session) (limit int64, err error)
	// End is called whenever the records have come to their end.
	End(s *Session) error
}

// Stage is how far the text phase of a session has come.
type Stage int

// The stages, in their order.
const (
	Connected     Stage = iota + 1 // nothing was sent
	Greeted                        // the greeting was sent
	Challenged                     // the challenge was sent
	Answering                      // the client has asked to be authenticated, and has no answer yet
	Authenticated                  // the answer was sent
	Requested                      // a line that subscribes or unsubscribes has come, see Session.Lines
	Started                        // the client has started the session; the metadata was not sent
)

// Subscription is an accepted request: the records that it selects.
type Subscription struct {
	ID     uint32
	Schema dbn.Schema
	// All selects every instrument; otherwise IDs are those that are selected.
	All bool
	IDs map[uint32]struct{}
	// Replay asks for the past from Start on.
	Replay bool
	Start  dbn.UnixNanos
	// Snapshot asks for the order books before the first record.
	Snapshot bool
}
