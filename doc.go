// Package dbnloop is an asynchronous client for Databento's live and historical market data.
// The event loop belongs to the caller.
//
// A Reactor is the loop: call Poll for one bounded turn, or Run to poll until Stop. A
// LiveClient, a HistoricalClient or a FileSource lives on a reactor; its Handlers run inside
// Poll, on the goroutine that polls. Records are pointers into memory of the C++ core, without
// a copy, an allocation or a boundary crossing per record: copy what you keep. Package dbn
// defines their types.
//
// # Goroutines
//
// One goroutine at a time may use a reactor and its clients; different calls may come from
// different goroutines. A goroutine inside Run, Poll, a loop over Records or Batches, or a call
// that waits for its answer uses the reactor for that entire time. Other goroutines follow one
// rule, which the comment of each method repeats:
//
//   - Getters (State, Stats, SessionID, SessionIDText, IsPaused, TsOut, TotalBytes,
//     Reactor.Fd) and Reactor.Stop, Reactor.Wake and Reactor.Post may be called from any
//     goroutine at any time. They never wait for a turn, a handler or data; Stats and Wake
//     wait for a Close that is freeing memory at that moment. A getter returns what the
//     goroutine inside the reactor saw last.
//   - Everything else is refused with ErrInvalidState. Methods that return an error return
//     it, loops yield it, and the few that return no error (Handle, Pause, Resume, Cancel)
//     panic with it. To pause a client from another goroutine, Post its Pause.
//
// The check counts calls, not goroutines: while a handler runs, a call from another goroutine
// cannot be distinguished from a call of the handler. The rule forbids such a call all the
// same, and the race detector reports it.
//
// # Handlers
//
// A handler may call everything that does not drive the loop: it may pause, stop, close and
// connect clients, create new ones, and set timers. Poll, Run, Reactor.Close, loops and calls
// that wait for their answer are refused there with ErrInvalidState. A panic passes through to
// the caller of Poll or Run, and the next turn delivers what remains of the present one.
//
// # Threads and processes
//
// The library starts no thread. Run parks its goroutine on Go's netpoller; Poll with a timeout
// waits in epoll_wait, in C++, and blocks the thread that it runs on. A child process that shares the file descriptors without
// an exec (a bare fork, which Go programs do not do) must not touch a reactor, because the
// sockets belong to the parent too.
package dbnloop

//go:generate go run ./internal/gen
