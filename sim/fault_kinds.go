package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FaultKind is what happens at a [StreamFault].
type FaultKind int

// The kinds of stream faults.
const (
	// FaultStall sends nothing more, not even heartbeats, for the fault's duration.
	FaultStall FaultKind = iota + 1
	// FaultReset resets the connection (RST) once the client's kernel has everything
	// that was sent before.
	FaultReset
	// FaultHalfClose shuts the sending side down and continues to read.
	FaultHalfClose
	// FaultClose ends the session politely.
	FaultClose
	// FaultCutRecord sends the first half of a record and then ends the session.
	FaultCutRecord
	// FaultZeroLength sends a record whose length is zero, and then ends the session.
	FaultZeroLength
	// FaultErrorClose sends an Error record and then ends the session.
	FaultErrorClose
	// FaultSlowWarning sends the warning for slow readers, and continues.
	FaultSlowWarning
	// FaultSkipped sends the error that reports skipped records, and continues.
	FaultSkipped
	// FaultUnknownRecord sends a record of an rtype that nobody knows, and continues.
	FaultUnknownRecord
	// FaultRefuse refuses connections from then on, for the fault's duration (0 is
	// forever); the session itself continues.
	FaultRefuse
	// FaultSlowReader acts as if the client had read too slowly. Of each schema that the
	// session skips, because the client asked for it or by the gateway's default (mbp-1,
	// mbp-10, cmbp-1, bbo and cbbo), it leaves out the next records, as many as Records
	// says, and sends the error that reports it. When the session has another schema, it
	// sends the warning for slow readers.
	FaultSlowReader
)

// streamFaultForm is a kind's name and where it can happen.
type streamFaultForm struct {
	kind    FaultKind
	name    string
	where   Position // unless another place is asked for
	inBytes bool     // it can happen within a record
	takes   string   // what may follow the position: a duration, N records, or nothing
}

// streamFaults has every kind, in the order of their numbers.
var streamFaults = []streamFaultForm{
	{FaultStall, "stall", AfterRecords(0), true, aDuration},
	{FaultReset, "reset", AfterRecords(0), true, ""},
	{FaultHalfClose, "half-close", AfterRecords(0), true, ""},
	{FaultClose, "close", AfterRecords(0), true, ""},
	{FaultCutRecord, "cut-record", AtEnd(), false, ""},
	{FaultZeroLength, "zero-length", AtEnd(), false, ""},
	{FaultErrorClose, "error-close", AtEnd(), false, ""},
	{FaultSlowWarning, "slow-warning", AfterRecords(0), false, ""},
	{FaultSkipped, "skipped", AfterRecords(0), false, ""},
	{FaultUnknownRecord, "unknown-record", AfterRecords(0), false, ""},
	{FaultRefuse, "refuse", AfterRecords(0), true, aDuration},
	{FaultSlowReader, "slow-reader", AfterRecords(0), false, someRecords},
}

const (
	aDuration   = "duration"
	someRecords = "N records"
)

// slowRecords is how many records a slow reader loses unless a number is given.
const slowRecords = 100

// form is what is known of a kind; nil when there is no such kind.
func (k FaultKind) form() *streamFaultForm {
	if k < 1 || int(k) > len(streamFaults) {
		return nil
	}
	return &streamFaults[k-1]
}

// String is the name that [Faults.ParseFault] reads.
func (k FaultKind) String() string {
	if form := k.form(); form != nil {
		return form.name
	}
	return fmt.Sprintf("unknown(%d)", int(k))
}

func streamFaultNames() []faultName {
	var names []faultName
	for i := range streamFaults {
		form := &streamFaults[i]
		value := "position"
		if form.takes != "" {
			value += "[," + form.takes + "]"
		}
		names = append(names, faultName{form.name, value, form.parse})
	}
	return names
}

// parse adds the fault that the text after the name describes.
func (form *streamFaultForm) parse(f *Faults, value string) error {
	fault := StreamFault{Kind: form.kind, At: form.where}
	if form.takes == someRecords {
		fault.Records = slowRecords
	}
	place, more, given := strings.Cut(value, ",")
	if given {
		if err := form.readMore(&fault, more); err != nil {
			return err
		}
	}
	if place != "" {
		at, err := parsePosition(place)
		if err != nil {
			return err
		}
		fault.At = at
	}
	f.Stream = append(f.Stream, fault)
	return nil
}

// readMore reads what follows the position.
func (form *streamFaultForm) readMore(fault *StreamFault, text string) (err error) {
	switch form.takes {
	case aDuration:
		if fault.For, err = time.ParseDuration(text); err != nil || fault.For <= 0 {
			return fmt.Errorf("%q is not a duration, such as 2s", text)
		}
	case someRecords:
		if fault.Records, err = strconv.ParseInt(text, 10, 64); err != nil || fault.Records < 1 {
			return fmt.Errorf("%q is not a number of records, 1 or more", text)
		}
	default:
		return fmt.Errorf("%s takes only a position, not %q after it", form.name, text)
	}
	return nil
}
