// Package ingest writes what a continuous client receives into a log, each record once, across broken
// sessions and kills of this process.
package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
)

// Options say what is received, and where it goes.
type Options struct {
	Log           *log.Log
	Subscriptions []dbnloop.Subscription // of the log's dataset
	Key           string
	Client        []dbnloop.ContinuousOption
	// MaxPending is how many bytes of records may wait for the log's acknowledgement before the source is paused.
	// Default: 8 MiB.
	MaxPending int64
	// Counters count what happens. Default: nobody sees them.
	Counters *Counters
	// Logger receives what happens. Default: nothing is logged.
	Logger *slog.Logger

	appending func() error // a test's, before each message
	room      func() error // Log.Room, or a test's
}

// Counters are those of an ingest since it began. They may be read at any time.
type Counters struct {
	Records    atomic.Int64 // handed to the log, symbol mappings included
	Bytes      atomic.Int64 // of them
	Messages   atomic.Int64 // handed to the log
	Pending    atomic.Int64 // bytes that the log has not acknowledged
	Pauses     atomic.Int64 // times that the source was paused, because the log was slow
	Paused     atomic.Int64 // 1: it is paused now
	DiskFull   atomic.Int64 // 1: it is paused until the log's disk has room
	Repeats    atomic.Int64 // records that the log had already, after a kill
	Reconnects atomic.Int64 // attempts to connect again
	Gaps       atomic.Int64 // times that records may be missing
	Restarts   atomic.Int64 // returns to the end of the log, because of an error of it
	Live       atomic.Int64 // 1: what comes is live
}

func (o Options) withDefaults() (Options, error) {
	o.MaxPending = cmp.Or(o.MaxPending, 8<<20)
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.appending == nil {
		o.appending = func() error { return nil }
	}
	if o.room == nil && o.Log != nil {
		o.room = o.Log.Room
	}
	if o.Log == nil || len(o.Subscriptions) == 0 {
		return o, errors.New("ingest needs a log and a subscription")
	}
	return o, checkSchemas(o.Subscriptions)
}

// checkSchemas refuses two schemas whose records cannot be distinguished.
func checkSchemas(subscriptions []dbnloop.Subscription) error {
	seen := map[dbn.Schema]bool{}
	for _, s := range subscriptions {
		seen[s.Schema] = true
		if s.Snapshot {
			return fmt.Errorf("%s: a snapshot is not possible in a log: begin at a start instead", s.Schema)
		}
	}
	if seen[dbn.SchemaMbp1] && seen[dbn.SchemaTbbo] {
		return errors.New("mbp-1 and tbbo cannot be in one log, because their records are alike: take mbp-1, which contains tbbo")
	}
	return nil
}

// errInterrupted is a life that a test ends.
var errInterrupted = errors.New("interrupted")

// The delays before the end of the log is read again after an error of it.
const (
	leastDelay = 100 * time.Millisecond
	mostDelay  = 10 * time.Second
)

// mostOthers is how often in succession another writer may have been there. Once is natural: what a relay had
// on its way when it died may arrive after its successor has read the end of the log.
const mostOthers = 5

// mostStuck is how many lives in succession a server inside this process may take no message. After a failure to write
// to its disk it takes none until it is started again, and it does not say so.
const mostStuck = 3

// ErrStuck means that the log's server, which is inside this process, takes no messages: the process must be started
// again.
var ErrStuck = errors.New("its server takes no more messages, so the disk may be full: free space and start the relay again")

// Run receives and writes until ctx is done; then it ends the session in order, writes what has come, and
// returns nil. It returns an error when the stream has ended for a reason that no retry can repair, when
// another relay writes to the log, or when the log needs another process. It runs on the calling goroutine.
func Run(ctx context.Context, o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	delay, others, stuck := leastDelay, 0, 0
	var end uint64 // of the log, when the last life began
	for {
		progress := o.Counters.Messages.Load()
		began, err := live(ctx, o)
		var broken *logError
		if !errors.As(err, &broken) {
			return err
		}
		if began != end {
			end, stuck = began, 0
		}
		stuck++
		switch {
		case o.Log.Embedded() && stuck == mostStuck:
			return fmt.Errorf("log of %s: %w: %w", o.Log.Dataset, ErrStuck, err)
		case !errors.Is(err, log.ErrOtherWriter) || stuck > 1: // or nobody has written
			others = 0
		default:
			if others++; others == mostOthers {
				return err
			}
		}
		if o.Counters.Messages.Load() != progress {
			delay = leastDelay
		}
		o.Counters.Restarts.Add(1)
		o.Logger.Error("the log failed: continuing from its end", "dataset", o.Log.Dataset, "delay", delay, "error", err)
		select {
		case <-ctx.Done():
			return nil // the next start continues from the end of the log, too
		case <-time.After(delay):
		}
		delay = min(2*delay, mostDelay)
	}
}

// logError is an error of the log, after which its end must be read again.
type logError struct{ error }

func (e *logError) Unwrap() error { return e.error }

// live is one life: from the end of the log, which it returns, until something ends it.
func live(ctx context.Context, o Options) (end uint64, err error) {
	var schemas []string
	for _, s := range o.Subscriptions {
		schemas = append(schemas, s.Schema.String())
	}
	tail, err := o.Log.Tail(ctx, schemas)
	switch {
	case ctx.Err() != nil:
		return 0, nil // nothing was received yet
	case err != nil:
		return 0, &logError{err}
	}
	l, err := newLife(o, tail)
	if err != nil {
		return tail.Sequence, err
	}
	defer l.close()
	defer context.AfterFunc(ctx, func() { l.reactor.Post(l.stop) })()
	return tail.Sequence, l.run()
}
