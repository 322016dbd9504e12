package dbnloop_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// The examples talk to simulated servers of the sample data. Against Databento's own, Connect
// takes no gateway, and a HistoricalClient no options.

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// check is must for calls that only fail.
func check(errs ...error) {
	if err := errors.Join(errs...); err != nil {
		log.Fatal(err)
	}
}

func gateway() *sim.Gateway {
	return must(sim.NewGateway(sim.Config{Sources: sim.SampleSources(), AtEnd: sim.CloseAtEnd}))
}

// A live session: handlers run inside the turns of a loop that is the program's own.
func Example() {
	gw := gateway()
	defer gw.Close()
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	client := must(dbnloop.NewLiveClient(reactor, sim.TestKey))
	defer client.Close()

	trades := 0
	client.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) { trades++ }, // valid until it returns
		Error: func(err error) { // once, as the last handler: you decide whether to connect again
			fmt.Println(errors.Is(err, dbnloop.ErrConnectionClosed))
			reactor.Stop()
		},
	})
	must(client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, dbn.AllSymbols)))
	check(client.Connect(gw.Host(), gw.Port()), client.Start())
	check(reactor.Run(context.Background()))
	fmt.Println(trades > 0)
	// Output:
	// true
	// true
}

// A stream that continues across broken sessions, here in two processes: the second one begins
// where the position of the first one says.
func ExampleContinuousClient() {
	begin := time.Date(2026, 11, 15, 22, 59, 55, 0, time.UTC)
	gw := must(sim.NewGateway(sim.Config{
		Sources: sim.SampleSources(),
		Faults:  sim.Faults{Stream: []sim.StreamFault{{Kind: sim.FaultReset, At: sim.AfterRecords(50)}}, Sessions: 1},
		Clock:   sim.NewManualClock(begin), // the data is of that day
	}))
	defer gw.Close()
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	total := 0
	process := func(position []byte, trades int) []byte {
		client := must(dbnloop.NewContinuousClient(reactor, sim.TestKey,
			dbnloop.WithGateway(gw.Host(), gw.Port()),
			dbnloop.WithBackoff(time.Millisecond, time.Second),
			dbnloop.WithReplayLimit(100*365*24*time.Hour))) // this gateway replays everything
		defer client.Close()
		subscription := dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6")
		subscription.HasStart, subscription.Start = true, dbn.UnixNanosOf(begin)
		must(client.Subscribe(subscription))
		if position != nil {
			check(client.ResumeFrom(position))
		}
		check(client.Start())
		for record, err := range client.Records(context.Background()) {
			check(err)
			if _, ok := dbn.As[dbn.TradeMsg](record); ok {
				total++
				if trades--; trades == 0 {
					break
				}
			}
		}
		return must(client.Position())
	}
	position := process(nil, 70)
	process(position, 30)
	fmt.Println(total)
	// Output:
	// 100
}

// A live session as a loop. Leaving the loop pauses the client; a later loop continues after the last
// record.
func ExampleLiveClient_records() {
	gw := gateway()
	defer gw.Close()
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	client := must(dbnloop.NewLiveClient(reactor, sim.TestKey))
	must(client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, dbn.AllSymbols)))
	check(client.Connect(gw.Host(), gw.Port()), client.Start())

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for record, err := range client.Records(ctx) {
		check(err)
		if trade, ok := dbn.As[dbn.TradeMsg](record); ok {
			fmt.Println(trade.Price.IsUndef())
			break
		}
	}
	fmt.Println(client.IsPaused())
	// Output:
	// false
	// true
}

// Backpressure from inside a handler: no further record is delivered, memory stays flat, and TCP
// holds the gateway back until Resume.
func ExampleLiveClient_pause() {
	gw := gateway()
	defer gw.Close()
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	client := must(dbnloop.NewLiveClient(reactor, sim.TestKey))
	full := 0
	client.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) {
			if full++; full%100 != 0 {
				return
			}
			client.Pause()
			must(reactor.AfterFunc(time.Millisecond, client.Resume)) // when there is room again
		},
		Error: func(error) { reactor.Stop() },
	})
	must(client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, dbn.AllSymbols)))
	check(client.Connect(gw.Host(), gw.Port()), client.Start())
	check(reactor.Run(context.Background()))
	stats := client.Stats()
	fmt.Println(stats.Pauses == uint64(full/100), stats.Count(dbn.RTypeMbp0) == uint64(full))
	// Output: true true
}

// Batches, run by run: one step per batch, slices of records where they lie.
func ExampleRunOf() {
	gw := gateway()
	defer gw.Close()
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	client := must(dbnloop.NewLiveClient(reactor, sim.TestKey))
	must(client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaMbo, dbn.AllSymbols)))
	check(client.Connect(gw.Host(), gw.Port()), client.Start())
	orders := 0
	for batch, err := range client.Batches(context.Background()) {
		if errors.Is(err, dbnloop.ErrConnectionClosed) {
			break // the simulator's data is at its end
		}
		check(err)
		for run := range batch.Runs() {
			orders += len(dbnloop.RunOf[dbn.MboMsg](run)) // nil for other types
		}
	}
	fmt.Println(orders > 0)
	// Output: true
}

// A range of the past: first the number of its records, then the records.
func ExampleHistoricalClient() {
	server := must(simhist.NewServer(simhist.Config{Sources: sim.SampleSources()}))
	defer server.Close()
	dir := must(os.MkdirTemp("", "dbnloop"))
	defer os.RemoveAll(dir)
	ca := filepath.Join(dir, "ca.pem")
	check(server.WriteCA(ca))

	ctx := context.Background()
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	client := must(dbnloop.NewHistoricalClient(reactor, sim.TestKey, dbnloop.WithURL(server.URL()), dbnloop.WithCAFile(ca)))
	day := dbn.UnixNanos(time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC).UnixNano())
	sunday := dbnloop.NewHistoricalRequest("GLBX.MDP3", dbn.SchemaTrades, day, day+dbn.UnixNanos(24*time.Hour), dbn.AllSymbols)
	count := must(client.RecordCount(ctx, sunday))
	check(client.Request(sunday), client.Start())
	trades := uint64(0)
	for record, err := range client.Records(ctx) {
		check(err)
		if record.RType() == dbn.RTypeMbp0 {
			trades++
		}
	}
	fmt.Println(trades > 0, uint64(count) == trades)
	// Output: true true
}

// Errors by what a program does about them.
func ExampleError() {
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	file := must(dbnloop.NewFileSource(reactor, "/no/such/file.dbn"))
	err := file.Start()
	if err == nil { // then the loop yields it
		for _, err = range file.Records(context.Background()) {
		}
	}
	var e *dbnloop.Error
	fmt.Println(errors.As(err, &e), errors.Is(err, syscall.ENOENT), errors.Is(err, dbnloop.ErrSystem))
	fmt.Println(e.Retryable())
	// Output:
	// true true true
	// false
}

// Other goroutines use Post: the function runs inside the loop.
func ExampleReactor_post() {
	reactor := must(dbnloop.NewReactor())
	defer reactor.Close()
	go reactor.Post(func() {
		fmt.Println("inside")
		reactor.Stop()
	})
	check(reactor.Run(context.Background()))
	// Output: inside
}
