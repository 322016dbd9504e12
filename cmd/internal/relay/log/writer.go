package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/dbn"
)

// ErrOtherWriter means that the log does not end where this writer has written last, so that it must not continue:
// another writer has been there, or the server failed to store a message, which it does not say.
var ErrOtherWriter = errors.New("the log does not end where this relay has written last: another relay has written to it, or its server failed to")

const (
	// ackTimeout bounds the wait for an acknowledgement; a message without one may be in the log or not.
	ackTimeout = 20 * time.Second
	// maxInFlight is more than a caller has that checks Pending.
	maxInFlight = 1 << 16
)

// Writer appends to a log, in order and without waiting. Each message expects the sequence of the one
// before, and all but the first one also its id, so what is in the log is always a prefix of what was
// appended, whoever else writes. (The sequence alone would not do: of messages that are on their way, the
// first may be refused, and a later one may find the sequence that it expects because another writer has
// been there.) Append is for one goroutine; the other methods may be called from any.
type Writer struct {
	log      *Log
	js       jetstream.JetStream
	id       string // begins the ids of all messages
	last     string // id of the last message
	next     uint64 // the expected last sequence
	high     dbn.UnixNanos
	previous map[string]uint64 // sequence of the last message, by schema
	acked    func()

	bytes   atomic.Int64
	pending atomic.Int64
	failed  chan struct{}

	mu   sync.Mutex
	err  error
	sent map[uint64]*Message // not acknowledged yet, for the followers in this process
}

// NewWriter continues a log after its tail. The function acked is called, on another goroutine, whenever a message is
// acknowledged or the writer has failed. The caller must call Close.
func (l *Log) NewWriter(tail *Tail, acked func()) (*Writer, error) {
	w := &Writer{log: l, id: nuid.Next() + "-", next: tail.Sequence, high: tail.High, previous: tail.previous, acked: acked, failed: make(chan struct{}), sent: map[uint64]*Message{}}
	var err error
	w.js, err = jetstream.New(l.store.conn,
		jetstream.WithPublishAsyncMaxPending(maxInFlight), jetstream.WithPublishAsyncTimeout(ackTimeout),
		jetstream.WithPublishAsyncAckHandler(func(_ jetstream.JetStream, m *nats.Msg, ack *jetstream.PubAck) { w.done(m, ack.Sequence, nil) }),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *nats.Msg, err error) { w.done(m, 0, err) }),
	)
	if err == nil {
		l.feed.begin(w, tail.Sequence)
	}
	return w, err
}

// Begin says from which time on the first session has everything. It has an effect only when the log is
// empty.
func (w *Writer) Begin(from dbn.UnixNanos) {
	if w.high == 0 && w.last == "" && from > 0 && from != dbn.UndefTimestamp {
		w.high = from - 1
	}
}

// Append publishes records of one schema, and keeps none of them. An error ends the writer.
func (w *Writer) Append(schema string, records []byte, cut bool) error {
	if err := w.Err(); err != nil {
		return err
	}
	b := batch.Measure(schema, records, w.high)
	b.Cut, b.Previous = cut, w.previous[schema]
	m := &nats.Msg{Subject: batch.Subject(w.log.Dataset, schema), Header: b.Header(), Data: records}
	w.pending.Add(1)
	w.bytes.Add(int64(len(records)))
	id := w.id + strconv.FormatUint(w.next+1, 10)
	expect := []jetstream.PublishOpt{
		jetstream.WithExpectStream(batch.StreamName(w.log.Dataset)), jetstream.WithExpectLastSequence(w.next),
		jetstream.WithMsgID(id), jetstream.WithRetryAttempts(0),
	}
	if w.log.feed.wanted() {
		b.Records = bytes.Clone(records)
		w.mu.Lock()
		w.sent[w.next+1] = &Message{w.next + 1, b}
		w.mu.Unlock()
	}
	if w.last != "" {
		expect = append(expect, jetstream.WithExpectLastMsgID(w.last))
	}
	if _, err := w.js.PublishMsgAsync(m, expect...); err != nil {
		w.fail(err)
		return w.Err()
	}
	w.next++
	w.last = id
	w.high, w.previous[schema] = b.High, w.next
	return nil
}

// done is called for each message, with the place that the log has given it.
func (w *Writer) done(m *nats.Msg, sequence uint64, err error) {
	w.pending.Add(-1)
	w.bytes.Add(-int64(len(m.Data)))
	if err != nil {
		w.fail(err)
	} else {
		w.mu.Lock()
		sent := w.sent[sequence]
		delete(w.sent, sequence)
		w.mu.Unlock()
		w.log.feed.add(w, sequence, sent)
	}
	w.acked()
}

func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return // what follows the first one fails for that reason
	}
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		err = fmt.Errorf("%w: %w", ErrOtherWriter, err)
	}
	w.err = fmt.Errorf("stream %s: %w", batch.StreamName(w.log.Dataset), err)
	close(w.failed)
}

// Err is why the writer has failed; nil while it has not.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Pending is how many bytes of records and how many messages were not acknowledged yet.
func (w *Writer) Pending() (bytes, messages int64) { return w.bytes.Load(), w.pending.Load() }

// Drain waits until everything is acknowledged, the writer fails, or ctx is done.
func (w *Writer) Drain(ctx context.Context) error {
	select {
	case <-w.js.PublishAsyncComplete():
		return w.Err()
	case <-w.failed:
		return w.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close frees the writer. What was not acknowledged may be in the log or not.
func (w *Writer) Close() {
	w.js.CleanupPublisher()
	w.log.feed.end(w)
}
