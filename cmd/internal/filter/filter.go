// Package filter chooses among records: by symbol, instrument, publisher and time, by an expression
// over their fields, and by their number.
package filter

import (
	"fmt"

	"github.com/dbnloop/dbnloop/dbn"
)

// Settings say which records are wanted. Those of different fields must all be met; of a list, one.
type Settings struct {
	Symbols     []string // patterns: "ES*"
	Instruments []uint32
	Publishers  []uint16
	Start, End  dbn.UnixNanos // index times, from Start on and before End; 0: no bound
	Where       []string      // expressions, all of which must hold
	Every       uint64        // only the first of each this many records that meet the rest; 0 and 1: all
}

// Filter chooses among the records of one stream. A nil Filter takes all. It is used from one
// goroutine.
type Filter struct {
	settings    Settings
	globs       []glob
	instruments map[uint32]bool
	publishers  *[1 << 16 / 64]uint64 // a bit for each
	symbols     *symbols
	mapped      *dbn.PitSymbolMap // by the mapping records that have come
	choice      *choice           // by instrument and symbol; nil: all
	wheres      []*where
	programs    [256]program         // the expressions, by rtype
	others      map[[2]uint8]program // those for other lengths of an rtype
	tsOut       bool                 // the stream's records end with the gateway's send time
	timed       bool                 // there is a bound of the time
	span        uint64               // the last time that is wanted, counted from the first
	passed      uint64
}

// New checks settings; nil when they choose nothing. An error in an expression is an *Error.
func New(s Settings) (*Filter, error) {
	f := &Filter{settings: s, mapped: dbn.NewPitSymbolMap()}
	f.symbols = new(symbols)
	f.timed, f.span = s.Start > 0 || s.End > 0, uint64(dbn.UndefTimestamp-1-s.Start)
	if s.End > 0 {
		f.span = uint64(s.End - 1 - s.Start)
	}
	for _, pattern := range s.Symbols {
		g, err := newGlob(pattern)
		if err != nil {
			return nil, fmt.Errorf("--symbol: %w", err)
		}
		f.globs = append(f.globs, g)
	}
	for i, text := range s.Where {
		w, err := newWhere(text)
		if err != nil {
			return nil, f.mistake(i, err)
		}
		f.wheres = append(f.wheres, w)
	}
	if len(s.Instruments) > 0 {
		f.instruments = make(map[uint32]bool)
		for _, id := range s.Instruments {
			f.instruments[id] = true
		}
	}
	if len(s.Publishers) > 0 {
		f.publishers = new([1 << 16 / 64]uint64)
		for _, id := range s.Publishers {
			f.publishers[id/64] |= 1 << (id % 64)
		}
	}
	if f.selects() {
		f.choice = f.symbols.choose(nil, f.chosen)
	} else if f.publishers == nil && !f.timed && f.wheres == nil && s.Every < 2 {
		return nil, nil
	}
	return f, nil
}

// selects reports whether instruments are chosen, by symbol or by number.
func (f *Filter) selects() bool { return f.globs != nil || f.instruments != nil }

// NeedsSymbols reports whether records are chosen by their symbols.
func (f *Filter) NeedsSymbols() bool { return f != nil && f.globs != nil }

// chosen reports whether an instrument with its symbol is one of those that are wanted.
func (f *Filter) chosen(instrument uint32, symbol string, known bool) bool {
	return (f.instruments == nil || f.instruments[instrument]) && (f.globs == nil || known && matchesAny(f.globs, symbol))
}

// Check finds out whether the expressions mean something for records of some schemas. An error in
// one is an *Error.
func (f *Filter) Check(schemas []dbn.Schema) error {
	if f == nil {
		return nil
	}
	for i, w := range f.wheres {
		if err := w.check(schemas); err != nil {
			return f.mistake(i, err)
		}
	}
	return nil
}

// mistake says which expression is wrong, if there are several.
func (f *Filter) mistake(i int, err error) error {
	if len(f.settings.Where) == 1 {
		return fmt.Errorf("--where: %w", err)
	}
	return fmt.Errorf("--where, expression %d: %w", i+1, err)
}

// Follow makes the filter one of a stream: symbol gives the symbol of a record at its time.
func (f *Filter) Follow(symbol func(dbn.Record) (string, bool)) {
	if f != nil {
		f.symbols.resolve = symbol
	}
}

// Mapped is the symbol of an instrument by the mapping records up to now.
func (f *Filter) Mapped(instrument uint32) (symbol string, known bool) {
	return f.mapped.Symbol(instrument)
}

// SymbolsChanged says that records may have other symbols from now on.
func (f *Filter) SymbolsChanged() {
	if f != nil {
		f.symbols.forgetAll()
	}
}

// Map takes in a mapping record.
func (f *Filter) Map(r dbn.Record) {
	if f != nil && f.mapped.OnRecord(r) {
		f.symbols.forget(r.Header().InstrumentID)
	}
}

// WantsMapping reports whether a mapping record is of an instrument and a symbol that are wanted.
func (f *Filter) WantsMapping(r dbn.Record) bool {
	if f == nil || !f.selects() {
		return true
	}
	symbol, known := SymbolIn(r)
	return f.chosen(r.Header().InstrumentID, symbol, known)
}

// SymbolIn is the symbol that a mapping record gives its instrument, in any version of DBN.
func SymbolIn(r dbn.Record) (symbol string, known bool) {
	if m, ok := dbn.As[dbn.SymbolMappingMsg](r); ok {
		return dbn.CStr(m.StypeOutSymbol[:]), true
	}
	if m, ok := dbn.As[dbn.SymbolMappingMsgV1](r); ok {
		return dbn.CStr(m.StypeOutSymbol[:]), true
	}
	return "", false
}

// Passes reports whether a record is wanted.
func (f *Filter) Passes(r dbn.Record) bool {
	if f.timed && uint64(r.IndexTs()-f.settings.Start) > f.span {
		return false
	}
	if id := r.Header().PublisherID; f.publishers != nil && f.publishers[id/64]>>(id%64)&1 == 0 {
		return false
	}
	if f.choice != nil && !f.choice.holds(r) {
		return false
	}
	if f.wheres != nil {
		head := r.Header()
		p := &f.programs[head.RType]
		if p.length != head.Length {
			f.change(p, r)
		}
		if !hold(p.checks, r.Pointer()) || p.holds != nil && !p.holds(r.Pointer()) {
			return false
		}
	}
	if f.settings.Every > 1 {
		f.passed++
		return (f.passed-1)%f.settings.Every == 0
	}
	return true
}
