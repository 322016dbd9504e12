package dbn

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"
)

// PitSymbolMap is a point-in-time map from instrument id to text symbol, for one date of
// historical data, or kept up to date from a live stream.
type PitSymbolMap struct {
	symbols map[uint32]string
}

// NewPitSymbolMap creates an empty map, for a live stream.
func NewPitSymbolMap() *PitSymbolMap { return &PitSymbolMap{map[uint32]string{}} }

// PitSymbolMapOf creates a map of the mappings on a UTC date (yyyymmdd): the first interval of
// each mapping with start <= date < end. It returns an error for a date that is invalid or
// outside the data, and for mappings neither side of which consists of instrument ids.
func PitSymbolMapOf(m *Metadata, date uint32) (*PitSymbolMap, error) {
	if DateOf(dateMidnight(date)) != date {
		return nil, fmt.Errorf("dbn: invalid date %d: want yyyymmdd, from 1970 to 2554", date)
	}
	if date < DateOf(m.Start) || (!m.End.IsUndef() && m.End != 0 && dateMidnight(date) >= m.End) {
		return nil, fmt.Errorf("dbn: date %d is outside the data, which begins at %s and ends before %s", date, m.Start, m.End)
	}
	inverse, err := isInverse(m)
	if err != nil {
		return nil, err
	}
	p := NewPitSymbolMap()
	for _, mapping := range m.Mappings {
		at := slices.IndexFunc(mapping.Intervals, func(i MappingInterval) bool {
			return i.StartDate <= date && date < i.EndDate
		})
		if at < 0 || mapping.Intervals[at].Symbol == "" {
			continue
		}
		id, symbol, err := sides(mapping, mapping.Intervals[at], inverse)
		if err != nil {
			return nil, err
		}
		p.symbols[id] = symbol
	}
	return p, nil
}

// OnRecord applies a symbol mapping record of either layout and ignores other records. It reports
// whether the map changed.
func (p *PitSymbolMap) OnRecord(r Record) bool {
	if r.RType() != RTypeSymbolMapping {
		return false
	}
	var symbol string
	if m, ok := As[SymbolMappingMsg](r); ok {
		symbol = CStr(m.StypeOutSymbol[:])
	} else if m, ok := As[SymbolMappingMsgV1](r); ok {
		symbol = CStr(m.StypeOutSymbol[:])
	} else {
		return false
	}
	p.symbols[r.Header().InstrumentID] = symbol
	return true
}

// Symbol returns the symbol of an instrument.
func (p *PitSymbolMap) Symbol(instrumentID uint32) (string, bool) {
	s, ok := p.symbols[instrumentID]
	return s, ok
}

// Len returns the number of instruments.
func (p *PitSymbolMap) Len() int { return len(p.symbols) }

// TsSymbolMap is a time-series map from instrument id and UTC date to text symbol. It stores
// intervals rather than days, so that ten years of every symbol stay small.
type TsSymbolMap struct {
	byID map[uint32][]symbolSpan // by date; no two of one instrument overlap
}

type symbolSpan struct {
	start, end uint32 // yyyymmdd, [start, end)
	symbol     string
}

// NewTsSymbolMap creates an empty map; see Add.
func NewTsSymbolMap() *TsSymbolMap { return &TsSymbolMap{map[uint32][]symbolSpan{}} }

// TsSymbolMapOf creates a map of all mappings of a header, one side of which must consist of
// instrument ids. Where two mappings cover the same date and instrument, the later one in the
// header counts.
func TsSymbolMapOf(m *Metadata) (*TsSymbolMap, error) {
	t := NewTsSymbolMap()
	if err := t.Add(m); err != nil {
		return nil, err
	}
	return t, nil
}

// Add adds the mappings of a further header. They replace a different symbol for the same date
// and instrument. After an error the map may contain a part of them.
func (t *TsSymbolMap) Add(m *Metadata) error {
	err := eachInterval(m, func(id uint32, symbol string, i MappingInterval) {
		t.byID[id] = append(t.byID[id], symbolSpan{i.StartDate, i.EndDate, symbol})
	})
	for id, spans := range t.byID {
		for i := 1; i < len(spans); i++ {
			if spans[i].start < spans[i-1].end {
				t.byID[id] = disjoint(spans)
				break
			}
		}
	}
	return err
}

