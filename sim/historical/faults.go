package historical

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/sim/internal/schedule"
)

// FaultKind names a misbehaviour of a [Server]; the values are also the names
// that [ParseFault] knows.
type FaultKind string

// The misbehaviours. Those of the first two groups count connections, the others requests.
const (
	// The server's certificate is not one to trust.
	FaultCertExpired    FaultKind = "cert-expired"
	FaultCertSelfSigned FaultKind = "cert-self-signed"
	FaultCertWrongHost  FaultKind = "cert-wrong-host"
	FaultCertUnknownCA  FaultKind = "cert-unknown-ca"

	// FaultHandshakeStall accepts a connection and never sends anything.
	FaultHandshakeStall FaultKind = "handshake-stall"
	// FaultHandshakeReset resets the connection once the client has begun to speak.
	FaultHandshakeReset FaultKind = "handshake-reset"
	// FaultNoTLS answers the client's TLS in plain HTTP.
	FaultNoTLS FaultKind = "no-tls"

	// FaultError answers with Status and the error as an object (case, message, …).
	FaultError FaultKind = "error"
	// FaultErrorText answers with Status and the error as one text.
	FaultErrorText FaultKind = "error-text"
	// FaultErrorHTML answers with Status and a body that is not JSON.
	FaultErrorHTML FaultKind = "error-html"
	// FaultErrorEmpty answers with Status and no body.
	FaultErrorEmpty FaultKind = "error-empty"
	// FaultErrorEndless answers with Status and a body that never ends.
	FaultErrorEndless FaultKind = "error-endless"
	// FaultRateLimit answers 429 with Retry-After: For, rounded up to seconds.
	FaultRateLimit FaultKind = "rate-limit"
	// FaultUnavailable answers 503 with Retry-After: For, rounded up to seconds.
	FaultUnavailable FaultKind = "unavailable"
	// FaultRedirect answers 307 to Text; empty is the same URL again, forever.
	FaultRedirect FaultKind = "redirect"
	// FaultNotJSON answers 200 with text that is not JSON where JSON is due.
	FaultNotJSON FaultKind = "not-json"

	// FaultGarbage sends random-looking bytes where HTTP is due.
	FaultGarbage FaultKind = "garbage"
	// FaultEndlessHeaders sends header lines without an end.
	FaultEndlessHeaders FaultKind = "endless-headers"
	// FaultHugeHeader sends one header of At bytes before the answer.
	FaultHugeHeader FaultKind = "huge-header"
	// FaultCutHeaders closes below TLS after At bytes of the header.
	FaultCutHeaders FaultKind = "cut-headers"
	// FaultResetHeaders resets the connection after At bytes of the header.
	FaultResetHeaders FaultKind = "reset-headers"
	// FaultStallHeaders sends nothing for the time For (0: forever) before the answer.
	FaultStallHeaders FaultKind = "stall-headers"

	// FaultSplit sends everything in pieces of At bytes, each a TLS record.
	FaultSplit FaultKind = "split"
	// FaultSlow sends everything in pieces of At bytes, the time For apart.
	FaultSlow FaultKind = "slow"

	// FaultCutBody closes below TLS, without close_notify, after At bytes of the body.
	FaultCutBody FaultKind = "cut-body"
	// FaultResetBody resets the connection after At bytes of the body.
	FaultResetBody FaultKind = "reset-body"
	// FaultStallBody sends nothing for the time For (0: forever) after At bytes.
	FaultStallBody FaultKind = "stall-body"
	// FaultTruncate leaves out everything after At bytes of the body; HTTP itself is complete.
	FaultTruncate FaultKind = "truncate"
	// FaultCorrupt changes the byte of the body at At.
	FaultCorrupt FaultKind = "corrupt"
	// FaultBadChunk sends a chunk without a length after At bytes of the body.
	FaultBadChunk FaultKind = "bad-chunk"
	// FaultShortBody announces a body At bytes longer than it is and closes at its end; At
	// bytes longer than 1 TiB where the length is not known in advance.
	FaultShortBody FaultKind = "short-body"
	// FaultNoRange answers a request for a part of a file with the whole file.
	FaultNoRange FaultKind = "no-range"
	// FaultBadHash lists files with hashes that are not theirs.
	FaultBadHash FaultKind = "bad-hash"

	// FaultWarning adds Text to the warnings of the answer.
	FaultWarning FaultKind = "warning"
	// FaultBadWarning sends Text as the X-Warning header, which then is not JSON.
	FaultBadWarning FaultKind = "bad-warning"
)

