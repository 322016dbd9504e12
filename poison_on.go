//go:build dbnloop_poison

package dbnloop

import (
	"slices"
	"unsafe"
)

const poisoned = true

// poisoner delivers each batch from a copy and overwrites the copy when the batch ends, so that
// a handler that kept a pointer reads 0xDB instead of, by luck, its record.
//
// Each copy is memory of Go's heap that is never reused for another batch: it stays poisoned
// and in place for as long as anything points to it. A poisoned record claims to have 4 * 0xDB
// bytes, so the copy has room for the longest record after its last one, and no length that is
// read there leads out of it. The table of runs is a copy too and keeps its values; otherwise a
// batch that was kept would be walked by the runs of another one.
type poisoner struct{ words []uint64 }

const longestRecord = 255 * 4

func (p *poisoner) batch(b Batch) Batch {
	p.words = make([]uint64, (b.size+longestRecord+7)/8)
	for i := b.size / 8; i < len(p.words); i++ {
		p.words[i] = poison
	}
	data := unsafe.Pointer(unsafe.SliceData(p.words))
	copy(unsafe.Slice((*byte)(data), b.size), b.Bytes())
	return Batch{data, b.size, slices.Clone(b.runs), b.tsOut}
}

const poison = 0xDBDBDBDBDBDBDBDB

func (p *poisoner) poison() {
	for i := range p.words {
		p.words[i] = poison
	}
	p.words = nil
}
