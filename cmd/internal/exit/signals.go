package exit

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Signal is the error that ends the program as a signal asked for.
type Signal syscall.Signal

func (e Signal) Error() string { return syscall.Signal(e).String() }

// Code is the exit code of a program that a signal ended.
func (e Signal) Code() int { return 128 + int(e) }

// Name says what the signal did to the program.
func (e Signal) Name() string {
	switch syscall.Signal(e) {
	case syscall.SIGINT:
		return "interrupted"
	case syscall.SIGTERM:
		return "terminated"
	}
	return e.Error()
}

// EndedBy says which signal ended the program, and what that left out.
func EndedBy(err error, signaled Signal) string {
	var stuck *StuckError
	if errors.As(err, &stuck) {
		return stuck.Error()
	}
	return signaled.Name()
}

// asking is the signal that asked the program to end, and when it came.
type asking struct {
	number syscall.Signal // 0: none yet
	at     time.Time
}

// sameAsking is how soon a signal comes again when it is the same request.
const sameAsking = 100 * time.Millisecond

// repeats reports whether a signal is the one that asked already: timeout(1) sends its signal to the
// program and to the group that the program is in, which would leave files incomplete.
func (a asking) repeats(number syscall.Signal, now time.Time) bool {
	return number == a.number && now.Sub(a.at) < sameAsking
}

// WatchSignals calls, from a goroutine of its own: stop at the first signal that ends the
// program, exit at another one, state at SIGUSR1. The returned function ends the watching.
//
// SIGPIPE and SIGXFSZ are ignored, so that a write into a broken pipe or beyond the file
// size limit is an error like any other.
func WatchSignals(stop func(syscall.Signal), state func(), exit func(code int)) (end func()) {
	return WatchHangup(nil, stop, state, exit)
}

// WatchHangup is WatchSignals for a program that SIGHUP does not end: it calls hangup each time,
// unless that is nil.
func WatchHangup(hangup func(), stop func(syscall.Signal), state func(), exit func(code int)) (end func()) {
	signals := make(chan os.Signal, 4)
	wanted := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1}
	if hangup != nil || !signal.Ignored(syscall.SIGHUP) { // nohup
		wanted = append(wanted, syscall.SIGHUP)
	}
	signal.Notify(signals, wanted...)
	signal.Ignore(syscall.SIGPIPE, syscall.SIGXFSZ)
	done, asked := make(chan struct{}), newRequest()
	ending.Store(asked)
	go func() {
		defer close(done)
		var first asking
		for s := range signals {
			number := s.(syscall.Signal)
			switch {
			case number == syscall.SIGUSR1:
				state()
			case number == syscall.SIGHUP && hangup != nil:
				hangup()
			case first.repeats(number, time.Now()):
			case first.number != 0:
				exit(Signal(number).Code())
			default:
				first = asking{number, time.Now()}
				asked.Ask(number)
				stop(number)
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
