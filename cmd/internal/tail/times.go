package tail

import (
	"fmt"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// parseSince reads a duration before now, such as 90s, 15m, 4h or 1d, or a time.
func parseSince(text string, now time.Time) (dbn.UnixNanos, error) {
	t, timeErr := term.ParseTime(text)
	if timeErr == nil {
		return t, nil
	}
	d, err := term.ParseDuration(text)
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
