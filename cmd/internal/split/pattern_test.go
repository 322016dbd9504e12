package split

import (
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestNames(t *testing.T) {
	at := time.Date(2026, 11, 8, 9, 5, 7, 0, time.UTC)
	for _, test := range []struct {
		pattern string
		name    name
		want    string
	}{
		{"a/{symbol}.dbn", name{symbol: "ESZ6"}, "a/ESZ6.dbn"},
		{"{symbol}.dbn", name{symbol: "BRK/B"}, "BRK%2FB.dbn"},
		{"{symbol}.dbn", name{symbol: "A%2FB"}, "A%252FB.dbn"},
		{"{symbol}.dbn", name{symbol: "../x"}, "..%2Fx.dbn"},
		{"out/{symbol}/x.dbn", name{symbol: ".."}, "out/%2E%2E/x.dbn"},
		{"out/{symbol}/x.dbn", name{symbol: "."}, "out/%2E/x.dbn"},
		{"{symbol}", name{symbol: ".."}, "%2E%2E"},
		{"../{symbol}/{symbol}", name{symbol: ".."}, "../%2E%2E/%2E%2E"},
		{"/{symbol}", name{symbol: ".."}, "/%2E%2E"},
		{"{symbol}.csv", name{symbol: "a\x1b[2J\x00\x7f"}, "a%1B[2J%00%7F.csv"},
		{"{symbol}.csv", name{symbol: "\xff\u0085"}, "%FF%C2%85.csv"},
		{"{symbol}.csv", name{symbol: "É.c.0"}, "É.c.0.csv"},
		{"{symbol}.csv", name{symbol: "ES FUT"}, "ES FUT.csv"},
		{"{schema}.csv", name{schema: "ohlcv-1s"}, "ohlcv-1s.csv"},
		{"{date}.csv", name{at: at}, "2026-11-08.csv"},
		{"es-{date}-{time}.dbn.zst", name{at: at}, "es-2026-11-08-090507.dbn.zst"},
		{"{part}.csv", name{part: 7}, "0007.csv"},
		{"{part}.csv", name{part: 12345}, "12345.csv"},
		{"{date}/{date}", name{at: at}, "2026-11-08/2026-11-08"},
		{"a}b{part}", name{part: 1}, "a}b0001"},
		{"a{part}b{c", name{part: 1}, "a0001b{c"},
	} {
		p, err := ParsePattern(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		if got := p.path(test.name); got != test.want {
			t.Errorf("%s: %q, want %q", test.pattern, got, test.want)
		}
	}
}

func TestPatternsAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"{foo}.dbn":         "{foo} is unknown",
		"{Symbol}":          "unknown",
		"{}":                "unknown",
		"{date}/../x.dbn":   "leave the directory",
		"a{date}/..":        "leave the directory",
		"{date}/":           "directory",
		"a\n{date}":         "control character",
		"\x1b]0;{symbol}":   "control character",
		"a{part}b{x}{part}": "{x} is unknown",
	} {
		if _, err := ParsePattern(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func TestDirectoriesOfPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		"{date}": ".", "a/{date}": "a", "a/b{date}": "a", "a/{date}/b": "a", "/{date}": "/", "../x/{date}": "../x",
	} {
		p, err := ParsePattern(pattern)
		if err != nil || p.Directory() != want {
			t.Errorf("%s: %v, %v", pattern, p, err)
		}
	}
}

func TestPeriods(t *testing.T) {
	const all = "1970-01-01T00:00:00Z"
	last := dbn.UndefTimestamp - 1
	at := func(text string) dbn.UnixNanos {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return dbn.UnixNanosOf(parsed)
	}
	for _, test := range []struct {
		by             By
		ts, start, end string
	}{
		{Day, "2026-11-15T00:00:00Z", "2026-11-15T00:00:00Z", "2026-11-16T00:00:00Z"},
		{Day, "2026-11-15T23:59:59.999999999Z", "2026-11-15T00:00:00Z", "2026-11-16T00:00:00Z"},
		{Day, "2028-02-29T12:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"},
		{Week, "2026-11-15T00:00:00Z", "2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z"}, // a Sunday
		{Week, "2026-11-14T23:59:59.999999999Z", "2026-11-08T00:00:00Z", "2026-11-15T00:00:00Z"},
		{Week, "2027-01-01T00:00:00Z", "2026-12-27T00:00:00Z", "2027-01-03T00:00:00Z"},
		{Week, all, all, "1970-01-04T00:00:00Z"},
		{Month, "2026-12-31T23:59:59.999999999Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{Month, "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"},
		{Year, "2026-12-31T23:59:59.999999999Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{Year, "2028-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z"},
	} {
		p := test.by.periodOf(at(test.ts))
		if p.start != at(test.start) || p.end != at(test.end) || !p.holds(at(test.ts)) || p.holds(p.end) {
			t.Errorf("%s of %s: %v to %v", Names[test.by-1], test.ts, p.start, p.end)
		}
	}
	for by := Day; by <= Year; by++ {
		if p := by.periodOf(last); !p.holds(last) {
			t.Errorf("%s: the last time is not in its period, %v to %v", Names[by-1], p.start, p.end)
		}
	}
	for _, test := range []struct {
		length         time.Duration
		ts, start, end string
	}{
		{time.Hour, "2026-11-15T10:17:05Z", "2026-11-15T10:00:00Z", "2026-11-15T11:00:00Z"},
		{time.Hour, "2026-11-15T11:00:00Z", "2026-11-15T11:00:00Z", "2026-11-15T12:00:00Z"},
		{24 * time.Hour, "2026-11-15T23:59:59.999999999Z", "2026-11-15T00:00:00Z", "2026-11-16T00:00:00Z"},
		{15 * time.Minute, "2026-11-15T10:14:59.999999999Z", "2026-11-15T10:00:00Z", "2026-11-15T10:15:00Z"},
	} {
		p := alignedPeriod(at(test.ts), test.length)
		if p.start != at(test.start) || p.end != at(test.end) {
			t.Errorf("%v of %s: %v to %v", test.length, test.ts, p.start, p.end)
		}
	}
	if p := alignedPeriod(last, 366*24*time.Hour); !p.holds(last) {
		t.Errorf("the last time is not in its period, %v to %v", p.start, p.end)
	}
}
