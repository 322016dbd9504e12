package dbn_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/dbntest"
)

// update rewrites the golden files: go test ./dbn -run Golden -update. Run
// test/interop/dbn_cli.sh then: it compares the same records with the official tool.
var update = flag.Bool("update", false, "write the golden files")

// goldenTypes are one record type for each layout; the later ones differ between versions.
var goldenTypes = []dbn.RType{
	dbn.RTypeMbo, dbn.RTypeMbp0, dbn.RTypeMbp1, dbn.RTypeMbp10, dbn.RTypeBbo1S, dbn.RTypeCmbp1, dbn.RTypeCbbo1M,
	dbn.RTypeOhlcv1D, dbn.RTypeStatus, dbn.RTypeImbalance,
	dbn.RTypeInstrumentDef, dbn.RTypeStatistics, dbn.RTypeError, dbn.RTypeSystem, dbn.RTypeSymbolMapping,
}

const goldenSame = 10 // types that are equal in all versions

func TestGoldenText(t *testing.T) {
	forms := []struct {
		name string
		json bool
		o    dbn.TextOptions
	}{
		{"csv", false, dbn.TextOptions{}},
		{"pretty.csv", false, dbn.TextOptions{Pretty: true, MapSymbol: true}},
		{"pretty.tsv", false, dbn.TextOptions{Pretty: true, TsOut: true, Delimiter: '\t'}},
		{"json", true, dbn.TextOptions{TsOut: true, Exact: true}},
		{"pretty.json", true, dbn.TextOptions{Pretty: true, MapSymbol: true, Exact: true}},
	}
	for version := uint8(1); version <= dbn.Version; version++ {
		types := goldenTypes
		if version < dbn.Version {
			types = types[goldenSame:]
		}
		for _, form := range forms {
			name := fmt.Sprintf("v%d.%s", version, form.name)
			t.Run(name, func(t *testing.T) {
				m := dbntest.OddMetadata(dbn.SchemaNone, version, form.o.TsOut)
				symbols, err := dbn.TsSymbolMapOf(m)
				if err != nil {
					t.Fatal(err)
				}
				var got []byte
				if form.json {
					got = appendObject(got, m.AppendJSON(nil, form.o.Pretty), form.o.Pretty)
				}
				for i, rtype := range types {
					for j := range 2 {
						r := alignedRecord(dbntest.OddRecord(rtype, version, form.o.TsOut, (i+j*6)%dbntest.OddPatterns))
						columns := dbn.ColumnsOf(r)
						symbol, known := symbols.SymbolOf(r)
						switch {
						case form.json:
							got = appendObject(got, dbn.AppendJSON(nil, r, columns, symbol, known, &form.o), form.o.Pretty)
							continue
						case j == 0:
							got = dbn.AppendCSVHeader(got, columns, &form.o)
						}
						got = dbn.AppendCSV(got, r, columns, symbol, &form.o)
					}
				}
				compareGolden(t, name, got)
			})
		}
	}
}

func appendObject(dst, compact []byte, pretty bool) []byte {
	if pretty {
		compact = dbn.AppendIndented(nil, compact)
	}
	return append(append(dst, compact...), '\n')
}

// alignedRecord views bytes as a record, at an address that records need.
func alignedRecord(b []byte) dbn.Record {
	words := make([]uint64, (len(b)+7)/8)
	p := unsafe.Pointer(unsafe.SliceData(words))
	copy(unsafe.Slice((*byte)(p), len(words)*8), b)
	return dbn.RecordAt(p)
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "text", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	t.Errorf("differs from %s at byte %d:\n%q\nwant\n%q", path, i,
		got[max(0, i-80):min(len(got), i+80)], want[max(0, i-80):min(len(want), i+80)])
}
