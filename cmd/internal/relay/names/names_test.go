package names

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/embed"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
)

func mapping(id uint32, stype dbn.SType, in, raw string) []byte {
	m := dbn.SymbolMappingMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeSymbolMapping, InstrumentID: id}, StypeIn: stype, StypeOut: dbn.STypeRawSymbol}
	m.Hd.Length = uint8(dbn.SizeOf(dbn.RTypeSymbolMapping, dbn.Version) / 4)
	copy(m.StypeInSymbol[:], in)
	copy(m.StypeOutSymbol[:], raw)
	return bytes.Clone(dbn.Ref(&m.Hd).Bytes())
}

func definition(id uint32, raw, asset string, class dbn.InstrumentClass) []byte {
	m := dbn.InstrumentDefMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeInstrumentDef, InstrumentID: id}, InstrumentClass: class}
	m.Hd.Length = uint8(dbn.SizeOf(dbn.RTypeInstrumentDef, dbn.Version) / 4)
	copy(m.RawSymbol[:], raw)
	copy(m.Asset[:], asset)
	return bytes.Clone(dbn.Ref(&m.Hd).Bytes())
}

// check resolves symbols of every kind.
func check(t *testing.T, table *Table) {
	t.Helper()
	for _, test := range []struct {
		stype  dbn.SType
		symbol string
		want   []uint32
	}{
		{dbn.STypeRawSymbol, "ESZ6", []uint32{1}},
		{dbn.STypeRawSymbol, "ESH7", []uint32{2}},
		{dbn.STypeRawSymbol, "NONE", nil},
		{dbn.STypeInstrumentID, "2", []uint32{2}},
		{dbn.STypeInstrumentID, "99", nil},
		{dbn.STypeInstrumentID, "x", nil},
		{dbn.STypeParent, "ES.FUT", []uint32{1, 2}},
		{dbn.STypeParent, "ES.OPT", []uint32{3}},
		{dbn.STypeParent, "NQ.FUT", []uint32{4}},
		{dbn.STypeContinuous, "ES.c.0", []uint32{2}},
		{dbn.STypeContinuous, "NQ.c.0", nil},
	} {
		var got []uint32
		for _, i := range table.Resolve(test.stype, test.symbol) {
			got = append(got, i.ID)
			if i.RawSymbol == "" {
				t.Errorf("%s %s: instrument %d has no name", test.stype, test.symbol, i.ID)
			}
		}
		if len(got) != len(test.want) || len(got) > 0 && got[0] != test.want[0] || len(got) > 1 && got[1] != test.want[1] {
			t.Errorf("%s %s: %v, want %v", test.stype, test.symbol, got, test.want)
		}
	}
	if all := table.All(); len(all) != 4 || table.Len() != 4 || all[0].ID != 1 || all[3].ID != 4 {
		t.Errorf("all are %+v", all)
	}
}

var (
	mappings = bytes.Join([][]byte{
		mapping(1, dbn.STypeRawSymbol, "ESZ6", "ESZ6"), mapping(4, dbn.STypeParent, "NQ.FUT", "NQZ6"),
		mapping(1, dbn.STypeContinuous, "ES.c.0", "ESZ6"), mapping(2, dbn.STypeContinuous, "ES.c.0", "ESH7"),
	}, nil)
	definitions = bytes.Join([][]byte{
		definition(1, "ESZ6", "ES", dbn.InstrumentClassFuture), definition(2, "ESH7", "ES", dbn.InstrumentClassFuture),
		definition(3, "ESZ6 C7000", "ES", dbn.InstrumentClassCall),
	}, nil)
)

func TestSymbolsOfEveryKindAreResolved(t *testing.T) {
	table := NewTable()
	table.Take(mappings)
	table.Take(definitions)
	check(t, table)
}

// What a log said is known after it was deleted, also to a keeper that comes later.
func TestNamesOutliveTheLog(t *testing.T) {
	store, err := log.Open(t.Context(), log.Options{Server: &embed.Server{Directory: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	l, err := store.Log(t.Context(), "GLBX.MDP3")
	if err != nil {
		t.Fatal(err)
	}
	tail, err := l.Tail(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWriter(tail, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Append(batch.Mappings, mappings, true); err != nil {
		t.Fatal(err)
	}
	if err := w.Append("definition", definitions, true); err != nil {
		t.Fatal(err)
	}
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second one finds what the first one has retained
		k, err := NewKeeper(t.Context(), l, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); k.Run(ctx) }()
		<-k.Ready()
		check(t, k.Table)
		cancel()
		<-done
	}
	retained, err := l.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table := NewTable()
	if source, err := retained.All(t.Context(), table.Take); source != 2 || err != nil {
		t.Fatal(source, err)
	}
	if len(table.Resolve(dbn.STypeParent, "ES.OPT")) != 1 || table.Len() != 4 {
		t.Errorf("retained are %+v", table.All())
	}
}
