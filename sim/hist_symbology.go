package sim

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/dbnloop/dbnloop/dbn"
)

// span is what a symbol stands for during some days, [from, to).
type span struct {
	id       uint32
	from, to int64 // days since 1970
	name     string
}

// lastDay is later than every day there is.
const lastDay = 1 << 40

// daysOf turns the time a target is valid into days; without one it is valid always.
func daysOf(t target) (from, to int64) {
	from, to = 0, lastDay
	if t.start != undefTimestamp {
		from = int64(t.start / nanosPerDay)
	}
	if t.end != undefTimestamp && t.end != 0 {
		to = int64((t.end + nanosPerDay - 1) / nanosPerDay)
	}
	return from, to
}

// spans returns the instruments that a symbol stands for within [from, to), by day.
func (d *histDataset) spans(stype dbn.SType, symbol string, from, to int64) []span {
	targets := d.symbols.dated[alias{stype, symbol}]
	if len(targets) == 0 {
		for _, t := range d.resolve(stype, symbol) {
			targets = append(targets, d.symbols.lifetime(t)...)
		}
	}
	var found []span
	for _, t := range targets {
		first, end := daysOf(t)
		if first, end = max(first, from), min(end, to); first < end {
			found = append(found, span{id: t.id, from: first, to: end})
		}
	}
	return joinSpans(found)
}

// lifetime is when an instrument had a name, as far as the sources say.
func (s *symbology) lifetime(t target) []target {
	named := s.names[t.id]
	if len(named) == 0 {
		return []target{t}
	}
	var list []target
	for _, name := range named {
		list = append(list, target{t.id, name.start, name.end})
	}
	return list
}

// joinSpans sorts by day and joins those of the same instrument and name that meet: several
// files may say the same.
func joinSpans(list []span) []span {
	slices.SortFunc(list, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.name, b.name), cmp.Compare(a.from, b.from))
	})
	var joined []span
	for _, s := range list {
		if n := len(joined); n > 0 && joined[n-1].id == s.id && joined[n-1].name == s.name && s.from <= joined[n-1].to {
			joined[n-1].to = max(joined[n-1].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	slices.SortStableFunc(joined, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return joined
}

// named gives each span its text in the output symbology. An instrument that had several
// raw symbols becomes several spans.
func (d *histDataset) named(spans []span, symbol string, stypeIn, stypeOut dbn.SType) []span {
	var out []span
	for _, s := range spans {
		switch {
		case stypeOut == dbn.STypeInstrumentID:
			s.name = strconv.FormatUint(uint64(s.id), 10)
			out = append(out, s)
		case stypeIn == stypeOut:
			s.name = symbol
			out = append(out, s)
		default:
			out = append(out, d.rawNames(s)...)
		}
	}
	return joinSpans(out)
}

func (d *histDataset) rawNames(s span) []span {
	var out []span
	for _, name := range d.symbols.names[s.id] {
		from, to := daysOf(target{s.id, name.start, name.end})
		if from, to = max(from, s.from), min(to, s.to); from < to {
			out = append(out, span{s.id, from, to, name.symbol})
		}
	}
	if name := d.symbols.rawSymbol(s.id); len(out) == 0 && name != "" {
		s.name = name
		out = append(out, s)
	}
	return out
}

// resolution is what became of the symbols of a request.
type resolution struct {
	symbols  []string
	spans    map[string][]span // of every symbol, named
	partial  []string          // not resolved on some of the days
	notFound []string          // resolved on none
}

// resolveAll resolves symbols on the days [from, to).
func (d *histDataset) resolveAll(stypeIn, stypeOut dbn.SType, symbols []string, from, to int64) resolution {
	r := resolution{symbols: symbols, spans: make(map[string][]span)}
	if len(symbols) == 1 && symbols[0] == dbn.AllSymbols {
		symbols = d.everySymbol(stypeIn)
	}
	for _, symbol := range symbols {
		spans := d.named(d.spans(stypeIn, symbol, from, to), symbol, stypeIn, stypeOut)
		r.spans[symbol] = spans
		switch {
		case len(spans) == 0:
			r.notFound = append(r.notFound, symbol)
		case !coverAll(spans, from, to):
			r.partial = append(r.partial, symbol)
		}
	}
	return r
}

// everySymbol is what ALL_SYMBOLS means.
func (d *histDataset) everySymbol(stype dbn.SType) []string {
	var symbols []string
	seen := make(map[string]bool)
	for _, id := range d.instruments() {
		symbol := d.symbols.rawSymbol(id)
		if stype == dbn.STypeInstrumentID {
			symbol = strconv.FormatUint(uint64(id), 10)
		}
		if !seen[symbol] {
			seen[symbol] = true
			symbols = append(symbols, symbol)
		}
	}
	return symbols
}

// coverAll tells whether there is a span for each day; they are sorted by their first.
func coverAll(spans []span, from, to int64) bool {
	for _, s := range spans {
		if s.from > from {
			return false
		}
		from = max(from, s.to)
	}
	return from >= to
}

// mappings is the resolution in the form of DBN metadata.
func (r *resolution) mappings() []dbn.SymbolMapping {
	var list []dbn.SymbolMapping
	for _, symbol := range r.symbols {
		spans := r.spans[symbol]
		if len(spans) == 0 {
			continue
		}
		m := dbn.SymbolMapping{RawSymbol: symbol}
		for _, s := range spans {
			m.Intervals = append(m.Intervals, dbn.MappingInterval{
				StartDate: numericDate(s.from), EndDate: numericDate(s.to), Symbol: s.name,
			})
		}
		list = append(list, m)
	}
	return list
}

// periods is when each instrument is wanted.
func (r *resolution) periods() map[uint32][]idPeriod {
	ids := make(map[uint32][]idPeriod)
	for _, symbol := range r.symbols {
		for _, s := range r.spans[symbol] {
			ids[s.id] = append(ids[s.id], idPeriod{uint64(s.from) * nanosPerDay, uint64(s.to) * nanosPerDay})
		}
	}
	return ids
}
