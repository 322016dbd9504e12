package filter

import (
	"slices"
	"strconv"

	"github.com/dbnloop/dbnloop/dbn"
)

// Narrow is metadata as it is right for the records that pass: with the mappings of the symbols that
// are wanted, and within the times. The metadata that is given stays as it is.
func (f *Filter) Narrow(m *dbn.Metadata) *dbn.Metadata {
	if f == nil {
		return m
	}
	f.tsOut = m.TsOut
	narrow := *m
	narrow.RecordCount = nil
	if f.settings.Start > narrow.Start {
		narrow.Start = f.settings.Start
	}
	if end := f.settings.End; end > 0 && (narrow.End == 0 || end < narrow.End) {
		narrow.End = end
	}
	if narrow.End != 0 {
		narrow.End = max(narrow.End, narrow.Start)
	}
	if f.selects() {
		f.narrowSymbols(&narrow)
	}
	return &narrow
}

// narrowSymbols leaves the mappings that are wanted, interval by interval.
func (f *Filter) narrowSymbols(m *dbn.Metadata) {
	inverse := m.StypeOut != dbn.STypeInstrumentID && m.StypeIn == dbn.STypeInstrumentID
	dropped := make(map[string]bool)
	var mappings []dbn.SymbolMapping
	for _, mapping := range m.Mappings {
		var intervals []dbn.MappingInterval
		for _, i := range mapping.Intervals {
			number, symbol := i.Symbol, mapping.RawSymbol
			if inverse {
				number, symbol = symbol, number
			}
			id, err := strconv.ParseUint(number, 10, 32)
			if f.instruments == nil || err == nil {
				if f.chosen(uint32(id), symbol, true) {
					intervals = append(intervals, i)
				}
			}
		}
		if len(intervals) == 0 {
			dropped[mapping.RawSymbol] = true
			continue
		}
		mapping.Intervals = intervals
		mappings = append(mappings, mapping)
	}
	for _, mapping := range mappings { // of several for a symbol, one is enough
		delete(dropped, mapping.RawSymbol)
	}
	m.Mappings = mappings
	isDropped := func(symbol string) bool { return dropped[symbol] }
	for _, list := range []*[]string{&m.Symbols, &m.Partial, &m.NotFound} {
		*list = slices.DeleteFunc(slices.Clone(*list), isDropped)
	}
}
