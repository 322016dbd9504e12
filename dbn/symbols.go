package dbn

import (
	"fmt"
	"sort"
	"strconv"
)

// PitSymbolMap is a point-in-time map from instrument id to text symbol: of one date of
// historical data, or kept up to date from a live stream.
type PitSymbolMap struct {
	symbols map[uint32]string
}

// NewPitSymbolMap makes an empty map, for a live stream.
func NewPitSymbolMap() *PitSymbolMap { return &PitSymbolMap{map[uint32]string{}} }

// PitSymbolMapOf takes the mappings that hold on a UTC date (yyyymmdd).
func PitSymbolMapOf(m *Metadata, date uint32) (*PitSymbolMap, error) {
	if date < DateOf(m.Start) || (!m.End.IsUndef() && m.End != 0 && dateMidnight(date) >= m.End) {
		return nil, fmt.Errorf("dbn: date %d is outside the data, which begins at %s and ends before %s", date, m.Start, m.End)
	}
	p := NewPitSymbolMap()
	return p, eachInterval(m, func(id uint32, symbol string, i MappingInterval) {
		if i.StartDate <= date && date < i.EndDate {
			p.symbols[id] = symbol
		}
	})
}

// OnRecord takes in a symbol mapping record of either layout; others are ignored. It
// reports whether the map changed.
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

// Symbol looks an instrument up.
func (p *PitSymbolMap) Symbol(instrumentID uint32) (string, bool) {
	s, ok := p.symbols[instrumentID]
	return s, ok
}

// Len is the number of instruments.
func (p *PitSymbolMap) Len() int { return len(p.symbols) }

// TsSymbolMap is a time-series map from instrument id and UTC date to text symbol. It keeps
// intervals, not days: ten years of every symbol stay small.
type TsSymbolMap struct {
	byID map[uint32][]symbolSpan
}

type symbolSpan struct {
	start, end uint32 // yyyymmdd, [start, end)
	symbol     string
}

// TsSymbolMapOf takes all mappings of a header, one side of which must be instrument ids.
func TsSymbolMapOf(m *Metadata) (*TsSymbolMap, error) {
	t := &TsSymbolMap{map[uint32][]symbolSpan{}}
	err := eachInterval(m, func(id uint32, symbol string, i MappingInterval) {
		t.byID[id] = append(t.byID[id], symbolSpan{i.StartDate, i.EndDate, symbol})
	})
	if err != nil {
		return nil, err
	}
	for _, spans := range t.byID {
		sort.SliceStable(spans, func(i, j int) bool { return spans[i].start < spans[j].start })
	}
	return t, nil
}

// Symbol looks an instrument up on a UTC date (yyyymmdd).
func (t *TsSymbolMap) Symbol(instrumentID, date uint32) (string, bool) {
	spans := t.byID[instrumentID]
	// The last one wins where intervals overlap.
	for i := len(spans) - 1; i >= 0; i-- {
		if spans[i].start <= date && date < spans[i].end {
			return spans[i].symbol, true
		}
	}
	return "", false
}

// SymbolOf looks a record's instrument up on the record's date.
func (t *TsSymbolMap) SymbolOf(r Record) (string, bool) {
	ts := r.IndexTs()
	if ts.IsUndef() {
		return "", false
	}
	return t.Symbol(r.Header().InstrumentID, DateOf(ts))
}

// Len is the number of instruments.
func (t *TsSymbolMap) Len() int { return len(t.byID) }

// eachInterval walks the mappings as (instrument id, text symbol, interval). Empty symbols
// and empty intervals are gaps.
func eachInterval(m *Metadata, f func(id uint32, symbol string, i MappingInterval)) error {
	inverse := false
	switch {
	case m.StypeOut == STypeInstrumentID:
	case m.StypeIn == STypeInstrumentID:
		inverse = true
	default:
		return fmt.Errorf("dbn: symbols map %s to %s: one side must be instrument_id", m.StypeIn, m.StypeOut)
	}
	for _, mapping := range m.Mappings {
		for _, i := range mapping.Intervals {
			if i.StartDate > i.EndDate {
				return fmt.Errorf("dbn: mapping of %q ends (%d) before it begins (%d)", mapping.RawSymbol, i.EndDate, i.StartDate)
			}
			if i.Symbol == "" || i.StartDate == i.EndDate {
				continue
			}
			number, text := i.Symbol, mapping.RawSymbol
			if inverse {
				number, text = text, number
			}
			id, err := strconv.ParseUint(number, 10, 32)
			if err != nil {
				return fmt.Errorf("dbn: mapping of %q: %q is no instrument id", mapping.RawSymbol, number)
			}
			f(uint32(id), text, i)
		}
	}
	return nil
}

// dateMidnight is the first instant of a date (yyyymmdd).
func dateMidnight(date uint32) UnixNanos {
	y, m, d := int64(date/10000), int64(date/100%100), int64(date%100)
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return UnixNanos((era*146097 + doe - 719468) * 24 * 3600 * 1e9)
}
