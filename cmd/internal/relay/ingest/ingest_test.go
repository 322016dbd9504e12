package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/embed"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// market is a simulated gateway whose time the test moves, with the first records of some schemas.
type market struct {
	*sim.Gateway
	want  map[string][]byte // by schema
	total int
}

func newMarket(t testing.TB, dataset string, n int, schemas ...dbn.Schema) *market {
	t.Helper()
	m := &market{want: map[string][]byte{}}
	var sources []sim.Source
	for _, schema := range schemas {
		meta, records := simtest.SampleFile(t, schema.String())
		size := 0
		for i := 0; i < n && size < len(records); i++ {
			size += batch.SizeAt(records[size:])
			m.total++
		}
		m.want[schema.String()] = records[:size]
		meta.Dataset = dataset
		sources = append(sources, sim.RecordsSource(meta, records[:size]))
	}
	m.Gateway = simtest.Gateway(t, sim.Config{Sources: sources, SharedMarket: true, Retention: sim.KeepAll})
	return m
}

// options are those of an ingest of everything that the market has.
func (m *market) options(l *log.Log) Options {
	o := Options{
		Log: l, Key: sim.TestKey, Counters: new(Counters),
		Client: []dbnloop.ContinuousOption{
			dbnloop.WithGateway(m.Host(), m.Port()), dbnloop.WithBackoff(0, 0), dbnloop.WithReplayLimit(50 * 365 * 24 * time.Hour),
		},
	}
	for schema := range m.want {
		number, _ := dbn.ParseSchema(schema)
		o.Subscriptions = append(o.Subscriptions, dbnloop.NewSubscription(l.Dataset, number, dbn.AllSymbols))
	}
	return o
}

