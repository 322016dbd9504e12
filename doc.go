// Package dbnloop is an asynchronous client for Databento's market data, live and
// historical, whose event loop belongs to the caller.
//
// A Reactor is the loop: call Poll for one bounded turn, or Run until Stop. A LiveClient, a
// HistoricalClient or a FileSource lives on a reactor; its Handlers run inside Poll, on the
// goroutine that polls. Records are pointers into memory of the C++ core, without a copy,
// an allocation or a boundary crossing per record: copy what you keep. Package dbn has
// their types.
//
// # Goroutines
//
// One goroutine at a time uses a reactor and its clients; it may be another one from call
// to call. A goroutine inside Run, Poll, a loop over Records or Batches, or a call that
// waits for its answer uses the reactor for that whole time. For the other goroutines there
// is one rule, which the comment of each method repeats:
//
//   - Any goroutine may call at any time what only reports something (State, Stats,
//     SessionID, IsPaused, TsOut, ReceivedBytes, ReadBytes, TotalBytes, Reactor.Fd), and
//     Reactor.Stop, Reactor.Wake and Reactor.Post. A getter never waits for a handler or
//     for data, only for what the C++ core has in hand.
//   - Everything else is refused with ErrInvalidState. Methods that return an error return
//     it, loops yield it, and the few without an error to return (Handle, Pause, Resume,
//     Cancel) panic with it. To pause a client from another goroutine, Post its Pause.
//
// Calls are counted, not goroutines: while a handler runs, a call from another goroutine is
// taken for one of the handler's. The rule forbids it all the same, as the race detector
// will say.
//
// # Handlers
//
// A handler may call everything that does not drive the loop: it may pause, stop, close and
// connect clients, make new ones, and set timers. Poll, Run, Reactor.Close, loops and calls
// that wait for their answer are refused there with ErrInvalidState. A panic passes through
// to the caller of Poll or Run; what is left of the turn comes with the next one.
//
// # Threads and processes
//
// The library starts no thread. Run parks its goroutine on Go's netpoller; Poll with a
// timeout blocks the thread it runs on. A child that shares this process's file descriptors
// without an exec (a bare fork, which Go programs do not do) must not touch a reactor: the
// sockets are the parent's too.
package dbnloop

//go:generate go run ./internal/gen
