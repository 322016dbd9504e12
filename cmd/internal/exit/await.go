package exit

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
)

// patience is how long a reader may take nothing, once the program is to end.
const patience = time.Second

// Await waits for a result; once a signal has asked the program to end, for a second at most.
// Then the error is a *StuckError.
func Await[T any](done <-chan T) (result T, err error) {
	asked := ending.Load()
	select {
	case result = <-done:
		return result, nil
	case <-asked.done:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case result = <-done:
		return result, nil
	case <-timer.C:
		return result, &StuckError{Signal(asked.number)}
	}
}

// StuckError is the end by a signal, with an output that took nothing more.
type StuckError struct{ Signal }

// Error says what is missing.
func (e *StuckError) Error() string {
	return fmt.Sprintf("%s; the output took nothing more, its end is missing", e.Name())
}

// Unwrap returns the signal.
func (e *StuckError) Unwrap() error { return e.Signal }

// Request is the request of a signal that the program end.
type Request struct {
	done   chan struct{} // closed by Ask
	number syscall.Signal
}

// ending is the request of this process, replaced by WatchSignals. Signals are the process's;
// so is this.
var ending atomic.Pointer[Request]

func init() { ending.Store(newRequest()) }

func newRequest() *Request { return &Request{done: make(chan struct{})} }

// Ask notes the signal; it is called once.
func (e *Request) Ask(number syscall.Signal) {
	e.number = number
	close(e.done)
}

// Replace makes a new request the process's, until restore is called: for tests of what waits.
func Replace() (asked *Request, restore func()) {
	before, asked := ending.Load(), newRequest()
	ending.Store(asked)
	return asked, func() { ending.Store(before) }
}
