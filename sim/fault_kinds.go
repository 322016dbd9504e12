package sim

import (
	"fmt"
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
	// FaultHalfClose shuts the sending side down and goes on reading.
	FaultHalfClose
	// FaultClose ends the session politely.
	FaultClose
	// FaultCutRecord sends the first half of a record and then ends the session.
	FaultCutRecord
	// FaultZeroLength sends a record whose length is zero, and then ends the session.
	FaultZeroLength
	// FaultErrorClose sends an Error record and then ends the session.
	FaultErrorClose
	// FaultSlowWarning sends the warning for slow readers and goes on.
	FaultSlowWarning
	// FaultSkipped sends the error that tells of skipped records and goes on.
	FaultSkipped
	// FaultUnknownRecord sends a record of an rtype that nobody knows and goes on.
	FaultUnknownRecord
)

// streamFaultForm is a kind's name and where it can happen.
type streamFaultForm struct {
	kind    FaultKind
	name    string
	where   Position // unless another place is asked for
	inBytes bool     // it can happen within a record
	timed   bool     // it takes a duration
}

// streamFaults has every kind, in the order of their numbers.
var streamFaults = []streamFaultForm{
	{FaultStall, "stall", AfterRecords(0), true, true},
	{FaultReset, "reset", AfterRecords(0), true, false},
	{FaultHalfClose, "half-close", AfterRecords(0), true, false},
	{FaultClose, "close", AfterRecords(0), true, false},
	{FaultCutRecord, "cut-record", AtEnd(), false, false},
	{FaultZeroLength, "zero-length", AtEnd(), false, false},
	{FaultErrorClose, "error-close", AtEnd(), false, false},
	{FaultSlowWarning, "slow-warning", AfterRecords(0), false, false},
	{FaultSkipped, "skipped", AfterRecords(0), false, false},
	{FaultUnknownRecord, "unknown-record", AfterRecords(0), false, false},
}

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
		if form.timed {
			value = "position[,duration]"
		}
		names = append(names, faultName{form.name, value, form.parse})
	}
	return names
}

// parse adds the fault that the text after the name describes.
func (form *streamFaultForm) parse(f *Faults, value string) error {
	fault := StreamFault{Kind: form.kind, At: form.where}
	place, duration, timed := strings.Cut(value, ",")
	if timed {
		d, err := time.ParseDuration(duration)
		if err != nil || d <= 0 || !form.timed {
			return fmt.Errorf("only stall takes a duration, such as 2s")
		}
		fault.For = d
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
