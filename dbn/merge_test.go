package dbn_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestMergedMetadata(t *testing.T) {
	mapping := func(symbol string, intervals ...dbn.MappingInterval) dbn.SymbolMapping {
		return dbn.SymbolMapping{RawSymbol: symbol, Intervals: intervals}
	}
	a := testMetadata(3, false)
	a.Schema, a.Start, a.End, a.Limit = dbn.SchemaMbo, 10, 20, 5
	a.Mappings = []dbn.SymbolMapping{
		mapping("A", dbn.MappingInterval{StartDate: 20260101, EndDate: 20260105, Symbol: "1"}, dbn.MappingInterval{StartDate: 20260110, EndDate: 20260112, Symbol: "1"}),
		mapping("B", dbn.MappingInterval{StartDate: 20260101, EndDate: 20260105, Symbol: "2"}),
	}
	b := testMetadata(3, false)
	b.Schema, b.Start, b.End = dbn.SchemaTrades, 5, dbn.UndefTimestamp
	b.Symbols = []string{"NQZ6", "GCG7"}
	b.Mappings = []dbn.SymbolMapping{
		mapping("C", dbn.MappingInterval{StartDate: 20260101, EndDate: 20260102, Symbol: "3"}),
		mapping("A", dbn.MappingInterval{StartDate: 20260103, EndDate: 20260107, Symbol: "1"}, dbn.MappingInterval{StartDate: 20260107, EndDate: 20260110, Symbol: "9"}),
	}
	got, err := dbn.MergeMetadata(&a, &b)
	if err != nil {
		t.Fatal(err)
	}
	want := a
	want.Schema, want.Start, want.End, want.Limit = dbn.SchemaNone, 5, 20, 0
	want.Symbols = []string{"ESZ6", "NQZ6", "GCG7"}
	want.Mappings = []dbn.SymbolMapping{
		mapping("A", dbn.MappingInterval{StartDate: 20260101, EndDate: 20260107, Symbol: "1"}, dbn.MappingInterval{StartDate: 20260107, EndDate: 20260110, Symbol: "9"},
			dbn.MappingInterval{StartDate: 20260110, EndDate: 20260112, Symbol: "1"}),
		a.Mappings[1], b.Mappings[0],
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	if len(a.Symbols) != 2 || len(a.Mappings) != 2 || a.Mappings[0].Intervals[0].EndDate != 20260105 {
		t.Error("an input was changed")
	}
	if same, err := dbn.MergeMetadata(&a); err != nil || !cmp.Equal(*same, a) {
		t.Errorf("one alone: %v, %v", same, err)
	}
}

func TestMetadataThatCannotBeMerged(t *testing.T) {
	tests := []struct {
		name   string
		change func(*dbn.Metadata)
	}{
		{"versions", func(m *dbn.Metadata) { m.Version = 2 }},
		{"datasets", func(m *dbn.Metadata) { m.Dataset = "XNAS.ITCH" }},
		{"stype_in", func(m *dbn.Metadata) { m.StypeIn = dbn.STypeParent }},
		{"stype_out", func(m *dbn.Metadata) { m.StypeOut = dbn.STypeRawSymbol }},
		{"ts_out", func(m *dbn.Metadata) { m.TsOut = true }},
		{"symbol_cstr_len", func(m *dbn.Metadata) { m.SymbolCstrLen = 22 }},
		{"overlap", func(m *dbn.Metadata) {
			m.Mappings = []dbn.SymbolMapping{{RawSymbol: "ESZ6", Intervals: []dbn.MappingInterval{{StartDate: 20261110, EndDate: 20261111, Symbol: "77"}}}}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b := testMetadata(3, false), testMetadata(3, false)
			test.change(&b)
			if _, err := dbn.MergeMetadata(&a, &b); err == nil || !strings.Contains(err.Error(), test.name) {
				t.Errorf("%v", err)
			}
		})
	}
}

// timedStream has an mbo record for each time; the sequence tells the streams apart.
func timedStream(t *testing.T, stream uint32, times ...dbn.UnixNanos) []byte {
	t.Helper()
	m := testMetadata(3, false)
	out, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ts := range times {
		r := dbn.MboMsg{Hd: dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbo}, TsRecv: ts, Sequence: stream}
		out = append(out, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))...)
	}
	return out
}

func TestMergerOrdersByTimeAndThenByStream(t *testing.T) {
	streams := [][]byte{
		timedStream(t, 0, 1, 5, 5, 9), timedStream(t, 1), timedStream(t, 2, 0, 5, 6, 100), timedStream(t, 3, 5, dbn.UndefTimestamp),
	}
	var decoders []*dbn.Decoder
	for _, s := range streams {
		d, err := dbn.NewDecoder(bytes.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		decoders = append(decoders, d)
	}
	type seen struct {
		Stream uint32
		Ts     dbn.UnixNanos
	}
	var got []seen
	merger := dbn.NewMerger(decoders...)
	for {
		r, err := merger.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		m, _ := dbn.As[dbn.MboMsg](r)
		got = append(got, seen{m.Sequence, m.TsRecv})
	}
	want := []seen{{2, 0}, {0, 1}, {0, 5}, {0, 5}, {2, 5}, {3, 5}, {2, 6}, {0, 9}, {2, 100}, {3, dbn.UndefTimestamp}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := merger.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
}

func TestMergerNamesTheStreamThatFails(t *testing.T) {
	good, bad := timedStream(t, 0, 1, 2, 3, 4), timedStream(t, 1, 2, 3)
	first, _ := dbn.NewDecoder(bytes.NewReader(good))
	second, _ := dbn.NewDecoder(bytes.NewReader(bad[:len(bad)-1]))
	merger := dbn.NewMerger(first, second)
	n := 0
	for {
		_, err := merger.Next()
		if err == nil {
			n++
			continue
		}
		var fault *dbn.MergeError
		if !errors.As(err, &fault) || fault.Stream != 1 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
		if _, again := merger.Next(); again != err {
			t.Errorf("then %v", again)
		}
		break
	}
	if n != 3 { // 1, and 2 of both; what follows the fault is not known
		t.Errorf("%d records", n)
	}
}

func TestMergingAllocatesNothing(t *testing.T) {
	times := make([]dbn.UnixNanos, 5000)
	for i := range times {
		times[i] = dbn.UnixNanos(i * 3)
	}
	var decoders []*dbn.Decoder
	for i := range uint32(3) {
		d, err := dbn.NewDecoder(bytes.NewReader(timedStream(t, i, times...)))
		if err != nil {
			t.Fatal(err)
		}
		decoders = append(decoders, d)
	}
	merger := dbn.NewMerger(decoders...)
	if _, err := merger.Next(); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10000, func() {
		if _, err := merger.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
