// Package sim is a live market data gateway on loopback, for tests, demos and
// development without a key or a network: what package httptest is to net/http.
//
// A [Gateway] speaks the text protocol of the live gateway (greeting, challenge,
// authentication, subscriptions and their end, start) and then sends a DBN stream:
// metadata, symbol mappings, acknowledgements, the records of its sources and heartbeats. The
// challenge is really checked, subscriptions are validated, and records are filtered
// by schema, symbol and start, so that the official clients can use it as they use
// the service.
//
//	gw, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources()})
//	if err != nil { … }
//	defer gw.Close()
//	// connect any client to gw.Addr() with the key sim.TestKey
//
// Each session replays the sources from their beginning, or from Config.LiveFrom on: a client
// that reconnects gets the same records again. With Config.SharedMarket the time of the market
// continues between sessions, so that a client that was away has a gap to fill: it follows a
// clock, or moves by hand with [Gateway.Advance] and [Gateway.AdvanceTo]. [Config] also chooses
// the pace, how often the data is repeated, what happens at its end, and the [Faults] to inject.
//
// Package historical is the same for the historical HTTP API. With [Gateway.Present] as its
// Config.Present, history ends where live data begins.
//
// A test can change a gateway while it runs: [Gateway.AddFault] adds a fault, counts how often
// it is shown and removes it, Gateway.Reset resets the connections, [Gateway.Push] sends
// records of the test's own, and Gateway.AwaitSubscribed and Gateway.AwaitEnded wait for
// clients.
//
// A [ManualClock] moves the simulator alone: a client's own timeouts are real time.
//
// The package needs no cgo. It starts goroutines (one for the listener and two for each
// session); [Gateway.Close] ends all of them before it returns. It logs only to the logger it was given.
package sim
