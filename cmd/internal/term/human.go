package term

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rounded keeps three digits or so of a bound.
func Rounded(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}

// Plural is a number with its noun: 1 record, 1,234 records.
func Plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Grouped(n) + " " + noun + "s"
}

// Grouped writes 1234567 as 1,234,567.
func Grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// HumanBytes is a number of bytes in three digits and a unit.
func HumanBytes(n float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 999.5 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", n)
			}
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.4g TB", n)
}

// HumanDuration is a duration in tenths of a second, or in seconds when it is long.
func HumanDuration(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// PerSecond is a rate of things that the noun names.
func PerSecond(n float64, d time.Duration, what string) string {
	if d <= 0 {
		return "0 " + what + "/s"
	}
	return Grouped(uint64(n/d.Seconds()+0.5)) + " " + what + "/s"
}

// BytesPerSecond is a rate of bytes.
func BytesPerSecond(n float64, d time.Duration) string {
	if d <= 0 {
		return "0 B/s"
	}
	return HumanBytes(n/d.Seconds()) + "/s"
}

// Quantity is a number of bytes in short form and, unless that is exact, in digits.
func Quantity(n uint64) string {
	short := HumanBytes(float64(n))
	if strings.HasSuffix(short, " B") {
		return short
	}
	return fmt.Sprintf("%s (%s bytes)", short, Grouped(n))
}

// JoinNames writes values one after the other, separated by commas.
func JoinNames[T fmt.Stringer](values []T) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}
