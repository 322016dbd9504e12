// Package historical is the historical HTTP API on loopback, for tests, demos and development
// without a key or a network: what package sim is for live data. It serves the same sources,
// over TLS with a certificate of its own CA:
//
//	h, err := historical.NewServer(historical.Config{Sources: sim.SampleSources()})
//	if err != nil { … }
//	defer h.Close()
//	// use h.URL() as the base URL, with h.CAPEM() as the CA to trust
//
// Time series, metadata, symbology and batch jobs are answered from the sources. [Config] also
// says where history ends, which warnings are sent, and which [Fault] list is shown.
//
// The package needs no cgo. It starts goroutines (one for the listener and one for each
// connection); [Server.Close] ends all of them before it returns. It logs only to the logger
// it was given.
package historical
