package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/sim/internal/schedule"
)

// Faults are the misbehaviours a gateway shows on request. The zero value has no fault.
type Faults struct {
	// Sessions limits the faults to that many connections from the first on, so that a client
	// that reconnects then succeeds. 0 is every connection.
	Sessions int

	// CloseBeforeGreeting closes each connection without sending anything.
	CloseBeforeGreeting bool
	// EndlessLine sends a greeting that never ends.
	EndlessLine bool
	// Greeting replaces the greeting line (no LF is added).
	Greeting string
	// Challenge replaces the challenge line (no LF is added).
	Challenge string
	// RefuseAuth refuses every authentication, with this text as the error.
	RefuseAuth string
	// CoalesceAuth sends the DBN metadata in the same segment as the authentication's
	// reply, without waiting for the start of the session.
	CoalesceAuth bool

	// Garbage sends random bytes in place of the DBN stream.
	Garbage bool
	// HugeMetadata announces 4 GiB of metadata and sends only a little of it.
	HugeMetadata bool

	// SplitBytes sends at most this many bytes in one write; 1 is byte by byte. 0 is off.
	SplitBytes int

	// Replay are the faults of intraday replays.
	Replay ReplayFaults

	// Stream are the faults inside the record stream, each shown once per session.
	Stream []StreamFault

	// Numbered are faults of some of the connections.
	Numbered []NumberedFaults
}

// NumberedFaults are faults of the connections with the numbers First to Last, counted from 1.
// First 0 is from the first, Last 0 is without an end. With For, they are only those that come
// within that time after the gateway has started, or the faults were added. The Sessions and
// Numbered of Faults must be empty.
type NumberedFaults struct {
	First, Last int
	For         time.Duration
	Faults      Faults
}

// StreamFault is one misbehaviour inside the record stream.
type StreamFault struct {
	Kind FaultKind
	// At is where it happens.
	At Position
	// For is how long a stall or a refusal lasts; 0 is forever.
	For time.Duration
	// Records is how many records of each schema FaultSlowReader leaves out.
	Records int64
	// Text is the message of FaultErrorClose; empty is a default.
	Text string
}

// Position is a place in a session: in its stream, or before it, in the text phase. The zero
// value is right after the metadata.
type Position struct {
	kind  positionKind
	count int64
	stage gateway.Stage
}

type positionKind int

const (
	afterRecords positionKind = iota
	afterBytes
	atEnd
	atStage
)

// AfterRecords is the place after the first n data records; system, error and symbol
// mapping records do not count. 0 is right after the metadata.
func AfterRecords(n int64) Position { return Position{kind: afterRecords, count: n} }

// AfterBytes is the place after the first n bytes of the DBN stream as it is sent, with
// the metadata. Only stall, reset, half-close, close and refuse can happen there,
// because the other faults need a boundary between records.
func AfterBytes(n int64) Position { return Position{kind: afterBytes, count: n} }

// AtEnd is the place after the last record of the data.
func AtEnd() Position { return Position{kind: atEnd} }

// AtStage is a place in the text phase, where stall, reset, half-close, close and refuse can
// happen. Of gateway.Requested it is the first line.
func AtStage(reached gateway.Stage) Position {
	return Position{kind: atStage, count: 1, stage: reached}
}

// AfterLine is the place where the client has sent n lines that subscribe or unsubscribe,
// before the session starts.
func AfterLine(n int64) Position {
	return Position{kind: atStage, count: n, stage: gateway.Requested}
}

// stageNames are the places in the text phase as ParseFault reads them.
var stageNames = []string{
	gateway.Connected: "connect", gateway.Greeted: "greeting", gateway.Challenged: "challenge", gateway.Answering: "auth",
	gateway.Authenticated: "answer", gateway.Requested: "request", gateway.Started: "start",
}

// String is the text that [Faults.ParseFault] reads.
func (p Position) String() string {
	switch p.kind {
	case afterBytes:
		return fmt.Sprintf("%db", p.count)
	case atEnd:
		return "end"
	case atStage:
		if p.stage == gateway.Requested && p.count != 1 {
			return fmt.Sprintf("request%d", p.count)
		}
		return stageNames[p.stage]
	}
	return strconv.FormatInt(p.count, 10)
}

// betweenRecords tells whether a fault of that place may send records.
func (p Position) betweenRecords() bool { return p.kind == afterRecords || p.kind == atEnd }

// validate refuses what could not be shown.
func (f *Faults) validate() error {
	for _, s := range f.Stream {
		form := s.Kind.form()
		switch {
		case form == nil:
			return fmt.Errorf("there is no fault kind %d: the kinds are 1 to %d", int(s.Kind), len(streamFaults))
		case s.At.count < 0:
			return fmt.Errorf("fault %s: position %d is negative", s.Kind, s.At.count)
		case s.Records < 0 || s.For < 0:
			return fmt.Errorf("fault %s: negative Records (%d) or For (%s)", s.Kind, s.Records, s.For)
		case s.At.kind == atStage && (s.At.stage < gateway.Connected || s.At.stage > gateway.Started || s.At.count < 1):
			return fmt.Errorf("fault %s: there is no line %d of stage %d", s.Kind, s.At.count, s.At.stage)
		case !s.At.betweenRecords() && !form.inBytes:
			return fmt.Errorf("fault %s: the position %s is not possible, give one in records", s.Kind, s.At)
		}
	}
	if f.SplitBytes < 0 {
		return fmt.Errorf("SplitBytes %d is negative", f.SplitBytes)
	}
	for i := range f.Numbered {
		n := &f.Numbered[i]
		if n.First < 0 || n.Last < 0 || n.For < 0 || n.Faults.Sessions != 0 || len(n.Faults.Numbered) > 0 {
			return fmt.Errorf("faults of connections %d to %d: a number is negative, or they have Sessions or Numbered of their own", n.First, n.Last)
		}
		if err := cmp.Or(schedule.Ordered(n.First, n.Last), n.Faults.validate()); err != nil {
			return err
		}
	}
	return f.Replay.validate()
}