// newLog opens the log of the market's dataset.
func (m *market) newLog(t testing.TB, s *log.Store) *log.Log {
	t.Helper()
	l, err := s.Log(t.Context(), m.Datasets()[0])
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// read reads the log until it has as many records of market data as wanted. It returns the sequence of the last
// message that it needed.
func read(ctx context.Context, l *log.Log, want map[string][]byte) (got map[string][]byte, last uint64, err error) {
	r, err := l.Read(ctx, 0)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	left := 0
	for _, records := range want {
		left += len(records)
	}
	got = map[string][]byte{}
	for left > 0 {
		m, err := r.Next(ctx)
		if err != nil {
			return got, last, fmt.Errorf("%d bytes are missing: %w", left, err)
		}
		if last = m.Sequence; m.Schema != batch.Mappings {
			got[m.Schema] = append(got[m.Schema], m.Records...)
			left -= len(m.Records)
		}
	}
	return got, last, nil
}

// holds waits until the log has what is wanted, and checks that this is all of it and in order.
func holds(t testing.TB, what string, l *log.Log, want map[string][]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got, last, err := read(ctx, l, want)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for schema, records := range want {
		if !bytes.Equal(got[schema], records) {
			t.Fatalf("%s: %s has %d bytes, want %d, or they differ", what, schema, len(got[schema]), len(records))
		}
	}
	_, end, err := l.Bounds(ctx)
	if err != nil || end == last {
		return
	}
	// Only mappings may follow.
	r, err := l.Read(ctx, last+1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for m := (*log.Message)(nil); m == nil || m.Sequence < end; {
		if m, err = r.Next(ctx); err != nil || m.Schema != batch.Mappings {
			t.Fatalf("%s: everything wanted is there at message %d, and then follows %+v, %v", what, last, m, err)
		}
	}
}

// Wherever a relay dies, another life continues from the log alone: each record is there once and in order.
// A life ends before its nth message, for every n, and the market continues meanwhile. A log that begins
// with the present has nothing to continue from before its first message.
func TestAKilledIngestLosesAndRepeatsNothing(t *testing.T) {
	store, err := log.Open(t.Context(), log.Options{Server: &embed.Server{Directory: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	for i, test := range []struct {
		what  string
		first int
		begin func(*dbnloop.Subscription)
	}{
		{"from the beginning", 1, func(s *dbnloop.Subscription) { s.HasStart = true }},
		{"from the present", 2, func(*dbnloop.Subscription) {}},
	} {
		t.Run(test.what, func(t *testing.T) {
			for n := test.first; ; n++ {
				m := newMarket(t, fmt.Sprintf("TEST.%d-%d", i, n), 24, dbn.SchemaTrades, dbn.SchemaMbo, dbn.SchemaBbo1S, dbn.SchemaStatus)
				if killed(t, m.newLog(t, store), m, n, test.begin) {
					break
				}
			}
		})
	}
}

// killed ends a life before its nth message, and compares what another one makes of it. It returns
// true when there were fewer messages.
func killed(t *testing.T, l *log.Log, m *market, n int, begin func(*dbnloop.Subscription)) (survived bool) {
	defer m.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	options := func() Options {
		o := m.options(l)
		for i := range o.Subscriptions {
			begin(&o.Subscriptions[i])
		}
		return o
	}
	first := options()
	appended := 0
	first.appending = func() error {
		if appended++; appended == n {
			return errInterrupted
		}
		return nil
	}
	life, end := context.WithCancel(ctx)
	defer end()
	moved := make(chan error, 1)
	go func() {
		err := m.AwaitSubscribed(life, int64(len(m.want)))
		for i := 0; i < 4 && err == nil; i++ {
			_, err = m.Advance((m.total + 3) / 4)
		}
		moved <- err
	}()
	all := make(chan error, 1)
	go func() {
		_, _, err := read(life, l, m.want)
		all <- err
	}()
	over := make(chan error, 1)
	go func() { over <- Run(life, first) }()
	select {
	case err := <-over:
		if !errors.Is(err, errInterrupted) {
			t.Fatalf("before message %d: %v", n, err)
		}
		end()
		<-all
	case err := <-all:
		if err != nil {
			t.Fatal(err)
		}
		end()
		if err := <-over; err != nil && !errors.Is(err, errInterrupted) {
			t.Fatalf("the end in order: %v", err)
		}
		survived = true
	}
	<-moved
	if _, err := m.Advance(m.total); err != nil {
		t.Fatal(err)
	}
	second := options()
	second.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	life, end = context.WithCancel(ctx)
	go func() {
		err := Run(life, second)
		if life.Err() == nil {
			t.Errorf("killed before message %d: the second life ended: %v", n, err)
		}
		over <- err
	}()
	holds(t, fmt.Sprintf("killed before message %d", n), l, m.want)
	end()
	if err := <-over; err != nil {
		t.Fatalf("killed before message %d: the end in order: %v", n, err)
	}
	if gaps := second.Counters.Gaps.Load(); gaps != 0 {
		t.Errorf("killed before message %d: %d gaps", n, gaps)
	}
	return survived
}

// What is gathered while the disk is full is written when there is room again, by the same session.
func TestAFullDiskPausesTheSource(t *testing.T) {
	t.Parallel()
	store, err := log.Open(t.Context(), log.Options{Server: &embed.Server{Directory: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	m := newMarket(t, "TEST.FULL", 24, dbn.SchemaTrades, dbn.SchemaMbo)
	l := m.newLog(t, store)
	o := m.options(l)
	for i := range o.Subscriptions {
		o.Subscriptions[i].HasStart = true
	}
	asked, full := 0, int64(0)
	o.room = func() error {
		if asked++; asked > 2 {
			return nil
		}
		full += o.Counters.DiskFull.Load() // once it was said
		return errors.New("no room")
	}
	if _, err := m.Advance(m.total); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- Run(ctx, o) }()
	holds(t, "after a full disk", l, m.want)
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if full != 1 || o.Counters.DiskFull.Load() != 0 || o.Counters.Pauses.Load() != 1 || o.Counters.Restarts.Load() != 0 {
		t.Errorf("full %d times, %d now, %d pauses, %d restarts; want 1, 0, 1, 0", full, o.Counters.DiskFull.Load(), o.Counters.Pauses.Load(), o.Counters.Restarts.Load())
	}
}

// A server inside this process that takes no message, as after a full disk, needs another process.
func TestAnIngestWhoseServerTakesNoMessageEnds(t *testing.T) {
	store, err := log.Open(t.Context(), log.Options{Server: &embed.Server{Directory: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	m := newMarket(t, "TEST.STUCK", 4, dbn.SchemaTrades)
	o := m.options(m.newLog(t, store))
	for i := range o.Subscriptions {
		o.Subscriptions[i].HasStart = true
	}
	o.appending = func() error { return &logError{log.ErrOtherWriter} }
	if _, err := m.Advance(m.total); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := Run(ctx, o); !errors.Is(err, ErrStuck) || o.Counters.Restarts.Load() != mostStuck-1 {
		t.Errorf("%v after %d restarts, want %v after %d", err, o.Counters.Restarts.Load(), ErrStuck, mostStuck-1)
	}
}
