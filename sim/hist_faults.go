package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// HistoricalFaultKind names a misbehaviour of a [Historical]; the values are also the names
// that [ParseHistoricalFault] knows.
type HistoricalFaultKind string

// The misbehaviours. Those of the first two groups count connections, the others requests.
const (
	// The server's certificate is not one to trust.
	HistCertExpired    HistoricalFaultKind = "cert-expired"
	HistCertSelfSigned HistoricalFaultKind = "cert-self-signed"
	HistCertWrongHost  HistoricalFaultKind = "cert-wrong-host"
	HistCertUnknownCA  HistoricalFaultKind = "cert-unknown-ca"

	// HistHandshakeStall accepts a connection and never says a word.
	HistHandshakeStall HistoricalFaultKind = "handshake-stall"
	// HistHandshakeReset resets the connection once the client has begun to speak.
	HistHandshakeReset HistoricalFaultKind = "handshake-reset"
	// HistNoTLS answers the client's TLS in plain HTTP.
	HistNoTLS HistoricalFaultKind = "no-tls"

	// HistError answers with Status and the error as an object (case, message, …).
	HistError HistoricalFaultKind = "error"
	// HistErrorText answers with Status and the error as one text.
	HistErrorText HistoricalFaultKind = "error-text"
	// HistErrorHTML answers with Status and a body that is no JSON.
	HistErrorHTML HistoricalFaultKind = "error-html"
	// HistErrorEmpty answers with Status and no body.
	HistErrorEmpty HistoricalFaultKind = "error-empty"
	// HistErrorEndless answers with Status and a body that never ends.
	HistErrorEndless HistoricalFaultKind = "error-endless"
	// HistRateLimit answers 429 with Retry-After: For, rounded up to seconds.
	HistRateLimit HistoricalFaultKind = "rate-limit"
	// HistUnavailable answers 503 with Retry-After: For, rounded up to seconds.
	HistUnavailable HistoricalFaultKind = "unavailable"
	// HistRedirect answers 307 to Text; empty is the same URL again, for ever.
	HistRedirect HistoricalFaultKind = "redirect"
	// HistNotJSON answers 200 with text that is no JSON where JSON is due.
	HistNotJSON HistoricalFaultKind = "not-json"

	// HistGarbage sends random-looking bytes where HTTP is due.
	HistGarbage HistoricalFaultKind = "garbage"
	// HistEndlessHeaders sends header lines without an end.
	HistEndlessHeaders HistoricalFaultKind = "endless-headers"
	// HistHugeHeader sends one header of At bytes before the answer.
	HistHugeHeader HistoricalFaultKind = "huge-header"
	// HistCutHeaders closes below TLS after At bytes of the header.
	HistCutHeaders HistoricalFaultKind = "cut-headers"
	// HistResetHeaders resets the connection after At bytes of the header.
	HistResetHeaders HistoricalFaultKind = "reset-headers"
	// HistStallHeaders sends nothing for the time For (0: for ever) before the answer.
	HistStallHeaders HistoricalFaultKind = "stall-headers"

	// HistSplit sends everything in pieces of At bytes, each a TLS record.
	HistSplit HistoricalFaultKind = "split"
	// HistSlow sends everything in pieces of At bytes, the time For apart.
	HistSlow HistoricalFaultKind = "slow"

	// HistCutBody closes below TLS, without close_notify, after At bytes of the body.
	HistCutBody HistoricalFaultKind = "cut-body"
	// HistResetBody resets the connection after At bytes of the body.
	HistResetBody HistoricalFaultKind = "reset-body"
	// HistStallBody sends nothing for the time For (0: for ever) after At bytes.
	HistStallBody HistoricalFaultKind = "stall-body"
	// HistTruncate leaves out all behind At bytes of the body; HTTP itself is whole.
	HistTruncate HistoricalFaultKind = "truncate"
	// HistCorrupt changes the byte of the body at At.
	HistCorrupt HistoricalFaultKind = "corrupt"
	// HistBadChunk sends a chunk without a length after At bytes of the body.
	HistBadChunk HistoricalFaultKind = "bad-chunk"
	// HistShortBody announces a body At bytes longer than it is and closes at its end; At
	// bytes longer than 1 TiB where the length is not known in advance.
	HistShortBody HistoricalFaultKind = "short-body"
	// HistNoRange answers a request for a part of a file with the whole file.
	HistNoRange HistoricalFaultKind = "no-range"
	// HistBadHash lists files with hashes that are not theirs.
	HistBadHash HistoricalFaultKind = "bad-hash"

	// HistWarning adds Text to the warnings of the answer.
	HistWarning HistoricalFaultKind = "warning"
	// HistBadWarning sends Text as the X-Warning header, which then is no JSON.
	HistBadWarning HistoricalFaultKind = "bad-warning"
)

