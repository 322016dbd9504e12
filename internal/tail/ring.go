package tail

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// ring holds copies of the last records. Its slots are used again, so that it allocates
// only until it has seen the largest records.
type ring struct {
	slots [][]uint64 // words, for the alignment that records need
	limit uint64
	next  uint64 // of the slot to overwrite, once all are taken
}

func newRing(limit uint64) *ring { return &ring{limit: limit} }

func (q *ring) push(r dbn.Record) {
	if q.limit == 0 {
		return
	}
	words := (r.Size() + 7) / 8
	if uint64(len(q.slots)) < q.limit {
		q.slots = append(q.slots, nil)
	}
	at := q.next
	q.next = (q.next + 1) % q.limit
	if cap(q.slots[at]) < words {
		q.slots[at] = make([]uint64, words)
	}
	slot := q.slots[at][:words]
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(slot))), r.Size()), r.Bytes())
	q.slots[at] = slot
}

// each hands out the records, oldest first.
func (q *ring) each(f func(dbn.Record) error) error {
	n := uint64(len(q.slots))
	first := uint64(0)
	if n == q.limit {
		first = q.next
	}
	for i := range n {
		slot := q.slots[(first+i)%n]
		if err := f(dbn.RecordAt(unsafe.Pointer(unsafe.SliceData(slot)))); err != nil {
			return err
		}
	}
	return nil
}
