package log

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
)

// The stream's metadata says what wrote it.
const (
	metaFormat  = "dbn-format"
	metaDataset = "dbn-dataset"
)

// Log is the log of a dataset. Its methods may be called from any goroutine.
type Log struct {
	Dataset string
	store   *Store
	stream  jetstream.Stream
	feed    feed
}

// Log opens the log of a dataset, and creates it if it does not exist. The bounds of an existing one
// become those of the store's options. A log of another format is refused.
func (s *Store) Log(ctx context.Context, dataset string) (*Log, error) {
	if err := batch.CheckDataset(dataset); err != nil {
		return nil, err
	}
	name := batch.StreamName(dataset)
	stream, err := s.js.Stream(ctx, name)
	switch {
	case err == nil:
		if err := ours(stream.CachedInfo().Config, dataset); err != nil {
			return nil, err
		}
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	stream, err = s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: name, Description: "records of " + dataset + ", written by dbn-relay", Subjects: []string{batch.Subjects(dataset)},
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage,
		MaxAge: s.options.MaxAge, MaxBytes: unlimited(s.options.MaxBytes), Replicas: s.options.Replicas, AllowDirect: true,
		Duplicates: time.Second, // the ids are for the order, and each one that is remembered takes memory
		Metadata:   map[string]string{metaFormat: strconv.Itoa(batch.Format), metaDataset: dataset},
	})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	return &Log{Dataset: dataset, store: s, stream: stream}, nil
}

func unlimited(bytes int64) int64 {
	if bytes == 0 {
		return -1
	}
	return bytes
}

// ours refuses a stream that is another program's, another dataset's, or of another format.
func ours(config jetstream.StreamConfig, dataset string) error {
	format, known := config.Metadata[metaFormat]
	switch {
	case !known:
		return fmt.Errorf("stream %s exists, but dbn-relay has not created it: rename it, or use another NATS account", config.Name)
	case format != strconv.Itoa(batch.Format):
		return fmt.Errorf("stream %s has log format %s, and this program reads and writes format %d: use the version of dbn-relay that wrote it, or another directory or account", config.Name, format, batch.Format)
	case config.Metadata[metaDataset] != dataset:
		return fmt.Errorf("stream %s is the log of dataset %s, not of %s", config.Name, config.Metadata[metaDataset], dataset)
	}
	return nil
}

// Embedded reports whether the log's server is inside this process.
func (l *Log) Embedded() bool { return l.store.options.Server != nil }

// Room reports why nothing should be written now: nil while the disk has room. The disks of a cluster are not seen.
func (l *Log) Room() error {
	server := l.store.options.Server
	if server == nil {
		return nil
	}
	free, err := server.Free()
	if err == nil && free < l.store.options.MinFree {
		err = fmt.Errorf("the disk of %s has %d MiB left, and the relay writes while there are %d MiB (log.min_free): free space",
			server, free>>20, l.store.options.MinFree>>20)
	}
	return err
}

// Bounds are the sequences of the first message that is kept and of the last one. Without messages first
// is last+1.
func (l *Log) Bounds(ctx context.Context) (first, last uint64, err error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("stream %s: %w", batch.StreamName(l.Dataset), err)
	}
	first, last = info.State.FirstSeq, info.State.LastSeq
	if info.State.Msgs == 0 {
		first = last + 1
	}
	return first, last, nil
}

// LastOf is the sequence of the last message of these schemas; 0 without one.
func (l *Log) LastOf(ctx context.Context, schemas ...string) (last uint64, err error) {
	for _, schema := range schemas {
		m, err := l.last(ctx, schema)
		if err != nil {
			return 0, err
		}
		if m != nil {
			last = max(last, m.Sequence)
		}
	}
	return last, nil
}

// Size is how much a log holds.
type Size struct{ First, Last, Messages, Bytes uint64 }

// Size returns how much the log holds.
func (l *Log) Size(ctx context.Context) (Size, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return Size{}, fmt.Errorf("stream %s: %w", batch.StreamName(l.Dataset), err)
	}
	state := info.State
	return Size{state.FirstSeq, state.LastSeq, state.Msgs, state.Bytes}, nil
}

// Message is a batch and its place in the log.
type Message struct {
	Sequence uint64
	*batch.Batch
}

// get reads the first message whose sequence is at least seq; nil without one.
func (l *Log) get(ctx context.Context, seq uint64) (*Message, error) {
	raw, err := l.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(batch.Subjects(l.Dataset)))
	return l.message(raw, err)
}

// last reads the last message of a schema; nil without one.
func (l *Log) last(ctx context.Context, schema string) (*Message, error) {
	raw, err := l.stream.GetLastMsgForSubject(ctx, batch.Subject(l.Dataset, schema))
	return l.message(raw, err)
}

func (l *Log) message(raw *jetstream.RawStreamMsg, err error) (*Message, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", batch.StreamName(l.Dataset), err)
	}
	b, err := batch.Parse(raw.Subject, raw.Header, raw.Data)
	if err != nil {
		return nil, fmt.Errorf("stream %s, message %d: %w", batch.StreamName(l.Dataset), raw.Sequence, err)
	}
	return &Message{raw.Sequence, b}, nil
}
