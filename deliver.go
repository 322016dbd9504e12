package dbnloop

import (
	"fmt"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// Deliver hands out records that came another way than through a client of this package, for
// example from a message queue or from shared memory: runs of records to the handlers of runs,
// single ones to the others. The records are of the current DBN version (dbn.Upgrader makes them
// so), back to back and complete, with or without ts_out. Those of types that this version does not
// know, and those that are shorter than their struct, go to Record.
//
// It calls handlers on the calling goroutine, until all records are delivered. The handlers'
// pointers and slices are views of the records, valid until the handler returns. Records that do
// not begin at a multiple of 8 bytes in memory are copied first.
//
// A record that is cut off, or whose length is impossible, is an error that names its place in
// bytes; nothing is delivered then. Deliver uses no reactor, and may be called inside handlers of
// one.
func (h *Handlers) Deliver(records []byte) error {
	for at := 0; at < len(records); {
		size := 0
		if len(records)-at >= dbn.HeaderLen {
			size = int(records[at]) * recordUnit
		}
		if size < dbn.HeaderLen || size > len(records)-at {
			return &dbn.DecodeError{
				Offset: int64(at),
				Err:    fmt.Errorf("the record is cut off or of an impossible length: %d bytes are left", len(records)-at),
			}
		}
		at += size
	}
	var cur cursor
	for len(records) > 0 {
		records = aligned(records)
		p := unsafe.Pointer(unsafe.SliceData(records))
		like := *(*head)(p)
		rtype, size := dbn.RType(rtypeOf(like)), sizeOf(like)
		count := 1
		if size%recordAlignment == 0 {
			count = runAt(p, 0, len(records))
		}
		known := dbn.SizeOf(rtype, dbn.Version)
		h.run(&cur, rtype, known != 0 && size >= known, p, size, count)
		records = records[size*count:]
	}
	return nil
}

const (
	recordUnit      = 4 // the unit of a record's length in bytes
	recordAlignment = 8
)

// aligned returns bytes that a record may be viewed in: these, or a copy.
func aligned(b []byte) []byte {
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%recordAlignment == 0 {
		return b
	}
	words := make([]uint64, (len(b)+recordAlignment-1)/recordAlignment)
	c := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(b))
	copy(c, b)
	return c
}
