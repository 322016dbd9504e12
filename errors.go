package dbnloop

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/internal/reword"
)

// ErrorCode is the reason of a failure. The values equal those of the C and C++ libraries.
type ErrorCode uint32

// Error is the error of every call and event of this package. errors.Is works with the
// sentinels below and with the syscall.Errno that it wraps.
type Error struct {
	Code    ErrorCode
	Message string        // what, where and what to do; never holds the API key
	Errno   syscall.Errno // of the failing system call, or 0
	HTTP    *HTTPError    // set when an HTTP status is the reason
}

// HTTPError holds the details of a request that the historical API refused.
type HTTPError struct {
	Status     int           // HTTP status, e.g. 422
	Retryable  bool          // the same request may succeed later: 408, 429, 5xx except 501
	Case       string        // the API's machine-readable name of the error; may be empty
	Message    string        // the API's message; may be empty
	Docs       string        // link to the documentation; may be empty
	RequestID  string        // to quote to Databento's support; may be empty
	RetryAfter time.Duration // how long to wait before a retry; -1 if the server gave none

	// AvailableStart and AvailableEnd are the start and end of the dataset's data, ISO 8601 in
	// UTC, if the API reports them: the range that may be requested instead. May be empty.
	AvailableStart, AvailableEnd string
	// Payload holds all details that the API sent, as a JSON object: typically dataset, start,
	// end, available_start and available_end. May be empty.
	Payload string
}

func httpError(h *bindings.HTTPFailure) *HTTPError {
	if h == nil {
		return nil
	}
	e := &HTTPError{
		Status: int(h.Status), Retryable: h.Retryable != 0, Case: h.Case(), Message: reword.Text(h.Message()), Docs: h.Docs(),
		RequestID: h.RequestID(), RetryAfter: -1,
		AvailableStart: h.AvailableStart(), AvailableEnd: h.AvailableEnd(), Payload: h.Payload(),
	}
	if h.RetryAfterS >= 0 {
		e.RetryAfter = time.Duration(h.RetryAfterS) * time.Second
	}
	return e
}

// Retryable reports whether the same call may succeed later, as far as can be determined from
// the error: after a busy or failing server (see HTTPError.Retryable) and a broken or slow
// connection. A range of records that is requested again may be billed again.
func (e *Error) Retryable() bool {
	if e.HTTP != nil {
		return e.HTTP.Retryable
	}
	switch e.Code {
	case CodeConnectionFailed, CodeConnectionClosed, CodeDNSResolutionFailed, CodeTimeout, CodeHeartbeatTimeout:
		return true
	}
	return false
}

// Error returns the name of the code and the message.
func (e *Error) Error() string { return fmt.Sprintf("dbnloop: %s: %s", e.Code, e.Message) }

// Unwrap returns the errno, if any.
func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// Is reports whether target is the sentinel of this error's code.
func (e *Error) Is(target error) bool {
	var s sentinel
	return errors.As(target, &s) && ErrorCode(s) == e.Code
}

// sentinel is an error that stands for a code.
type sentinel ErrorCode

func (s sentinel) Error() string { return "dbnloop: " + ErrorCode(s).String() }

// String returns the name of the code, as the C++ library spells it.
func (c ErrorCode) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("ErrorCode(%d)", uint32(c))
}

func fromC(e *bindings.Error) error {
	return &Error{Code: ErrorCode(e.Code), Message: reword.Text(e.Message), Errno: syscall.Errno(e.Errno)}
}

func systemError(what string, err error) error {
	e := newError(CodeSystem, "%s: %v", what, err)
	errors.As(err, &e.Errno)
	return e
}

func newError(code ErrorCode, format string, args ...any) *Error {
	return &Error{Code: code, Message: reword.Text(fmt.Sprintf(format, args...))}
}
