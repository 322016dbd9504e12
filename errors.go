package dbnloop

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/internal/reword"
)

// ErrorCode says why something failed. The values are the C and C++ libraries' too.
type ErrorCode uint32

// What can fail; see the C++ header error.hpp, whose order this is.
const (
	CodeConnectionFailed    ErrorCode = 1 // no address accepted the connection
	CodeConnectionClosed    ErrorCode = 2 // the peer ended or reset the connection
	CodeDNSResolutionFailed ErrorCode = 3 // the host name has no usable address
	CodeAuthFailed          ErrorCode = 4 // the gateway refused the key
	CodeInvalidAPIKey       ErrorCode = 5 // the key's form is wrong; found before connecting
	CodeInvalidGreeting     ErrorCode = 6 // the first line is not a gateway's
	CodeInvalidChallenge    ErrorCode = 7 // the CRAM challenge is missing or malformed
	CodeParseError          ErrorCode = 8 // bytes that are not DBN
	CodeInvalidDataset      ErrorCode = 9
	CodeInvalidSymbol       ErrorCode = 10
	CodeInvalidSchema       ErrorCode = 11
	CodeTLSHandshakeFailed  ErrorCode = 12
	CodeCertificateError    ErrorCode = 13
	CodeHTTPError           ErrorCode = 14
	CodeDecompressionError  ErrorCode = 15
	CodeTimeout             ErrorCode = 16 // connecting or authenticating took too long
	CodeHeartbeatTimeout    ErrorCode = 17 // the gateway fell silent
	CodeGatewayError        ErrorCode = 18 // an error record, then the end
	CodeInvalidArgument     ErrorCode = 19
	CodeInvalidState        ErrorCode = 20
	CodeCancelled           ErrorCode = 21 // ended by the user
	CodeLimitExceeded       ErrorCode = 22 // a bound on what a peer may send was passed
	CodeSystem              ErrorCode = 23 // a system call failed
	CodeOutOfMemory         ErrorCode = 24
	CodeHandlerFailed       ErrorCode = 25 // not given out: panics of handlers pass through
	// CodeTruncated: a file or a historical stream ended inside its metadata, a record or a
	// zstd frame; everything before that was delivered. A live session that is cut is
	// CodeConnectionClosed.
	CodeTruncated ErrorCode = 26
	// CodeChecksumMismatch: the size or the SHA-256 of a downloaded file is not the one that
	// was asked for.
	CodeChecksumMismatch ErrorCode = 27
)

// Error is the error of every call and event of this package. errors.Is works with the
// sentinels below and with the syscall.Errno behind it.
type Error struct {
	Code    ErrorCode
	Message string        // what, where and what to do; never holds the API key
	Errno   syscall.Errno // of the system call that failed; 0 when none did
	HTTP    *HTTPError    // set when an HTTP status is the reason
}

// HTTPError is what the historical API said of a request that it refused.
type HTTPError struct {
	Status     int           // of HTTP, e.g. 422
	Case       string        // the API's machine-readable name of it; may be empty
	Message    string        // the API's own words; may be empty
	Docs       string        // a link to its documentation; may be empty
	RequestID  string        // for Databento's support; may be empty
	RetryAfter time.Duration // how long to wait before trying again; -1: not said

	// Where the dataset's data begins and ends, ISO 8601 in UTC, when the API says so: what
	// to ask for instead of a range that it does not have. May be empty.
	AvailableStart, AvailableEnd string
	// Payload is all details that the API gave, a JSON object: commonly dataset, start, end,
	// available_start and available_end. May be empty.
	Payload string
}

func httpError(h *bindings.HTTPFailure) *HTTPError {
	if h == nil {
		return nil
	}
	e := &HTTPError{
		Status: int(h.Status), Case: h.Case(), Message: reword.Text(h.Message()), Docs: h.Docs(),
		RequestID: h.RequestID(), RetryAfter: -1,
		AvailableStart: h.AvailableStart(), AvailableEnd: h.AvailableEnd(), Payload: h.Payload(),
	}
	if h.RetryAfterS >= 0 {
		e.RetryAfter = time.Duration(h.RetryAfterS) * time.Second
	}
	return e
}

// Retryable reports whether the same call may succeed later, as far as the error tells: a
// busy or failing server (429, 408, 5xx but 501), a broken or slow connection. A range of
// records that is asked for again may be billed again.
func (e *Error) Retryable() bool {
	if e.HTTP != nil {
		s := e.HTTP.Status
		return s == 408 || s == 429 || (s >= 500 && s != 501)
	}
	switch e.Code {
	case CodeConnectionFailed, CodeConnectionClosed, CodeDNSResolutionFailed, CodeTimeout, CodeHeartbeatTimeout:
		return true
	}
	return false
}

// Error is the code's name and the message.
func (e *Error) Error() string { return fmt.Sprintf("dbnloop: %s: %s", e.Code, e.Message) }

// Unwrap gives the errno, if any.
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

// For errors.Is: one for each code, of the same meaning.
var (
	ErrConnectionFailed    error = sentinel(CodeConnectionFailed)
	ErrConnectionClosed    error = sentinel(CodeConnectionClosed)
	ErrDNSResolutionFailed error = sentinel(CodeDNSResolutionFailed)
	ErrAuthFailed          error = sentinel(CodeAuthFailed)
	ErrInvalidAPIKey       error = sentinel(CodeInvalidAPIKey)
	ErrInvalidGreeting     error = sentinel(CodeInvalidGreeting)
	ErrInvalidChallenge    error = sentinel(CodeInvalidChallenge)
	ErrParse               error = sentinel(CodeParseError)
	ErrInvalidDataset      error = sentinel(CodeInvalidDataset)
	ErrInvalidSymbol       error = sentinel(CodeInvalidSymbol)
	ErrInvalidSchema       error = sentinel(CodeInvalidSchema)
	ErrTLSHandshake        error = sentinel(CodeTLSHandshakeFailed)
	ErrCertificate         error = sentinel(CodeCertificateError)
	ErrHTTP                error = sentinel(CodeHTTPError)
	ErrDecompression       error = sentinel(CodeDecompressionError)
	ErrTimeout             error = sentinel(CodeTimeout)
	ErrHeartbeatTimeout    error = sentinel(CodeHeartbeatTimeout)
	ErrGateway             error = sentinel(CodeGatewayError)
	ErrInvalidArgument     error = sentinel(CodeInvalidArgument)
	ErrInvalidState        error = sentinel(CodeInvalidState)
	ErrCancelled           error = sentinel(CodeCancelled)
	ErrLimitExceeded       error = sentinel(CodeLimitExceeded)
	ErrSystem              error = sentinel(CodeSystem)
	ErrOutOfMemory         error = sentinel(CodeOutOfMemory)
	ErrTruncated           error = sentinel(CodeTruncated)
	ErrChecksumMismatch    error = sentinel(CodeChecksumMismatch)
)

var codeNames = [...]string{
	"None", "ConnectionFailed", "ConnectionClosed", "DnsResolutionFailed", "AuthFailed",
	"InvalidApiKey", "InvalidGreeting", "InvalidChallenge", "ParseError", "InvalidDataset",
	"InvalidSymbol", "InvalidSchema", "TlsHandshakeFailed", "CertificateError", "HttpError",
	"DecompressionError", "Timeout", "HeartbeatTimeout", "GatewayError", "InvalidArgument",
	"InvalidState", "Cancelled", "LimitExceeded", "System", "OutOfMemory", "HandlerFailed",
	"Truncated", "ChecksumMismatch",
}

// String is the code's name, as the C++ library spells it.
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