// Fault is one misbehaviour and when it is shown. Of several for the same request
// the first in the list is shown, and every warning.
type Fault struct {
	Kind FaultKind
	// At is a position or a size in bytes; which one is said at the kind.
	At int64
	// Status is the HTTP status of the error kinds.
	Status int
	// For is a duration; which one is said at the kind.
	For time.Duration
	// Text is a URL or a message; which one is said at the kind.
	Text string
	// Endpoint limits the fault to an endpoint such as "timeseries.get_range", or
	// "batch/download" for files. Empty: all. Faults of connections ignore it.
	Endpoint string
	// First and Last are the numbers, from 1, of the requests to Endpoint (or of the
	// connections) that get it. First 0 is from the first, Last 0 is without an end.
	First, Last int
}

// faultForm describes a kind for parsing and help.
type faultForm struct {
	kind   FaultKind
	value  string // what the value means; "" when it takes no value
	ofConn bool   // counted by connections
	read   func(f *Fault, value string) error
}

var faultForms = []faultForm{
	{FaultCertExpired, "", true, nil},
	{FaultCertSelfSigned, "", true, nil},
	{FaultCertWrongHost, "", true, nil},
	{FaultCertUnknownCA, "", true, nil},
	{FaultHandshakeStall, "", true, nil},
	{FaultHandshakeReset, "", true, nil},
	{FaultNoTLS, "", true, nil},
	{FaultError, "status (422)", false, readStatus(http.StatusUnprocessableEntity)},
	{FaultErrorText, "status (400)", false, readStatus(http.StatusBadRequest)},
	{FaultErrorHTML, "status (502)", false, readStatus(http.StatusBadGateway)},
	{FaultErrorEmpty, "status (500)", false, readStatus(http.StatusInternalServerError)},
	{FaultErrorEndless, "status (500)", false, readStatus(http.StatusInternalServerError)},
	{FaultRateLimit, "duration of Retry-After (1s)", false, readFor(time.Second)},
	{FaultUnavailable, "duration of Retry-After (1s)", false, readFor(time.Second)},
	{FaultRedirect, "URL (the same)", false, readText("")},
	{FaultNotJSON, "", false, nil},
	{FaultGarbage, "", false, nil},
	{FaultEndlessHeaders, "", false, nil},
	{FaultHugeHeader, "N bytes (1048576)", false, readAt(1 << 20)},
	{FaultCutHeaders, "N bytes (20)", false, readAt(20)},
	{FaultResetHeaders, "N bytes (20)", false, readAt(20)},
	{FaultStallHeaders, "duration (forever)", false, readFor(0)},
	{FaultSplit, "N bytes per write (1)", false, readAt(1)},
	{FaultSlow, "N bytes per write[:duration] (1000:10ms)", false, readAtFor(1000, 10*time.Millisecond)},
	{FaultCutBody, "N bytes (64)", false, readAt(64)},
	{FaultResetBody, "N bytes (64)", false, readAt(64)},
	{FaultStallBody, "N bytes[:duration] (64, forever)", false, readAtFor(64, 0)},
	{FaultTruncate, "N bytes (64)", false, readAt(64)},
	{FaultCorrupt, "N bytes (64)", false, readAt(64)},
	{FaultBadChunk, "N bytes (64)", false, readAt(64)},
	{FaultShortBody, "N bytes (1000)", false, readAt(1000)},
	{FaultNoRange, "", false, nil},
	{FaultBadHash, "", false, nil},
	{FaultWarning, "text", false, readText("Warning: this is a simulator")},
	{FaultBadWarning, "text", false, readText("this is not JSON")},
}

func findFault(kind FaultKind) (faultForm, bool) {
	i := slices.IndexFunc(faultForms, func(k faultForm) bool { return k.kind == kind })
	if i < 0 {
		return faultForm{}, false
	}
	return faultForms[i], true
}

