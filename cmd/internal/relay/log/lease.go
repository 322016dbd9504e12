package log

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const leaseBucket = "DBN_RELAY_LEASE"

// The times of a lease: how long it lasts without being renewed, and how often it is renewed, or asked for.
const (
	leaseTime  = 4 * time.Second
	leaseRenew = time.Second
)

// ErrLeaseLost means that another relay may write to the log now.
var ErrLeaseLost = errors.New("the lease of the log was lost")

// Hold waits until this relay may write to the log, and calls f then: of several relays on a cluster one writes, and
// the others stand by. The context of f ends when the lease is lost. What Hold returns is the error of f, or
// ErrLeaseLost. A log inside this process is nobody else's, so that it needs no lease. The lease only keeps the
// peace: what keeps two writers apart is what each message expects.
func (l *Log) Hold(ctx context.Context, id string, f func(context.Context) error) error {
	if l.store.options.Server != nil {
		return f(ctx)
	}
	bucket, err := l.store.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: leaseBucket, Description: "which dbn-relay writes to which log", TTL: leaseTime, Replicas: l.store.options.Replicas,
	})
	if err != nil {
		return fmt.Errorf("the lease of %s: %w", l.Dataset, err)
	}
	revision, err := l.take(ctx, bucket, id)
	if err != nil {
		return err
	}
	held, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	renewing := make(chan uint64, 1)
	go func() { renewing <- l.renew(held, bucket, id, revision, lose) }()
	err = f(held)
	lost := errors.Is(context.Cause(held), ErrLeaseLost)
	lose(nil)
	if revision = <-renewing; revision != 0 { // so that another one need not wait
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseRenew)
		defer cancel()
		bucket.Delete(end, l.Dataset, jetstream.LastRevision(revision)) //nolint:errcheck // it runs out otherwise
	}
	if err == nil && lost {
		return ErrLeaseLost
	}
	return err
}

// take waits for the lease.
func (l *Log) take(ctx context.Context, bucket jetstream.KeyValue, id string) (revision uint64, err error) {
	waiting := false
	for {
		revision, err := bucket.Create(ctx, l.Dataset, []byte(id))
		if err == nil {
			l.store.options.Logger.Info("this relay writes to the log", "dataset", l.Dataset, "relay", id)
			return revision, nil
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if !waiting && errors.Is(err, jetstream.ErrKeyExists) {
			waiting = true
			l.store.options.Logger.Info("another relay writes to the log: standing by", "dataset", l.Dataset)
		} else if !errors.Is(err, jetstream.ErrKeyExists) {
			l.store.options.Logger.Warn("the lease cannot be asked for now", "dataset", l.Dataset, "error", err)
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(leaseRenew):
		}
	}
}

// renew keeps the lease until ctx is done, and returns its revision; 0: it was lost.
func (l *Log) renew(ctx context.Context, bucket jetstream.KeyValue, id string, revision uint64, lose func(error)) uint64 {
	until := time.Now().Add(leaseTime)
	for {
		select {
		case <-ctx.Done():
			return revision
		case <-time.After(leaseRenew):
		}
		asked := time.Now()
		attempt, cancel := context.WithDeadline(ctx, until)
		next, err := bucket.Update(attempt, l.Dataset, []byte(id), revision)
		cancel()
		var api *jetstream.APIError
		switch {
		case err == nil:
			revision, until = next, asked.Add(leaseTime)
		case ctx.Err() != nil:
			// An update may have been made: then the lease runs out.
			return revision
		case errors.As(err, &api) || asked.After(until) || time.Now().After(until):
			l.store.options.Logger.Error("the lease of the log was lost", "dataset", l.Dataset, "error", err)
			lose(ErrLeaseLost)
			return 0
		}
	}
}
