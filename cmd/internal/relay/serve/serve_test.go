package serve_test

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
	"github.com/dbnloop/dbnloop/cmd/internal/relay/ingest"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/names"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/serve"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

const (
	maxSessions = 4

	dataset = "GLBX.MDP3"
	key     = "db-consumerconsumerconsumerconsu"
)

var several = []dbn.Schema{dbn.SchemaTrades, dbn.SchemaMbo, dbn.SchemaBbo1S, dbn.SchemaStatus, dbn.SchemaDefinition}

// relay is a relay of a simulated market that the test moves.
type relay struct {
	market *sim.Gateway
	log    *log.Log
	server *serve.Server
	raw    map[dbn.Schema][]byte // what the market has
	total  int
}

func newRelay(t testing.TB, n int, memory int64, schemas ...dbn.Schema) *relay {
	t.Helper()
	r := &relay{raw: map[dbn.Schema][]byte{}}
	var sources []sim.Source
	var subscriptions []dbnloop.Subscription
	for _, schema := range schemas {
		meta, records := simtest.SampleFile(t, schema.String())
		size := 0
		for i := 0; i < n && size < len(records); i++ {
			size += batch.SizeAt(records[size:])
			r.total++
		}
		r.raw[schema] = records[:size]
		sources = append(sources, sim.RecordsSource(meta, records[:size]))
		s := dbnloop.NewSubscription(dataset, schema, dbn.AllSymbols)
		s.HasStart = true
		subscriptions = append(subscriptions, s)
	}
	r.market = simtest.Gateway(t, sim.Config{Sources: sources, SharedMarket: true, Retention: sim.KeepAll})
	store, err := log.Open(t.Context(), log.Options{Server: &embed.Server{Directory: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if r.log, err = store.Log(t.Context(), dataset); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() {
		done <- ingest.Run(ctx, ingest.Options{
			Log: r.log, Subscriptions: subscriptions, Key: sim.TestKey, Logger: logger,
			Client: []dbnloop.ContinuousOption{
				dbnloop.WithGateway(r.market.Host(), r.market.Port()), dbnloop.WithReplayLimit(60 * 365 * 24 * time.Hour),
			},
		})
	}()
	keeper, err := names.NewKeeper(ctx, r.log, logger)
	if err != nil {
		t.Fatal(err)
	}
	go func() { keeper.Run(ctx); done <- nil }()
	r.server, err = serve.NewServer(t.Context(), serve.Options{
		Keys: []string{key}, Memory: memory, Logger: logger, MaxSessions: maxSessions,
		Datasets: []serve.Dataset{{Log: r.log, Schemas: schemas, Names: keeper}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return r
}

// advance moves the market.
func (r *relay) advance(t testing.TB, records int) {
	t.Helper()
	if _, err := r.market.Advance(records); err != nil {
		t.Fatal(err)
	}
}

// consumer is a client of the relay, and what it was sent.
type consumer struct {
	reactor  *dbnloop.Reactor
	client   *dbnloop.LiveClient
	raw      map[dbn.RType][]byte
	size     int
	acks     int
	warnings int
	done     map[dbn.Schema]int // bytes that had come when its replay was complete
	errors   []string
	names    map[uint32]string
	err      error
	late     bool // a record carries no time of sending, or one in the future
}

func (r *relay) consumer(t testing.TB, options []dbnloop.LiveOption, subscriptions ...dbnloop.Subscription) *consumer {
	t.Helper()
	c := &consumer{raw: map[dbn.RType][]byte{}, done: map[dbn.Schema]int{}, names: map[uint32]string{}}
	var err error
	if c.reactor, err = dbnloop.NewReactor(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.reactor.Close() })
	if c.client, err = dbnloop.NewLiveClient(c.reactor, key, options...); err != nil {
		t.Fatal(err)
	}
	c.client.Handle(dbnloop.Handlers{
		System: func(*dbn.SystemMsg) {},
		SymbolMapping: func(m *dbn.SymbolMappingMsg) {
			c.names[m.Hd.InstrumentID] = m.StypeOutSymbolString()
		},
		GatewayError: func(m *dbn.ErrorMsg) { c.errors = append(c.errors, dbn.CStr(m.Err[:])) },
		Record: func(rec dbn.Record) {
			raw := bytes.Clone(rec.Bytes())
			if c.client.TsOut() {
				c.late = c.late || rec.TsOut() < dbn.UnixNanosOf(time.Now().Add(-time.Minute)) || rec.TsOut() > dbn.UnixNanosOf(time.Now())
				raw = raw[:len(raw)-8]
				raw[0] -= 2
			}
			c.raw[rec.RType()] = append(c.raw[rec.RType()], raw...)
			c.size += len(raw)
		},
		SessionEvent: func(e dbnloop.SessionEvent) {
			switch e.Kind {
			case dbnloop.SubscriptionAck:
				c.acks++
			case dbnloop.SlowReader:
				c.warnings++
			case dbnloop.ReplayCompleted:
				c.done[e.Schema] = c.size
			}
		},
		Error: func(err error) { c.err = err },
	})
	for _, s := range subscriptions {
		if _, err := c.client.Subscribe(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(c.client.Connect(r.server.Host(), r.server.Port()), c.client.Start()); err != nil {
		t.Fatal(err)
	}
	return c
}

// until polls until done, or fails.
func (c *consumer) until(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, c.reactor.Wake)()
	for !done() {
		if ctx.Err() != nil || c.err != nil {
			t.Fatalf("%s: not in 20 s: %d bytes, errors %q, %v", what, c.size, c.errors, c.err)
		}
		if _, err := c.reactor.Poll(-1); err != nil {
			t.Fatal(err)
		}
	}
}

func subscription(schema dbn.Schema, symbols ...string) dbnloop.Subscription {
	return dbnloop.NewSubscription(dataset, schema, symbols...)
}

func replayed(s dbnloop.Subscription, start dbn.UnixNanos) dbnloop.Subscription {
	s.HasStart, s.Start = true, start
	return s
}

// Consumers with different filters, from the beginning, from a time, and from the present, receive exactly what
// the simulator sent: without a seam between replay and live, and also from the log when the memory holds
// next to nothing.
func TestConsumersReceiveWhatTheMarketSent(t *testing.T) {
	for _, memory := range []int64{1, 0} {
		t.Run(fmt.Sprintf("memory %d", memory), func(t *testing.T) {
			r := newRelay(t, 60, memory, several...)
			half := r.total / 2
			r.advance(t, half)
			all := r.consumer(t, nil, replayed(subscription(dbn.SchemaTrades, dbn.AllSymbols), 0), replayed(subscription(dbn.SchemaMbo, dbn.AllSymbols), 0))
			trades, mbo := r.raw[dbn.SchemaTrades], r.raw[dbn.SchemaMbo]
			ids := simtest.InstrumentIDs(trades)
			one := subscription(dbn.SchemaTrades, ids[0])
			one.StypeIn = dbn.STypeInstrumentID
			r.advance(t, r.total)
			all.until(t, "everything", func() bool { return all.size == len(trades)+len(mbo) && len(all.done) == 2 })
			if !bytes.Equal(all.raw[dbn.RTypeMbp0], trades) || !bytes.Equal(all.raw[dbn.RTypeMbo], mbo) || len(all.errors) > 0 {
				t.Errorf("the records differ, or errors came: %q", all.errors)
			}
			// One instrument, by its number, with compression and the time of sending.
			want := simtest.Pick(trades, func(rec dbn.Record) bool { return fmt.Sprint(rec.Header().InstrumentID) == ids[0] })
			single := r.consumer(t, []dbnloop.LiveOption{dbnloop.WithTsOut(), dbnloop.WithCompression(dbn.CompressionZstd)}, replayed(one, 0))
			single.until(t, "one instrument", func() bool { return single.size == len(want) && len(single.done) == 1 })
			if !bytes.Equal(single.raw[dbn.RTypeMbp0], want) || single.late || len(single.names) != 1 {
				t.Errorf("one instrument: the records differ, or their times are wrong (%v), or the names are %v", single.late, single.names)
			}
			// From a time on.
			middle := len(trades) / 2 / 48 * 48
			start := batch.Clock(trades[middle:])
			want = simtest.Pick(trades, func(rec dbn.Record) bool { return rec.Header().TsEvent >= start })
			late := r.consumer(t, nil, replayed(subscription(dbn.SchemaTrades, dbn.AllSymbols), start))
			late.until(t, "from a time on", func() bool { return late.size == len(want) && len(late.done) == 1 })
			if !bytes.Equal(late.raw[dbn.RTypeMbp0], want) {
				t.Error("from a time on: the records differ")
			}
		})
	}
}

// A consumer without a start receives what happens after its subscription, of what it has subscribed to at
// that time, and other consumers do not notice.
func TestALiveConsumerBeginsWithThePresent(t *testing.T) {
	r := newRelay(t, 60, 0, several...)
	whole := r.consumer(t, nil, replayed(subscription(dbn.SchemaMbo, dbn.AllSymbols), 0))
	r.advance(t, r.total/2)
	// The present of the relay is where its log is.
	first := len(r.before(t, dbn.SchemaMbo))
	whole.until(t, "the first half", func() bool { return whole.size == first })
	c := r.consumer(t, nil, subscription(dbn.SchemaMbo, dbn.AllSymbols))
	c.until(t, "the acknowledgement", func() bool { return c.acks == 1 })
	r.advance(t, r.total)
	mbo := r.raw[dbn.SchemaMbo]
	c.until(t, "the second half", func() bool { return c.size == len(mbo)-first })
	if !bytes.Equal(c.raw[dbn.RTypeMbo], mbo[first:]) || len(c.done) > 0 {
		t.Errorf("the records differ, or replays were completed: %v", c.done)
	}
	whole.until(t, "everything", func() bool { return whole.size == len(mbo) })
	if !bytes.Equal(whole.raw[dbn.RTypeMbo], mbo) {
		t.Error("the records of the other consumer differ")
	}
	if err := c.client.Unsubscribe(dbnloop.NewUnsubscription(dataset, dbn.SchemaMbo, dbn.AllSymbols)); err != nil {
		t.Fatal(err)
	}
}

// before are the records of a schema that have happened.
func (r *relay) before(t testing.TB, schema dbn.Schema) []byte {
	t.Helper()
	present := r.market.Present()
	return simtest.Pick(r.raw[schema], func(rec dbn.Record) bool { return rec.IndexTs() <= present })
}

// Whoever has seen a record can subscribe to its instrument: a server whose keeper has not read yet what the log says
// of symbols waits for it.
func TestSymbolsThatAreInTheLogAreKnown(t *testing.T) {
	r := newRelay(t, 10, 0, dbn.SchemaTrades)
	r.advance(t, r.total)
	trades := r.raw[dbn.SchemaTrades]
	all := r.consumer(t, nil, replayed(subscription(dbn.SchemaTrades, dbn.AllSymbols), 0))
	all.until(t, "everything", func() bool { return all.size == len(trades) })
	keeper, err := names.NewKeeper(t.Context(), r.log, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	second := &relay{}
	second.server, err = serve.NewServer(t.Context(), serve.Options{
		Keys: []string{key}, Datasets: []serve.Dataset{{Log: r.log, Schemas: []dbn.Schema{dbn.SchemaTrades}, Names: keeper}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := simtest.InstrumentIDs(trades)
	one := subscription(dbn.SchemaTrades, ids[0])
	one.StypeIn = dbn.STypeInstrumentID
	c := second.consumer(t, nil, replayed(one, 0))
	c.until(t, "a session", func() bool { return c.client.SessionID() != 0 })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() {
		if err := second.server.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		<-done
	})
	go func() { defer close(done); keeper.Run(ctx) }()
	want := simtest.Pick(trades, func(rec dbn.Record) bool { return fmt.Sprint(rec.Header().InstrumentID) == ids[0] })
	c.until(t, "one instrument", func() bool { return c.size == len(want) })
	if len(c.names) != 1 || len(c.errors) > 0 {
		t.Errorf("the names are %v, and errors came: %q", c.names, c.errors)
	}
}

// What a relay does not have is refused in words, and the session continues.
func TestWhatIsNotThereIsRefused(t *testing.T) {
	r := newRelay(t, 10, 0, several...)
	r.advance(t, r.total)
	full := r.consumer(t, nil, replayed(subscription(dbn.SchemaTrades, dbn.AllSymbols), 0))
	full.until(t, "the trades", func() bool { return full.size == len(r.raw[dbn.SchemaTrades]) })
	snapshot := subscription(dbn.SchemaMbo, dbn.AllSymbols)
	snapshot.Snapshot = true
	for _, test := range []struct {
		want string
		ask  dbnloop.Subscription
	}{
		{"this relay has no snapshots of order books", snapshot},
		{"dataset GLBX.MDP3 has no schema ohlcv-1d here", subscription(dbn.SchemaOhlcv1D, dbn.AllSymbols)},
		{"Failed to resolve symbol NONE", subscription(dbn.SchemaTrades, "NONE")},
	} {
		c := r.consumer(t, nil, test.ask)
		c.until(t, test.want, func() bool { return len(c.errors) > 0 })
		if !bytes.Contains([]byte(c.errors[0]), []byte(test.want)) || c.err != nil {
			t.Errorf("%q, %v, want %q", c.errors[0], c.err, test.want)
		}
	}
}

// Two consumers stop reading while the market continues, until what they have not read has left the memory. One of them
// asked for records to be skipped, and continues with the present; the other one is warned, and loses nothing. A
// third one receives everything.
func TestASlowConsumerIsSkippedOrWarned(t *testing.T) {
	const quarter = 20
	size := int64(quarter) * int64(dbn.SizeOf(dbn.RTypeMbo, dbn.Version))
	r := newRelay(t, 4*quarter, size+size/2, dbn.SchemaMbo) // the memory holds the mappings and one quarter, not two
	mbo := r.raw[dbn.SchemaMbo]
	slow := func(behavior dbn.SlowReaderBehavior) *consumer {
		return r.consumer(t, []dbnloop.LiveOption{dbnloop.WithSlowReader(behavior)}, replayed(subscription(dbn.SchemaMbo, dbn.AllSymbols), 0))
	}
	first := mbo[:size]
	other := r.consumer(t, nil, replayed(subscription(dbn.SchemaMbo, dbn.AllSymbols), 0))
	r.advance(t, quarter)
	other.until(t, "the first quarter", func() bool { return other.size == len(first) })
	skipped, warned := slow(dbn.SlowReaderBehaviorSkip), slow(dbn.SlowReaderBehaviorWarn)
	for _, c := range []*consumer{skipped, warned} {
		c.until(t, "the first quarter", func() bool { return c.size == len(first) && len(c.done) == 1 })
	}
	gate, standing := make(chan struct{}), make(chan struct{}, 2)
	r.server.Do(func(s *gateway.Session) error {
		if s.SlowReader() != "" {
			standing <- struct{}{}
			<-gate
		}
		return nil
	})
	<-standing
	<-standing
	for i := 2; i <= 3; i++ {
		r.advance(t, quarter)
		other.until(t, "another quarter", func() bool { return other.size == i*len(first) })
	}
	close(gate)
	warned.until(t, "what it had not read", func() bool { return warned.size == 3*len(first) })
	skipped.until(t, "what it is not sent", func() bool { return len(skipped.errors) > 0 })
	r.advance(t, quarter)
	for _, c := range []*consumer{warned, other} {
		c.until(t, "everything", func() bool { return c.size == len(mbo) })
		if !bytes.Equal(c.raw[dbn.RTypeMbo], mbo) || len(c.errors) > 0 {
			t.Errorf("the records differ, or errors came: %q", c.errors)
		}
	}
	if warned.warnings != 1 {
		t.Errorf("%d warnings came, want 1", warned.warnings)
	}
	want := append(bytes.Clone(first), mbo[3*len(first):]...)
	skipped.until(t, "the last quarter", func() bool { return skipped.size >= len(want) })
	if !bytes.Equal(skipped.raw[dbn.RTypeMbo], want) {
		t.Errorf("%d bytes came, want the first quarter and the last one", skipped.size)
	}
	if want := "Slow client detected for 1 schema"; len(skipped.errors) != 1 || !bytes.Contains([]byte(skipped.errors[0]), []byte(want)) {
		t.Errorf("%q, want %q", skipped.errors, want)
	}
}

// A relay admits no more consumers than its options allow.
func TestTooManyConsumersAreRefused(t *testing.T) {
	r := newRelay(t, 1, 0, dbn.SchemaMbo)
	var kept []*consumer
	for range maxSessions {
		c := r.consumer(t, nil, subscription(dbn.SchemaMbo, dbn.AllSymbols))
		c.until(t, "the acknowledgement", func() bool { return c.acks == 1 })
		kept = append(kept, c)
	}
	c := r.consumer(t, nil, subscription(dbn.SchemaMbo, dbn.AllSymbols))
	for c.err == nil {
		if _, err := c.reactor.Poll(-1); err != nil {
			t.Fatal(err)
		}
	}
	if !errors.Is(c.err, dbnloop.ErrAuthFailed) || !bytes.Contains([]byte(c.err.Error()), []byte("open connection limit")) {
		t.Errorf("one too many: %v", c.err)
	}
	for _, c := range kept {
		if c.err != nil {
			t.Error(c.err)
		}
	}
}
