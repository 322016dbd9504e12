package dbn

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a time in one of these forms, in UTC unless a zone is given:
//
//   - a date and a time in ISO 8601, extended or basic, complete or truncated on the right,
//     separated by T or a blank: 2026-11-15T23:00:00.5Z, 2026-11-15 18:00-05:00,
//     20261115T2300+0000, 2026-11-15T23;
//   - a date or a month, which stands for its first instant: 2026-11-15, 20261115, 2026-11;
//   - nanoseconds since 1970: 0, or a number from 1e17 (the year 1973) on. Smaller numbers are
//     refused, because they are far more likely to be seconds, milliseconds or microseconds.
//
// Times before 1970 and after 2261 are errors.
func ParseTime(text string) (UnixNanos, error) {
	start, _, err := ParsePeriod(text)
	return start, err
}

// ParsePeriod reads the forms of ParseTime as periods whose length is the precision of the text:
// 2026-11-15 is a day, 2026-11-15T23:01 a minute, 2026-11-15T23:01:30.5 a tenth of a second.
// start is the first instant of the period, end the first instant after it.
func ParsePeriod(text string) (start, end UnixNanos, err error) {
	trimmed := strings.TrimSpace(text)
	if isNumber(trimmed) && len(trimmed) != len("20261115") {
		n, err := parseNanos(trimmed)
		return n, n + 1, err
	}
	first, next, known := parseISO(trimmed)
	switch {
	case !known:
		return 0, 0, fmt.Errorf("dbn: invalid time %q: want ISO 8601, such as 2026-11-20T14:30Z or 2026-11-20, or nanoseconds since 1970", text)
	case first.Unix() < 0 || next.UTC().Year() > 2261: // by UTC, not by its own zone
		return 0, 0, fmt.Errorf("dbn: time %q is outside of 1970 to 2261", text)
	}
	return UnixNanosOf(first), UnixNanosOf(next), nil
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// leastNanos is the smallest number that is read as nanoseconds; as microseconds it would be a
// time in the year 5138.
const leastNanos = 100_000_000_000_000_000

func parseNanos(text string) (UnixNanos, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil || n >= math.MaxInt64:
		return 0, fmt.Errorf("dbn: time %q is outside of 1970 to 2261", text)
	case n == 0 || n >= leastNanos:
		return UnixNanos(n), nil
	}
	for _, unit := range []struct {
		name  string
		scale uint64
	}{{"seconds", 1e9}, {"milliseconds", 1e6}, {"microseconds", 1e3}} {
		if n >= leastNanos/unit.scale {
			nanos := n * unit.scale
			if nanos/unit.scale != n || nanos >= math.MaxInt64 {
				continue
			}
			return 0, fmt.Errorf("dbn: time %q is a number of nanoseconds, but looks like %s: write %d, or %s", text, unit.name, nanos, UnixNanos(nanos))
		}
	}
	return 0, fmt.Errorf("dbn: invalid time %q: a number must be nanoseconds since 1970 (19 digits) or a date such as 20261120", text)
}

// isoForms are the forms of ISO 8601, each with the distance between a time and the next one of
// the same precision. Fractions of a second are accepted after every form that has seconds.
var isoForms = []struct {
	layout string
	zoned  bool // a zone may follow
	next   func(time.Time) time.Time
}{
	{"2006-01-02T15:04:05", true, later(time.Second)},
	{"2006-01-02T150405", true, later(time.Second)},
	{"20060102T150405", true, later(time.Second)},
	{"20060102T15:04:05", true, later(time.Second)},
	{"2006-01-02T15:04", true, later(time.Minute)},
	{"2006-01-02T1504", true, later(time.Minute)},
	{"20060102T1504", true, later(time.Minute)},
	{"20060102T15:04", true, later(time.Minute)},
	{"2006-01-02T15", true, later(time.Hour)},
	{"20060102T15", true, later(time.Hour)},
	{time.DateOnly, true, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"20060102", false, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"2006-01", false, func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
}

func later(d time.Duration) func(time.Time) time.Time {
	return func(t time.Time) time.Time { return t.Add(d) }
}

// parseISO reads a time and also returns the next one of the same precision.
func parseISO(text string) (t, next time.Time, ok bool) {
	text = strings.ToUpper(text)
	if date, rest, blank := strings.Cut(text, " "); blank {
		// A second blank may stand before the zone.
		text = date + "T" + strings.Replace(rest, " ", "", 1)
	}
	for _, form := range isoForms {
		for _, zone := range []string{"", "Z07:00", "Z0700", "Z07"} {
			if zone != "" && !form.zoned {
				break
			}
			t, err := time.Parse(form.layout+zone, text)
			if err != nil {
				continue
			}
			if unit := fractionUnit(text); unit < time.Second {
				return t, t.Add(unit), true
			}
			return t, form.next(t), true
		}
	}
	return time.Time{}, time.Time{}, false
}

// fractionUnit is the value of the last digit of a fraction; a second without one.
func fractionUnit(text string) time.Duration {
	unit := time.Second
	at := strings.IndexAny(text, ".,")
	if at < 0 {
		return unit
	}
	for _, digit := range text[at+1:] {
		if digit < '0' || digit > '9' {
			break
		}
		unit /= 10
	}
	return max(unit, 1)
}
