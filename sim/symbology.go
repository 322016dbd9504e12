package sim

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// symbology resolves the symbols of subscriptions to the instruments of a dataset. What it
// knows comes from the sources: the mappings of their metadata (in both directions), the
// symbol mapping records of live captures, and definition records. It does not change
// once the timeline is made.
type symbology struct {
	raw     map[uint32]rawName    // instrument → raw symbol
	aliases map[alias][]target    // symbols of any type → instruments
	texts   map[alias][]string    // symbols of any type → raw symbols, where no id was given
	defs    map[uint32]definition // what definitions say
	traded  map[uint32]uint64     // volume in the data, for ROOT.v.N
	open    map[uint32]int64      // last open interest in the data, for ROOT.n.N
	all     []target              // every named instrument, by id

	// What follows keeps every interval, for requests about the past: an instrument may
	// have several names, and a symbol stand for several instruments, one after the other.
	dated map[alias][]target   // symbols of any type → instruments, as the sources say
	names map[uint32][]rawName // instrument → raw symbols with known dates
}

type rawName struct {
	symbol     string
	start, end uint64 // when the name is valid; undefTimestamp when unknown
}

type alias struct {
	stype  dbn.SType
	symbol string
}

// target is one instrument that a symbol stands for.
type target struct {
	id         uint32
	start, end uint64
}

type definition struct {
	asset      string
	class      byte
	expiration uint64
}

func newSymbology() *symbology {
	return &symbology{
		raw:     make(map[uint32]rawName),
		aliases: make(map[alias][]target),
		texts:   make(map[alias][]string),
		defs:    make(map[uint32]definition),
		traded:  make(map[uint32]uint64),
		open:    make(map[uint32]int64),
		dated:   make(map[alias][]target),
		names:   make(map[uint32][]rawName),
	}
}

