// Package names knows what instruments are called: from the definitions and symbol mappings in a log.
package names

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
)

// Table is what is known of a dataset's instruments. Its methods may be called from any goroutine.
type Table struct {
	mu   sync.RWMutex
	raw  map[uint32]gateway.Instrument  // by instrument
	ids  map[string]uint32              // by raw symbol, the last instrument that had it
	said map[alias][]uint32             // what the service said that a symbol stands for
	kin  map[string]map[uint32]struct{} // by parent symbol, from definitions
}

type alias struct {
	stype  dbn.SType
	symbol string
}

// NewTable makes an empty one.
func NewTable() *Table {
	return &Table{raw: map[uint32]gateway.Instrument{}, ids: map[string]uint32{}, said: map[alias][]uint32{}, kin: map[string]map[uint32]struct{}{}}
}

// Take takes definitions and symbol mappings; other records are passed over.
func (t *Table) Take(records []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	batch.Each(records, func(record []byte) {
		if m := viewed[dbn.SymbolMappingMsg](record, dbn.RTypeSymbolMapping); m != nil {
			t.takeMapping(m)
		}
		if m := viewed[dbn.InstrumentDefMsg](record, dbn.RTypeInstrumentDef); m != nil {
			t.takeDefinition(m)
		}
	})
}

// viewed copies a record, whose address may not be aligned, into its struct; nil when it is another one.
func viewed[T any](record []byte, rtype dbn.RType) *T {
	m := new(T)
	to := unsafe.Slice((*byte)(unsafe.Pointer(m)), unsafe.Sizeof(*m))
	if batch.RTypeAt(record) != rtype || len(record) < len(to) {
		return nil
	}
	copy(to, record)
	return m
}

func (t *Table) takeMapping(m *dbn.SymbolMappingMsg) {
	in, out := m.StypeInSymbolString(), m.StypeOutSymbolString()
	raw := out
	if m.StypeOut == dbn.STypeInstrumentID {
		raw = in
	}
	id := m.Hd.InstrumentID
	t.name(gateway.Instrument{ID: id, RawSymbol: raw, Start: m.StartTs, End: m.EndTs})
	key := alias{m.StypeIn, in}
	switch {
	case m.StypeIn == dbn.STypeRawSymbol || m.StypeIn == dbn.STypeInstrumentID:
	case m.StypeIn == dbn.STypeParent:
		if !slices.Contains(t.said[key], id) {
			t.said[key] = append(t.said[key], id)
		}
	default:
		t.said[key] = []uint32{id} // such as ES.c.0, which stands for one at a time
	}
}

func (t *Table) takeDefinition(m *dbn.InstrumentDefMsg) {
	id := m.Hd.InstrumentID
	t.name(gateway.Instrument{ID: id, RawSymbol: m.RawSymbolString(), Start: dbn.UndefTimestamp, End: dbn.UndefTimestamp})
	kind := ""
	switch m.InstrumentClass {
	case dbn.InstrumentClassFuture, dbn.InstrumentClassFutureSpread:
		kind = ".FUT"
	case dbn.InstrumentClassCall, dbn.InstrumentClassPut, dbn.InstrumentClassOptionSpread:
		kind = ".OPT"
	}
	if asset := m.AssetString(); asset != "" && kind != "" {
		kin := t.kin[asset+kind]
		if kin == nil {
			kin = map[uint32]struct{}{}
			t.kin[asset+kind] = kin
		}
		kin[id] = struct{}{}
	}
}

// name gives an instrument its raw symbol. Dates that a mapping gave stay when a definition repeats the name.
func (t *Table) name(i gateway.Instrument) {
	if i.RawSymbol == "" {
		return
	}
	if old, known := t.raw[i.ID]; known && old.RawSymbol == i.RawSymbol && i.Start == dbn.UndefTimestamp {
		return
	}
	t.raw[i.ID], t.ids[i.RawSymbol] = i, i.ID
}

// Resolve returns the instruments that a symbol stands for; none when it is unknown.
func (t *Table) Resolve(stype dbn.SType, symbol string) []gateway.Instrument {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch stype {
	case dbn.STypeRawSymbol:
		if id, known := t.ids[symbol]; known {
			return []gateway.Instrument{t.raw[id]}
		}
		return nil
	case dbn.STypeInstrumentID:
		id, err := strconv.ParseUint(symbol, 10, 32)
		if i, known := t.raw[uint32(id)]; known && err == nil {
			return []gateway.Instrument{i}
		}
		return nil
	}
	ids := slices.Clone(t.said[alias{stype, symbol}])
	if stype == dbn.STypeParent {
		for id := range t.kin[symbol] {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	var found []gateway.Instrument
	for _, id := range ids {
		found = append(found, t.raw[id])
	}
	return found
}

// All returns every instrument that has a raw symbol, by its number.
func (t *Table) All() []gateway.Instrument {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]gateway.Instrument, 0, len(t.raw))
	for _, i := range t.raw {
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b gateway.Instrument) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Len is the number of instruments that have a raw symbol.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.raw)
}

// key is where a record is retained; "" for records that are not.
func key(record []byte) string {
	if batch.RTypeAt(record) == dbn.RTypeInstrumentDef {
		return fmt.Sprintf("definition.%d", batch.InstrumentAt(record))
	}
	m := viewed[dbn.SymbolMappingMsg](record, dbn.RTypeSymbolMapping)
	if m == nil {
		return ""
	}
	// A symbol may have characters that a subject cannot.
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%d %d %s", m.Hd.InstrumentID, m.StypeIn, m.StypeInSymbolString())
	return fmt.Sprintf("mapping.%016x", hash.Sum64())
}
