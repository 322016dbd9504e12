package dbn

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"slices"
)

// MergeMetadata returns the header of several streams that are merged into one. Version, dataset,
// symbologies, ts_out and symbol length must be equal. The time range is the smallest that covers
// all streams, the schema is SchemaNone unless it is the same in all, the limit is dropped, and the
// lists of symbols and mappings are united in the order of appearance.
func MergeMetadata(inputs ...*Metadata) (*Metadata, error) {
	if len(inputs) == 0 {
		return nil, errors.New("dbn: no metadata to merge")
	}
	out := *inputs[0]
	out.Symbols, out.Partial, out.NotFound = slices.Clone(out.Symbols), slices.Clone(out.Partial), slices.Clone(out.NotFound)
	out.Mappings = slices.Clone(out.Mappings)
	for _, m := range inputs[1:] {
		if err := mergeable(&out, m); err != nil {
			return nil, err
		}
		if out.Schema != m.Schema {
			out.Schema = SchemaNone
		}
		out.Start = min(out.Start, m.Start)
		out.End = laterEnd(out.End, m.End)
		out.Limit = 0
		out.RecordCount = nil
		out.Symbols = unite(out.Symbols, m.Symbols)
		out.Partial = unite(out.Partial, m.Partial)
		out.NotFound = unite(out.NotFound, m.NotFound)
		if err := mergeMappings(&out, m.Mappings); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

func mergeable(a, b *Metadata) error {
	differ := func(what string, x, y any) error {
		return fmt.Errorf("dbn: streams of different %s cannot be merged: %v and %v", what, x, y)
	}
	switch {
	case a.Version != b.Version:
		return fmt.Errorf("dbn: streams of different DBN versions cannot be merged: %d and %d; read both with an upgrade to version 3", a.Version, b.Version)
	case a.Dataset != b.Dataset:
		return differ("datasets", a.Dataset, b.Dataset)
	case a.StypeIn != b.StypeIn:
		return differ("stype_in", stypeText(a.StypeIn), stypeText(b.StypeIn))
	case a.StypeOut != b.StypeOut:
		return differ("stype_out", stypeText(a.StypeOut), stypeText(b.StypeOut))
	case a.TsOut != b.TsOut:
		return differ("ts_out", a.TsOut, b.TsOut)
	case a.SymbolCstrLen != b.SymbolCstrLen:
		return differ("symbol_cstr_len", a.SymbolCstrLen, b.SymbolCstrLen)
	}
	return nil
}

// stypeText names a symbology in a message; a live capture has no symbology, because its
// subscriptions may differ.
func stypeText(s SType) string {
	if s == STypeNone {
		return "none (a live capture)"
	}
	return s.String()
}

// laterEnd is the greater end; an undefined one counts as the smallest.
func laterEnd(a, b UnixNanos) UnixNanos {
	if a == 0 || a.IsUndef() {
		return b
	}
	if b.IsUndef() {
		return a
	}
	return max(a, b)
}

func unite(list, more []string) []string {
	seen := make(map[string]bool, len(list)+len(more))
	for _, s := range list {
		seen[s] = true
	}
	for _, s := range more {
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

func mergeMappings(out *Metadata, more []SymbolMapping) error {
	index := make(map[string]int, len(out.Mappings)+len(more))
	for i := range out.Mappings {
		index[out.Mappings[i].RawSymbol] = i
	}
	for _, m := range more {
		i, known := index[m.RawSymbol]
		if !known {
			index[m.RawSymbol] = len(out.Mappings)
			out.Mappings = append(out.Mappings, m)
			continue
		}
		merged, err := mergeIntervals(out.Mappings[i].Intervals, m.Intervals)
		if err != nil {
			return fmt.Errorf("dbn: mapping of %q: %w", m.RawSymbol, err)
		}
		out.Mappings[i].Intervals = merged
	}
	return nil
}

// mergeIntervals unites two lists that are sorted by date. Overlapping intervals with the same
// target become one.
func mergeIntervals(a, b []MappingInterval) ([]MappingInterval, error) {
	var out []MappingInterval
	for len(a) > 0 || len(b) > 0 {
		var next MappingInterval
		if len(b) == 0 || len(a) > 0 && a[0].StartDate <= b[0].StartDate {
			next, a = a[0], a[1:]
		} else {
			next, b = b[0], b[1:]
		}
		if len(out) == 0 || next.StartDate >= out[len(out)-1].EndDate {
			out = append(out, next)
			continue
		}
		last := &out[len(out)-1]
		if last.Symbol != next.Symbol {
			return nil, fmt.Errorf("%s until %d and %s from %d on overlap", last.Symbol, last.EndDate, next.Symbol, next.StartDate)
		}
		last.EndDate = max(last.EndDate, next.EndDate)
	}
	return out, nil
}

// Merger reads several streams as one, ordered by the index timestamps of their records. Records
// with equal timestamps are in the order of the streams. Each stream must itself be ordered.
type Merger struct {
	decoders []*Decoder
	heads    mergeHeap // heads[0] is the record that was returned last
	began    bool
	failed   error
}

// NewMerger creates a Merger, without reading anything yet. The caller must still close the
// decoders.
func NewMerger(decoders ...*Decoder) *Merger { return &Merger{decoders: decoders} }

// MergeError is a fault of one of the streams of a Merger.
type MergeError struct {
	Stream int // index of the decoder
	Err    error
}

func (e *MergeError) Error() string { return fmt.Sprintf("dbn: stream %d: %v", e.Stream, e.Err) }

// Unwrap returns the cause.
func (e *MergeError) Unwrap() error { return e.Err }

// Next returns the next record, which is valid until the next call, or io.EOF when all streams
// have ended. A stream that fails ends the merge with a *MergeError, because the order of what
// follows is unknown.
func (m *Merger) Next() (Record, error) {
	if m.failed != nil {
		return Record{}, m.failed
	}
	if err := m.advance(); err != nil {
		m.failed = err
		return Record{}, err
	}
	if len(m.heads) == 0 {
		return Record{}, io.EOF
	}
	return m.heads[0].record, nil
}

// advance reads the next record of the stream whose record was returned last; until now the
// caller was using that record.
func (m *Merger) advance() error {
	if !m.began {
		m.began = true
		for i := range m.decoders {
			head := mergeHead{stream: i}
			switch more, err := head.read(m.decoders[i]); {
			case err != nil:
				return err
			case more:
				m.heads = append(m.heads, head)
			}
		}
		heap.Init(&m.heads)
		return nil
	}
	if len(m.heads) == 0 {
		return nil
	}
	more, err := m.heads[0].read(m.decoders[m.heads[0].stream])
	switch {
	case err != nil:
		return err
	case more:
		heap.Fix(&m.heads, 0)
	default:
		heap.Pop(&m.heads)
	}
	return nil
}

// mergeHead is the next record of a stream.
type mergeHead struct {
	ts     UnixNanos
	stream int
	record Record
}

func (h *mergeHead) read(d *Decoder) (more bool, err error) {
	r, err := d.Next()
	switch {
	case err == nil:
		h.ts, h.record = r.IndexTs(), r
		return true, nil
	case err == io.EOF: //nolint:errorlint // a clean end is io.EOF itself, a cut is a *DecodeError
		return false, nil
	}
	return false, &MergeError{h.stream, err}
}

type mergeHeap []mergeHead

func (h mergeHeap) Len() int { return len(h) }
func (h mergeHeap) Less(i, j int) bool {
	return h[i].ts < h[j].ts || h[i].ts == h[j].ts && h[i].stream < h[j].stream
}
func (h mergeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *mergeHeap) Push(x any) { *h = append(*h, x.(mergeHead)) }

// Pop is for container/heap.
func (h *mergeHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