// faultName is a name that ParseFault knows, with what its value means.
type faultName struct {
	name, value string
	set         func(f *Faults, value string) error
}

// faultNames are all of them; those of replays and of the stream follow the others.
var faultNames = slices.Concat([]faultName{
	{"split", "N bytes per write", setNumber(func(f *Faults) *int { return &f.SplitBytes })},
	{"byte-by-byte", "", func(f *Faults, _ string) error { f.SplitBytes = 1; return nil }},
	{"coalesce", "", func(f *Faults, _ string) error { f.CoalesceAuth = true; return nil }},
	{"no-greeting", "", func(f *Faults, _ string) error { f.CloseBeforeGreeting = true; return nil }},
	{"endless-line", "", func(f *Faults, _ string) error { f.EndlessLine = true; return nil }},
	{"bad-greeting", "text", func(f *Faults, v string) error { f.Greeting = cmp.Or(v, "HTTP/1.1 400 Bad Request\r\n"); return nil }},
	{"bad-challenge", "text", func(f *Faults, v string) error { f.Challenge = cmp.Or(v, "challenge?\n"); return nil }},
	{"auth-refused", "text", func(f *Faults, v string) error { f.RefuseAuth = cmp.Or(v, gateway.AuthFailed); return nil }},
	{"garbage", "", func(f *Faults, _ string) error { f.Garbage = true; return nil }},
	{"huge-metadata", "", func(f *Faults, _ string) error { f.HugeMetadata = true; return nil }},
	{"sessions", "N connections", setNumber(func(f *Faults) *int { return &f.Sessions })},
}, replayFaultNames, streamFaultNames())

// FaultHelp lists the names that [Faults.ParseFault] knows, each with the meaning of its value
// ("" when it takes none). A position is "N" (data records), "Nb" (bytes), "end", or a place
// in the handshake: "connect", "greeting", "challenge", "auth", "answer", "request" (or
// "requestN", the line with that number) or "start".
func FaultHelp() [][2]string {
	help := make([][2]string, 0, len(faultNames))
	for _, f := range faultNames {
		help = append(help, [2]string{f.name, f.value})
	}
	return help
}

// ParseFault adds the fault that a text such as "stall=100", "reset=5000b",
// "cut-record=end,on=2-3" or "auth-refused=Overloaded,for=2s" describes: a name, a value, and
// the connections that get it, by their numbers and by how soon they come.
func (f *Faults) ParseFault(text string) error {
	text, limits, err := schedule.CutLimits(text)
	if err != nil {
		return fmt.Errorf("fault %s: %w", text, err)
	}
	if limits == (schedule.Limits{}) {
		return f.parse(text)
	}
	numbered := NumberedFaults{First: limits.First, Last: limits.Last, For: limits.For}
	if err := numbered.Faults.parse(text); err != nil {
		return err
	}
	if numbered.Faults.Sessions != 0 {
		return fmt.Errorf("fault %s: it numbers connections itself and takes no on=FIRST-LAST or for=DURATION", text)
	}
	f.Numbered = append(f.Numbered, numbered)
	return nil
}

func (f *Faults) parse(text string) error {
	name, value, _ := strings.Cut(text, "=")
	for _, known := range faultNames {
		if known.name != name {
			continue
		}
		if value != "" && known.value == "" {
			return fmt.Errorf("fault %s takes no value", name)
		}
		if err := known.set(f, value); err != nil {
			return fmt.Errorf("fault %s: %w", text, err)
		}
		return f.validate()
	}
	return fmt.Errorf("fault %q is unknown", name)
}

// setNumber reads a number from 1 on.
func setNumber(field func(*Faults) *int) func(*Faults, string) error {
	return func(f *Faults, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number, 1 or more", value)
		}
		*field(f) = n
		return nil
	}
}

func parsePosition(text string) (Position, error) {
	if text == "end" {
		return AtEnd(), nil
	}
	if stage := slices.Index(stageNames, text); stage > 0 {
		return AtStage(gateway.Stage(stage)), nil
	}
	if line, ok := strings.CutPrefix(text, stageNames[gateway.Requested]); ok {
		n, err := strconv.ParseInt(line, 10, 64)
		if err != nil || n < 1 {
			return Position{}, fmt.Errorf("position %q: want a number of lines, such as request2", text)
		}
		return AfterLine(n), nil
	}
	make := AfterRecords
	number, bytes := strings.CutSuffix(text, "b")
	if bytes {
		make = AfterBytes
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 {
		return Position{}, fmt.Errorf("position %q: want a number of records, bytes (100b), end, or a place in the handshake (%s)",
			text, strings.Join(stageNames[1:], ", "))
	}
	return make(n), nil
}
