package term

import (
	"errors"
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
)

// ParseTime is [dbn.ParseTime], whose errors need no name of a package in a program's messages.
func ParseTime(text string) (dbn.UnixNanos, error) {
	at, err := dbn.ParseTime(text)
	if err != nil {
		return 0, errors.New(strings.TrimPrefix(err.Error(), "dbn: "))
	}
	return at, nil
}

// Time is a time as ISO 8601; the nanoseconds since 1970 where that has no form for it.
func Time(t dbn.UnixNanos) string {
	if text := t.String(); text != "" {
		return text
	}
	return strconv.FormatUint(uint64(t), 10)
}
