package live

import (
	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// Display shows the records of a session, in place of an output that writes them. All of its
// methods are called on the goroutine of the session.
type Display interface {
	// Begin is called once, before the session is opened.
	Begin(Session) error
	// Handlers adds the handlers that take the records. That of metadata is called after the
	// session's own.
	Handlers(*dbnloop.Handlers)
	// EndTurn is called after each turn of the reactor, and returns the number of data records
	// that came so far.
	EndTurn() (records uint64)
}

// Session is what a display can know of its session, and do with it.
type Session struct {
	Reactor *dbnloop.Reactor
	State   func() string // for people
	Stats   func() dbnloop.Stats
	End     func(error) // ends the session for a reason, nil for none
}

// display lets the display take part in the session.
func (s *session) display() error {
	if s.Display == nil {
		return nil
	}
	return s.Display.Begin(Session{
		Reactor: s.reactor, State: func() string { return s.describe() },
		Stats: func() dbnloop.Stats { return s.client.Stats() }, End: s.stream.End,
	})
}

// displayed are the handlers of a session whose records are displayed.
func (s *session) displayed(h dbnloop.Handlers) dbnloop.Handlers {
	if s.Display == nil {
		return h
	}
	own := h.Metadata
	h.Record, h.Metadata = nil, nil
	s.Display.Handlers(&h)
	if theirs := h.Metadata; theirs == nil {
		h.Metadata = own
	} else {
		h.Metadata = func(m *dbn.Metadata) { own(m); theirs(m) }
	}
	return h
}
