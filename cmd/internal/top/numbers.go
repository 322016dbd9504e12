package top

import (
	"math"
	"strconv"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// priceDigits are the decimals that a price has.
const priceDigits = 9

// decimalsOf is how many decimals a price needs, at least two.
func decimalsOf(p dbn.Price) uint8 {
	if p.IsUndef() {
		return 0
	}
	decimals := uint8(priceDigits)
	for ; decimals > 2 && p%10 == 0; decimals-- {
		p /= 10
	}
	return decimals
}

// priceText is a price with so many decimals; empty when it is not known.
func priceText(p dbn.Price, decimals uint8) string {
	text := p.String()
	if text == "" {
		return ""
	}
	return text[:len(text)-priceDigits+int(min(max(decimals, 1), priceDigits))]
}

// countText is a number in at most five characters: 12345, 123k, 12.3M.
func countText(n float64) string {
	if n < 99_999.5 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	for _, unit := range []string{"k", "M", "G", "T", "P"} {
		if n /= 1000; n < 999.5 {
			decimals := 0
			if n < 99.95 {
				decimals = 1
			}
			return strconv.FormatFloat(n, 'f', decimals, 64) + unit
		}
	}
	return strconv.FormatFloat(n, 'g', 1, 64) + "P"
}

// rateText is a number a second, with a decimal where it is small.
func rateText(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond < 9.95:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return countText(perSecond)
}

// lagText is a time in ns in at most six characters; empty when it is not known.
func lagText(ns float64) string {
	if math.IsNaN(ns) {
		return ""
	}
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	const day = float64(24 * time.Hour)
	for _, unit := range []struct {
		size  float64
		below float64
		name  string
	}{
		{1, 1e3, "ns"}, {1e3, 1e6, "µs"}, {1e6, 1e9, "ms"}, {1e9, 60e9, "s"},
		{60e9, 3600e9, "m"}, {3600e9, day, "h"}, {day, 10_000 * day, "d"},
	} {
		// What would be rounded up to the next unit belongs to it.
		if ns >= unit.below-unit.size/2 {
			continue
		}
		n := ns / unit.size
		decimals := 0
		if n < 9.95 && unit.size > 1 {
			decimals = 1
		}
		return sign + strconv.FormatFloat(n, 'f', decimals, 64) + unit.name
	}
	return sign + "∞"
}

// spreadText is a difference of prices with so many decimals.
func spreadText(l *Line) string {
	if math.IsNaN(l.Spread()) {
		return ""
	}
	if low, high := l.Bid, l.Ask; low >= 0 && high >= 0 || low < 0 && high < 0 { // their difference is a price
		return priceText(high-low, l.Decimals)
	}
	return strconv.FormatFloat(l.Spread(), 'f', int(l.Decimals), 64)
}
