package dbn

import (
	"iter"
	"unsafe"
)

// Run is one or more records of one type and size that lie back to back in memory. It is valid as
// long as its first record.
type Run struct {
	First Record
	Count int
}

// Bytes returns the bytes of the records, in place.
func (r Run) Bytes() []byte {
	return unsafe.Slice((*byte)(r.First.Pointer()), r.Count*r.First.Size())
}

// At returns the record at an index from 0 to Count - 1.
func (r Run) At(i int) Record {
	return RecordAt(unsafe.Add(r.First.Pointer(), i*r.First.Size()))
}

// Slice returns the records from one index up to another, which is not included; at least one.
func (r Run) Slice(from, to int) Run { return Run{r.At(from), to - from} }

// Records iterates over the records.
func (r Run) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for i := range r.Count {
			if !yield(r.At(i)) {
				return
			}
		}
	}
}

// NextRun returns the next record together with those after it that are like it and have already
// been read from the input. It is valid until the next call. Errors are those of Next.
//
// NextRun and Next may be called in any order.
func (d *Decoder) NextRun() (Run, error) {
	first, err := d.Next()
	if err != nil {
		return Run{}, err
	}
	head := *(*uint16)(first.Pointer())
	size := first.Size()
	if size%8 != 0 || d.plain[head>>8] != head {
		return Run{first, 1}, nil // the next one is not aligned, or this one is not in the buffer
	}
	at := d.pos
	for d.end-at >= size && *(*uint16)(unsafe.Pointer(&d.buf[at])) == head {
		at += size
	}
	more := at - d.pos
	d.pos = at
	d.offset += int64(more)
	return Run{first, 1 + more/size}, nil
}
