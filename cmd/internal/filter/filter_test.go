package filter

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

// trade is one of an instrument at a time.
func trade(instrument uint32, ts dbn.UnixNanos) dbn.Record {
	m := &dbn.TradeMsg{Hd: dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.TradeMsg{}) / 4), RType: dbn.RTypeMbp0, PublisherID: 1, InstrumentID: instrument, TsEvent: ts - 1}, TsRecv: ts}
	return dbn.Ref(&m.Hd)
}

func made(t testing.TB, s Settings) *Filter {
	t.Helper()
	f, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const day = 86_400_000_000_000

// rolled is metadata in which instrument 1 is ESU6 and then ESZ6, and ESZ6 was instrument 2 before.
func rolled() *dbn.Metadata {
	return &dbn.Metadata{
		Version: dbn.Version, Dataset: "GLBX.MDP3", StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
		Start: at, End: at + 3*day, Symbols: []string{"ESU6", "ESZ6", "NQZ6", "ES.FUT"}, Partial: []string{"ESU6"}, NotFound: []string{"NQZ6"},
		Mappings: []dbn.SymbolMapping{
			{RawSymbol: "ESU6", Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261116, Symbol: "1"}}},
			{RawSymbol: "ESZ6", Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261116, Symbol: "2"}, {StartDate: 20261116, EndDate: 20261118, Symbol: "1"}}},
			{RawSymbol: "NQZ6", Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261118, Symbol: "3"}}},
		},
	}
}

func TestASymbolIsThatOfItsDay(t *testing.T) {
	symbols, err := dbn.TsSymbolMapOf(rolled())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Settings{{Symbols: []string{"ESZ*"}}, {Where: []string{`symbol == "ESZ6"`}}, {Where: []string{`symbol in ["ESZ6"]`}}} {
		f := made(t, s)
		f.Follow(symbols.SymbolOf)
		midnight := at - at%day + day // of the 16th
		for range 2 {                 // the second time from what is remembered
			for _, test := range []struct {
				instrument uint32
				ts         dbn.UnixNanos
				want       bool
			}{
				{1, midnight - 1, false}, {2, midnight - 1, true}, {3, midnight - 1, false},
				{1, midnight, true}, {2, midnight, false}, {3, midnight, false}, {1, midnight - 1, false},
				{1, midnight + 2*day - 1, true}, {1, midnight + 2*day, false}, {4097, midnight, false}, {1, midnight, true}, {1, dbn.UndefTimestamp, false},
			} {
				if got := f.Passes(trade(test.instrument, test.ts)); got != test.want {
					t.Errorf("%+v: instrument %d at %s: %v", s, test.instrument, test.ts, got)
				}
			}
		}
	}
}

func TestAMappingRecordChangesASymbolAtItsPlace(t *testing.T) {
	f := made(t, Settings{Symbols: []string{"ESZ*"}, Where: []string{`symbol != "NQZ6"`}})
	f.Follow(func(r dbn.Record) (string, bool) { return f.Mapped(r.Header().InstrumentID) })
	for _, step := range []struct {
		symbol string
		want   bool
	}{{"", false}, {"ESU6", false}, {"ESZ6", true}, {"NQZ6", false}, {"ESZ7", true}} {
		if step.symbol != "" {
			m := samples.Mapping(1, step.symbol)
			f.Map(m)
			if got := f.WantsMapping(m); got != step.want {
				t.Errorf("the mapping to %s is wanted: %v", step.symbol, got)
			}
		}
		if got := f.Passes(trade(1, at)); got != step.want {
			t.Errorf("after %q: %v", step.symbol, got)
		}
	}
}

