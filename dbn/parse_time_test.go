package dbn_test

import (
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestTimesAreReadInEveryFormOfISO8601(t *testing.T) {
	evening := dbn.UnixNanosOf(time.Date(2026, 11, 15, 23, 0, 0, 0, time.UTC))
	day := dbn.UnixNanosOf(time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC))
	for text, want := range map[string][2]dbn.UnixNanos{
		"2026-11-15T23:00:00Z":             {evening, evening + 1e9},
		"2026-11-15T23:00:00":              {evening, evening + 1e9},
		"2026-11-15T23:00:00.000000000Z":   {evening, evening + 1},
		"2026-11-15T23:00:00.5":            {evening + 5e8, evening + 6e8},
		"2026-11-15T23:00:00,25+00:00":     {evening + 25e7, evening + 26e7},
		"2026-11-15T23:00:00.00":           {evening, evening + 1e7},
		"2026-11-15T23:00Z":                {evening, evening + 60e9},
		"2026-11-15T23:00":                 {evening, evening + 60e9},
		"2026-11-15t23:00z":                {evening, evening + 60e9},
		"2026-11-15T23Z":                   {evening, evening + 3600e9},
		"2026-11-15T23":                    {evening, evening + 3600e9},
		"2026-11-15 23:00":                 {evening, evening + 60e9},
		"2026-11-15 23:00:00 +0000":        {evening, evening + 1e9},
		"2026-11-15T18:00-05:00":           {evening, evening + 60e9},
		"2026-11-15T18:00-05":              {evening, evening + 60e9},
		"2026-11-15T18-0500":               {evening, evening + 3600e9},
		"2026-11-15 18:00:00-05:00":        {evening, evening + 1e9},
		"2026-11-15 18:00:00.000001-05:00": {evening + 1000, evening + 2000},
		"2026-11-16T00:30:00+0130":         {evening, evening + 1e9},
		"20261115T230000Z":                 {evening, evening + 1e9},
		"20261115T230000.123456789Z":       {evening + 123456789, evening + 123456790},
		"20261115T2300":                    {evening, evening + 60e9},
		"2026-11-15":                       {day, day + 86400e9},
		"2026-11-15Z":                      {day, day + 86400e9},
		"20261115":                         {day, day + 86400e9},
		"2026-11":                          {day - 14*86400e9, day + 16*86400e9},
		"1970-01-01":                       {0, 86400e9},
		"0":                                {0, 1},
		"1794700800000000000":              {1794700800000000000, 1794700800000000001},
		"100000000000000000":               {1e17, 1e17 + 1},
		" 2026-11-15T23:00 ":               {evening, evening + 60e9},
	} {
		start, end, err := dbn.ParsePeriod(text)
		if err != nil || start != want[0] || end != want[1] {
			t.Errorf("%q: %s to %s, want %s to %s: %v", text, start, end, want[0], want[1], err)
		}
		if at, err := dbn.ParseTime(text); err != nil || at != want[0] {
			t.Errorf("%q: %s: %v", text, at, err)
		}
	}
}

// A number that is not nanoseconds is refused, with what it looks like: a range that begins
// in 1970 may be a large bill.
func TestNumbersThatAreHardlyNanosecondsAreRefused(t *testing.T) {
	for text, hint := range map[string]string{
		"1794700800":       "seconds: write 1794700800000000000, or 2026-11-15T00:00:00.000000000Z",
		"1794700800123":    "milliseconds: write 1794700800123000000",
		"1794700800123456": "microseconds: write 1794700800123456000",
		"1":                "19 digits", "2026": "19 digits", "202611": "19 digits", "20261115230000": "19 digits",
		"20261332": "invalid time", "99999999": "invalid time",
		"9223372036854775807": "outside of 1970 to 2261", "18446744073709551615": "outside", "99999999999999999999": "outside",
		"1969-12-31T23:59": "outside of 1970 to 2261", "1970-01-01T00:30+01:00": "outside", "2262-01-01": "outside",
		"-1": "invalid time", "+1794700800000000000": "invalid time", "1e18": "invalid time",
		"": "invalid time", " ": "invalid time", "now": "invalid time", "2026-02-30": "invalid time",
		"2026-11-15T24:01": "invalid time", "2026-11-15T23:00:60Z": "invalid time", "2026-11-15T": "invalid time",
		"2026-11-15T23:00+5": "invalid time", "2026-11Z": "invalid time", "2026-11-15T23:00ZZ": "invalid time",
		"15.11.2026": "invalid time", "2026-11-15T23:00.5": "invalid time",
	} {
		if at, err := dbn.ParseTime(text); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %s, %v; want %q", text, at, err, hint)
		}
	}
}
