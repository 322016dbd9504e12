package dbnloop

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// cursor is the position of delivery within a batch. It advances before a handler is called.
type cursor struct {
	consumed int  // bytes consumed
	stop     bool // set by a call of a handler after which delivery must check its state again
	client   *source
}

// stopFor interrupts the delivery in progress if it belongs to this client, which decides
// whether delivery continues.
func (c *cursor) stopFor(client *source) {
	if c.client == client {
		c.stop = true
	}
}

// The functions below deliver count records of size bytes each, starting at p. They form no
// pointer past the last record: such a pointer may point into other memory, and Go's collector
// takes it for a reference to that.

func runSlices[T any](cur *cursor, f func([]T), p unsafe.Pointer, size, count int) {
	if size == int(unsafe.Sizeof(*new(T))) {
		cur.consumed += size * count
		f(unsafe.Slice((*T)(p), count))
		return
	}
	// The records are longer than the type (a ts_out follows each), so they do not form a
	// slice.
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

// oneByOne holds, by rtype, what is called with the address of each record; nil where a handler
// takes runs.
type oneByOne [256]func(unsafe.Pointer)

// each delivers the records of a mixed batch until a handler stops it.
func (t *oneByOne) each(cur *cursor, h *Handlers, b *mixedBatch) {
	data, size := b.data, b.size
	heads, counts := b.mixed.Heads, b.mixed.Counts
	for at := cur.consumed; size-at >= dbn.HeaderLen && !cur.stop; {
		p := unsafe.Add(data, at)
		like := *(*head)(p)
		n := sizeOf(like)
		if heads[rtypeOf(like)] != like || n > size-at {
			return
		}
		if f := t[rtypeOf(like)]; f != nil {
			counts[rtypeOf(like)]++
			b.mixed.Last = uintptr(at)
			at += n
			cur.consumed = at
			f(p)
			continue
		}
		// In streams with ts_out a slice holds one record.
		count := 1
		if !b.tsOut {
			count = runAt(data, at, size)
		}
		counts[rtypeOf(like)] += uint32(count)
		b.mixed.Last = uintptr(at + (count-1)*n)
		h.run(cur, dbn.RType(rtypeOf(like)), true, p, n, count)
		at = cur.consumed
	}
}

// mixedBatch is memory of a client that nobody has checked yet. Its plain records (see DbnParser in
// C++) are delivered; what follows them is left for the next batch.
type mixedBatch struct {
	Batch
	mixed *bindings.Mixed
}

// next returns the size of the record at an offset, or 0 if it is not complete or not plain, and
// notes that it is delivered.
func (b *mixedBatch) next(at int) int {
	if b.size-at < dbn.HeaderLen {
		return 0
	}
	like := *(*head)(unsafe.Add(b.data, at))
	n := sizeOf(like)
	if b.mixed.Heads[rtypeOf(like)] != like || n > b.size-at {
		return 0
	}
	b.mixed.Counts[rtypeOf(like)]++
	b.mixed.Last = uintptr(at)
	return n
}

// yieldEach yields records until the body of the loop interrupts it. It returns false if that left
// the loop.
func (b *mixedBatch) yieldEach(cur *cursor, yield func(dbn.Record) bool) bool {
	data, size := b.data, b.size
	heads, counts := b.mixed.Heads, b.mixed.Counts
	for at := cur.consumed; size-at >= dbn.HeaderLen && !cur.stop; {
		p := unsafe.Add(data, at)
		like := *(*head)(p)
		n := sizeOf(like)
		if heads[rtypeOf(like)] != like || n > size-at {
			return true
		}
		counts[rtypeOf(like)]++
		b.mixed.Last = uintptr(at)
		at += n
		cur.consumed = at
		if !yield(dbn.RecordAt(p)) {
			return false
		}
	}
	return true
}

// yieldEach is that of a batch whose records were checked.
func (b Batch) yieldEach(cur *cursor, yield func(dbn.Record) bool) bool {
	for at := cur.consumed; at < b.size && !cur.stop; {
		r := b.at(at)
		at += r.Size()
		cur.consumed = at
		if !yield(r) {
			return false
		}
	}
	return true
}

// checked returns the plain records as a batch, and notes that they are delivered.
func (b *mixedBatch) checked() Batch {
	checked := b.Batch
	checked.size = 0
	for n := b.next(0); n != 0; n = b.next(checked.size) {
		checked.size += n
	}
	return checked
}

// handlerOf returns what receives the records of type T one by one; nil if that is the handler
// of runs. A *T, a dbn.Record and an unsafe.Pointer are all one pointer, and passed alike.
func handlerOf[T any](runs func([]T), one func(*T), record func(dbn.Record)) func(unsafe.Pointer) {
	switch {
	case runs != nil:
		return nil
	case one != nil:
		return *(*func(unsafe.Pointer))(unsafe.Pointer(&one))
	case record != nil:
		return *(*func(unsafe.Pointer))(unsafe.Pointer(&record))
	}
	return skip
}

func skip(unsafe.Pointer) {}

// A dbn.Record is one pointer, or this does not compile.
var _ [unsafe.Sizeof(uintptr(0))]struct{} = [unsafe.Sizeof(dbn.Record{})]struct{}{}
