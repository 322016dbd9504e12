package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
)

// replayer is a session's place in the log. A session with replays begins where the earliest of them does, and
// walks through the log: up to where the present was when it began, a schema has what its replay asks for,
// and from there on everything. So there is no seam between them. Only the session's goroutine uses it.
type replayer struct {
	options Options
	d       *dataset
	session *gateway.Session

	subs   filters
	starts map[dbn.UnixNanos]uint64 // where replays begin that were asked for
	next   uint64                   // the place
	live   uint64                   // where the present began
	high   dbn.UnixNanos            // the latest time before that

	began     bool        // the session has begun to send
	replaying bool        // the place is before the present of the beginning
	caught    bool        // the place has been in the hub's memory: from then on it leaves that only by being slow
	notBefore time.Time   // the log could not be read
	reader    *log.Reader // while the place is not in the hub's memory
	upto      uint64      // the hub's end when the reader was made
	slow      slowness
}

func newReplayer(options Options, d *dataset, session *gateway.Session) *replayer {
	return &replayer{options: options, d: d, session: session, subs: filters{}, starts: map[dbn.UnixNanos]uint64{}}
}

// Begin fixes the present.
func (r *replayer) Begin() {
	r.live, r.high = r.d.hub.present()
	r.next = r.live
}

// Now is the latest time before the present.
func (r *replayer) Now() dbn.UnixNanos {
	if r.high == 0 {
		return dbn.UnixNanosOf(time.Now())
	}
	return r.high
}

// Replay finds where a replay begins.
func (r *replayer) Replay(_ dbn.Schema, start dbn.UnixNanos) (dbn.UnixNanos, error) {
	if _, known := r.starts[start]; known {
		return start, nil
	}
	seq, err := r.find(start)
	var early *log.TooEarlyError
	if errors.As(err, &early) {
		err = &gateway.AgedOutError{Err: err}
	}
	if err != nil {
		return start, err
	}
	r.starts[start] = seq
	return start, nil
}

// A log that is empty does not tell yet where it begins: a relay that was started just now is given this
// time to write its first message.
const (
	firstMessage = 20 * time.Second
	lookAgain    = 50 * time.Millisecond
)

// find is where in the log the records from a time on are.
func (r *replayer) find(start dbn.UnixNanos) (seq uint64, err error) {
	ctx := r.session.Context()
	for deadline := time.Now().Add(firstMessage); ; {
		seq, err = r.d.Log.Find(ctx, start)
		var early *log.TooEarlyError
		if !errors.As(err, &early) || early.From != 0 || time.Now().After(deadline) {
			return seq, err
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(lookAgain):
		}
	}
}

// Fits refuses what a relay does not have, and what is too much.
func (r *replayer) Fits(sub *gateway.Subscription) error {
	switch {
	case sub.Snapshot:
		return errors.New("this relay has no snapshots of order books: subscribe with a start instead")
	case r.subs.len() >= r.options.MaxSubscriptions:
		return fmt.Errorf("the session has %d subscriptions, and more are not possible here", r.subs.len())
	case len(sub.IDs) > r.options.MaxSymbols:
		return fmt.Errorf("it stands for %d instruments, and at most %d are possible here", len(sub.IDs), r.options.MaxSymbols)
	}
	return nil
}

// Subscribe adds a subscription.
func (r *replayer) Subscribe(sub *gateway.Subscription) []byte {
	r.forgetReader()
	from := r.d.hub.end()
	if sub.Replay {
		from = r.starts[sub.Start]
		r.next = min(r.next, from)
		r.replaying = true
	} else if !r.began {
		from = r.live
	}
	r.subs.add(sub, from)
	return nil
}

// Unsubscribe takes instruments away.
func (r *replayer) Unsubscribe(schema dbn.Schema, gone func(uint32) bool) {
	r.forgetReader()
	r.subs.remove(schema.String(), gone)
}

// Ended reports whether the relay ends and the session has everything. A market has no end.
func (r *replayer) Ended() bool { return r.d.hub.over(r.next) }

// passed bounds how many messages a step passes over that have nothing for the session.
const passed = 256

// Step sends the next message that has something for the session.
func (r *replayer) Step(out *gateway.Sink, _ int64) (sent int64, next time.Time, err error) {
	r.began = true
	for range passed {
		m, err := r.message()
		if err != nil {
			return 0, time.Now().Add(retryDelay), err
		}
		if r.replaying && (r.next >= r.live || m != nil && m.Sequence >= r.live) {
			if err := r.endReplay(); err != nil {
				return 0, time.Time{}, err
			}
		}
		place := r.next
		if m != nil {
			place = m.Sequence
		}
		if err := r.slow.endSkip(r, place); err != nil {
			return 0, time.Time{}, err
		}
		if m == nil {
			return 0, r.retry(), nil
		}
		r.next = m.Sequence + 1
		if sent, err = r.send(out, m); sent > 0 || err != nil {
			return sent, time.Time{}, err
		}
	}
	return 0, time.Now(), nil
}

