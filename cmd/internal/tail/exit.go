package tail

import (
	"errors"
	"fmt"
)

// The exit codes of dbn-tail. A signal that ends the program gives 128 plus its number.
const (
	ExitOK      = 0
	ExitFailure = 1 // something failed while running
	ExitUsage   = 2 // the command line is wrong
	ExitPartial = 3 // data is missing: cut off, ended before the limit, skipped
	ExitAuth    = 4 // no key, a malformed key, or the gateway refused it
	ExitCorrupt = 5 // what came is not DBN
)

// exitError is an error that knows its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *exitError) Unwrap() error { return e.err }

// fail makes an error with an exit code.
func fail(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// usage makes an error about the command line.
func usage(format string, args ...any) error { return fail(ExitUsage, format, args...) }

// exitCode is the code that an error ends the program with.
func exitCode(err error) int {
	if err == nil || errors.Is(err, errReaderGone) {
		return ExitOK
	}
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return ExitFailure
}
