package log

import (
	"context"
	"fmt"

	"github.com/dbnloop/dbnloop/dbn"
)

// TooEarlyError is the answer to a time before what the log keeps.
type TooEarlyError struct {
	Asked dbn.UnixNanos
	From  dbn.UnixNanos // the earliest time that is possible; 0: the log is empty
}

// Error says what is possible.
func (e *TooEarlyError) Error() string {
	if e.From == 0 {
		return fmt.Sprintf("the relay's log is empty, so nothing can be replayed from %s", e.Asked)
	}
	return fmt.Sprintf("the relay's log begins at %s, after %s", e.From, e.Asked)
}

// Find returns the sequence from which every record whose replay time is at least start lies. A start of 0
// is the beginning of the log; one before it is a TooEarlyError.
func (l *Log) Find(ctx context.Context, start dbn.UnixNanos) (uint64, error) {
	first, last, err := l.Bounds(ctx)
	if err != nil || start == 0 {
		return first, err
	}
	oldest, err := l.get(ctx, first)
	if err != nil {
		return 0, err
	}
	if oldest == nil {
		return 0, &TooEarlyError{Asked: start}
	}
	if start <= oldest.Before {
		return 0, &TooEarlyError{Asked: start, From: oldest.Before + 1}
	}
	// The first message that has seen a record of that time: before it no record has one.
	low, high := oldest.Sequence, last+1
	for low < high {
		middle := low + (high-low)/2
		m, err := l.get(ctx, middle)
		switch {
		case err != nil:
			return 0, err
		case m == nil || m.High >= start:
			high = middle
		default:
			low = m.Sequence + 1
		}
	}
	return low, nil
}
