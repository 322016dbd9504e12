package log

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
)

// readAhead is how many messages a reader holds at most: some 1 MiB.
const readAhead = 16

// Reader reads a log in order, from a sequence on. It is for one goroutine at a time.
type Reader struct {
	// Pending is how many messages there were to read after the last one that Next returned, or when the
	// reader was made.
	Pending  uint64
	log      *Log
	messages jetstream.MessagesContext
}

// Read begins at the first message whose sequence is at least from. Without schemas it reads all of them.
// The caller must call Close.
func (l *Log) Read(ctx context.Context, from uint64, schemas ...string) (*Reader, error) {
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1)}
	for _, schema := range schemas {
		config.FilterSubjects = append(config.FilterSubjects, batch.Subject(l.Dataset, schema))
	}
	consumer, err := l.stream.OrderedConsumer(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", batch.StreamName(l.Dataset), err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", batch.StreamName(l.Dataset), err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead))
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", batch.StreamName(l.Dataset), err)
	}
	return &Reader{Pending: info.NumPending, log: l, messages: messages}, nil
}

// Next waits for the next message, until ctx is done.
func (r *Reader) Next(ctx context.Context) (*Message, error) {
	raw, err := r.messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
		return nil, fmt.Errorf("read stream %s: %w", batch.StreamName(r.log.Dataset), err)
	}
	place, err := raw.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", batch.StreamName(r.log.Dataset), err)
	}
	r.Pending = place.NumPending
	b, err := batch.Parse(raw.Subject(), raw.Headers(), raw.Data())
	if err != nil {
		return nil, fmt.Errorf("stream %s, message %d: %w", batch.StreamName(r.log.Dataset), place.Sequence.Stream, err)
	}
	return &Message{place.Sequence.Stream, b}, nil
}

// Close ends the reader.
func (r *Reader) Close() { r.messages.Stop() }
