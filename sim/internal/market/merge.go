package market

import (
	"cmp"
	"container/heap"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// merge orders the records of all sources by index timestamp. Within one source the order
// stays; equal timestamps keep the order of the sources.
func (t *Timeline) merge(sources []*Data) {
	for _, s := range sources {
		if int(s.Meta.Schema) < NumSchemas {
			t.Offers[s.Meta.Schema] = true
		}
	}
	if s := sources[0]; len(sources) == 1 && (s.Meta.Schema != dbn.SchemaNone || t.disk != nil) {
		t.data, t.uniform, t.size = s.records, sourceTag(s, nil), max(len(s.records), int(s.size))
		return
	}
	total := 0
	for _, s := range sources {
		total += len(s.records)
	}
	t.data, t.size = make([]byte, 0, total), total
	heads := make(mergeHeads, 0, len(sources))
	for i, s := range sources {
		if h := (&mergeHead{order: i, source: s, rest: s.records}); h.load() {
			heads = append(heads, h)
		}
	}
	heap.Init(&heads)
	for len(heads) > 0 {
		h := heads[0]
		size := wire.Size(h.rest)
		t.tags = append(t.tags, sourceTag(h.source, h.rest))
		t.data = append(t.data, h.rest[:size]...)
		h.rest = h.rest[size:]
		if h.load() {
			heap.Fix(&heads, 0)
		} else {
			heap.Pop(&heads)
		}
	}
}

// mergeHead is a source and the records of it that are not in the timeline yet.
type mergeHead struct {
	order  int
	source *Data
	rest   []byte
	ts     uint64
}

// mergeHeads is a heap: the source whose record is next comes first.
type mergeHeads []*mergeHead

func (h mergeHeads) Len() int      { return len(h) }
func (h mergeHeads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h mergeHeads) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].ts, h[j].ts), cmp.Compare(h[i].order, h[j].order)) < 0
}

// Push is for [heap.Interface]; sources are there from the beginning.
func (h *mergeHeads) Push(any) { panic("market: a source after the beginning of the merge") }

// Pop removes the last source.
func (h *mergeHeads) Pop() any {
	last := len(*h) - 1
	head := (*h)[last]
	*h = (*h)[:last]
	return head
}

// load takes the timestamp of the next record. It never goes backwards within a source,
// and an undefined one counts as the one before.
func (h *mergeHead) load() bool {
	if len(h.rest) == 0 {
		return false
	}
	if ts := IndexTs(h.rest); ts != UndefTimestamp {
		h.ts = max(h.ts, ts)
	}
	return true
}
