package ingest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
)

// life is a client and a writer that continue from the end of the log.
type life struct {
	Options
	reactor *dbnloop.Reactor
	client  *dbnloop.ContinuousClient
	writer  *log.Writer
	pending buffers
	residue residue

	waiting  atomic.Bool // the source is paused until the log has caught up
	full     bool        // the source is paused until the log's disk has room
	stopping bool
	ended    bool
	err      error // why, when it has ended
}

func newLife(o Options, tail *log.Tail) (_ *life, err error) {
	l := &life{Options: o, residue: newResidue(tail.Residue)}
	l.pending.tbbo = wantsTbbo(o.Subscriptions)
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.reactor, err = dbnloop.NewReactor(); err != nil {
		return nil, err
	}
	if l.writer, err = o.Log.NewWriter(tail, l.acknowledged); err != nil {
		return nil, &logError{err}
	}
	if l.client, err = dbnloop.NewContinuousClient(l.reactor, o.Key, o.Client...); err != nil {
		return nil, err
	}
	l.client.Handle(l.handlers())
	for _, s := range o.Subscriptions {
		s.Dataset = o.Log.Dataset
		if tail.Position == nil && tail.From > 1 { // 1: the log began with everything
			s.HasStart, s.Start = true, tail.From
		}
		if _, err := l.client.Subscribe(s); err != nil {
			return nil, err
		}
	}
	if tail.Position != nil {
		if err := l.client.ResumeFrom(tail.Position); err != nil {
			return nil, err
		}
	}
	l.Logger.Info("ingest begins", "dataset", o.Log.Dataset, "after", tail.Sequence, "resumed", tail.Position != nil,
		"residue", len(l.residue))
	return l, l.client.Start()
}

func (l *life) close() {
	l.Counters.Live.Store(0)
	l.Counters.Paused.Store(0)
	l.Counters.DiskFull.Store(0)
	if l.client != nil {
		l.client.Close() //nolint:errcheck // nothing is lost that was published
	}
	if l.writer != nil {
		l.writer.Close()
	}
	if l.reactor != nil {
		l.reactor.Close() //nolint:errcheck // nothing is lost with it
	}
}

// stop ends the session in order.
func (l *life) stop() {
	l.stopping = true
	if l.client.IsPaused() {
		l.client.Resume() // the end comes after what was held
	}
	l.client.Stop() //nolint:errcheck // this is its goroutine
}

const (
	// flushBytes is how much is gathered at most before it is published.
	flushBytes = 512 << 10
	// flushDelay is how long records may be gathered while more of them come.
	flushDelay = time.Millisecond
	// busyMessages is how many messages without an acknowledgement make the log busy.
	busyMessages = 8
	// roomDelay is how often the relay asks whether a full disk has room.
	roomDelay = 500 * time.Millisecond
	// drainTimeout bounds the wait for the last acknowledgements.
	drainTimeout = 30 * time.Second
)

