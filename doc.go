// Package dbnloop is an asynchronous client for Databento's market data, live and
// historical, whose event loop belongs to the caller.
//
// A Reactor is the loop: call Poll for one bounded turn, or Run until Stop. A LiveClient, a
// HistoricalClient or a FileSource lives on a reactor; its Handlers run inside Poll, on the
// goroutine that polls. Records are pointers into memory of the C++ core, without a copy,
// an allocation or a border crossing per record: copy what you keep. Package dbn has their
// types.
//
// One goroutine at a time uses a reactor and its clients; it may be another one from call
// to call. Only Reactor.Stop, Reactor.Post and Reactor.Wake may be called at any time from
// anywhere. Simultaneous use is detected and reported as ErrInvalidState.
//
// The library starts no thread. Run parks its goroutine on Go's netpoller; Poll with a
// timeout blocks the thread it runs on.
package dbnloop

//go:generate go run ./internal/gen
