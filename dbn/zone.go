package dbn

import (
	"math"
	"time"
	"unsafe"
)

// zone writes times of a location. Between two changes of its distance from UTC it calculates
// with numbers alone.
type zone struct {
	begin, end uint64 // the seconds since 1970 in which the distance holds
	offset     int64  // east of UTC, in seconds: full minutes, as a suffix has them
	suffix     [6]byte
}

// zonedTime writes a time in the formatter's location, in ISO 8601 with the distance from UTC, such
// as 2026-11-23T09:30:00.000000001-05:00: 35 bytes.
func (f *formatter) zonedTime(p unsafe.Pointer, t UnixNanos) unsafe.Pointer {
	second := uint64(t) / 1e9
	if second < f.zone.begin || second >= f.zone.end {
		f.zone.find(f.options.Location, second)
		f.second = none
	}
	if second != f.second {
		f.second = second
		putSecond(unsafe.Pointer(&f.secondText), f.zone.local(second))
	}
	put8(p, f.secondText[0])
	put8(unsafe.Add(p, 8), f.secondText[1])
	put4(unsafe.Add(p, 16), uint32(f.secondText[2]))
	p = putNine(unsafe.Add(p, 20), uint32(uint64(t)-second*1e9))
	for _, c := range f.zone.suffix {
		p = putByte(p, c)
	}
	return p
}

// find takes in what holds at a second.
func (z *zone) find(location *time.Location, second uint64) {
	at := time.Unix(int64(second), 0).In(location)
	_, offset := at.Zone()
	z.begin, z.end = 0, math.MaxUint64
	begin, end := at.ZoneBounds()
	if !begin.IsZero() {
		z.begin = uint64(max(begin.Unix(), 0))
	}
	if !end.IsZero() {
		z.end = uint64(max(end.Unix(), 0))
	}
	minutes := offset / 60
	z.offset = int64(minutes) * 60
	sign := byte('+')
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	hour, minute := minutes/60%100, minutes%60
	z.suffix = [6]byte{sign, byte('0' + hour/10), byte('0' + hour%10), ':', byte('0' + minute/10), byte('0' + minute%10)}
}

// local is the location's clock at a second, as a number of seconds. Where the first or the last
// day of all times would be left, the clock stays there.
func (z *zone) local(second uint64) uint64 {
	const last = math.MaxUint64 / 1_000_000_000
	local := int64(second) + z.offset
	return uint64(min(max(local, 0), last))
}

// appendZonedTime appends a time in a location.
func appendZonedTime(dst []byte, t UnixNanos, location *time.Location) []byte {
	f := newFormatter(&TextOptions{Location: location})
	var text [35 + slack]byte
	return append(dst, upTo(text[:], f.zonedTime(unsafe.Pointer(&text), t))...)
}
