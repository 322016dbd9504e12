package top

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
)

// maxEvents is how many events are kept.
const maxEvents = 200

// event is something that happened to the session.
type event struct {
	at    time.Time
	level slog.Level
	text  string // fit for a terminal
}

// events keeps what would otherwise be written to standard error, where it would spoil the screen.
// Any goroutine may use it.
type events struct {
	least slog.Level

	mu   sync.Mutex
	list []event // the newest last
	seen uint64  // all that came
}

// add notes an event.
func (e *events) add(at time.Time, level slog.Level, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.list) == maxEvents {
		e.list = append(e.list[:0], e.list[1:]...)
	}
	e.list = append(e.list, event{at, level, cli.Plain(text)})
	e.seen++
}

// last returns the newest n events, the newest last.
func (e *events) last(n int) []event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]event(nil), e.list[max(0, len(e.list)-n):]...)
}

// repeat writes the warnings and errors to a log, once the screen is gone, but not the one that the
// program ends with.
func (e *events) repeat(log *slog.Logger, result error) {
	for _, event := range e.last(maxEvents) {
		if event.level >= slog.LevelWarn && (result == nil || event.text != cli.Plain(result.Error())) {
			log.Log(context.Background(), event.level, event.text, "at", event.at.UTC().Format(time.TimeOnly))
		}
	}
}

// eventLog is a handler of log messages, each of which becomes an event.
type eventLog struct {
	*events
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (l eventLog) Enabled(_ context.Context, level slog.Level) bool { return level >= l.least }

// Handle implements slog.Handler.
func (l eventLog) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&b, ", %s=%s", a.Key, a.Value)
		return true
	}
	for _, a := range l.attrs {
		add(a)
	}
	r.Attrs(add)
	l.add(r.Time, r.Level, b.String())
	return nil
}

// WithAttrs implements slog.Handler.
func (l eventLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.attrs = append(l.attrs[:len(l.attrs):len(l.attrs)], attrs...)
	return l
}

// WithGroup implements slog.Handler. The names of an event's values need no groups.
func (l eventLog) WithGroup(string) slog.Handler { return l }
