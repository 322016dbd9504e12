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

func runSlices[T any](cur *cursor, f func([]T), p unsafe.Pointer, size, count int) {
	if size == int(unsafe.Sizeof(*new(T))) {
		cur.consumed += size * count
		f(unsafe.Slice((*T)(p), count))
		return
	}
	// Longer than the type (ts_out behind each): the records do not lie side by side.
	for ; count > 0 && !cur.stop; count-- {
		cur.consumed += size
		f(unsafe.Slice((*T)(p), 1))
		p = unsafe.Add(p, size)
	}
}

func runEach[T any](cur *cursor, f func(*T), p unsafe.Pointer, size, count int) {
	for ; count > 0 && !cur.stop; count-- {
		cur.consumed += size
		f((*T)(p))
		p = unsafe.Add(p, size)
	}
}

func runViews(cur *cursor, f func(dbn.Record), p unsafe.Pointer, size, count int) {
	if f == nil {
		cur.consumed += size * count
		return
	}
	for ; count > 0 && !cur.stop; count-- {
		cur.consumed += size
		f(dbn.RecordAt(p))
		p = unsafe.Add(p, size)
	}
}
