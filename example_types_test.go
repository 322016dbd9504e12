package dbnloop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
	samples "github.com/dbnloop/dbnloop/sim/sample"
)

// liveClient returns a client that is connected to a simulator, and a function that ends both.
func liveClient(subscription dbnloop.Subscription, opts ...dbnloop.LiveOption) (*dbnloop.Reactor, *dbnloop.LiveClient, func()) {
	gw := gateway()
	reactor := must(dbnloop.NewReactor())
	client := must(dbnloop.NewLiveClient(reactor, sim.TestKey, opts...))
	must(client.Subscribe(subscription))
	check(client.Connect(gw.Host(), gw.Port()), client.Start())
	return reactor, client, func() { reactor.Close(); gw.Close() }
}

// historicalClient returns a client of a simulated API in a directory of its own, and a function
// that ends it.
func historicalClient() (reactor *dbnloop.Reactor, client *dbnloop.HistoricalClient, dir string, end func()) {
	server := must(simhist.NewServer(simhist.Config{Sources: sim.SampleSources()}))
	dir = must(os.MkdirTemp("", "dbnloop"))
	ca := filepath.Join(dir, "ca.pem")
	check(server.WriteCA(ca))
	reactor = must(dbnloop.NewReactor())
	client = must(dbnloop.NewHistoricalClient(reactor, sim.TestKey, dbnloop.WithURL(server.URL()), dbnloop.WithCAFile(ca)))
	return reactor, client, dir, func() { reactor.Close(); server.Close(); os.RemoveAll(dir) }
}

var sunday = time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)

// For each record the first handler that is set is called: that of a run, that of its type, Record.
func ExampleHandlers() {
	reactor, client, end := liveClient(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6"))
	defer end()
	trades, others := 0, 0
	client.Handle(dbnloop.Handlers{
		TradeRun: func(run []dbn.TradeMsg) { trades += len(run) }, // consecutive trades, in place
		Record:   func(dbn.Record) { others++ },                   // mappings and messages of the gateway
		Error:    func(error) { reactor.Stop() },
	})
	check(reactor.Run(context.Background()))
	fmt.Println(trades, others > 0)
	// Output: 198 true
}

// What the gateway reports about the session, without ending it.
func ExampleSessionEvent() {
	reactor, client, end := liveClient(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6", "NOSUCH"))
	defer end()
	client.Handle(dbnloop.Handlers{
		SessionEvent: func(e dbnloop.SessionEvent) {
			if e.Kind == dbnloop.SymbolUnresolved {
				fmt.Println(e.Kind, e.Fatal)
			}
		},
		Error: func(error) { reactor.Stop() },
	})
	check(reactor.Run(context.Background()))
	// Output: SymbolUnresolved false
}

// A replay begins in the past and continues with live records.
func ExampleSubscription() {
	replay := dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6")
	replay.HasStart = true
	replay.Start = must(dbn.ParseTime("2026-11-15T23:01"))
	reactor, client, end := liveClient(replay)
	defer end()
	first := dbn.UndefTimestamp
	client.Handle(dbnloop.Handlers{
		Trade: func(t *dbn.TradeMsg) { first = min(first, t.Hd.TsEvent) },
		Error: func(error) { reactor.Stop() },
	})
	check(reactor.Run(context.Background()))
	fmt.Println(first >= replay.Start, first-replay.Start < dbn.UnixNanos(time.Minute))
	// Output: true true
}

// What is no longer wanted is unsubscribed; what is left restores the next session.
func ExampleLiveClient_Unsubscribe() {
	_, client, end := liveClient(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6", "NQZ6"))
	defer end()
	must(client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaMbo, dbn.AllSymbols)))
	check(client.Unsubscribe(dbnloop.NewUnsubscription("GLBX.MDP3", dbn.SchemaTrades, "NQZ6")))
	check(client.Unsubscribe(dbnloop.NewUnsubscription("GLBX.MDP3", dbn.SchemaMbo, "NQZ6")))
	for _, r := range must(client.Subscriptions()) {
		if r.ID != 0 {
			fmt.Println("subscribe", r.Subscription.Schema, r.Subscription.Symbols)
		} else {
			fmt.Println("unsubscribe", r.Unsubscription.Schema, r.Unsubscription.Symbols)
		}
	}
	// Output:
	// subscribe trades [ESZ6]
	// subscribe mbo [ALL_SYMBOLS]
	// unsubscribe mbo [NQZ6]
}

// A file that a capture wrote, and that was cut inside its last record, is continued where that
// record begins: its position is that of a stream.
func ExampleStreamEnd() {
	capture := must(samples.Data.Open("data/trades.dbn.zst"))
	defer capture.Close()
	file := must(io.ReadAll(must(zstd.NewReader(capture)))) // a StreamEnd takes decompressed bytes
	end := must(dbnloop.NewStreamEnd())
	defer end.Close()
	must(end.Write(file[:len(file)-7]))
	fmt.Println(end.Records(), int64(len(file))-end.Complete())

	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	client := must(dbnloop.NewContinuousClient(reactor, sim.TestKey))
	defer client.Close()
	must(client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, dbn.AllSymbols)))
	check(client.ResumeFrom(must(end.Position()))) // and Start
	// Output: 509 48
}

