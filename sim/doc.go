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
// goes on between sessions, so that a client that was away has a gap to fill. [Config] also
// chooses the pace, how often the data is repeated, what happens at its end, and the [Faults]
// to inject.
//
// A [Historical] is the same for the historical HTTP API, over TLS with a certificate of its
// own CA:
//
//	h, err := sim.NewHistorical(sim.HistoricalConfig{Sources: sim.SampleSources()})
//	if err != nil { … }
//	defer h.Close()
//	// use h.URL() as the base URL, with h.CAPEM() as the CA to trust
//
// With Gateway.Present as HistoricalConfig.Present, history ends where live data begins.
//
// A [ManualClock] moves the simulator alone: a client's own timeouts are real time.
//
// The package needs no cgo. It starts goroutines (one for the listener and two for each
// session or connection); [Gateway.Close] and [Historical.Close] end all of them before they
// return. It logs only to the logger it was given.
package sim
