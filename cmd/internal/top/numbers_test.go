package top

import (
	"math"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestNumbersAreShort(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{countText(0), "0"}, {countText(99_999), "99999"}, {countText(99_999.6), "100k"}, {countText(123_456), "123k"}, {countText(999_499), "999k"},
		{countText(999_600), "1.0M"}, {countText(12_345_678), "12.3M"}, {countText(99_960_000), "100M"}, {countText(4.2e9), "4.2G"}, {countText(math.MaxUint64), "2e+04P"},
		{rateText(0), "0"}, {rateText(0.04), "0.0"}, {rateText(9.94), "9.9"}, {rateText(9.96), "10"}, {rateText(123_456), "123k"},
		{lagText(math.NaN()), ""}, {lagText(0), "0ns"}, {lagText(999.6), "1.0µs"}, {lagText(1500), "1.5µs"}, {lagText(150_000), "150µs"}, {lagText(-2.5e6), "-2.5ms"},
		{lagText(999.6e6), "1.0s"}, {lagText(59.4e9), "59s"}, {lagText(59.6e9), "1.0m"}, {lagText(7200e9), "2.0h"}, {lagText(13 * 86400e9), "13d"}, {lagText(math.MaxFloat64), "∞"},
		{priceText(dbn.UndefPrice, 2), ""}, {priceText(6742_250_000_000, 2), "6742.25"}, {priceText(-250_000_000, 2), "-0.25"}, {priceText(113_015_625_000, 6), "113.015625"}, {priceText(1, 9), "0.000000001"},
		{spreadText(&Line{Bid: 1_000_000_000, Ask: 1_250_000_000, Decimals: 2}), "0.25"}, {spreadText(&Line{Bid: -1_000_000_000, Ask: 250_000_000, Decimals: 2}), "1.25"},
		{spreadText(&Line{Bid: math.MinInt64, Ask: math.MaxInt64 - 1, Decimals: 2}), "18446744073.71"}, {spreadText(&Line{Bid: dbn.UndefPrice, Ask: 1}), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	for price, want := range map[dbn.Price]uint8{0: 2, 6742_250_000_000: 2, 1: 9, 113_015_625_000: 6, -5_000: 6, dbn.UndefPrice: 0} {
		if got := decimalsOf(price); got != want {
			t.Errorf("%v: %d decimals, want %d", price, got, want)
		}
	}
}