// HistoricalFault is one misbehaviour and when it is shown. Of several for the same request
// the first in the list is shown, and every warning.
type HistoricalFault struct {
	Kind HistoricalFaultKind
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

// histFaultKind describes a kind for parsing and help.
type histFaultKind struct {
	kind   HistoricalFaultKind
	value  string // what the value means; "" when there is none
	ofConn bool   // counted by connections
	read   func(f *HistoricalFault, value string) error
}

var histFaultKinds = []histFaultKind{
	{HistCertExpired, "", true, nil},
	{HistCertSelfSigned, "", true, nil},
	{HistCertWrongHost, "", true, nil},
	{HistCertUnknownCA, "", true, nil},
	{HistHandshakeStall, "", true, nil},
	{HistHandshakeReset, "", true, nil},
	{HistNoTLS, "", true, nil},
	{HistError, "status (422)", false, readStatus(http.StatusUnprocessableEntity)},
	{HistErrorText, "status (400)", false, readStatus(http.StatusBadRequest)},
	{HistErrorHTML, "status (502)", false, readStatus(http.StatusBadGateway)},
	{HistErrorEmpty, "status (500)", false, readStatus(http.StatusInternalServerError)},
	{HistErrorEndless, "status (500)", false, readStatus(http.StatusInternalServerError)},
	{HistRateLimit, "duration of Retry-After (1s)", false, readFor(time.Second)},
	{HistUnavailable, "duration of Retry-After (1s)", false, readFor(time.Second)},
	{HistRedirect, "URL (the same)", false, readText("")},
	{HistNotJSON, "", false, nil},
	{HistGarbage, "", false, nil},
	{HistEndlessHeaders, "", false, nil},
	{HistHugeHeader, "N bytes (1048576)", false, readAt(1 << 20)},
	{HistCutHeaders, "N bytes (20)", false, readAt(20)},
	{HistResetHeaders, "N bytes (20)", false, readAt(20)},
	{HistStallHeaders, "duration (for ever)", false, readFor(0)},
	{HistSplit, "N bytes per write (1)", false, readAt(1)},
	{HistSlow, "N bytes per write[:duration] (1000:10ms)", false, readAtFor(1000, 10*time.Millisecond)},
	{HistCutBody, "N bytes (64)", false, readAt(64)},
	{HistResetBody, "N bytes (64)", false, readAt(64)},
	{HistStallBody, "N bytes[:duration] (64, for ever)", false, readAtFor(64, 0)},
	{HistTruncate, "N bytes (64)", false, readAt(64)},
	{HistCorrupt, "N bytes (64)", false, readAt(64)},
	{HistBadChunk, "N bytes (64)", false, readAt(64)},
	{HistShortBody, "N bytes (1000)", false, readAt(1000)},
	{HistNoRange, "", false, nil},
	{HistBadHash, "", false, nil},
	{HistWarning, "text", false, readText("Warning: this is a simulator")},
	{HistBadWarning, "text", false, readText("this is no JSON")},
}

func findHistFault(kind HistoricalFaultKind) (histFaultKind, bool) {
	i := slices.IndexFunc(histFaultKinds, func(k histFaultKind) bool { return k.kind == kind })
	if i < 0 {
		return histFaultKind{}, false
	}
	return histFaultKinds[i], true
}

// HistoricalFaultHelp lists the names that [ParseHistoricalFault] knows, each with the
// meaning of its value and its default ("" when it takes none).
func HistoricalFaultHelp() [][2]string {
	help := make([][2]string, 0, len(histFaultKinds))
	for _, k := range histFaultKinds {
		help = append(help, [2]string{string(k.kind), k.value})
	}
	return help
}

// ParseHistoricalFault reads a fault such as "cut-body=100" or
// "rate-limit=2s,on=1-3,endpoint=batch/download": a name, a value, the numbers of the
// requests (or connections) that get it, and the endpoint.
func ParseHistoricalFault(text string) (HistoricalFault, error) {
	parts := strings.Split(text, ",")
	name, value, _ := strings.Cut(parts[0], "=")
	kind, ok := findHistFault(HistoricalFaultKind(name))
	if !ok {
		return HistoricalFault{}, fmt.Errorf("fault %q is unknown", name)
	}
	f := HistoricalFault{Kind: kind.kind}
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
			f.First, f.Last, err = parseNumbers(value)
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

// parseNumbers reads "3", "1-3", "2-" or "-3".
func parseNumbers(text string) (first, last int, err error) {
	a, b, isRange := strings.Cut(text, "-")
	if !isRange {
		b = a
	}
	for _, end := range []struct {
		text string
		n    *int
	}{{a, &first}, {b, &last}} {
		if end.text == "" && isRange {
			continue
		}
		if *end.n, err = strconv.Atoi(end.text); err != nil || *end.n < 1 {
			return 0, 0, fmt.Errorf("on=%s: want numbers from 1, such as 2, 1-3 or 2-", text)
		}
	}
	return first, last, nil
}

func readStatus(otherwise int) func(*HistoricalFault, string) error {
	return func(f *HistoricalFault, value string) (err error) {
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

func readAt(otherwise int64) func(*HistoricalFault, string) error {
	return readAtFor(otherwise, 0)
}

func readFor(otherwise time.Duration) func(*HistoricalFault, string) error {
	return func(f *HistoricalFault, value string) (err error) {
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

func readAtFor(at int64, duration time.Duration) func(*HistoricalFault, string) error {
	return func(f *HistoricalFault, value string) (err error) {
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

func readText(otherwise string) func(*HistoricalFault, string) error {
	return func(f *HistoricalFault, value string) error {
		f.Text = value
		if value == "" {
			f.Text = otherwise
		}
		return nil
	}
}

// validate refuses what could not be shown.
func (f *HistoricalFault) validate() error {
	if _, ok := findHistFault(f.Kind); !ok {
		return fmt.Errorf("fault %q is unknown", f.Kind)
	}
	switch f.Kind {
	case HistError, HistErrorText, HistErrorHTML, HistErrorEmpty, HistErrorEndless:
		if f.Status < 200 || f.Status > 599 {
			return fmt.Errorf("fault %s: status %d is not within 200 to 599", f.Kind, f.Status)
		}
	case HistSplit, HistSlow:
		if f.At < 1 {
			return fmt.Errorf("fault %s: pieces of %d bytes, want 1 or more", f.Kind, f.At)
		}
	}
	if f.At < 0 || f.For < 0 || f.First < 0 || f.Last < 0 {
		return fmt.Errorf("fault %s: a number is negative", f.Kind)
	}
	if f.Last > 0 && f.Last < f.First {
		return fmt.Errorf("fault %s: the last, %d, is before the first, %d", f.Kind, f.Last, f.First)
	}
	return nil
}

// histFaults chooses the faults of each connection and request.
type histFaults struct {
	list []HistoricalFault

	mu   sync.Mutex
	seen []int // how many connections or requests each fault has seen
}

func newHistFaults(list []HistoricalFault) *histFaults {
	return &histFaults{list: slices.Clone(list), seen: make([]int, len(list))}
}

func (f *histFaults) ofConnection() HistoricalFault {
	found := f.next(func(k histFaultKind, _ *HistoricalFault) bool { return k.ofConn })
	if len(found) == 0 {
		return HistoricalFault{}
	}
	return found[0]
}

func (f *histFaults) ofRequest(endpoint string) []HistoricalFault {
	return f.next(func(k histFaultKind, fault *HistoricalFault) bool {
		return !k.ofConn && (fault.Endpoint == "" || fault.Endpoint == endpoint)
	})
}

// next counts one for each fault that it could concern and returns those that are due.
func (f *histFaults) next(concerns func(histFaultKind, *HistoricalFault) bool) []HistoricalFault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due []HistoricalFault
	for i := range f.list {
		fault := &f.list[i]
		kind, _ := findHistFault(fault.Kind)
		if !concerns(kind, fault) {
			continue
		}
		f.seen[i]++
		if f.seen[i] >= fault.First && (fault.Last == 0 || f.seen[i] <= fault.Last) {
			due = append(due, *fault)
		}
	}
	return due
}
