package market

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// Symbology resolves the symbols of subscriptions to the instruments of a dataset. What it
// knows comes from the sources: the mappings of their metadata (in both directions), the
// symbol mapping records of live captures, and definition records. It does not change
// once the timeline is made.
type Symbology struct {
	raw     map[uint32]RawName    // instrument → raw symbol
	aliases map[alias][]Target    // symbols of any type → instruments
	texts   map[alias][]string    // symbols of any type → raw symbols, where no id was given
	defs    map[uint32]definition // what definitions say
	traded  map[uint32]uint64     // volume in the data, for ROOT.v.N
	open    map[uint32]int64      // last open interest in the data, for ROOT.n.N
	all     []Target              // every named instrument, by id

	// What follows keeps every interval, for requests about the past: an instrument may
	// have several names, and a symbol stand for several instruments, one after the other.
	dated map[alias][]Target   // symbols of any type → instruments, as the sources say
	names map[uint32][]RawName // instrument → raw symbols with known dates
}

// RawName is a raw symbol and when it was valid.
type RawName struct {
	Symbol     string
	Start, End uint64 // when the name is valid; UndefTimestamp when unknown
}

type alias struct {
	stype  dbn.SType
	symbol string
}

// Target is one instrument that a symbol stands for.
type Target struct {
	ID         uint32
	Start, End uint64
}

type definition struct {
	asset      string
	class      byte
	expiration uint64
}

func newSymbology() *Symbology {
	return &Symbology{
		raw:     make(map[uint32]RawName),
		aliases: make(map[alias][]Target),
		texts:   make(map[alias][]string),
		defs:    make(map[uint32]definition),
		traded:  make(map[uint32]uint64),
		open:    make(map[uint32]int64),
		dated:   make(map[alias][]Target),
		names:   make(map[uint32][]RawName),
	}
}

// addMetadata takes the mappings of a file's metadata. One side of a mapping is the
// instrument_id, or it goes from any symbol to a raw symbol.
func (s *Symbology) addMetadata(m *dbn.Metadata) {
	for _, mapping := range m.Mappings {
		for _, interval := range mapping.Intervals {
			if interval.Symbol == "" {
				continue
			}
			start, end := dateNanos(interval.StartDate), dateNanos(interval.EndDate)
			switch {
			case m.StypeOut == dbn.STypeInstrumentID || m.StypeOut == dbn.STypeNone:
				s.addText(m.StypeIn, mapping.RawSymbol, interval.Symbol, start, end)
			case m.StypeIn == dbn.STypeInstrumentID:
				s.addText(m.StypeOut, interval.Symbol, mapping.RawSymbol, start, end)
			case m.StypeOut == dbn.STypeRawSymbol:
				key := alias{m.StypeIn, mapping.RawSymbol}
				s.texts[key] = append(s.texts[key], interval.Symbol)
			}
		}
	}
}

// addText adds a symbol whose instrument_id is given as text.
func (s *Symbology) addText(stype dbn.SType, symbol, idText string, start, end uint64) {
	id, err := strconv.ParseUint(idText, 10, 32)
	if err != nil {
		return
	}
	s.add(stype, symbol, Target{uint32(id), start, end})
}

func (s *Symbology) add(stype dbn.SType, symbol string, t Target) {
	if stype == dbn.STypeNone {
		stype = dbn.STypeRawSymbol
	}
	key := alias{stype, symbol}
	if t.Start != UndefTimestamp && !slices.Contains(s.dated[key], t) {
		s.dated[key] = append(s.dated[key], t)
	}
	if stype == dbn.STypeRawSymbol {
		s.nameRaw(t.ID, RawName{symbol, t.Start, t.End})
	}
	if !slices.ContainsFunc(s.aliases[key], func(o Target) bool { return o.ID == t.ID }) {
		s.aliases[key] = append(s.aliases[key], t)
	}
}

// nameRaw gives an instrument its raw symbol. A name with known dates replaces one without.
func (s *Symbology) nameRaw(id uint32, name RawName) {
	if name.Start != UndefTimestamp && !slices.Contains(s.names[id], name) {
		s.names[id] = append(s.names[id], name)
	}
	if old, ok := s.raw[id]; ok && (old.Start != UndefTimestamp || name.Start == UndefTimestamp) {
		return
	}
	s.raw[id] = name
}

