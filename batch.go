package dbnloop

import (
	"iter"
	"unsafe"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// Batch is a stretch of records in memory of the C++ core, valid until the next turn of
// the reactor, or the next step of the iterator that gave it.
type Batch struct {
	data  unsafe.Pointer
	size  int
	runs  []bindings.Run
	tsOut bool
}

// Bytes are the records as they lie, one after the other; valid as long as the batch.
func (b Batch) Bytes() []byte { return unsafe.Slice((*byte)(b.data), b.size) }

// TsOut reports whether the records carry the gateway's send time.
func (b Batch) TsOut() bool { return b.tsOut }

// Len is the number of records.
func (b Batch) Len() int {
	n := 0
	for i := range b.runs {
		n += int(b.runs[i].Count)
	}
	return n
}

// Run is consecutive records of the same rtype and size.
type Run struct {
	RType      dbn.RType
	Count      int
	RecordSize int // bytes of one record, ts_out included
	// Typed: the records are at least as long as the struct of their rtype.
	Typed bool
	data  unsafe.Pointer
}

// Runs walks the batch run by run.
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
	}
}

// Records walks the batch record by record.
func (b Batch) Records() iter.Seq[dbn.Record] {
	return func(yield func(dbn.Record) bool) {
		for at := 0; at < b.size; {
			r := dbn.RecordAt(unsafe.Add(b.data, at))
			at += r.Size()
			if !yield(r) {
				return
			}
		}
	}
}

// Records walks the run record by record.
func (r Run) Records() iter.Seq[dbn.Record] {
	return func(yield func(dbn.Record) bool) {
		for i := range r.Count {
			if !yield(dbn.RecordAt(unsafe.Add(r.data, i*r.RecordSize))) {
				return
			}
		}
	}
}

// recordType is what all record types have in common; HasRType looks at no field.
type recordType[T any] interface {
	*T
	HasRType(dbn.RType) bool
}

// RunOf views a run as a slice of its type, in place; nil when the type is another, or the
// records are longer than it: those of a stream with ts_out are seen by RunWithTsOut.
func RunOf[T any, P recordType[T]](r Run) []T {
	if !r.Typed || !P(nil).HasRType(r.RType) || r.RecordSize != int(unsafe.Sizeof(*new(T))) {
		return nil
	}
	return unsafe.Slice((*T)(r.data), r.Count)
}

// RunWithTsOut views a run of a stream with ts_out as a slice, in place; nil when the type
// is another.
func RunWithTsOut[T any, P recordType[T]](r Run) []dbn.WithTsOut[T] {
	if !r.Typed || !P(nil).HasRType(r.RType) || r.RecordSize != int(unsafe.Sizeof(dbn.WithTsOut[T]{})) {
		return nil
	}
	return unsafe.Slice((*dbn.WithTsOut[T])(r.data), r.Count)
}