// run turns the reactor: whatever has come is gathered while there is more or the log is busy, and then published.
func (l *life) run() error {
	var since time.Time
	for !l.ended {
		if l.full && !l.hasRoom() {
			if _, err := l.reactor.Poll(roomDelay); err != nil {
				return err
			}
			continue
		}
		n, err := l.reactor.Poll(0)
		if err != nil {
			return err
		}
		if (n > 0 || l.logIsBusy()) && l.pending.size < flushBytes {
			now := time.Now()
			if l.pending.size == 0 {
				since = now
			}
			if left := flushDelay - now.Sub(since); left > 0 {
				if n == 0 {
					if _, err := l.reactor.Poll(left); err != nil {
						return err
					}
				}
				continue
			}
		}
		if err := l.flush(); err != nil {
			return err
		}
		if l.full {
			continue
		}
		since = time.Time{}
		if n > 0 {
			continue
		}
		if _, err := l.reactor.Poll(-1); err != nil {
			return err
		}
		since = time.Now()
	}
	if err := l.flush(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := l.writer.Drain(ctx); err != nil {
		return &logError{err}
	}
	if errors.Is(l.err, dbnloop.ErrCancelled) {
		return nil
	}
	return l.err
}

// logIsBusy reports whether what was gathered would only wait in the log's queue, so that it may as well become
// one message with what comes next: small messages cost more each than large ones.
func (l *life) logIsBusy() bool {
	_, messages := l.writer.Pending()
	return messages >= busyMessages && l.pending.size > 0 && l.pending.size < batch.Target
}

// flush publishes what was gathered. What precedes its end is everything that was received so far, so that
// the last message is a cut.
func (l *life) flush() error {
	if err := l.writer.Err(); err != nil {
		return &logError{err}
	}
	if l.pending.size == 0 || !l.hasRoom() {
		return nil
	}
	err := l.pending.flush(func(schema string, records []byte, cut bool) error {
		if err := l.appending(); err != nil {
			return err
		}
		if err := l.writer.Append(schema, records, cut); err != nil {
			return &logError{err}
		}
		l.Counters.Messages.Add(1)
		l.Counters.Bytes.Add(int64(len(records)))
		return nil
	})
	if err == nil {
		l.throttle()
	}
	return err
}

// hasRoom reports whether the log's disk has room. Without it the source is paused, and what was gathered waits.
func (l *life) hasRoom() bool {
	switch err := l.room(); {
	case err == nil && l.full:
		l.full = false
		l.Counters.DiskFull.Store(0)
		l.Logger.Info("the log's disk has room again", "dataset", l.Log.Dataset)
		l.resume()
	case err != nil && !l.full:
		l.full = true
		l.Counters.DiskFull.Store(1)
		l.Logger.Error("the source is paused until there is room", "dataset", l.Log.Dataset, "error", err)
		if !l.stopping {
			l.pause()
		}
	}
	return !l.full
}

func (l *life) pause() {
	if l.client.IsPaused() {
		return
	}
	l.client.Pause()
	l.Counters.Pauses.Add(1)
	l.Counters.Paused.Store(1)
}

// resume ends a pause, unless there is another reason for it.
func (l *life) resume() {
	if l.full || l.waiting.Load() {
		return
	}
	l.Counters.Paused.Store(0)
	l.client.Resume()
}

// throttle pauses the source when the log is slow.
func (l *life) throttle() {
	bytes, _ := l.writer.Pending()
	l.Counters.Pending.Store(bytes)
	if bytes <= l.MaxPending || l.waiting.Load() || l.stopping {
		return
	}
	l.pause()
	l.waiting.Store(true)
	l.acknowledged() // the last acknowledgement may have come meanwhile
}

// acknowledged is called on other goroutines.
func (l *life) acknowledged() {
	bytes, _ := l.writer.Pending()
	l.Counters.Pending.Store(bytes)
	failed := l.writer.Err() != nil
	if failed {
		l.reactor.Wake()
	}
	if (failed || bytes <= l.MaxPending/2) && l.waiting.CompareAndSwap(true, false) {
		l.reactor.Post(l.resume)
	}
}

// onContinuity counts and logs what happens to the stream.
func (l *life) onContinuity(event dbnloop.ContinuityEvent) {
	log := l.Logger.With("dataset", l.Log.Dataset)
	switch event.Kind {
	case dbnloop.Reconnecting:
		l.Counters.Reconnects.Add(1)
		l.Counters.Live.Store(0)
		log.Warn("the stream broke", "attempt", event.Attempt, "delay", event.Delay, "error", event.Err)
	case dbnloop.Recovered:
		log.Info("recovered", "schema", event.Schema.String(), "from", event.From, "to", event.To,
			"replayed", event.Replayed, "repeated", event.Dropped)
	case dbnloop.CaughtUp:
		if n := l.residue.clear(); n > 0 {
			l.Counters.Gaps.Add(1)
			log.Error("the replay lacks records that are in the log, so it may lack others", "records", n)
		}
	case dbnloop.Gap:
		l.Counters.Gaps.Add(1)
		log.Error("gap: records may be missing", "schema", event.Schema.String(), "from", event.From, "to", event.To,
			"reason", event.Gap.String(), "error", event.Err)
	}
}

func (l *life) onState(state dbnloop.StreamState) {
	if state == dbnloop.StreamLive {
		l.Counters.Live.Store(1)
	}
}

// onMetadata notes from when on the log has everything.
func (l *life) onMetadata(meta *dbn.Metadata) {
	from := meta.Start
	all := true
	var latest dbn.UnixNanos
	for _, s := range l.Subscriptions {
		all = all && s.HasStart
		latest = max(latest, s.Start)
	}
	if all {
		from = latest
	}
	l.writer.Begin(from)
}