// addMappings takes symbol mapping records of a capture of live data.
func (s *Symbology) addMappings(records []byte) {
	for len(records) > 0 {
		rec := records[:wire.Size(records)]
		records = records[len(rec):]
		t := Target{ID: Instrument(rec)}
		if len(rec) < int(unsafe.Sizeof(dbn.SymbolMappingMsg{})) {
			m := As[dbn.SymbolMappingMsgV1](rec)
			t.Start, t.End = uint64(m.StartTs), uint64(m.EndTs)
			s.add(dbn.STypeRawSymbol, dbn.CStr(m.StypeOutSymbol[:]), t)
			continue
		}
		m := As[dbn.SymbolMappingMsg](rec)
		t.Start, t.End = uint64(m.StartTs), uint64(m.EndTs)
		s.add(dbn.STypeRawSymbol, dbn.CStr(m.StypeOutSymbol[:]), t)
		if m.StypeIn != dbn.STypeInstrumentID {
			s.add(m.StypeIn, dbn.CStr(m.StypeInSymbol[:]), t)
		}
	}
}

// addRecords takes what definitions, trades and statistics say about instruments. The
// records are in the layout of the version.
func (s *Symbology) addRecords(records []byte, version uint8) error {
	for len(records) > 0 {
		rec := records[:wire.Size(records)]
		records = records[len(rec):]
		switch RType(rec) {
		case dbn.RTypeInstrumentDef, dbn.RTypeStatistics:
			newest, err := convertRecords(rec, version, dbn.Version)
			if err != nil {
				return err
			}
			s.addFacts(newest)
		case dbn.RTypeMbp0:
			s.traded[Instrument(rec)] += uint64(As[dbn.TradeMsg](rec).Size)
		}
	}
	return nil
}

// addFacts takes one definition or statistic in the newest layout.
func (s *Symbology) addFacts(rec []byte) {
	id := Instrument(rec)
	if RType(rec) == dbn.RTypeStatistics {
		if m := As[dbn.StatMsg](rec); m.StatType == dbn.StatTypeOpenInterest {
			s.open[id] = m.Quantity
		}
		return
	}
	m := As[dbn.InstrumentDefMsg](rec)
	s.defs[id] = definition{m.AssetString(), byte(m.InstrumentClass), uint64(m.Expiration)}
	s.add(dbn.STypeRawSymbol, m.RawSymbolString(), Target{id, UndefTimestamp, UndefTimestamp})
}

// finish is called when everything was added: it makes raw symbols of all instruments
// resolvable and gives a name to those that only a parent or a continuous symbol named.
func (s *Symbology) finish() {
	keys := slices.SortedFunc(maps.Keys(s.aliases), func(a, b alias) int {
		return cmp.Or(cmp.Compare(a.stype, b.stype), cmp.Compare(a.symbol, b.symbol))
	})
	for _, key := range keys {
		targets := s.aliases[key]
		if key.stype == dbn.STypeRawSymbol || len(targets) != 1 {
			continue
		}
		if _, named := s.raw[targets[0].ID]; !named {
			s.nameRaw(targets[0].ID, RawName{key.symbol, targets[0].Start, targets[0].End})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.raw)) {
		name := s.raw[id]
		t := Target{id, name.Start, name.End}
		s.all = append(s.all, t)
		s.add(dbn.STypeRawSymbol, name.Symbol, t)
	}
}

// resolve returns the instruments that a symbol stands for; none when it is unknown.
func (s *Symbology) resolve(stype dbn.SType, symbol string) []Target {
	if found := s.aliases[alias{stype, symbol}]; len(found) > 0 {
		return found
	}
	var found []Target
	for _, raw := range s.texts[alias{stype, symbol}] {
		found = append(found, s.aliases[alias{dbn.STypeRawSymbol, raw}]...)
	}
	if len(found) > 0 {
		return found
	}
	switch stype {
	case dbn.STypeInstrumentID:
		return s.resolveID(symbol)
	case dbn.STypeParent:
		return s.resolveParent(symbol)
	case dbn.STypeContinuous:
		return s.resolveContinuous(symbol)
	}
	return nil
}

func (s *Symbology) resolveID(symbol string) []Target {
	id, err := strconv.ParseUint(symbol, 10, 32)
	if err != nil {
		return nil
	}
	name, ok := s.raw[uint32(id)]
	if !ok {
		name = RawName{Start: UndefTimestamp, End: UndefTimestamp}
	}
	return []Target{{uint32(id), name.Start, name.End}}
}

// resolveParent resolves ROOT.FUT and ROOT.OPT.
func (s *Symbology) resolveParent(symbol string) []Target {
	root, kind, ok := strings.Cut(symbol, ".")
	if !ok || root == "" {
		return nil
	}
	var found []Target
	for _, t := range s.all {
		if r, k := s.family(t.ID); r == root && k == kind {
			found = append(found, t)
		}
	}
	return found
}

