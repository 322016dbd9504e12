package hist

import "testing"

func TestDollars(t *testing.T) {
	for usd, want := range map[float64]string{
		0: "$0.00", 1.8: "$1.80", 0.5: "$0.50", 0.01234: "$0.012", 0.000012345: "$0.000012", 1234.567: "$1234.57",
	} {
		if got := dollars(usd); got != want {
			t.Errorf("%v: %s, want %s", usd, got, want)
		}
	}
}