func TestEachSettingSelects(t *testing.T) {
	symbols := map[uint32]string{1: "ESZ6", 2: "ESH7", 3: "NQZ6"}
	var records []dbn.Record
	for i := range dbn.UnixNanos(6) {
		records = append(records, trade(uint32(i%3)+1, at+i))
	}
	records[4].Header().PublisherID = 2
	for _, test := range []struct {
		name string
		s    Settings
		want []int
	}{
		{"symbol", Settings{Symbols: []string{"ES*"}}, []int{0, 1, 3, 4}}, {"two patterns", Settings{Symbols: []string{"ESZ6", "N?Z6"}}, []int{0, 2, 3, 5}},
		{"instruments", Settings{Instruments: []uint32{3, 2}}, []int{1, 2, 4, 5}}, {"symbol and instrument", Settings{Symbols: []string{"*Z6"}, Instruments: []uint32{1, 2}}, []int{0, 3}},
		{"publisher", Settings{Publishers: []uint16{2, 9}}, []int{4}}, {"start", Settings{Start: at + 4}, []int{4, 5}}, {"end", Settings{End: at + 2}, []int{0, 1}},
		{"start and end", Settings{Start: at + 1, End: at + 3}, []int{1, 2}}, {"every", Settings{Every: 4}, []int{0, 4}},
		{"every of those", Settings{Every: 2, Symbols: []string{"ES*"}, Where: []string{"instrument_id < 3", "publisher_id == 1"}}, []int{0, 3}},
		{"everything", Settings{Symbols: []string{"*"}, Every: 1}, []int{0, 1, 2, 3, 4, 5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := made(t, test.s)
			f.Follow(func(r dbn.Record) (string, bool) {
				symbol, known := symbols[r.Header().InstrumentID]
				return symbol, known
			})
			var got []int
			for i, r := range records {
				if f.Passes(r) {
					got = append(got, i)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
	if f := made(t, Settings{Every: 1}); f != nil {
		t.Error("a filter that chooses nothing is one")
	}
	if f := made(t, Settings{Start: at}); f.Passes(trade(1, dbn.UndefTimestamp)) {
		t.Error("no time is after the start")
	}
}

func TestNarrowedMetadataHoldsWhatWasSelected(t *testing.T) {
	count := uint64(7)
	for _, test := range []struct {
		name   string
		s      Settings
		change func(*dbn.Metadata) // of what is expected
	}{
		{"a symbol", Settings{Symbols: []string{"ESZ*"}}, func(m *dbn.Metadata) {
			m.Mappings, m.Symbols, m.Partial, m.NotFound = m.Mappings[1:2], []string{"ESZ6", "ES.FUT"}, []string{}, []string{}
		}},
		{"an instrument", Settings{Instruments: []uint32{1}}, func(m *dbn.Metadata) {
			m.Mappings = m.Mappings[:2]
			m.Mappings[1].Intervals = m.Mappings[1].Intervals[1:]
			m.Symbols, m.NotFound = []string{"ESU6", "ESZ6", "ES.FUT"}, []string{}
		}},
		{"times", Settings{Start: at + 5, End: at + 9}, func(m *dbn.Metadata) { m.Start, m.End = at+5, at+9 }},
		{"times beyond", Settings{Start: at + 9*day, End: at + 10*day}, func(m *dbn.Metadata) { m.Start, m.End = at+9*day, at+9*day }},
		{"a field", Settings{Where: []string{"size > 5"}}, func(*dbn.Metadata) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, want := rolled(), rolled()
			m.RecordCount = &count
			test.change(want)
			got := made(t, test.s).Narrow(m)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			before := rolled()
			before.RecordCount = &count
			if diff := cmp.Diff(before, m); diff != "" {
				t.Errorf("the metadata of the input changed: %s", diff)
			}
		})
	}
	inverse := &dbn.Metadata{StypeIn: dbn.STypeInstrumentID, StypeOut: dbn.STypeRawSymbol, Symbols: []string{"1", "3"}, Mappings: []dbn.SymbolMapping{
		{RawSymbol: "1", Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261116, Symbol: "ESU6"}, {StartDate: 20261116, EndDate: 20261117, Symbol: "ESZ6"}}},
		{RawSymbol: "3", Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261116, Symbol: "NQZ6"}}},
	}}
	got := made(t, Settings{Symbols: []string{"ESZ6"}}).Narrow(inverse)
	if len(got.Mappings) != 1 || len(got.Mappings[0].Intervals) != 1 || got.Mappings[0].Intervals[0].Symbol != "ESZ6" || !slices.Equal(got.Symbols, []string{"1"}) {
		t.Errorf("%+v", got)
	}
	if m := rolled(); (*Filter)(nil).Narrow(m) != m {
		t.Error("no filter changes metadata")
	}
}

func TestPatternsOfSymbols(t *testing.T) {
	for _, test := range []struct {
		pattern  string
		matches  string
		not      string
		mistaken string
	}{
		{pattern: "ES*", matches: "ES ESZ6 ES/x", not: "es NES E"}, {pattern: "*", matches: "ES x.y/z"}, {pattern: "E?Z6", matches: "ESZ6 E漢Z6", not: "EZ6 ESSZ6"},
		{pattern: "[A-C]1", matches: "A1 C1", not: "D1 1 a1"}, {pattern: "[!A-C]1", matches: "D1 !1", not: "A1"}, {pattern: "[^x]", matches: "^ x", not: "y"},
		{pattern: `\*`, matches: "*", not: "x"}, {pattern: "ES.c.0", matches: "ES.c.0", not: "ESxc.0"}, {pattern: "BTC/*+(x)", matches: "BTC/USD+(x)"},
		{pattern: "漢*", matches: "漢字"}, {pattern: `[\]`, matches: `\`}, {pattern: "", not: "x"},
		{pattern: "[", mistaken: "lacks"}, {pattern: "[]", mistaken: "lacks"}, {pattern: "[!]", mistaken: "lacks"}, {pattern: `ES\`, mistaken: "nothing follows"}, {pattern: "[z-a]", mistaken: "range"},
	} {
		g, err := newGlob(test.pattern)
		if test.mistaken != "" || err != nil {
			if err == nil || !strings.Contains(err.Error(), test.mistaken) {
				t.Errorf("%q: %v", test.pattern, err)
			}
			continue
		}
		for _, text := range strings.Fields(test.matches) {
			if !g.matches(text) {
				t.Errorf("%q does not match %q", test.pattern, text)
			}
		}
		for _, text := range strings.Fields(test.not) {
			if g.matches(text) {
				t.Errorf("%q matches %q", test.pattern, text)
			}
		}
	}
}

func TestAFilterAllocatesNothingPerRecord(t *testing.T) {
	f := made(t, Settings{
		Symbols: []string{"ES*"}, Publishers: []uint16{1}, Start: 1, Every: 2,
		Where: []string{`size >= 0 && price * 2 != 1 && symbol like "E*" && !(ts_recv - ts_event > 5ms)`, `side in ["A", "B"] || size == 0`},
	})
	f.Follow(func(dbn.Record) (string, bool) { return "ESZ6", true })
	r, shorter := trade(1, at), trade(1, at)
	shorter.Header().Length -= 2 // as in a damaged stream
	f.Passes(r)
	f.Passes(shorter)
	if n := testing.AllocsPerRun(100, func() { f.Passes(r); f.Passes(shorter) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