// resolveContinuous resolves ROOT.rule.N: the future with rank N by expiration (c), volume
// (v) or open interest (n) in the data.
func (s *Symbology) resolveContinuous(symbol string) []Target {
	parts := strings.Split(symbol, ".")
	if len(parts) != 3 {
		return nil
	}
	rank, err := strconv.Atoi(parts[2])
	if err != nil || rank < 0 {
		return nil
	}
	var order func(a, b Target) int
	switch parts[1] {
	case "c":
		order = func(a, b Target) int { return cmp.Compare(s.expiry(a.ID), s.expiry(b.ID)) }
	case "v":
		order = func(a, b Target) int { return cmp.Compare(s.traded[b.ID], s.traded[a.ID]) }
	case "n":
		order = func(a, b Target) int { return cmp.Compare(s.open[b.ID], s.open[a.ID]) }
	default:
		return nil
	}
	var futures []Target
	for _, t := range s.resolveParent(parts[0] + ".FUT") {
		if name := s.raw[t.ID].Symbol; !strings.ContainsAny(name, "-: ") {
			futures = append(futures, t)
		}
	}
	slices.SortStableFunc(futures, func(a, b Target) int {
		return cmp.Or(order(a, b), cmp.Compare(s.expiry(a.ID), s.expiry(b.ID)))
	})
	if rank >= len(futures) {
		return nil
	}
	return futures[rank : rank+1]
}

// family is the root and the kind (FUT or OPT) of an instrument, from its definition or
// else from the form of its raw symbol.
func (s *Symbology) family(id uint32) (root, kind string) {
	if d, ok := s.defs[id]; ok && d.asset != "" {
		switch d.class {
		case 'F', 'S':
			return d.asset, "FUT"
		case 'C', 'P', 'T':
			return d.asset, "OPT"
		}
		return "", ""
	}
	first, _, option := strings.Cut(s.raw[id].Symbol, " ")
	first, _, _ = strings.Cut(first, "-")
	root, _, ok := splitFuture(first)
	switch {
	case !ok:
		return "", ""
	case option:
		return root, "OPT"
	}
	return root, "FUT"
}

// expiry orders futures by expiration: from the definition, or else from the month code.
func (s *Symbology) expiry(id uint32) uint64 {
	if d, ok := s.defs[id]; ok && d.expiration != UndefTimestamp {
		return d.expiration
	}
	_, month, _ := splitFuture(s.raw[id].Symbol)
	return month
}

// splitFuture splits a future's symbol such as ESZ6 or CLF27 into its root and the rank of
// its month. A one-digit year is of the decade 2020.
func splitFuture(symbol string) (root string, month uint64, ok bool) {
	trimmed := strings.TrimRight(symbol, "0123456789")
	digits := symbol[len(trimmed):]
	if len(trimmed) < 2 || len(digits) < 1 || len(digits) > 2 {
		return "", 0, false
	}
	code := strings.IndexByte("FGHJKMNQUVXZ", trimmed[len(trimmed)-1])
	if code < 0 {
		return "", 0, false
	}
	year, _ := strconv.Atoi(digits)
	if len(digits) == 1 {
		year += 20
	}
	date := time.Date(2000+year, time.Month(code+1), 1, 0, 0, 0, 0, time.UTC)
	return trimmed[:len(trimmed)-1], uint64(date.UnixNano()), true
}

// RawSymbol is the name that goes into a symbol mapping record.
func (s *Symbology) RawSymbol(id uint32) string { return s.raw[id].Symbol }

// dateNanos turns a yyyymmdd number into nanoseconds since 1970.
func dateNanos(yyyymmdd uint32) uint64 {
	year, month, day := int(yyyymmdd/10000), time.Month(yyyymmdd/100%100), int(yyyymmdd%100)
	if year < 1970 || year > 2261 { // outside of what nanoseconds in 64 bits can say
		return UndefTimestamp
	}
	return uint64(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).UnixNano())
}

// DatedTargets are the instruments that a symbol stood for, one after the other, as far as
// the sources give dates.
func (s *Symbology) DatedTargets(stype dbn.SType, symbol string) []Target {
	return s.dated[alias{stype, symbol}]
}

// NamesOf are the raw symbols that an instrument had, with the dates that the sources give.
func (s *Symbology) NamesOf(id uint32) []RawName { return s.names[id] }

// Instruments are the instruments with a known raw symbol, in the order of their ids.
func (s *Symbology) Instruments() []uint32 { return slices.Sorted(maps.Keys(s.raw)) }

// Named are the instruments with a raw symbol, in the order of their ids.
func (s *Symbology) Named() []Target { return s.all }
