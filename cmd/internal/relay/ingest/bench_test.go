package ingest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/embed"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// benchBytes is how much one round writes.
const benchBytes = 128 << 20

// BenchmarkIngest writes a session of mbo records, as fast as the simulator sends them, into a log on disk, until all
// are acknowledged. BenchmarkBarePublish writes the same bytes without all of this.
func BenchmarkIngest(b *testing.B) {
	meta, sample := simtest.SampleFile(b, "mbo")
	var records []byte
	for len(records) < benchBytes {
		records = append(records, sample...)
	}
	store, err := log.Open(b.Context(), log.Options{Server: &embed.Server{Directory: b.TempDir()}})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	b.SetBytes(int64(len(records)))
	for i := range b.N {
		b.StopTimer()
		meta.Dataset = fmt.Sprintf("TEST.%d", i)
		gateway := simtest.Gateway(b, sim.Config{Sources: []sim.Source{sim.RecordsSource(meta, records)}})
		l, err := store.Log(b.Context(), meta.Dataset)
		if err != nil {
			b.Fatal(err)
		}
		s := dbnloop.NewSubscription(meta.Dataset, dbn.SchemaMbo, dbn.AllSymbols)
		s.HasStart = true
		ctx, cancel := context.WithCancel(b.Context())
		o := Options{
			Log: l, Key: sim.TestKey, Subscriptions: []dbnloop.Subscription{s}, Counters: new(Counters),
			Client: []dbnloop.ContinuousOption{
				dbnloop.WithGateway(gateway.Host(), gateway.Port()), dbnloop.WithReplayLimit(60 * 365 * 24 * time.Hour),
			},
		}
		want := int64(len(records))
		go func() { // the last message has no other after it
			defer cancel()
			for tick := time.Tick(time.Millisecond); ctx.Err() == nil && o.Counters.Bytes.Load() < want; {
				<-tick
			}
		}()
		b.StartTimer()
		if err := Run(ctx, o); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		b.ReportMetric(float64(o.Counters.Pauses.Load()), "pauses")
		b.ReportMetric(float64(o.Counters.Messages.Load()), "messages")
		gateway.Close()
		cancel()
	}
}

func BenchmarkBarePublish(b *testing.B) {
	_, sample := simtest.SampleFile(b, "mbo")
	var records []byte
	for len(records) < benchBytes {
		records = append(records, sample...)
	}
	store, err := log.Open(b.Context(), log.Options{Server: &embed.Server{Directory: b.TempDir(), Listen: "127.0.0.1:0"}})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	b.SetBytes(int64(len(records)))
	for i := range b.N {
		b.StopTimer()
		dataset := fmt.Sprintf("TEST.%d", i)
		if _, err := store.Log(b.Context(), dataset); err != nil {
			b.Fatal(err)
		}
		conn, err := nats.Connect("", nats.InProcessServer(store))
		if err != nil {
			b.Fatal(err)
		}
		js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(64))
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for rest := records; len(rest) > 0; {
			n := min(len(rest), batch.Target/56*56)
			if _, err := js.PublishAsync(batch.Subject(dataset, "mbo"), rest[:n], jetstream.WithStallWait(time.Minute)); err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
		<-js.PublishAsyncComplete()
		b.StopTimer()
		conn.Close()
	}
}

// BenchmarkWriter is the relay's part between the client and the log: it gathers runs of records, measures and
// publishes them, with as much on the way as a source may have before it is paused.
func BenchmarkWriter(b *testing.B) {
	_, sample := simtest.SampleFile(b, "mbo")
	var records []byte
	for len(records) < benchBytes {
		records = append(records, sample...)
	}
	store, err := log.Open(b.Context(), log.Options{Directory: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	const run = 1000 * 56
	b.SetBytes(int64(len(records)))
	for i := range b.N {
		b.StopTimer()
		l, err := store.Log(b.Context(), fmt.Sprintf("TEST.%d", i))
		if err != nil {
			b.Fatal(err)
		}
		tail, err := l.Tail(b.Context(), []string{"mbo"})
		if err != nil {
			b.Fatal(err)
		}
		acked := make(chan struct{}, 1)
		w, err := l.NewWriter(tail, func() {
			select {
			case acked <- struct{}{}:
			default:
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		var gathered buffers
		b.StartTimer()
		for rest := records; len(rest) > 0; {
			n := min(run, len(rest))
			gathered.add(dbn.RTypeMbo, rest[:n])
			if rest = rest[n:]; gathered.size < flushBytes && len(rest) > 0 {
				continue
			}
			if err := gathered.flush(w.Append); err != nil {
				b.Fatal(err)
			}
			for bytes, _ := w.Pending(); bytes > 4<<20; bytes, _ = w.Pending() {
				<-acked
			}
		}
		if err := w.Drain(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		w.Close()
	}
}
