package dbnloop

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// cursor says how far into a batch delivery has come. It moves before a handler is called.
type cursor struct {
	consumed int  // bytes taken
	stop     bool // set by a handler's call after which delivery must be looked at anew
	client   *source
}

// stopFor breaks off the delivery in progress when it is this client's; whether it goes on
// is the client's to say.
func (c *cursor) stopFor(client *source) {
	if c.client == client {
		c.stop = true
	}
}

// The functions below hand out count records of size bytes each from p on. They form no
// pointer behind the last record: a pointer past the end of its memory may be one into
// whatever lies there, and Go's collector takes it for a reference to that.

func runSlices[T any](cur *cursor, f func([]T), p unsafe.Pointer, size, count int) {
	if size == int(unsafe.Sizeof(*new(T))) {
		cur.consumed += size * count
		f(unsafe.Slice((*T)(p), count))
		return
	}
	// Longer than the type (ts_out behind each): the records do not lie side by side.
	for i := 0; i < count && !cur.stop; i++ {
		cur.consumed += size
		f(unsafe.Slice((*T)(unsafe.Add(p, i*size)), 1))
	}
}

func runEach[T any](cur *cursor, f func(*T), p unsafe.Pointer, size, count int) {
	for i := 0; i < count && !cur.stop; i++ {
		cur.consumed += size
		f((*T)(unsafe.Add(p, i*size)))
	}
}

func runViews(cur *cursor, f func(dbn.Record), p unsafe.Pointer, size, count int) {
	if f == nil {
		cur.consumed += size * count
		return
	}
	for i := 0; i < count && !cur.stop; i++ {
		cur.consumed += size
		f(dbn.RecordAt(unsafe.Add(p, i*size)))
	}
}
