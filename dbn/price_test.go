package dbn_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/race"
)

func TestPriceOfIsTheNearestPrice(t *testing.T) {
	for v, want := range map[float64]dbn.Price{
		0: 0, math.Copysign(0, -1): 0, 1: 1e9, -1: -1e9, 6012.25: 6012_250000000, 0.1: 100000000,
		1e-9: 1, -1e-9: -1, 4e-10: 0, math.SmallestNonzeroFloat64: 0, 0x1p-10: 976563, -0x1p-10: -976563,
		// Above 4.5 million the product with the scale has no room for a fraction.
		4503599.627370497: 4503599_627370497, 4503600.000000001: 4503600_000000001, -4503600.000000001: -4503600_000000001,
		9007199.254740993: 9007199_254740993, 123456789.125: 123456789_125000000, 9223372036.8: 9223372036_799999237,
		-9223372036.8: -9223372036_799999237,
		math.NaN():    dbn.UndefPrice, math.Inf(1): dbn.UndefPrice, math.Inf(-1): dbn.UndefPrice,
		9223372036.854776: dbn.UndefPrice, -9223372036.854776: dbn.UndefPrice, 1e10: dbn.UndefPrice, 1.8e10: dbn.UndefPrice,
		-1e10: dbn.UndefPrice, 1e300: dbn.UndefPrice, math.MaxFloat64: dbn.UndefPrice,
	} {
		if got := dbn.PriceOf(v); got != want {
			t.Errorf("%v: %d, want %d", v, int64(got), int64(want))
		}
	}
}

func TestPriceOfAgreesWithExactArithmetic(t *testing.T) {
	race.SkipOneGoroutine(t)
	random := rand.New(rand.NewPCG(3, 4))
	half := big.NewRat(1, 2)
	for range 200_000 {
		v := math.Ldexp(random.Float64(), random.IntN(70)-35)
		if random.IntN(2) == 0 { // such as prices are: a multiple of a tick
			v = float64(random.Int64N(9e15)) / 1e6
		}
		if v >= 9.2e9 {
			continue
		}
		exact := new(big.Rat).SetFloat64(v)
		exact.Mul(exact, big.NewRat(dbn.PriceScale, 1)).Add(exact, half)
		want := new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
		if got := dbn.PriceOf(v); int64(got) != want || dbn.PriceOf(-v) != -got {
			t.Fatalf("%v: %d, want %d", v, int64(got), want)
		}
	}
}

func TestAPriceAsANumber(t *testing.T) {
	for p, want := range map[dbn.Price]float64{0: 0, 6012_250000000: 6012.25, -1: -1e-9, dbn.UndefPrice - 1: 9223372036.854775806} {
		if got := p.Float64(); got != want {
			t.Errorf("%d: %v, want %v", int64(p), got, want)
		}
	}
	if got := dbn.Price(dbn.UndefPrice).Float64(); !math.IsNaN(got) {
		t.Errorf("a price that is not set is %v, want NaN", got)
	}
}
