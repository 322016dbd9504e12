package log

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
)

// Existing opens the log of a dataset for reading. It creates nothing, so it needs no more than the
// right to read the stream.
func Existing(ctx context.Context, js jetstream.JetStream, dataset string) (*Log, error) {
	if err := batch.CheckDataset(dataset); err != nil {
		return nil, err
	}
	name := batch.StreamName(dataset)
	stream, err := js.Stream(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("there is no log of %s: NATS has no stream %s, which dbn-relay makes", dataset, name)
	case err != nil:
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	if err := ours(stream.CachedInfo().Config, dataset); err != nil {
		return nil, err
	}
	return &Log{Dataset: dataset, stream: stream}, nil
}

// Retained calls f with each definition and symbol mapping that is retained of a dataset. Where nothing
// is retained it does nothing.
func Retained(ctx context.Context, js jetstream.JetStream, dataset string, f func(record []byte)) error {
	stream, err := js.Stream(ctx, namesStream(dataset))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", namesStream(dataset), err)
	}
	if _, err = allNames(ctx, stream, f); err != nil {
		return fmt.Errorf("stream %s: %w", namesStream(dataset), err)
	}
	return nil
}

// Parse reads a message of the log, with its place.
func Parse(raw jetstream.Msg) (*Message, error) {
	place, err := raw.Metadata()
	if err != nil {
		return nil, fmt.Errorf("message on %s: %w", raw.Subject(), err)
	}
	b, err := batch.Parse(raw.Subject(), raw.Headers(), raw.Data())
	if err != nil {
		return nil, fmt.Errorf("stream %s, message %d: %w", place.Stream, place.Sequence.Stream, err)
	}
	return &Message{place.Sequence.Stream, b}, nil
}
