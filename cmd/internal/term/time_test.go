package term

import (
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestATimeIsNeverMissing(t *testing.T) {
	for at, want := range map[dbn.UnixNanos]string{
		0: "1970-01-01T00:00:00.000000000Z", dbn.UndefTimestamp: "18446744073709551615",
	} {
		if got := Time(at); got != want {
			t.Errorf("%d: %q, want %q", uint64(at), got, want)
		}
	}
}

func TestTimesAreReadAsOthersPrintThem(t *testing.T) {
	const second = 1794783600_000000000 // 2026-11-15T23:00:00Z
	for text, want := range map[string]dbn.UnixNanos{
		// Python: datetime.isoformat, str(datetime), date.isoformat, and both with a fraction.
		"2026-11-15T23:00:00": second, "2026-11-15T23:00:00+00:00": second, "2026-11-15 23:00:00+00:00": second,
		"2026-11-15T23:00:00.000250": second + 250_000, "2026-11-15 18:00:00.000250-05:00": second + 250_000,
		"2026-11-15T23": second, "2026-11-15T23:00": second, "2026-11-15T23:00:00.250": second + 250_000_000, "2026-11-15": second - 23*3600e9,
		// pandas: str(Timestamp), with a zone and nanoseconds, and numpy.
		"2026-11-15 23:00:00": second, "2026-11-15 23:00:00.000000001+00:00": second + 1, "2026-11-15 18:00:00.000000001-05:00": second + 1,
		"2026-11-15T23:00:00.000000001": second + 1,
		// Go: Time.String with and without the monotonic clock, RFC3339Nano, zones without a name.
		"2026-11-15 23:00:00 +0000 UTC": second, "2026-11-15 18:00:00.00000025 -0500 EST": second + 250,
		"2026-11-15 23:00:00.5 +0000 UTC m=+0.000012345": second + 500_000_000, "2026-11-16 04:45:00 +0545 +0545": second,
		"2026-11-15 23:00:00 +0000 +0000 m=-3.5": second, "2026-11-15T23:00:00.25Z": second + 250_000_000, "2026-11-15T18:00:00-05:00": second,
		// date -u, and this program.
		"2026-11-15 23:00:00 UTC": second, "2026-11-15T23:00:00.000000000Z": second, "1794783600000000000": second,
	} {
		if got, err := ParseTime(text); err != nil || got != want {
			t.Errorf("%q: %s, want %s (%v)", text, got, want, err)
		}
	}
	if start, end, err := ParsePeriod("2026-11-15 23:00 +0000 UTC"); err != nil || start != second || end != second+60e9 {
		t.Errorf("%s to %s, %v", start, end, err)
	}
	// The name of a zone alone is not one distance, and what is no time stays an error.
	for _, text := range []string{"2026-11-15 23:00:00 EST", "2026-11-15 23:00:00 +0000 UTC m=", "2026-13-15 23:00:00 UTC", "NaT", "tomorrow", "", "2026-11-15 23:00:00 utc?"} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestDurationsHaveDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90e9, "15m": 900e9, "1d": 86400e9, "1.5d": 129600e9, "1d12h": 129600e9, "250us": 250e3, "1h30m": 5400e9, "-5ms": -5e6, "0": 0,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %s, want %s (%v)", text, got, want, err)
		}
	}
	for _, text := range []string{"", "d", "5", "x", "1dd", "1e9d", "NaNd", "36500d2562047h"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}
