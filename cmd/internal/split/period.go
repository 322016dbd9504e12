package split

import (
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// By is what each file is for.
type By int

// What files can be for, with the official tool's words, and Rotate: one file after the other.
const (
	Symbol By = iota + 1
	Schema
	Day
	Week
	Month
	Year
	Size
	Rotate
)

// Names are the words of the flag, in the order of their values.
var Names = []string{"symbol", "schema", "day", "week", "month", "year", "size"}

// ParseBy finds a word of Names.
func ParseBy(text string) (By, bool) {
	for i, name := range Names {
		if name == text {
			return By(i + 1), true
		}
	}
	return 0, false
}

// word is what a pattern must contain, so that each file has a name of its own.
func (by By) word() string {
	switch by {
	case Symbol:
		return "symbol"
	case Schema:
		return "schema"
	case Size:
		return "part"
	}
	return "date"
}

// CheckPattern refuses a pattern that would give several files one name, or that contains words
// that have no value.
func (by By) CheckPattern(p *Pattern) error {
	allowed := map[string]bool{by.word(): true}
	if by == Rotate {
		allowed["time"], allowed["part"] = true, true
		if !p.Has("part") && (!p.Has("date") || !p.Has("time")) {
			return exit.BadUsage("--output-pattern %s: files that follow each other need {date} and {time} in their names, or {part}", p)
		}
	} else if !p.Has(by.word()) {
		return exit.BadUsage("--output-pattern %s: all files would have one name; put {%s} into it", p, by.word())
	}
	for _, piece := range p.pieces {
		if piece.word && !allowed[piece.text] {
			return exit.BadUsage("--output-pattern %s: {%s} has no value here; the word is {%s}", p, piece.text, by.word())
		}
	}
	return nil
}

// period is a stretch of time of which a file holds the records: from start on, before end.
type period struct{ start, end dbn.UnixNanos }

func (p period) holds(ts dbn.UnixNanos) bool { return p.start <= ts && ts < p.end }

// periodOf is the day, week (from Sunday on), month or year in UTC that a time belongs to.
func (by By) periodOf(ts dbn.UnixNanos) period {
	t := timeOf(ts)
	year, month, day := t.Date()
	start, end := time.Date(year, month, day, 0, 0, 0, 0, time.UTC), time.Time{}
	switch by {
	case Week:
		start = start.AddDate(0, 0, -int(start.Weekday()))
		end = start.AddDate(0, 0, 7)
	case Month:
		start = start.AddDate(0, 0, 1-day)
		end = start.AddDate(0, 1, 0)
	case Year:
		start = time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC)
		end = start.AddDate(1, 0, 0)
	default:
		end = start.AddDate(0, 0, 1)
	}
	return period{nanosOf(start), nanosOf(end)}
}

// nanosOf is the time as records give it. The week of 1970-01-01 begins before such times do, and
// the last year ends after them.
func nanosOf(t time.Time) dbn.UnixNanos {
	seconds := t.Unix()
	switch {
	case seconds < 0:
		return 0
	case uint64(seconds) > uint64(dbn.UndefTimestamp)/1e9:
		return dbn.UndefTimestamp
	}
	return dbn.UnixNanos(seconds) * 1e9
}

// alignedPeriod is the period of a clock that begins with midnight UTC.
func alignedPeriod(ts dbn.UnixNanos, length time.Duration) period {
	n := dbn.UnixNanos(length)
	start := ts - ts%n
	return period{start, start + min(n, dbn.UndefTimestamp-start)}
}
