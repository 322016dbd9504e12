package exit

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
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

// WatchSignals calls, from a goroutine of its own: stop at the first signal that ends the
// program, exit at the second, state at SIGUSR1. The returned function ends the watching.
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
		stopping := false
		for s := range signals {
			number := s.(syscall.Signal)
			switch {
			case number == syscall.SIGUSR1:
				state()
			case number == syscall.SIGHUP && hangup != nil:
				hangup()
			case stopping:
				exit(Signal(number).Code())
			default:
				stopping = true
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
