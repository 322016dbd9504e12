// Package exit says how a program ends: the exit codes, the errors that carry one, the table
// from an error to its code, and the signals that ask for the end.
package exit

import (
	"errors"
	"fmt"
)

// The exit codes of dbn-tail. A signal that ends the program gives 128 plus its number.
const (
	OK      = 0
	Failure = 1 // something failed while running
	Usage   = 2 // the command line is wrong
	Partial = 3 // data is missing: cut off, ended before the limit, skipped
	Auth    = 4 // no key, a malformed key, or the gateway refused it
	Corrupt = 5 // what came is not DBN
)

// Codes is the table of exit codes that help, manual pages and documents show.
var Codes = []struct{ Code, Meaning string }{
	{"0", "success; a live session succeeds when you or --limit end it"},
	{"1", "failure, including a session that the gateway closed"},
	{"2", "usage error, or refused because it would cost too much"},
	{"3", "partial data, such as a stream with a gap"},
	{"4", "authentication failed, or there is no key"},
	{"5", "corrupt input"},
	{"129, 130, 143", "ended by SIGHUP, SIGINT or SIGTERM"},
}

// Error is an error that knows its exit code.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an error with an exit code.
func Fail(code int, format string, args ...any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}

// BadUsage makes an error about the command line.
func BadUsage(format string, args ...any) error { return Fail(Usage, format, args...) }

// IsOwn reports whether an error is the program's own: it has an exit code and needs no
// further explanation.
func IsOwn(err error) bool {
	var own *Error
	return errors.As(err, &own)
}

// ErrReaderGone says that nobody reads the output any more: a quiet end.
var ErrReaderGone = errors.New("the reader of the output has gone")

// HasNoReader reports whether the output ended because nobody reads it.
func HasNoReader(err error) bool {
	var stuck *StuckError
	return errors.Is(err, ErrReaderGone) || errors.As(err, &stuck)
}