// Symbol returns the symbol of an instrument on a UTC date (yyyymmdd).
func (t *TsSymbolMap) Symbol(instrumentID, date uint32) (string, bool) {
	spans := t.byID[instrumentID]
	// The first one that ends after the date.
	i := sort.Search(len(spans), func(i int) bool { return date < spans[i].end })
	if i == len(spans) || date < spans[i].start {
		return "", false
	}
	return spans[i].symbol, true
}

// disjoint sorts spans by date and leaves, of those that cover the same date, the last one. It
// walks over all starts and ends; what covers a date is a heap of positions in spans.
func disjoint(spans []symbolSpan) []symbolSpan {
	var cuts []uint32
	byStart := make([]int, len(spans))
	for i, s := range spans {
		cuts = append(cuts, s.start, s.end)
		byStart[i] = i
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	slices.SortFunc(byStart, func(a, b int) int { return cmp.Compare(spans[a].start, spans[b].start) })

	var out []symbolSpan
	var covering lastFirst
	for i, cut := range cuts {
		for len(byStart) > 0 && spans[byStart[0]].start == cut {
			heap.Push(&covering, byStart[0])
			byStart = byStart[1:]
		}
		for len(covering) > 0 && spans[covering[0]].end <= cut {
			heap.Pop(&covering)
		}
		if len(covering) > 0 {
			// Every span that covers a cut ends at a later one.
			out = append(out, symbolSpan{cut, cuts[i+1], spans[covering[0]].symbol})
		}
	}
	return out
}

// lastFirst is a heap.Interface: the largest number is on top.
type lastFirst []int

func (h lastFirst) Len() int           { return len(h) }
func (h lastFirst) Less(i, j int) bool { return h[i] > h[j] }
func (h lastFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *lastFirst) Push(x any) { *h = append(*h, x.(int)) }

// Pop implements heap.Interface.
func (h *lastFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// SymbolOf returns the symbol of a record's instrument on the date of the record.
func (t *TsSymbolMap) SymbolOf(r Record) (string, bool) {
	ts := r.IndexTs()
	if ts.IsUndef() {
		return "", false
	}
	return t.Symbol(r.Header().InstrumentID, DateOf(ts))
}

// Len returns the number of instruments.
func (t *TsSymbolMap) Len() int { return len(t.byID) }

// eachInterval walks the mappings as (instrument id, text symbol, interval). Empty symbols and
// empty intervals are gaps.
func eachInterval(m *Metadata, f func(id uint32, symbol string, i MappingInterval)) error {
	inverse, err := isInverse(m)
	if err != nil {
		return err
	}
	for _, mapping := range m.Mappings {
		for _, i := range mapping.Intervals {
			if i.Symbol == "" || i.StartDate == i.EndDate {
				continue
			}
			if i.StartDate > i.EndDate {
				return fmt.Errorf("dbn: mapping of %q ends (%d) before it begins (%d)", mapping.RawSymbol, i.EndDate, i.StartDate)
			}
			id, text, err := sides(mapping, i, inverse)
			if err != nil {
				return err
			}
			f(id, text, i)
		}
	}
	return nil
}

// isInverse reports whether the mappings go from instrument id to symbol.
func isInverse(m *Metadata) (bool, error) {
	switch {
	case m.StypeOut == STypeInstrumentID:
		return false, nil
	case m.StypeIn == STypeInstrumentID:
		return true, nil
	}
	return false, fmt.Errorf("dbn: symbols map %s to %s: one side must be instrument_id", m.StypeIn, m.StypeOut)
}

// sides gives the instrument id and the text symbol of an interval.
func sides(mapping SymbolMapping, i MappingInterval, inverse bool) (uint32, string, error) {
	number, text := i.Symbol, mapping.RawSymbol
	if inverse {
		number, text = text, number
	}
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, "", fmt.Errorf("dbn: mapping of %q: %q is not an instrument id", mapping.RawSymbol, number)
	}
	return uint32(id), text, nil
}

// dateMidnight is the first instant of a date (yyyymmdd).
func dateMidnight(date uint32) UnixNanos {
	day := time.Date(int(date/10000), time.Month(date/100%100), int(date%100), 0, 0, 0, 0, time.UTC)
	return UnixNanos(day.Unix()) * 1e9 // beyond 2262 UnixNano would overflow
}
