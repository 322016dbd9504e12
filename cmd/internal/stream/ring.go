package stream

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// ring holds copies of the last data records, and of the messages that came among them, in
// their order. Its slots are used again, so that it allocates only until it has seen the
// largest records.
type ring struct {
	slots [][]uint64 // words, for the alignment that records need
	first uint64     // the slot of the oldest record
	held  uint64     // records
	data  uint64     // data records among them
	limit uint64     // of data records
	// passed takes a message that came before the oldest record that is held.
	passed func(dbn.Record)
}

func newRing(limit uint64, passed func(dbn.Record)) *ring {
	return &ring{limit: limit, passed: passed}
}

// push adds a data record in place of the oldest one, once there are as many as may be.
func (q *ring) push(r dbn.Record) {
	if q.limit == 0 {
		return
	}
	if q.data == q.limit {
		q.pass()
		q.drop()
		q.pass()
	}
	q.add(r)
	q.data++
}

// pass drops the messages before the oldest data record.
func (q *ring) pass() {
	for q.held > 0 && q.at(0).RType().IsMessage() {
		q.passed(q.at(0))
		q.drop()
	}
}

// message adds a message, unless it comes before all data records of a full ring.
func (q *ring) message(r dbn.Record) {
	if q.limit == 0 {
		q.passed(r)
		return
	}
	q.add(r)
}

func (q *ring) add(r dbn.Record) {
	if q.held == uint64(len(q.slots)) {
		q.grow()
	}
	at := (q.first + q.held) % uint64(len(q.slots))
	q.slots[at] = CopyRecord(q.slots[at], r)
	q.held++
}

func (q *ring) grow() {
	slots := make([][]uint64, max(2*len(q.slots), 16))
	for i := range q.held {
		slots[i] = q.slots[(q.first+i)%q.held]
	}
	q.slots, q.first = slots, 0
}

func (q *ring) drop() {
	if !q.at(0).RType().IsMessage() {
		q.data--
	}
	q.first = (q.first + 1) % uint64(len(q.slots))
	q.held--
}

// at is the record that came i records after the oldest one.
func (q *ring) at(i uint64) dbn.Record {
	return RecordIn(q.slots[(q.first+i)%uint64(len(q.slots))])
}

// each hands out the records, oldest first.
func (q *ring) each(f func(dbn.Record) error) error {
	for i := range q.held {
		if err := f(q.at(i)); err != nil {
			return err
		}
	}
	return nil
}

// CopyRecord copies a record into words, or into new ones when it needs more.
func CopyRecord(words []uint64, r dbn.Record) []uint64 {
	n := (r.Size() + 7) / 8
	if cap(words) < n {
		words = make([]uint64, n)
	}
	words = words[:n]
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), r.Size()), r.Bytes())
	return words
}

// RecordIn is the record that CopyRecord has put there.
func RecordIn(words []uint64) dbn.Record {
	return dbn.RecordAt(unsafe.Pointer(unsafe.SliceData(words)))
}