// FaultHelp lists the names that [ParseFault] knows, each with the
// meaning of its value and its default ("" when it takes none).
func FaultHelp() [][2]string {
	help := make([][2]string, 0, len(faultForms))
	for _, k := range faultForms {
		help = append(help, [2]string{string(k.kind), k.value})
	}
	return help
}

// ParseFault reads a fault such as "cut-body=100" or
// "rate-limit=2s,on=1-3,endpoint=batch/download": a name, a value, the numbers of the
// requests (or connections) that get it, and the endpoint.
func ParseFault(text string) (Fault, error) {
	parts := strings.Split(text, ",")
	name, value, _ := strings.Cut(parts[0], "=")
	kind, ok := findFault(FaultKind(name))
	if !ok {
		return Fault{}, fmt.Errorf("fault %q is unknown", name)
	}
	f := Fault{Kind: kind.kind}
	if kind.read == nil && value != "" {
		return f, fmt.Errorf("fault %s takes no value", name)
	}
	if kind.read != nil {
		if err := kind.read(&f, value); err != nil {
			return f, fmt.Errorf("fault %s: %w", parts[0], err)
		}
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		var err error
		switch key {
		case "on":
			if f.First, f.Last, err = schedule.Numbers(value); err != nil {
				err = fmt.Errorf("on=%w", err)
			}
		case "endpoint":
			f.Endpoint = value
		default:
			err = fmt.Errorf("%q: want on=FIRST-LAST or endpoint=NAME", part)
		}
		if err != nil {
			return f, fmt.Errorf("fault %s: %w", name, err)
		}
	}
	return f, f.validate()
}

func readStatus(otherwise int) func(*Fault, string) error {
	return func(f *Fault, value string) (err error) {
		f.Status = otherwise
		if value != "" {
			f.Status, err = strconv.Atoi(value)
		}
		if err != nil {
			return fmt.Errorf("want an HTTP status")
		}
		return nil
	}
}

func readAt(otherwise int64) func(*Fault, string) error {
	return readAtFor(otherwise, 0)
}

func readFor(otherwise time.Duration) func(*Fault, string) error {
	return func(f *Fault, value string) (err error) {
		f.For = otherwise
		if value != "" {
			f.For, err = time.ParseDuration(value)
		}
		if err != nil || f.For < 0 {
			return fmt.Errorf("want a duration such as 2s")
		}
		return nil
	}
}

func readAtFor(at int64, duration time.Duration) func(*Fault, string) error {
	return func(f *Fault, value string) (err error) {
		f.At = at
		number, rest, timed := strings.Cut(value, ":")
		if number != "" {
			if f.At, err = strconv.ParseInt(number, 10, 64); err != nil || f.At < 0 {
				return fmt.Errorf("want a number of bytes")
			}
		}
		if !timed {
			f.For = duration
			return nil
		}
		return readFor(0)(f, rest)
	}
}

func readText(otherwise string) func(*Fault, string) error {
	return func(f *Fault, value string) error {
		f.Text = value
		if value == "" {
			f.Text = otherwise
		}
		return nil
	}
}

// validate refuses what could not be shown.
func (f *Fault) validate() error {
	if _, ok := findFault(f.Kind); !ok {
		return fmt.Errorf("fault %q is unknown", f.Kind)
	}
	switch f.Kind {
	case FaultError, FaultErrorText, FaultErrorHTML, FaultErrorEmpty, FaultErrorEndless:
		if f.Status < 200 || f.Status > 599 {
			return fmt.Errorf("fault %s: status %d is not within 200 to 599", f.Kind, f.Status)
		}
	case FaultSplit, FaultSlow:
		if f.At < 1 {
			return fmt.Errorf("fault %s: pieces of %d bytes, want 1 or more", f.Kind, f.At)
		}
	}
	if f.At < 0 || f.For < 0 || f.First < 0 || f.Last < 0 {
		return fmt.Errorf("fault %s: a number is negative", f.Kind)
	}
	if err := schedule.Ordered(f.First, f.Last); err != nil {
		return fmt.Errorf("fault %s: %w", f.Kind, err)
	}
	return nil
}
