package names

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
)

// schemas are those of the messages that name instruments.
var schemas = []string{batch.Mappings, dbn.SchemaDefinition.String()}

// Names reports whether the messages of a schema name instruments.
func Names(schema string) bool { return slices.Contains(schemas, schema) }

// Last is the sequence of the last message in a log that names instruments; 0 without one.
func Last(ctx context.Context, l *log.Log) (uint64, error) { return l.LastOf(ctx, schemas...) }

// Keeper follows a log, and keeps a table of what its definitions and mappings say. It also retains them,
// so that they outlive the log's oldest messages.
type Keeper struct {
	Table *Table

	log    *log.Log
	names  *log.Names
	logger *slog.Logger
	once   sync.Once
	ready  chan struct{}
	source uint64

	mu    sync.Mutex
	taken uint64        // sequence of the last message that the table has
	moved chan struct{} // closed when taken grows
}

// NewKeeper opens what is retained of a log.
func NewKeeper(ctx context.Context, l *log.Log, logger *slog.Logger) (*Keeper, error) {
	retained, err := l.Names(ctx)
	if err != nil {
		return nil, err
	}
	return &Keeper{Table: NewTable(), log: l, names: retained, logger: logger,
		ready: make(chan struct{}), moved: make(chan struct{})}, nil
}

// Ready is closed when the table has everything that was in the log when Run began.
func (k *Keeper) Ready() <-chan struct{} { return k.ready }

// Await waits until the table has the message with that sequence, which must be one of definitions or mappings, or
// until ctx is done. It may be called from any goroutine.
func (k *Keeper) Await(ctx context.Context, sequence uint64) error {
	for {
		k.mu.Lock()
		taken, moved := k.taken, k.moved
		k.mu.Unlock()
		if taken >= sequence {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// took wakes those who wait for a message. After an error the log is read again from a message that was taken.
func (k *Keeper) took(sequence uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.taken = max(k.taken, sequence)
	close(k.moved)
	k.moved = make(chan struct{})
}

const retryDelay = time.Second

// Run follows the log until ctx is done.
func (k *Keeper) Run(ctx context.Context) {
	for {
		err := k.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		k.logger.Error("names: reading the log again", "dataset", k.log.Dataset, "delay", retryDelay, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryDelay):
		}
	}
}

func (k *Keeper) follow(ctx context.Context) error {
	source, err := k.names.All(ctx, k.Table.Take)
	if err != nil {
		return err
	}
	k.source = max(k.source, source)
	r, err := k.log.Read(ctx, k.source, schemas...)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		if r.Pending == 0 {
			k.once.Do(func() { close(k.ready) })
		}
		m, err := r.Next(ctx)
		if err != nil {
			return err
		}
		k.Table.Take(m.Records)
		k.took(m.Sequence)
		if err := k.retain(ctx, m); err != nil {
			return err
		}
		k.source = m.Sequence
	}
}

// retain puts the records of a message where they outlive it.
func (k *Keeper) retain(ctx context.Context, m *log.Message) (err error) {
	batch.Each(m.Records, func(record []byte) {
		if key := key(record); key != "" && err == nil {
			err = k.names.Put(key, record, m.Sequence)
		}
	})
	if err != nil {
		return err
	}
	return k.names.Sync(ctx)
}
