package dbn

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
	"time"
)

// UnixNanos is a time in nanoseconds since 1970-01-01T00:00:00Z.
type UnixNanos uint64

// UnixNanosOf converts a time. Times before 1970 become 0, and times after the last that can be
// represented, in the year 2554, become that one.
func UnixNanosOf(t time.Time) UnixNanos {
	const second, last = 1_000_000_000, math.MaxUint64 - 1
	switch s := t.Unix(); { // UnixNano is limited to times before 2262
	case s < 0:
		return 0
	case s > last/second || s == last/second && t.Nanosecond() > last%second:
		return last
	default:
		return UnixNanos(s)*second + UnixNanos(t.Nanosecond())
	}
}

// IsUndef reports whether the time is undefined.
func (t UnixNanos) IsUndef() bool { return t == UndefTimestamp }

// Time returns the time in UTC; the zero Time when it is undefined.
func (t UnixNanos) Time() time.Time {
	if t.IsUndef() {
		return time.Time{}
	}
	return time.Unix(int64(t/1e9), int64(t%1e9)).UTC()
}

// String returns the time in ISO 8601 with nine decimals, e.g. 2026-11-23T14:30:00.000000001Z;
// empty when it is undefined.
func (t UnixNanos) String() string {
	if t.IsUndef() {
		return ""
	}
	return string(t.Append(make([]byte, 0, 30)))
}

// Append appends what String returns to dst.
func (t UnixNanos) Append(dst []byte) []byte {
	if t.IsUndef() {
		return dst
	}
	year, month, day := t.Time().Date()
	rest := uint64(t % (24 * 3600 * 1e9))
	nanos := rest % 1e9
	seconds := rest / 1e9
	dst = appendPadded(dst, uint64(year), 4)
	dst = append(dst, '-')
	dst = appendPadded(dst, uint64(month), 2)
	dst = append(dst, '-')
	dst = appendPadded(dst, uint64(day), 2)
	dst = append(dst, 'T')
	dst = appendPadded(dst, seconds/3600, 2)
	dst = append(dst, ':')
	dst = appendPadded(dst, seconds/60%60, 2)
	dst = append(dst, ':')
	dst = appendPadded(dst, seconds%60, 2)
	dst = append(dst, '.')
	dst = appendPadded(dst, nanos, 9)
	return append(dst, 'Z')
}

// DateOf returns the UTC date of a time as yyyymmdd; 0 when the time is undefined.
func DateOf(t UnixNanos) uint32 {
	if t.IsUndef() {
		return 0
	}
	year, month, day := t.Time().Date()
	return uint32(year*10000 + int(month)*100 + day)
}

func appendPadded(dst []byte, v uint64, width int) []byte {
	var buf [20]byte
	i := len(buf)
	for v > 0 || width > 0 {
		i--
		buf[i] = byte('0' + v%10)
		v /= 10
		width--
	}
	return append(dst, buf[i:]...)
}

// Price is a fixed-point price; one unit is 1e-9.
type Price int64

// PriceOf converts a number to the nearest Price; halves are rounded away from zero. A number
// that is not a price gives UndefPrice: NaN, an infinity, 9223372036.854775807 or more, and
// anything below the negative of that.
func PriceOf(v float64) Price {
	const bits64 = 64
	// |v| is mantissa × 2^-shift, and the product with the scale has less than 84 bits: so
	// it is exact here, which it is not in floating point.
	fraction, exponent := math.Frexp(math.Abs(v))
	shift := 53 - exponent
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0) || exponent > 34:
		return UndefPrice
	case shift >= 2*bits64 || v == 0:
		return 0
	}
	hi, lo := bits.Mul64(uint64(fraction*(1<<53)), PriceScale)
	half := uint64(1) << ((shift - 1) % bits64)
	var carry uint64
	if shift <= bits64 {
		lo, carry = bits.Add64(lo, half, 0)
		hi += carry
	} else {
		hi += half
	}
	if shift < bits64 {
		lo = lo>>shift | hi<<(bits64-shift)
		hi >>= shift
	} else {
		lo, hi = hi>>(shift-bits64), 0
	}
	switch {
	case hi != 0 || lo >= math.MaxInt64:
		return UndefPrice
	case v < 0:
		return -Price(lo)
	}
	return Price(lo)
}

// IsUndef reports whether the price is undefined.
func (p Price) IsUndef() bool { return p == UndefPrice }

// Float64 returns the nearest floating-point number; NaN when the price is undefined.
func (p Price) Float64() float64 {
	if p.IsUndef() {
		return math.NaN()
	}
	return float64(p) / PriceScale
}

// String returns the exact price with nine decimals, e.g. 6012.250000000; empty when it is
// undefined.
func (p Price) String() string {
	if p.IsUndef() {
		return ""
	}
	return string(p.Append(make([]byte, 0, 24)))
}

// Append appends what String returns to dst.
func (p Price) Append(dst []byte) []byte {
	if p.IsUndef() {
		return dst
	}
	u := uint64(p)
	if p < 0 {
		dst = append(dst, '-')
		u = -u
	}
	dst = strconv.AppendUint(dst, u/PriceScale, 10)
	dst = append(dst, '.')
	return appendPadded(dst, u%PriceScale, 9)
}

// CStr returns the text of a fixed-size field up to its first NUL.
func CStr(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// UpgradePolicy determines how records of older versions are treated; see VersionUpgradePolicy.
type UpgradePolicy = VersionUpgradePolicy

// IsMessage reports whether records of the type are messages of the gateway rather than market
// data: errors, system messages and symbol mappings.
func (r RType) IsMessage() bool {
	return r == RTypeError || r == RTypeSystem || r == RTypeSymbolMapping
}
