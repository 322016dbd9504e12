package split

import (
	"slices"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// header makes the metadata of files: that of the input, narrowed to what a file holds, as the
// official tool narrows it.
type header struct {
	whole    *dbn.Metadata
	symbols  map[string]int // how often each was asked for
	partial  map[string]int
	mappings map[string][]dbn.SymbolMapping
}

func newHeader(m *dbn.Metadata) *header {
	whole := *m
	whole.RecordCount = nil // nobody knows it of a file that begins
	return &header{whole: &whole}
}

// base is a copy that can be changed.
func (h *header) base() *dbn.Metadata {
	m := *h.whole
	return &m
}

// ofSymbol keeps the mapping of a symbol.
func (h *header) ofSymbol(symbol string) *dbn.Metadata {
	if h.mappings == nil {
		h.index()
	}
	m := h.base()
	m.Symbols = slices.Repeat([]string{symbol}, h.symbols[symbol])
	m.Partial = slices.Repeat([]string{symbol}, h.partial[symbol])
	m.Mappings = h.mappings[symbol]
	return m
}

// index finds everything by its symbol, once.
func (h *header) index() {
	h.symbols, h.partial = counted(h.whole.Symbols), counted(h.whole.Partial)
	h.mappings = make(map[string][]dbn.SymbolMapping, len(h.whole.Mappings))
	for _, mapping := range h.whole.Mappings {
		h.mappings[mapping.RawSymbol] = append(h.mappings[mapping.RawSymbol], mapping)
	}
}

func counted(list []string) map[string]int {
	counts := make(map[string]int, len(list))
	for _, symbol := range list {
		counts[symbol]++
	}
	return counts
}

// ofSchema names the schema. A file that carries symbol mappings is of no one schema: readers
// would take them for records of it.
func (h *header) ofSchema(schema dbn.Schema, carries bool) *dbn.Metadata {
	m := h.base()
	if !carries {
		m.Schema = schema
	}
	return m
}

// ofPeriod keeps the times and the mappings of a period.
func (h *header) ofPeriod(p period) *dbn.Metadata {
	m := h.base()
	m.Start, m.End = max(m.Start, p.start), min(m.End, p.end)
	from, to := dateOf(m.Start), dateOf(m.End)
	if m.End != dateStart(to) {
		to = nextDate(m.End)
	}
	kept := make(map[string]bool)
	m.Mappings = nil
	for _, mapping := range h.whole.Mappings {
		var intervals []dbn.MappingInterval
		for _, i := range mapping.Intervals {
			i.StartDate, i.EndDate = max(i.StartDate, from), min(i.EndDate, to)
			if i.StartDate < to && i.EndDate > from {
				intervals = append(intervals, i)
			}
		}
		if len(intervals) > 0 {
			m.Mappings = append(m.Mappings, dbn.SymbolMapping{RawSymbol: mapping.RawSymbol, Intervals: intervals})
			kept[mapping.RawSymbol] = true
		}
	}
	m.Symbols, m.Partial = only(m.Symbols, kept), only(m.Partial, kept)
	return m
}

func only(list []string, kept map[string]bool) (some []string) {
	for _, symbol := range list {
		if kept[symbol] {
			some = append(some, symbol)
		}
	}
	return some
}

// dateOf is the date of a time as yyyymmdd.
func dateOf(ts dbn.UnixNanos) uint32 { return dateNumber(timeOf(ts)) }

func nextDate(ts dbn.UnixNanos) uint32 { return dateNumber(timeOf(ts).AddDate(0, 0, 1)) }

func dateNumber(t time.Time) uint32 {
	year, month, day := t.Date()
	return uint32(year*10000 + int(month)*100 + day)
}

func dateStart(date uint32) dbn.UnixNanos {
	return nanosOf(time.Date(int(date/10000), time.Month(date/100%100), int(date%100), 0, 0, 0, 0, time.UTC))
}
