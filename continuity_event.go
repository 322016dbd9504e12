package dbnloop

import (
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// ContinuityKind is the kind of a continuity event.
type ContinuityKind uint32

// The kinds of continuity events.
const (
	// Reconnecting: the session broke for Err. Attempt Attempt begins after Delay.
	Reconnecting ContinuityKind = 1
	// Recovered: the stream of Schema was completed from From to To, with Replayed records, of
	// which Dropped had been handed out before.
	Recovered ContinuityKind = 2
	// CaughtUp: everything that was to be replayed has come. What follows is live.
	CaughtUp ContinuityKind = 3
	// Gap: records of Schema from From to To may be missing. Gap says why.
	Gap ContinuityKind = 4
	// Price: the historical range that is about to be requested costs Cost. Nothing was bought
	// yet. If that exceeds what WithMaxCost allows, nothing will be.
	Price ContinuityKind = 5
)

var continuityNames = [...]string{
	Reconnecting: "Reconnecting", Recovered: "Recovered", CaughtUp: "CaughtUp", Gap: "Gap", Price: "Price",
}

// String returns the name of the kind.
func (k ContinuityKind) String() string {
	if int(k) < len(continuityNames) && k > 0 {
		return continuityNames[k]
	}
	return "ContinuityKind(?)"
}

// GapReason is why records may be missing.
type GapReason uint32

// The reasons of gaps.
const (
	GapNone GapReason = iota // the event is not a gap
	// GapContradiction: the replay, or history, lacked records that had been handed out before the
	// break, so it may lack others too.
	GapContradiction
	GapAgedOut   // the gateway no longer retains these records
	GapPrice     // history has the records, but WithMaxCost does not allow buying them
	GapPolicy    // the policy of the subscription is not to recover them
	GapNoHistory // history does not have the records (yet)
)

// String returns the name of the reason.
func (r GapReason) String() string {
	names := [...]string{"None", "Contradiction", "AgedOut", "Price", "Policy", "NoHistory"}
	if int(r) < len(names) {
		return names[r]
	}
	return "GapReason(?)"
}

// ContinuityEvent is something that happened to the continuity of a ContinuousClient's stream.
// Fields that do not belong to its kind are zero.
type ContinuityEvent struct {
	Kind    ContinuityKind
	Gap     GapReason     // of a Gap
	Attempt uint32        // from 1; counts since the last progress
	Delay   time.Duration // until the attempt begins
	// Err is why the session ended; of a Gap perhaps the gateway's words; nil without a reason.
	Err error
	// Schema is the one that the event is about, if HasSchema.
	Schema    dbn.Schema
	HasSchema bool
	// From and To are inclusive, by the clock of replays: ts_event, in BBO and CBBO schemas
	// ts_recv. 0: not known.
	From, To dbn.UnixNanos
	// Replayed is the number of records that the replay brought; Dropped of them had been handed
	// out before.
	Replayed, Dropped uint64
	Cost              float64 // US dollars
}

func continuityEventOf(in *bindings.ContinuityEvent) ContinuityEvent {
	event := ContinuityEvent{
		Kind: ContinuityKind(in.Kind), Gap: GapReason(in.Gap), Attempt: in.Attempt,
		Delay:  time.Duration(in.DelayMs) * time.Millisecond,
		Schema: dbn.Schema(max(in.Schema, 0)), HasSchema: in.Schema != bindings.Unset,
		From: dbn.UnixNanos(in.From), To: dbn.UnixNanos(in.To),
		Replayed: in.Replayed, Dropped: in.Dropped, Cost: in.Cost,
	}
	if in.Error != nil {
		event.Err = errorOf(in.Error)
	}
	return event
}
