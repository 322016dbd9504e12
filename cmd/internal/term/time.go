package term

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// ParseTime is [dbn.ParseTime], which also reads what Go, Python and pandas print: a zone may have its
// name after its distance or in place of UTC's, and a time of Go the reading of its monotonic clock.
// Errors name no package.
func ParseTime(text string) (dbn.UnixNanos, error) {
	start, _, err := ParsePeriod(text)
	return start, err
}

// ParsePeriod is [dbn.ParsePeriod] for the same forms.
func ParsePeriod(text string) (start, end dbn.UnixNanos, err error) {
	if start, end, err = dbn.ParsePeriod(text); err == nil {
		return start, end, nil
	}
	if m := printedTime.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
		if start, end, zoned := dbn.ParsePeriod(m[1] + cmp.Or(m[2], m[3], "Z")); zoned == nil {
			return start, end, nil
		}
	}
	return 0, 0, errors.New(strings.TrimPrefix(err.Error(), "dbn: "))
}

// printedTime is a date and a time, and what follows them: the distance of a zone, its name, and the
// monotonic clock. A name without a distance must be UTC's; others stand for several zones.
var printedTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d[T ][\d:.,]+) *(?:([+-]\d\d:?\d\d) *[A-Z+-][A-Za-z0-9+-]*|([+-]\d\d:?\d\d)|UTC|GMT|Z|Etc/UTC)?(?: m=[+-][\d.]+)?$`)

// ParseDuration is [time.ParseDuration] with days: 1d, 1.5d, 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	invalid := fmt.Errorf("invalid duration %q: want one such as 250us, 90s, 15m or 1d", text)
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		days, rest = "0", text
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || !(n >= 0 && n <= 36500) { // NaN neither
		return 0, invalid
	}
	d := time.Duration(n * float64(24*time.Hour))
	if ok && rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more > math.MaxInt64-d {
		return 0, invalid
	}
	return d + more, nil
}

// Time is a time as ISO 8601; the nanoseconds since 1970 where that has no form for it.
func Time(t dbn.UnixNanos) string {
	if text := t.String(); text != "" {
		return text
	}
	return strconv.FormatUint(uint64(t), 10)
}
