// Package schedule says which connections or requests get a fault, live and historical alike,
// and how often it was shown.
package schedule

import (
	"fmt"
	"strconv"
	"strings"
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

// CutNumbers takes ",on=FIRST-LAST" off the end of a text.
func CutNumbers(text string) (rest string, first, last int, err error) {
	i := strings.LastIndexByte(text, ',')
	numbers, ok := strings.CutPrefix(text[i+1:], "on=")
	if i < 0 || !ok {
		return text, 0, 0, nil
	}
	if first, last, err = Numbers(numbers); err != nil {
		return text[:i], 0, 0, fmt.Errorf("on=%w", err)
	}
	return text[:i], first, last, Ordered(first, last)
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