// Statistics may be read from any goroutine, for example by a collector of metrics.
func ExampleStats() {
	reactor, client, end := liveClient(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6"))
	defer end()
	client.Handle(dbnloop.Handlers{Error: func(error) { reactor.Stop() }})
	check(reactor.Run(context.Background()))
	stats := client.Stats()
	fmt.Println(stats.Count(dbn.RTypeMbp0), stats.Pauses, stats.BytesRead > 0)
	// Output: 198 0 true
}

// With the gateway's send time in every record, the statistics hold the distribution of the delay.
func ExampleLatencyHistogram() {
	reactor, client, end := liveClient(
		dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6"), dbnloop.WithTsOut())
	defer end()
	client.Handle(dbnloop.Handlers{Error: func(error) { reactor.Stop() }})
	check(reactor.Run(context.Background()))
	stats := client.Stats()
	delay := &stats.GatewayToClient
	fmt.Println(delay.Count() > 0, delay.Quantile(0.5) <= delay.Quantile(0.99))
	// Output: true true
}

// A batch is what one turn delivered. Its runs are consecutive records of one type.
func ExampleBatch() {
	_, client, end := liveClient(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6"))
	defer end()
	records, bytes := 0, 0
	for batch, err := range client.Batches(context.Background()) {
		if errors.Is(err, dbnloop.ErrConnectionClosed) {
			break // the simulator's data is at its end
		}
		check(err)
		records += batch.Len()
		bytes += len(batch.Bytes()) // may be written to a file as they are
	}
	stats := client.Stats()
	fmt.Println(uint64(records) == stats.Count(), uint64(bytes) == stats.Bytes)
	// Output: true true
}

// A file is a source like the others: plain or zstd, delivered in turns.
func ExampleFileSource() {
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	file := must(dbnloop.NewFileSource(reactor, filepath.Join("sim", "sample", "data", "trades.dbn.zst")))
	check(file.Start())
	trades := 0
	for record, err := range file.Records(context.Background()) {
		check(err)
		if record.RType() == dbn.RTypeMbp0 {
			trades++
		}
	}
	fmt.Println(trades)
	// Output: 510
}

// Timers run inside the turns of the loop, like every handler.
func ExampleReactor_Every() {
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	ticks := 0
	must(reactor.Every(time.Millisecond, func() {
		if ticks++; ticks == 3 {
			reactor.Stop()
		}
	}))
	check(reactor.Run(context.Background()))
	fmt.Println(ticks)
	// Output: 3
}

// The cost of a range is free of charge to ask.
func ExampleHistoricalRequest() {
	_, client, _, end := historicalClient()
	defer end()
	day := dbnloop.DayRange("GLBX.MDP3", dbn.SchemaTrades, sunday, "ESZ6")
	usd := must(client.Cost(context.Background(), day))
	fmt.Println(must(client.RecordCount(context.Background(), day)), usd < 0.01)
	// Output: 198 true
}

// A download appears under its name when it is complete.
func ExampleDownloadRequest() {
	_, client, dir, end := historicalClient()
	defer end()
	result := must(client.Download(context.Background(), dbnloop.DownloadRequest{
		Range: dbnloop.DayRange("GLBX.MDP3", dbn.SchemaTrades, sunday, "ESZ6"),
		Path:  filepath.Join(dir, "es.dbn.zst"),
	}))
	fmt.Println(filepath.Base(result.Path), result.Bytes > 0, len(result.SHA256))
	// Output: es.dbn.zst true 64
}

// A batch job is submitted, which costs money, and its files are downloaded and verified.
func ExampleBatchRequest() {
	_, client, dir, end := historicalClient()
	defer end()
	ctx := context.Background()
	job := must(client.SubmitJob(ctx, dbnloop.BatchRequest{
		Range: dbnloop.DayRange("GLBX.MDP3", dbn.SchemaTrades, sunday, "ESZ6"), Encoding: "csv", Compression: "none",
	}))
	details := must(client.JobDetails(ctx, job.ID)) // ask again while it is not done
	fmt.Println(details.State)
	for _, file := range must(client.ListFiles(ctx, job.ID)) {
		if filepath.Ext(file.Name) == ".csv" {
			result := must(client.Download(ctx, must(file.Download(dir))))
			fmt.Println(result.Verified)
		}
	}
	// Output:
	// done
	// true
}

// What a symbol stands for over a span of days.
func ExampleSymbologyResolution() {
	_, client, _, end := historicalClient()
	defer end()
	resolution := must(client.Resolve(context.Background(), "GLBX.MDP3", []string{"ESZ6", "NOSUCH"},
		dbn.STypeRawSymbol, dbn.STypeInstrumentID, dbnloop.DateOf(sunday), ""))
	fmt.Println(resolution.Mappings["ESZ6"][0].Symbol, resolution.NotFound)
	// Output: 4916 [NOSUCH]
}

// Inside a handler nothing may wait: Call returns at once, and its function runs in a later turn.
func ExampleHistoricalClient_Call() {
	reactor, client, _, end := historicalClient()
	defer end()
	must(client.Call(dbnloop.CallGet, "metadata.list_datasets", url.Values{}, func(body []byte, err error) {
		check(err)
		var datasets []string
		check(json.Unmarshal(body, &datasets))
		fmt.Println(datasets)
		reactor.Stop()
	}))
	check(reactor.Run(context.Background())) // so does any call that waits turn the loop
	// Output: [GLBX.MDP3]
}
