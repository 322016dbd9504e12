package dbnloop

import (
	"iter"
	"unsafe"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// Batch is a sequence of records in memory of the C++ core. It is valid until the next turn of
// the reactor, or the next step of the iterator that yielded it.
type Batch struct {
	data  unsafe.Pointer
	size  int
	runs  []bindings.Run // none: mixed records, each of which is typed
	tsOut bool
}

// Bytes returns the memory of the records, one after the other. It is valid as long as the
// batch.
func (b Batch) Bytes() []byte { return unsafe.Slice((*byte)(b.data), b.size) }

// TsOut reports whether the records carry the gateway's send time.
func (b Batch) TsOut() bool { return b.tsOut }

// Len returns the number of records.
func (b Batch) Len() int {
	n := 0
	for i := range b.runs {
		n += int(b.runs[i].Count)
	}
	if len(b.runs) == 0 {
		for at := 0; at < b.size; at += b.at(at).Size() {
			n++
		}
	}
	return n
}

// at views the record at an offset.
func (b Batch) at(offset int) dbn.Record { return dbn.RecordAt(unsafe.Add(b.data, offset)) }

// head is the first two bytes of a record, its length and its rtype. Records of the same head form
// a run.
type head = uint16

func sizeOf(h head) int    { return int(h&0xFF) * 4 }
func rtypeOf(h head) uint8 { return uint8(h >> 8) }

// runAt returns the number of consecutive complete records that are like the one at an offset.
func runAt(data unsafe.Pointer, offset, size int) int {
	n, like := 1, *(*head)(unsafe.Add(data, offset))
	step := sizeOf(like)
	for at := offset + step; size-at >= step && *(*head)(unsafe.Add(data, at)) == like; at += step {
		n++
	}
	return n
}

// Run is a sequence of records of the same rtype and size.
type Run struct {
	RType      dbn.RType
	Count      int
	RecordSize int // bytes of one record, including ts_out
	// Typed reports that the records can be read as the struct of their rtype.
	Typed bool
	data  unsafe.Pointer
}

// Runs iterates over the runs of the batch.
func (b Batch) Runs() iter.Seq[Run] {
	return func(yield func(Run) bool) {
		at := 0
		for i := range b.runs {
			run := &b.runs[i]
			r := Run{dbn.RType(run.RType), int(run.Count), int(run.RecordSize), run.Typed != 0, unsafe.Add(b.data, at)}
			if !yield(r) {
				return
			}
			at += r.Count * r.RecordSize
		}
		if len(b.runs) != 0 {
			return
		}
		for at < b.size {
			p := unsafe.Add(b.data, at)
			of := *(*head)(p)
			r := Run{dbn.RType(rtypeOf(of)), runAt(b.data, at, b.size), sizeOf(of), true, p}
			if !yield(r) {
				return
			}
			at += r.Count * r.RecordSize
		}
	}
}

// Records iterates over the records of the batch.
func (b Batch) Records() iter.Seq[dbn.Record] {
	return func(yield func(dbn.Record) bool) {
		for at := 0; at < b.size; {
			r := b.at(at)
			at += r.Size()
			if !yield(r) {
				return
			}
		}
	}
}

// Records iterates over the records of the run.
func (r Run) Records() iter.Seq[dbn.Record] {
	return func(yield func(dbn.Record) bool) {
		for i := range r.Count {
			if !yield(dbn.RecordAt(unsafe.Add(r.data, i*r.RecordSize))) {
				return
			}
		}
	}
}

// recordType is implemented by all record types. HasRType reads no field.
type recordType[T any] interface {
	*T
	HasRType(dbn.RType) bool
}

// RunOf views a run as a slice of its type, in place. It returns nil when the type is a
// different one, or when the records are longer than it; for streams with ts_out use
// RunWithTsOut.
func RunOf[T any, P recordType[T]](r Run) []T {
	if !r.Typed || !P(nil).HasRType(r.RType) || r.RecordSize != int(unsafe.Sizeof(*new(T))) {
		return nil
	}
	return unsafe.Slice((*T)(r.data), r.Count)
}

// RunWithTsOut views a run of a stream with ts_out as a slice, in place. It returns nil when
// the type is a different one.
func RunWithTsOut[T any, P recordType[T]](r Run) []dbn.WithTsOut[T] {
	if !r.Typed || !P(nil).HasRType(r.RType) || r.RecordSize != int(unsafe.Sizeof(dbn.WithTsOut[T]{})) {
		return nil
	}
	return unsafe.Slice((*dbn.WithTsOut[T])(r.data), r.Count)
}
