package dbn

import (
	"math/bits"
	"slices"
	"unsafe"
)

// Text is written through a pointer into memory that was made large enough before (see room),
// because a check for each value would cost as much as the value. The functions named put… write
// a value at p and return its end. A number is stored four or eight digits at once, also where it
// has fewer: the bytes after the end change too, and are written again by what follows.

// slack is how many bytes after its end a value may change.
const slack = 16

// room returns dst with space for n more bytes, and the address at which they are to be written.
func room(dst []byte, n int) ([]byte, unsafe.Pointer) {
	dst = slices.Grow(dst, n+slack)
	return dst, unsafe.Add(unsafe.Pointer(unsafe.SliceData(dst)), len(dst))
}

// upTo returns dst with what was written up to p.
func upTo(dst []byte, p unsafe.Pointer) []byte {
	return dst[:uintptr(p)-uintptr(unsafe.Pointer(unsafe.SliceData(dst)))]
}

func put4(p unsafe.Pointer, v uint32) { *(*uint32)(p) = v }
func put8(p unsafe.Pointer, v uint64) { *(*uint64)(p) = v }

func putByte(p unsafe.Pointer, b byte) unsafe.Pointer {
	*(*byte)(p) = b
	return unsafe.Add(p, 1)
}

func put1Words(p unsafe.Pointer, s string, n int) unsafe.Pointer {
	put8(p, word(s, 0))
	return unsafe.Add(p, n)
}

func put2Words(p unsafe.Pointer, s string, n int) unsafe.Pointer {
	put8(p, word(s, 0))
	put8(unsafe.Add(p, 8), word(s, 8))
	return unsafe.Add(p, n)
}

func put3Words(p unsafe.Pointer, s string, n int) unsafe.Pointer {
	put2Words(p, s, 16)
	put8(unsafe.Add(p, 16), word(s, 16))
	return unsafe.Add(p, n)
}

func put4Words(p unsafe.Pointer, s string, n int) unsafe.Pointer {
	put2Words(put2Words(p, s, 16), s[16:], 16)
	return unsafe.Add(p, n)
}

func put5Words(p unsafe.Pointer, s string, n int) unsafe.Pointer {
	put2Words(put3Words(p, s, 24), s[24:], 16)
	return unsafe.Add(p, n)
}

// word is eight bytes of a text from a place on.
func word(s string, at int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), at))
}

const (
	e8    = 100_000_000
	ascii = 0x3030303030303030 // eight times '0'
)

// short holds the digits of the numbers below 1000, and in the highest byte how many they are.
var short = func() (table [1000]uint32) {
	for i := range table {
		digits := digits8(uint32(i)) | ascii
		n := 1
		if i >= 10 {
			n++
		}
		if i >= 100 {
			n++
		}
		table[i] = uint32(digits>>(64-8*n)) | uint32(n)<<24
	}
	return table
}()

// digits8 gives the eight decimal digits of a number below 1e8, one in each byte, the first in
// the lowest.
func digits8(v uint32) uint64 {
	// Two halves of four digits, then four of two, then eight of one. Each step divides all parts
	// at once, by a multiplication that is exact for numbers of their size, and puts each
	// remainder above its quotient: high + (x-high*n)<<s is x<<s - high*(n<<s-1).
	x := uint64(v)
	high := x * 3_518_437_209 >> 45
	x = x<<32 - high*(10_000<<32-1)
	high = x * 10_486 >> 20 & 0x0000_007F_0000_007F
	x = x<<16 - high*(100<<16-1)
	high = x * 103 >> 10 & 0x000F_000F_000F_000F
	return x<<8 - high*(10<<8-1)
}

// putDigits writes a number from 1 to 99,999,999 that digits8 has taken apart.
func putDigits(p unsafe.Pointer, digits uint64) unsafe.Pointer {
	leading := bits.TrailingZeros64(digits) & 0x38 // bits of the zeros before the first digit
	put8(p, (digits|ascii)>>leading)
	return unsafe.Add(p, 8-leading>>3)
}

// putShort writes a number below 1000.
func putShort(p unsafe.Pointer, v uint32) unsafe.Pointer {
	text := short[v]
	put4(p, text)
	return unsafe.Add(p, text>>24)
}

func putUint8(p unsafe.Pointer, v uint8) unsafe.Pointer { return putShort(p, uint32(v)) }

func putUint32(p unsafe.Pointer, v uint32) unsafe.Pointer {
	if v < 1000 {
		return putShort(p, v)
	}
	if v >= e8 {
		high := v / e8
		p = putUint8(p, uint8(high))
		put8(p, digits8(v-high*e8)|ascii)
		return unsafe.Add(p, 8)
	}
	return putDigits(p, digits8(v))
}

func putInt32(p unsafe.Pointer, v int32) unsafe.Pointer {
	u := uint32(v)
	if v < 0 {
		p = putByte(p, '-')
		u = -u
	}
	return putUint32(p, u)
}

func putUint64(p unsafe.Pointer, v uint64) unsafe.Pointer {
	if v < e8 {
		return putUint32(p, uint32(v))
	}
	high := v / e8
	low := digits8(uint32(v-high*e8)) | ascii
	if high < e8 {
		p = putDigits(p, digits8(uint32(high)))
		put8(p, low)
		return unsafe.Add(p, 8)
	}
	top := high / e8 // at most 1844
	middle := digits8(uint32(high-top*e8)) | ascii
	if top >= 1000 {
		p = putByte(p, '1')
		top -= 1000
		put4(p, uint32(digits8(uint32(top))>>40|ascii))
		p = unsafe.Add(p, 3)
	} else {
		p = putShort(p, uint32(top))
	}
	put8(p, middle)
	put8(unsafe.Add(p, 8), low)
	return unsafe.Add(p, 16)
}

func putInt64(p unsafe.Pointer, v int64) unsafe.Pointer {
	u := uint64(v)
	if v < 0 {
		p = putByte(p, '-')
		u = -u
	}
	return putUint64(p, u)
}
