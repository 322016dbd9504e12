// Package schedule says which connections or requests get a fault, live and historical alike,
// and how often it was shown.
package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Numbers reads "3", "1-3", "2-" or "-3"; 0 stands for an end that is left open.
func Numbers(text string) (first, last int, err error) {
	a, b, isRange := strings.Cut(text, "-")
	if !isRange {
		b = a
	}
	for _, end := range []struct {
		text string
		n    *int
	}{{a, &first}, {b, &last}} {
		if end.text == "" && isRange {
			continue
		}
		if *end.n, err = strconv.Atoi(end.text); err != nil || *end.n < 1 {
			return 0, 0, fmt.Errorf("%s: want numbers from 1, such as 2, 1-3 or 2-", text)
		}
	}
	return first, last, nil
}

// Limits are which connections get a fault: those with the numbers First to Last, 0 being no
// limit, that come within For after the fault was there, 0 being forever.
type Limits struct {
	First, Last int
	For         time.Duration
}

// CutLimits takes ",on=FIRST-LAST" and ",for=DURATION" off the end of a text.
func CutLimits(text string) (rest string, limits Limits, err error) {
	var seen [2]bool
	for {
		i := strings.LastIndexByte(text, ',')
		if i < 0 {
			return text, limits, nil
		}
		if numbers, ok := strings.CutPrefix(text[i+1:], "on="); ok && !seen[0] {
			seen[0] = true
			if limits.First, limits.Last, err = Numbers(numbers); err != nil {
				return text[:i], Limits{}, fmt.Errorf("on=%w", err)
			}
			err = Ordered(limits.First, limits.Last)
		} else if span, ok := strings.CutPrefix(text[i+1:], "for="); ok && !seen[1] {
			seen[1] = true
			if limits.For, err = time.ParseDuration(span); err != nil || limits.For <= 0 {
				err = fmt.Errorf("for=%s: want a duration, such as 2s", span)
			}
		} else {
			return text, limits, nil
		}
		if text = text[:i]; err != nil {
			return text, Limits{}, err
		}
	}
}

// Ordered refuses a range whose end comes before its beginning.
func Ordered(first, last int) error {
	if last > 0 && last < first {
		return fmt.Errorf("the last, %d, is before the first, %d", last, first)
	}
	return nil
}

// Within reports whether a number, from 1 on, is in a range.
func Within(n int64, first, last int) bool {
	return n >= int64(first) && (last == 0 || n <= int64(last))
}
