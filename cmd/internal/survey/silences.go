package survey

import (
	"math"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// Silence is a stretch of time without a record of market data.
type Silence struct {
	From dbn.UnixNanos // of the record before it
	Span time.Duration
}

// Silences are the longest silence, and those above a threshold.
type Silences struct {
	Longest Silence
	Count   uint64    // above the threshold
	List    []Silence // the first of them, at most maxSilences
	// Threshold is what a silence must exceed to be counted. 0: none is.
	Threshold time.Duration
	least     dbn.UnixNanos // of one that matters
}

const maxSilences = 1000

func (s *Silences) add(from, to dbn.UnixNanos) {
	silence := Silence{from, span(from, to)}
	if silence.Span > s.Longest.Span {
		s.Longest = silence
	}
	s.least = dbn.UnixNanos(s.Longest.Span)
	if s.Threshold == 0 {
		return
	}
	s.least = min(s.least, dbn.UnixNanos(s.Threshold))
	if silence.Span > s.Threshold {
		s.Count++
		if len(s.List) < maxSilences {
			s.List = append(s.List, silence)
		}
	}
}

// span is the time from one time to a later one, as long as a Duration can be.
func span(from, to dbn.UnixNanos) time.Duration {
	return time.Duration(min(to-from, math.MaxInt64))
}
