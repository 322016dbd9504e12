package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/split"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Unbroken says how a stream survives its sessions.
type Unbroken struct {
	Options  []dbnloop.ContinuousOption
	Position []byte // where to begin; nil: with the subscriptions
}

// continuity counts what happened to a stream without a gap.
type continuity struct {
	reconnects, gaps   uint64
	replayed, repeated uint64
}

// openUnbroken makes the client that reconnects by itself.
func (s *session) openUnbroken(handlers dbnloop.Handlers) error {
	options := append([]dbnloop.ContinuousOption{
		dbnloop.WithLive(s.Client...), dbnloop.WithGateway(s.Host, s.Port),
	}, s.Unbroken.Options...)
	client, err := dbnloop.NewContinuousClient(s.reactor, s.Key, options...)
	if err != nil {
		return err
	}
	s.client = client
	s.describe = func() string { return strings.ToLower(client.State().String()) + " " + s.Dataset }
	s.streaming = func() bool {
		state := client.State()
		return state == dbnloop.StreamLive || state == dbnloop.StreamReplaying
	}
	handlers.Continuity = s.onContinuity
	handlers.StreamState = func(state dbnloop.StreamState) {
		s.log.Debug("stream: " + strings.ToLower(state.String()))
		s.streamed = s.streamed || state == dbnloop.StreamLive || state == dbnloop.StreamReplaying
	}
	client.Handle(handlers)
	for _, subscription := range s.Subscriptions {
		if subscription.Dataset == "" {
			subscription.Dataset = s.Dataset
		}
		if _, err := client.Subscribe(subscription); err != nil {
			return err
		}
	}
	if s.Unbroken.Position != nil {
		if err := client.ResumeFrom(s.Unbroken.Position); err != nil {
			return err
		}
	}
	return client.Start()
}

// onContinuity says what happened to the stream, and counts it.
func (s *session) onContinuity(event dbnloop.ContinuityEvent) {
	if s.stream.Over() {
		return
	}
	count := &s.continuity
	s.noteEvent(event)
	switch event.Kind {
	case dbnloop.Reconnecting:
		count.reconnects++
		s.log.Warn(fmt.Sprintf("the stream broke: %s; attempt %d follows in %v", plainError(event.Err), event.Attempt, event.Delay.Round(time.Millisecond)))
	case dbnloop.Recovered:
		count.replayed += event.Replayed
		count.repeated += event.Dropped
		s.log.Info(fmt.Sprintf("recovered %s%s: %s replayed, %s of them had come before", schemaName(event),
			span(event.From, event.To), term.Plural(event.Replayed, "record"), term.Grouped(event.Dropped)))
	case dbnloop.CaughtUp:
		s.log.Info("caught up: what follows is live")
	case dbnloop.Price:
		s.log.Info(fmt.Sprintf("history%s costs %.6f US dollars", span(event.From, event.To), event.Cost))
	case dbnloop.Gap:
		count.gaps++
		why := gapTexts[event.Gap]
		if event.Err != nil {
			why += ": " + plainError(event.Err)
		}
		s.log.Error(fmt.Sprintf("gap: records of %s%s may be missing, because %s", schemaName(event), span(event.From, event.To), why))
	}
}

// noteEvent says in which file of a capture a break is, and whether it was filled.
func (s *session) noteEvent(event dbnloop.ContinuityEvent) {
	if s.Files == nil || event.Kind != dbnloop.Recovered && event.Kind != dbnloop.Gap {
		return
	}
	note := split.Event{
		Filled: event.Kind == dbnloop.Recovered, Schema: dbn.SchemaNone, From: event.From, To: event.To,
		Replayed: event.Replayed, Duplicate: event.Dropped,
	}
	if event.HasSchema {
		note.Schema = event.Schema
	}
	if event.Kind == dbnloop.Gap {
		note.Reason = gapTexts[event.Gap]
		if event.Err != nil {
			note.Reason += ": " + plainError(event.Err)
		}
	}
	if err := s.Files.Note(note); err != nil {
		s.stream.End(err)
	}
}

// line is for the statistics; empty as long as nothing happened.
func (c *continuity) line() string {
	if c.reconnects == 0 && c.gaps == 0 && c.replayed == 0 {
		return ""
	}
	return fmt.Sprintf("; %s, %s replayed (%s had come before), %s", term.Plural(c.reconnects, "reconnect"),
		term.Plural(c.replayed, "record"), term.Grouped(c.repeated), term.Plural(c.gaps, "gap"))
}

// failure is the error of a stream with a gap.
func (c *continuity) failure() error {
	if c.gaps == 0 {
		return nil
	}
	return exit.Fail(exit.Partial, "the stream has %s: records may be missing", term.Plural(c.gaps, "gap"))
}

var gapTexts = map[dbnloop.GapReason]string{
	dbnloop.GapContradiction: "the gateway's replay lacks records that had come before",
	dbnloop.GapAgedOut:       "the gateway no longer retains them",
	dbnloop.GapPrice:         "history has a price that was not allowed",
	dbnloop.GapPolicy:        "they are not to be recovered",
	dbnloop.GapNoHistory:     "history does not have them",
}

func schemaName(event dbnloop.ContinuityEvent) string {
	if !event.HasSchema {
		return "all schemas"
	}
	return event.Schema.String()
}

func span(from, to dbn.UnixNanos) string {
	switch {
	case from == 0 && to == 0:
		return ""
	case to == 0:
		return " from " + from.String() + " on"
	case from == 0:
		return " up to " + to.String()
	}
	return " from " + from.String() + " to " + to.String()
}

func plainError(err error) string {
	if err == nil {
		return "no reason was given"
	}
	return term.InFlags(err.Error())
}
