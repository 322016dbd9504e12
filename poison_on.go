//go:build dbnloop_poison

package dbnloop

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/bindings"
)

// poisoner delivers each batch from a copy and overwrites it when the batch is over, so
// that a handler which kept a pointer reads 0xDB and not, by luck, its record.
type poisoner struct {
	words []uint64
	runs  []bindings.Run
}

func (p *poisoner) batch(b Batch) Batch {
	p.words = make([]uint64, (b.size+7)/8)
	p.runs = append(p.runs[:0], b.runs...)
	data := unsafe.Pointer(unsafe.SliceData(p.words))
	copy(unsafe.Slice((*byte)(data), b.size), b.Bytes())
	return Batch{data, b.size, p.runs, b.tsOut}
}

func (p *poisoner) poison() {
	for i := range p.words {
		p.words[i] = 0xDBDBDBDBDBDBDBDB
	}
}