// addMetadata takes the mappings of a file's metadata. One side of a mapping is the
// instrument_id, or it goes from any symbol to a raw symbol.
func (s *symbology) addMetadata(m *dbn.Metadata) {
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
func (s *symbology) addText(stype dbn.SType, symbol, idText string, start, end uint64) {
	id, err := strconv.ParseUint(idText, 10, 32)
	if err != nil {
		return
	}
	s.add(stype, symbol, target{uint32(id), start, end})
}

func (s *symbology) add(stype dbn.SType, symbol string, t target) {
	if stype == dbn.STypeNone {
		stype = dbn.STypeRawSymbol
	}
	key := alias{stype, symbol}
	if t.start != undefTimestamp && !slices.Contains(s.dated[key], t) {
		s.dated[key] = append(s.dated[key], t)
	}
	if stype == dbn.STypeRawSymbol {
		s.nameRaw(t.id, rawName{symbol, t.start, t.end})
	}
	if !slices.ContainsFunc(s.aliases[key], func(o target) bool { return o.id == t.id }) {
		s.aliases[key] = append(s.aliases[key], t)
	}
}

// nameRaw gives an instrument its raw symbol. A name with known dates replaces one without.
func (s *symbology) nameRaw(id uint32, name rawName) {
	if name.start != undefTimestamp && !slices.Contains(s.names[id], name) {
		s.names[id] = append(s.names[id], name)
	}
	if old, ok := s.raw[id]; ok && (old.start != undefTimestamp || name.start == undefTimestamp) {
		return
	}
	s.raw[id] = name
}

// addMappings takes symbol mapping records of a capture of live data.
func (s *symbology) addMappings(records []byte) {
	for len(records) > 0 {
		rec := records[:recLen(records)]
		records = records[len(rec):]
		t := target{id: recInstrument(rec)}
		if len(rec) < int(unsafe.Sizeof(dbn.SymbolMappingMsg{})) {
			m := as[dbn.SymbolMappingMsgV1](rec)
			t.start, t.end = uint64(m.StartTs), uint64(m.EndTs)
			s.add(dbn.STypeRawSymbol, dbn.CStr(m.StypeOutSymbol[:]), t)
			continue
		}
		m := as[dbn.SymbolMappingMsg](rec)
		t.start, t.end = uint64(m.StartTs), uint64(m.EndTs)
		s.add(dbn.STypeRawSymbol, dbn.CStr(m.StypeOutSymbol[:]), t)
		if m.StypeIn != dbn.STypeInstrumentID {
			s.add(m.StypeIn, dbn.CStr(m.StypeInSymbol[:]), t)
		}
	}
}

// addRecords takes what definitions, trades and statistics say about instruments. The
// records are in the layout of the version.
func (s *symbology) addRecords(records []byte, version uint8) error {
	for len(records) > 0 {
		rec := records[:recLen(records)]
		records = records[len(rec):]
		switch recRType(rec) {
		case dbn.RTypeInstrumentDef, dbn.RTypeStatistics:
			newest, err := convertRecords(rec, version, dbn.Version)
			if err != nil {
				return err
			}
			s.addFacts(newest)
		case dbn.RTypeMbp0:
			s.traded[recInstrument(rec)] += uint64(as[dbn.TradeMsg](rec).Size)
		}
	}
	return nil
}

// addFacts takes one definition or statistic in the newest layout.
func (s *symbology) addFacts(rec []byte) {
	id := recInstrument(rec)
	if recRType(rec) == dbn.RTypeStatistics {
		if m := as[dbn.StatMsg](rec); m.StatType == dbn.StatTypeOpenInterest {
			s.open[id] = m.Quantity
		}
		return
	}
	m := as[dbn.InstrumentDefMsg](rec)
	s.defs[id] = definition{m.AssetString(), byte(m.InstrumentClass), uint64(m.Expiration)}
	s.add(dbn.STypeRawSymbol, m.RawSymbolString(), target{id, undefTimestamp, undefTimestamp})
}

// finish is called when everything was added: it makes raw symbols of all instruments
// resolvable and gives a name to those that only a parent or a continuous symbol named.
func (s *symbology) finish() {
	keys := slices.SortedFunc(maps.Keys(s.aliases), func(a, b alias) int {
		return cmp.Or(cmp.Compare(a.stype, b.stype), cmp.Compare(a.symbol, b.symbol))
	})
	for _, key := range keys {
		targets := s.aliases[key]
		if key.stype == dbn.STypeRawSymbol || len(targets) != 1 {
			continue
		}
		if _, named := s.raw[targets[0].id]; !named {
			s.nameRaw(targets[0].id, rawName{key.symbol, targets[0].start, targets[0].end})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.raw)) {
		name := s.raw[id]
		t := target{id, name.start, name.end}
		s.all = append(s.all, t)
		s.add(dbn.STypeRawSymbol, name.symbol, t)
	}
}

// resolve returns the instruments that a symbol stands for; none when it is unknown.
func (s *symbology) resolve(stype dbn.SType, symbol string) []target {
	if found := s.aliases[alias{stype, symbol}]; len(found) > 0 {
		return found
	}
	var found []target
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

func (s *symbology) resolveID(symbol string) []target {
	id, err := strconv.ParseUint(symbol, 10, 32)
	if err != nil {
		return nil
	}
	name, ok := s.raw[uint32(id)]
	if !ok {
		name = rawName{start: undefTimestamp, end: undefTimestamp}
	}
	return []target{{uint32(id), name.start, name.end}}
}

// resolveParent resolves ROOT.FUT and ROOT.OPT.
func (s *symbology) resolveParent(symbol string) []target {
	root, kind, ok := strings.Cut(symbol, ".")
	if !ok || root == "" {
		return nil
	}
	var found []target
	for _, t := range s.all {
		if r, k := s.family(t.id); r == root && k == kind {
			found = append(found, t)
		}
	}
	return found
}

// resolveContinuous resolves ROOT.rule.N: the future with rank N by expiration (c), volume
// (v) or open interest (n) in the data.
func (s *symbology) resolveContinuous(symbol string) []target {
	parts := strings.Split(symbol, ".")
	if len(parts) != 3 {
		return nil
	}
	rank, err := strconv.Atoi(parts[2])
	if err != nil || rank < 0 {
		return nil
	}
	var order func(a, b target) int
	switch parts[1] {
	case "c":
		order = func(a, b target) int { return cmp.Compare(s.expiry(a.id), s.expiry(b.id)) }
	case "v":
		order = func(a, b target) int { return cmp.Compare(s.traded[b.id], s.traded[a.id]) }
	case "n":
		order = func(a, b target) int { return cmp.Compare(s.open[b.id], s.open[a.id]) }
	default:
		return nil
	}
	var futures []target
	for _, t := range s.resolveParent(parts[0] + ".FUT") {
		if name := s.raw[t.id].symbol; !strings.ContainsAny(name, "-: ") {
			futures = append(futures, t)
		}
	}
	slices.SortStableFunc(futures, func(a, b target) int {
		return cmp.Or(order(a, b), cmp.Compare(s.expiry(a.id), s.expiry(b.id)))
	})
	if rank >= len(futures) {
		return nil
	}
	return futures[rank : rank+1]
}

// family is the root and the kind (FUT or OPT) of an instrument, from its definition or
// else from the form of its raw symbol.
func (s *symbology) family(id uint32) (root, kind string) {
	if d, ok := s.defs[id]; ok && d.asset != "" {
		switch d.class {
		case 'F', 'S':
			return d.asset, "FUT"
		case 'C', 'P', 'T':
			return d.asset, "OPT"
		}
		return "", ""
	}
	first, _, option := strings.Cut(s.raw[id].symbol, " ")
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
func (s *symbology) expiry(id uint32) uint64 {
	if d, ok := s.defs[id]; ok && d.expiration != undefTimestamp {
		return d.expiration
	}
	_, month, _ := splitFuture(s.raw[id].symbol)
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

// rawSymbol is the name that goes into a symbol mapping record.
func (s *symbology) rawSymbol(id uint32) string { return s.raw[id].symbol }

// dateNanos turns a yyyymmdd number into nanoseconds since 1970.
func dateNanos(yyyymmdd uint32) uint64 {
	year, month, day := int(yyyymmdd/10000), time.Month(yyyymmdd/100%100), int(yyyymmdd%100)
	if year < 1970 || year > 2261 { // outside of what nanoseconds in 64 bits can say
		return undefTimestamp
	}
	return uint64(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).UnixNano())
}
