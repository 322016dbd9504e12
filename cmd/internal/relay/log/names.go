package log

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
)

// Names retains the last record of each key: definitions and symbol mappings. Each has the sequence in
// the log that it was taken from. Its methods may be called from any goroutine.
type Names struct {
	log    *Log
	js     jetstream.JetStream
	stream jetstream.Stream
	prefix string

	mu  sync.Mutex
	err error // of a Put, until Sync
}

const headSource = "Dbn-Source"

func namesStream(dataset string) string { return batch.StreamName(dataset) + "_NAMES" }

// Names opens what is known of the instruments of a dataset, and creates it if it does not exist.
func (l *Log) Names(ctx context.Context) (*Names, error) {
	n := &Names{log: l, prefix: "dbn-names." + l.Dataset + "."}
	name := namesStream(l.Dataset)
	var err error
	n.js, err = jetstream.New(l.store.conn, jetstream.WithPublishAsyncTimeout(ackTimeout),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.err = err
		}))
	if err != nil {
		return nil, err
	}
	n.stream, err = n.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: name, Description: "definitions and symbol mappings of " + l.Dataset + ", written by dbn-relay",
		Subjects: []string{n.prefix + "*.*"}, MaxMsgsPerSubject: 1, Discard: jetstream.DiscardOld,
		Storage: jetstream.FileStorage, Replicas: l.store.options.Replicas, AllowDirect: true,
		Metadata: map[string]string{metaFormat: strconv.Itoa(batch.Format), metaDataset: l.Dataset},
	})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	return n, nil
}

// Put retains a record in place of the one that the key had. A key has two tokens, such as definition.42. The
// source is the sequence in the log. Sync must follow.
func (n *Names) Put(key string, record []byte, source uint64) error {
	if strings.Count(key, ".") != 1 || strings.ContainsAny(key, " *>\t\r\n") {
		return fmt.Errorf("the key %q of a name is not a subject of two tokens", key)
	}
	m := &nats.Msg{Subject: n.prefix + key, Header: nats.Header{headSource: {strconv.FormatUint(source, 10)}}, Data: record}
	_, err := n.js.PublishMsgAsync(m)
	return err
}

// Sync waits until everything that was put is retained.
func (n *Names) Sync(ctx context.Context) error {
	select {
	case <-n.js.PublishAsyncComplete():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.err
	n.err = nil
	return err
}

// All calls f with each record, and returns the highest source: what the log has
// after it is not retained here, and of that message perhaps only a part.
func (n *Names) All(ctx context.Context, f func(record []byte)) (source uint64, err error) {
	return allNames(ctx, n.stream, f)
}

func allNames(ctx context.Context, stream jetstream.Stream, f func(record []byte)) (source uint64, err error) {
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return 0, err
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return 0, err
	}
	if info.NumPending == 0 {
		return 0, nil
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1024))
	if err != nil {
		return 0, err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return 0, err
		}
		place, err := m.Metadata()
		if err != nil {
			return 0, err
		}
		from, err := strconv.ParseUint(m.Headers().Get(headSource), 10, 64)
		if err != nil || batch.SizeAt(m.Data()) != len(m.Data()) {
			return 0, errors.New("stream " + stream.CachedInfo().Config.Name + " holds a message that dbn-relay has not written: delete the stream, it is made again")
		}
		source = max(source, from)
		f(m.Data())
		if place.NumPending == 0 {
			return source, nil
		}
	}
}
