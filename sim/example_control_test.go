package sim_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// A test adds faults while the gateway runs, and sees how often they were shown.
func ExampleGateway_AddFault() {
	gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources()})
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	fault, err := gateway.AddFault("reset=100,on=1") // the next connection, after 100 records
	if err != nil {
		log.Fatal(err)
	}
	// … a client connects …
	fmt.Println(fault.Fired())
	fault.Remove()
	// Output: 0
}

// Records of a test's own, as the data of a gateway.
func ExampleRecordsSource() {
	open := dbn.UnixNanosOf(time.Date(2026, 11, 16, 14, 30, 0, 0, time.UTC))
	trade := dbn.TradeMsg{
		Hd:    dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, PublisherID: 1, InstrumentID: 42, TsEvent: open},
		Price: dbn.PriceOf(99.5), Size: 1, Action: dbn.ActionTrade, Side: dbn.SideBid, TsRecv: open,
	}
	metadata := dbn.Metadata{
		Version: dbn.Version, Dataset: "TEST.DATA", Schema: dbn.SchemaTrades, Start: open, End: dbn.UndefTimestamp,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, Symbols: []string{"FOO"},
		Mappings: []dbn.SymbolMapping{{RawSymbol: "FOO", Intervals: []dbn.MappingInterval{
			{StartDate: 20261116, EndDate: 20261117, Symbol: "42"},
		}}},
	}
	gateway, err := sim.NewGateway(sim.Config{
		Sources: []sim.Source{sim.RecordsSource(metadata, dbn.Ref(&trade.Hd).Bytes())},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	fmt.Println(gateway.Datasets())
	// Output: [TEST.DATA]
}

// One market for all sessions, whose time continues while no client is connected.
func ExampleConfig_sharedMarket() {
	gateway, err := sim.NewGateway(sim.Config{
		Sources: sim.SampleSources(), SharedMarket: true, Pace: sim.RealTime(60),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	sessions, err := gateway.Push(nil) // to the sessions that are open: none yet
	fmt.Println(sessions, err)
	// Output: 0 <nil>
}

// A market that moves by hand: what happens while nobody is connected is known exactly.
func ExampleGateway_Advance() {
	gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources(), SharedMarket: true})
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	// … a client connects, subscribes and goes …
	missed, err := gateway.Advance(100)
	fmt.Println(missed, err)
	// A client that connects now begins here, unless it asks for a replay.
	err = gateway.AdvanceTo(dbn.UnixNanosOf(time.Date(2026, 11, 15, 23, 1, 0, 0, time.UTC)))
	fmt.Println(gateway.Present(), err)
	// Output:
	// 100 <nil>
	// 2026-11-15T23:01:00.000000000Z <nil>
}

// A test waits for clients without sleeping.
func ExampleGateway() {
	gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources()})
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nobody connects here
	fmt.Println(gateway.AwaitSubscribed(ctx, 1) != nil, gateway.Stats().Sessions)
	// Output: true 0
}

// A clock that moves only when a test moves it.
func ExampleManualClock() {
	clock := sim.NewManualClock(time.Date(2026, 11, 16, 14, 30, 0, 0, time.UTC))
	timer := clock.NewTimer(time.Hour)
	clock.Advance(time.Hour)
	fmt.Println((<-timer.C()).Format(time.RFC3339))
	// Output: 2026-11-16T15:30:00Z
}

// A pace is a factor of real time, a rate, or as fast as the client reads.
func ExamplePace() {
	for _, text := range []string{"fast", "60x", "1000/s"} {
		pace, err := sim.ParsePace(text)
		fmt.Println(pace, err)
	}
	// Output:
	// fast <nil>
	// 60x <nil>
	// 1000/s <nil>
}
