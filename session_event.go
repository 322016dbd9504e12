package dbnloop

import (
	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/reword"
)

// SessionEventKind is the kind of a session event.
type SessionEventKind uint32

// The kinds of session events.
const (
	SubscriptionAck     SessionEventKind = 1 // the gateway accepted a subscription
	SubscriptionOverdue SessionEventKind = 2 // neither accepted nor refused in time
	GatewayError        SessionEventKind = 3 // an error other than the following ones
	SymbolUnresolved    SessionEventKind = 4 // a symbol of a subscription did not resolve
	SlowReader          SessionEventKind = 5 // this reader falls behind; nothing is lost yet
	RecordsSkipped      SessionEventKind = 6 // this reader was too slow: the data has a gap
	// ReplayCompleted: the replay of a schema has caught up. It does not imply that nothing was
	// missed.
	ReplayCompleted SessionEventKind = 7
	EndOfInterval   SessionEventKind = 8  // every bar of an interval was sent
	Notice          SessionEventKind = 9  // another system message
	UnsubscribeAck  SessionEventKind = 10 // the gateway accepted an unsubscription
	// UnsubscribeOverdue: an unsubscription was neither accepted nor refused in time.
	UnsubscribeOverdue SessionEventKind = 11
)

var sessionEventNames = [...]string{
	SubscriptionAck: "SubscriptionAck", SubscriptionOverdue: "SubscriptionOverdue",
	GatewayError: "GatewayError", SymbolUnresolved: "SymbolUnresolved",
	SlowReader: "SlowReader", RecordsSkipped: "RecordsSkipped",
	ReplayCompleted: "ReplayCompleted", EndOfInterval: "EndOfInterval", Notice: "Notice",
	UnsubscribeAck: "UnsubscribeAck", UnsubscribeOverdue: "UnsubscribeOverdue",
}

// String returns the name of the kind.
func (k SessionEventKind) String() string {
	if int(k) < len(sessionEventNames) && k > 0 {
		return sessionEventNames[k]
	}
	return "SessionEventKind(?)"
}

// SessionEvent is something that the gateway reported about the session, or failed to report in
// time. It is derived from a system or error record, which the record handlers receive too,
// just before.
type SessionEvent struct {
	Kind SessionEventKind
	// Code is the gateway's own code; dbn.ErrorCodeUnset when the event is not an error, or had
	// no code.
	Code dbn.ErrorCode
	// Fatal reports that the gateway closes the session afterwards.
	Fatal bool
	// SubscriptionID is what Subscribe returned; 0 if the message does not name it.
	SubscriptionID uint32
	// Schema is the one that the message names, if HasSchema; for UnsubscribeOverdue that of the
	// unsubscription.
	Schema    dbn.Schema
	HasSchema bool
	// TsEvent is the time of the gateway's record; dbn.UndefTimestamp for SubscriptionOverdue and
	// UnsubscribeOverdue.
	TsEvent dbn.UnixNanos
	// Message is the gateway's text, without control characters; for the two overdue kinds the
	// library's.
	Message string
}

func sessionEventOf(in *bindings.SessionEvent) SessionEvent {
	return SessionEvent{
		Kind: SessionEventKind(in.Kind), Code: dbn.ErrorCode(in.ErrorCode), Fatal: in.Fatal != 0,
		SubscriptionID: in.SubscriptionID, Schema: dbn.Schema(max(in.Schema, 0)),
		HasSchema: in.Schema != bindings.Unset, TsEvent: dbn.UnixNanos(in.TsEvent),
		Message: reword.Text(in.Message()),
	}
}

// warns reports whether the event deserves a warning in the log.
func (e *SessionEvent) warns() bool {
	switch e.Kind {
	case SubscriptionOverdue, UnsubscribeOverdue, GatewayError, SymbolUnresolved, SlowReader, RecordsSkipped:
		return true
	}
	return false
}
