package tail

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// parseTime reads ISO 8601 or nanoseconds since 1970.
func parseTime(text string) (dbn.UnixNanos, error) {
	at, err := dbn.ParseTime(text)
	if err != nil {
		return 0, errors.New(strings.TrimPrefix(err.Error(), "dbn: "))
	}
	return at, nil
}

// timeText is a time as ISO 8601; where that has no form for it, the nanoseconds.
func timeText(t dbn.UnixNanos) string {
	if text := t.String(); text != "" {
		return text
	}
	return strconv.FormatUint(uint64(t), 10)
}

// parseSince reads a duration before now, such as 90s, 15m, 4h or 1d, or a time.
func parseSince(text string, now time.Time) (dbn.UnixNanos, error) {
	t, timeErr := parseTime(text)
	if timeErr == nil {
		return t, nil
	}
	d, err := parseDuration(text)
	if err != nil {
		if strings.Trim(text, "0123456789") == "" {
			return 0, timeErr
		}
		return 0, fmt.Errorf("%q is neither a duration such as 15m or 1d nor a time such as 2026-11-23T14:30", text)
	}
	if d <= 0 {
		return 0, fmt.Errorf("%q: want a duration greater than zero", text)
	}
	return dbn.UnixNanosOf(now.Add(-d)), nil
}

// parseDuration is time.ParseDuration with days.
func parseDuration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || !(n >= 0 && n <= 36500) { // NaN neither
		return 0, fmt.Errorf("%q is no duration", text)
	}
	d := time.Duration(n * float64(24*time.Hour))
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more > math.MaxInt64-d {
		return 0, fmt.Errorf("%q is no duration", text)
	}
	return d + more, nil
}
