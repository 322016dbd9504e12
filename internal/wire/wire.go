// Package wire has what the servers that send DBN do to the bytes of records.
package wire

import (
	"encoding/binary"
	"time"
	"unsafe"
)

// lengthUnit is what a record's first byte counts in.
const lengthUnit = 4

// HeaderLen is the length of the header that every record begins with, in bytes.
const HeaderLen = 16

// TsOutLen is the length of the send time at the end of a record, in bytes.
const TsOutLen = 8

// Size is the length that a record states, in bytes.
func Size(rec []byte) int { return int(rec[0]) * lengthUnit }

// SetSize states a record's length, in bytes.
func SetSize(rec []byte, size int) { rec[0] = uint8(size / lengthUnit) }

// BytesOf is a record's memory, which is its wire form: the types have no implicit
// padding, and the order of bytes is the machine's, little endian.
func BytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// Sealed is the record's bytes with its length set.
func Sealed[T any](m *T) []byte {
	rec := BytesOf(m)
	SetSize(rec, len(rec))
	return rec
}

// SetText copies a text into a field that ends with at least one NUL. What does not fit is
// cut off.
func SetText(field []byte, text string) {
	copy(field[:len(field)-1], text)
}

// maxSize is the longest record that a length can state, in bytes.
const maxSize = 255 * lengthUnit

// AppendTsOut adds the send time to the record that begins at dst[at] and is the last one. A record
// whose length could not state it stays as it is.
func AppendTsOut(dst []byte, at int, now time.Time) []byte {
	if len(dst)-at > maxSize-TsOutLen {
		return dst
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(now.UnixNano()))
	SetSize(dst[at:], len(dst)-at)
	return dst
}
