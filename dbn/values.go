package dbn

import (
	"bytes"
	"math"
	"math/bits"
	"time"
	"unsafe"
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
	var text [30 + slack]byte
	second := uint64(t) / 1e9
	p := putNine(putSecond(unsafe.Pointer(&text), second), uint32(uint64(t)-second*1e9))
	return append(dst, upTo(text[:], putByte(p, 'Z'))...)
}

// putSecond writes a number of seconds since 1970 as a date and a time of the day, with a point
// after it: 20 bytes.
func putSecond(p unsafe.Pointer, second uint64) unsafe.Pointer {
	day := uint32(second / 86_400)
	ofDay := uint32(second - uint64(day)*86_400)
	minute := ofDay / 60
	hour := minute / 60
	date := digits8(dateOfDay(day)) | ascii                                    // yyyymmdd
	clock := digits8(hour*10_000+(minute-hour*60)*100+ofDay-minute*60) | ascii // 00hhmmss
	put8(p, date&0xFFFF_FFFF|'-'<<32|date>>32&0xFFFF<<40|'-'<<56)
	put8(unsafe.Add(p, 8), date>>48|'T'<<16|clock>>16&0xFFFF<<24|':'<<40|clock>>32<<48)
	put4(unsafe.Add(p, 16), uint32(':'|clock>>48<<8|'.'<<24))
	return unsafe.Add(p, 20)
}

// putNine writes the nine digits of a number below 1e9.
func putNine(p unsafe.Pointer, v uint32) unsafe.Pointer {
	high := v / e8
	p = putByte(p, byte('0'+high))
	put8(p, digits8(v-high*e8)|ascii)
	return unsafe.Add(p, 8)
}

// dateOfDay is the date, as yyyymmdd, of a number of days since 1970-01-01, at most 213,503: the
// last day of a time. It counts in years that begin in March, so that the leap day is their last
// (Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms").
func dateOfDay(day uint32) uint32 {
	n := 4*(day+719_468) + 3 // quarters of a day since 0000-03-01
	century := n / 146_097
	n = n%146_097 | 3
	product := uint64(n) * 2_939_745 // 2^32 divided by the 1461 quarters of a year, nearly
	year := 100*century + uint32(product>>32)
	ofYear := uint32(product) / 2_939_745 / 4
	n = 2_141*ofYear + 197_913
	month, ofMonth := n>>16, n&0xFFFF/2_141
	if ofYear >= 306 { // January and February
		year++
		month -= 12
	}
	return year*10_000 + month*100 + ofMonth + 1
}

// DateOf returns the UTC date of a time as yyyymmdd; 0 when the time is undefined.
func DateOf(t UnixNanos) uint32 {
	if t.IsUndef() {
		return 0
	}
	return dateOfDay(uint32(t / (86_400 * 1e9)))
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
	var text [21 + slack]byte
	return append(dst, upTo(text[:], putPrice(unsafe.Pointer(&text), p))...)
}

// putPrice writes what String returns.
func putPrice(p unsafe.Pointer, v Price) unsafe.Pointer {
	if v.IsUndef() {
		return p
	}
	u := uint64(v)
	if v < 0 {
		p = putByte(p, '-')
		u = -u
	}
	units := u / PriceScale
	p = putUint64(p, units)
	return putNine(putByte(p, '.'), uint32(u-units*PriceScale))
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