// retry is when to ask again: at once while the place is not at the end of the log.
func (r *replayer) retry() time.Time {
	switch now := time.Now(); {
	case now.Before(r.notBefore):
		return r.notBefore
	case r.next < r.d.hub.end():
		return now
	}
	r.slow.warned = false
	return time.Time{}
}

// endReplay says of each schema that its replay is complete.
func (r *replayer) endReplay() error {
	r.replaying = false
	for _, schema := range r.subs.replayed() {
		if err := r.session.Control(r.session.Messages().Replayed(r.session.Now(), schema)); err != nil {
			return err
		}
	}
	return nil
}

// message is the next one of the log from the place on; nil when it has not come yet. It also moves the place
// over messages that the session has not subscribed to.
func (r *replayer) message() (*log.Message, error) {
	if r.subs.len() == 0 {
		r.next = r.d.hub.end()
		return nil, nil
	}
	m, gone := r.d.hub.from(r.next)
	if !gone {
		r.forgetReader()
		r.caught = r.caught || !r.replaying || r.next >= r.live
		return m, nil
	}
	if r.caught {
		if err := r.slow.fellBack(r); err != nil {
			return nil, err
		}
	}
	return r.read()
}

// readTimeout bounds the wait for a message that the log has.
const readTimeout = 2 * time.Second

// read takes the next message from the log.
func (r *replayer) read() (*log.Message, error) {
	if time.Now().Before(r.notBefore) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(r.session.Context(), readTimeout)
	defer cancel()
	if r.reader == nil {
		r.upto = r.d.hub.end()
		if err := r.lost(ctx); err != nil {
			return nil, err
		}
		reader, err := r.d.Log.Read(ctx, r.next, r.subs.schemas()...)
		if err != nil {
			return nil, r.unreadable(err)
		}
		r.reader = reader
	}
	if r.reader.Pending == 0 {
		r.forgetReader()
		r.next = max(r.next, r.upto)
		return nil, nil
	}
	m, err := r.reader.Next(ctx)
	if err != nil {
		return nil, r.unreadable(err)
	}
	return m, nil
}

// unreadable leaves a log that cannot be read now to a later step.
func (r *replayer) unreadable(err error) error {
	r.forgetReader()
	if r.session.Context().Err() != nil {
		return err
	}
	r.notBefore = time.Now().Add(retryDelay)
	r.session.Logger().Warn("the log cannot be read now", "error", err)
	return nil
}

// lost reports to the consumer that the log no longer has what comes next.
func (r *replayer) lost(ctx context.Context) error {
	first, _, err := r.d.Log.Bounds(ctx)
	if err != nil || first <= r.next {
		return nil
	}
	r.next = first
	r.session.Logger().Warn("the log no longer has what the consumer has not read", "first", first)
	return r.session.Control(r.session.Messages().Skipped(r.session.Now(), len(r.subs)))
}

func (r *replayer) forgetReader() {
	if r.reader != nil {
		r.reader.Close()
		r.reader = nil
	}
}

// send sends what a message has for the session.
func (r *replayer) send(out *gateway.Sink, m *log.Message) (sent int64, err error) {
	if m.Schema == batch.Mappings {
		return 0, r.sendMappings(m)
	}
	wanted := r.subs[m.Schema]
	if wanted == nil || r.slow.skips(m) {
		return 0, nil
	}
	now := time.Now()
	tsOut := r.session.TsOut()
	if wanted.takesAll(m, r.live) && !tsOut && !m.TsOut {
		return int64(m.Count), out.Add(m.Records)
	}
	batch.Each(m.Records, func(record []byte) {
		if err != nil || !wanted.takes(record, m.Sequence, r.live) {
			return
		}
		sent++
		at := len(out.Pending)
		out.Pending = appendRecord(out.Pending, at, record, m.TsOut, tsOut, now)
		err = out.Relieve()
	})
	return sent, err
}

// sendMappings passes on what the service says of instruments while the session lasts.
func (r *replayer) sendMappings(m *log.Message) (err error) {
	if m.Sequence < r.live || !r.subs.all() {
		return nil // what was known before was said when the session subscribed
	}
	batch.Each(m.Records, func(record []byte) {
		if err == nil {
			err = r.session.Control(append([]byte(nil), record...))
		}
	})
	return err
}
