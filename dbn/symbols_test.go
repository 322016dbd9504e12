package dbn_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// Day by day, the later interval in the header counts: what intervals must come to.
func TestOverlappingMappingsAreWhatWritingDayByDayGives(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for round := range 300 {
		m := dbn.Metadata{StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID}
		type key struct{ day, id uint32 }
		days := map[key]string{}
		for range 1 + random.IntN(12) {
			mapping := dbn.SymbolMapping{RawSymbol: fmt.Sprintf("S%d", random.IntN(9))}
			for range 1 + random.IntN(4) {
				start := random.Uint32N(28)
				end := start + random.Uint32N(30-start)
				id := 1 + random.Uint32N(3)
				mapping.Intervals = append(mapping.Intervals, dbn.MappingInterval{
					StartDate: 20230701 + start, EndDate: 20230701 + end, Symbol: fmt.Sprint(id)})
				for day := start; day < end; day++ {
					days[key{20230701 + day, id}] = mapping.RawSymbol
				}
			}
			m.Mappings = append(m.Mappings, mapping)
		}
		symbols, err := dbn.TsSymbolMapOf(&m)
		if err != nil {
			t.Fatal(err)
		}
		for day := uint32(20230630); day <= 20230731; day++ {
			for id := uint32(1); id <= 3; id++ {
				got, ok := symbols.Symbol(id, day)
				want, known := days[key{day, id}]
				if got != want || ok != known {
					t.Fatalf("round %d: %d on %d is %q, want %q", round, id, day, got, want)
				}
			}
		}
	}
}

func TestPitSymbolMapRefusesWhatIsNoDay(t *testing.T) {
	m := dbn.Metadata{StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, End: dbn.UndefTimestamp}
	for date, ok := range map[uint32]bool{
		19700101: true, 20240229: true, 25540720: true,
		0: false, 20230229: false, 20231301: false, 20230100: false, 20230132: false, 19691231: false, 1<<32 - 1: false,
	} {
		if _, err := dbn.PitSymbolMapOf(&m, date); (err == nil) != ok {
			t.Errorf("%d: %v", date, err)
		}
	}
}

func TestAGapIsNoMappingWhateverItsDates(t *testing.T) {
	m := dbn.Metadata{StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID}
	m.Mappings = []dbn.SymbolMapping{{RawSymbol: "A", Intervals: []dbn.MappingInterval{
		{StartDate: 20230801, EndDate: 20230701}, {StartDate: 20230701, EndDate: 20230801, Symbol: "2"}}}}
	symbols, err := dbn.TsSymbolMapOf(&m)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := symbols.Symbol(2, 20230701); got != "A" {
		t.Errorf("%q", got)
	}
}

func TestPitSymbolMapTakesTheFirstIntervalOfAMapping(t *testing.T) {
	m := dbn.Metadata{StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, End: dbn.UndefTimestamp}
	m.Mappings = []dbn.SymbolMapping{
		{RawSymbol: "A", Intervals: []dbn.MappingInterval{
			{StartDate: 20230701, EndDate: 20230710, Symbol: "1"}, {StartDate: 20230705, EndDate: 20230712, Symbol: "2"}}},
		{RawSymbol: "B", Intervals: []dbn.MappingInterval{
			{StartDate: 20230701, EndDate: 20230710}, {StartDate: 20230705, EndDate: 20230712, Symbol: "3"}}},
	}
	symbols, err := dbn.PitSymbolMapOf(&m, 20230706)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := symbols.Symbol(1); got != "A" || symbols.Len() != 1 {
		t.Errorf("id 1 is %q of %d", got, symbols.Len())
	}
}
