package tail

import (
	"os"
	"os/signal"
	"syscall"
)

// signalError ends the program as a signal asked for.
type signalError struct{ syscall.Signal }

func (e signalError) Error() string { return e.String() }

// watchSignals calls, from a goroutine of its own: stop at the first signal that ends the
// program, exit at the second, state at SIGUSR1. The returned function ends the watching.
//
// SIGPIPE and SIGXFSZ are ignored, so that a write into a broken pipe or beyond the file
// size limit is an error like any other.
func watchSignals(stop func(syscall.Signal), state func(), exit func(code int)) (end func()) {
	signals := make(chan os.Signal, 4)
	wanted := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		wanted = append(wanted, syscall.SIGHUP)
	}
	signal.Notify(signals, wanted...)
	signal.Ignore(syscall.SIGPIPE, syscall.SIGXFSZ)
	done, asked := make(chan struct{}), newEndRequest()
	ending.Store(asked)
	go func() {
		defer close(done)
		stopping := false
		for s := range signals {
			number := s.(syscall.Signal)
			switch {
			case number == syscall.SIGUSR1:
				state()
			case stopping:
				exit(128 + int(number))
			default:
				stopping = true
				asked.ask(number)
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
