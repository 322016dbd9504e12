package historical

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
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
func daysOf(t market.Target) (from, to int64) {
	from, to = 0, lastDay
	if t.Start != market.UndefTimestamp {
		from = int64(t.Start / nanosPerDay)
	}
	if t.End != market.UndefTimestamp && t.End != 0 {
		to = int64((t.End + nanosPerDay - 1) / nanosPerDay)
	}
	return from, to
}

// spans returns the instruments that a symbol stands for within [from, to), by day.
func (d *dataset) spans(stype dbn.SType, symbol string, from, to int64) []span {
	targets := d.Symbols.DatedTargets(stype, symbol)
	if len(targets) == 0 {
		for _, t := range d.Resolve(stype, symbol) {
			targets = append(targets, d.lifetime(t)...)
		}
	}
	var found []span
	for _, t := range targets {
		first, end := daysOf(t)
		if first, end = max(first, from), min(end, to); first < end {
			found = append(found, span{id: t.ID, from: first, to: end})
		}
	}
	return joinSpans(found)
}

// lifetime is when an instrument had a name, as far as the sources say.
func (d *dataset) lifetime(t market.Target) []market.Target {
	named := d.Symbols.NamesOf(t.ID)
	if len(named) == 0 {
		return []market.Target{t}
	}
	var list []market.Target
	for _, name := range named {
		list = append(list, market.Target{ID: t.ID, Start: name.Start, End: name.End})
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
func (d *dataset) named(spans []span, symbol string, stypeIn, stypeOut dbn.SType) []span {
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

func (d *dataset) rawNames(s span) []span {
	var out []span
	for _, name := range d.Symbols.NamesOf(s.id) {
		from, to := daysOf(market.Target{ID: s.id, Start: name.Start, End: name.End})
		if from, to = max(from, s.from), min(to, s.to); from < to {
			out = append(out, span{s.id, from, to, name.Symbol})
		}
	}
	if name := d.Symbols.RawSymbol(s.id); len(out) == 0 && name != "" {
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
func (d *dataset) resolveAll(stypeIn, stypeOut dbn.SType, symbols []string, from, to int64) resolution {
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
func (d *dataset) everySymbol(stype dbn.SType) []string {
	var symbols []string
	seen := make(map[string]bool)
	for _, id := range d.instruments() {
		symbol := d.Symbols.RawSymbol(id)
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
