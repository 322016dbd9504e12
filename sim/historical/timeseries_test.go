package historical_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/internal/simtest"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

var histSchemas = []string{
	"bbo-1s", "definition", "mbo", "mbp-1", "mbp-10", "ohlcv-1m", "ohlcv-1s", "statistics", "status", "tbbo", "trades",
}

func TestGetRangeFilters(t *testing.T) {
	h := serve(t, historical.Config{})
	ids := map[string]uint32{"ESZ6": 4916, "NQZ6": 5122, "CLF7": 73214, "GCG7": 81640}
	const early, late = "2026-11-15T23:00:30.5", "2026-11-15T23:01:30"
	from, to := simtest.Time(early+"Z"), simtest.Time(late+"Z")
	day := simtest.Time("2026-11-15T00:00:00Z")
	for _, test := range []struct {
		name    string
		pairs   []string
		symbols []string // nil: all
		start   dbn.UnixNanos
		end     dbn.UnixNanos
		limit   int
	}{
		{"the day", []string{"start=2026-11-15"}, nil, day, day + 24*3600e9, 0},
		{"all symbols", []string{"start=2026-11-15", "symbols=ALL_SYMBOLS"}, nil, day, day + 24*3600e9, 0},
		{"one symbol", []string{"start=2026-11-15", "symbols=ESZ6"}, []string{"ESZ6"}, day, day + 24*3600e9, 0},
		{"two symbols", []string{"start=2026-11-15", "symbols=GCG7,ESZ6"}, []string{"GCG7", "ESZ6"}, day, day + 24*3600e9, 0},
		{"ids", []string{"start=2026-11-15", "symbols=5122,73214", "stype_in=instrument_id"}, []string{"NQZ6", "CLF7"}, day, day + 24*3600e9, 0},
		{"ids to names", []string{"start=2026-11-15", "symbols=5122", "stype_in=instrument_id", "stype_out=raw_symbol"}, []string{"NQZ6"}, day, day + 24*3600e9, 0},
		{"parent", []string{"start=2026-11-15", "symbols=NQ.FUT", "stype_in=parent"}, []string{"NQZ6"}, day, day + 24*3600e9, 0},
		{"continuous", []string{"start=2026-11-15", "symbols=CL.c.0", "stype_in=continuous"}, []string{"CLF7"}, day, day + 24*3600e9, 0},
		{"times", []string{"start=" + early, "end=" + late}, nil, from, to, 0},
		{"nanoseconds", []string{fmt.Sprintf("start=%d", from), fmt.Sprintf("end=%d", to)}, nil, from, to, 0},
		{"a minute", []string{"start=2026-11-15T23:01"}, nil, simtest.Time("2026-11-15T23:01:00Z"), simtest.Time("2026-11-15T23:02:00Z"), 0},
		{"a minute with a zone", []string{"start=2026-11-15T17:01-06:00"}, nil, simtest.Time("2026-11-15T23:01:00Z"), simtest.Time("2026-11-15T23:02:00Z"), 0},
		{"a basic day", []string{"start=20261115"}, nil, day, day + 24*3600e9, 0},
		{"a zone", []string{"start=2026-11-15T17:01:00-06:00", "end=2026-11-16T00:01:30+01:00"}, nil, simtest.Time("2026-11-15T23:01:00Z"), to, 0},
		{"limit", []string{"start=2026-11-15", "limit=3"}, nil, day, day + 24*3600e9, 3},
		{"everything", []string{"start=" + early, "end=" + late, "symbols=ESZ6,CLF7", "limit=10"}, []string{"ESZ6", "CLF7"}, from, to, 10},
	} {
		for _, schema := range histSchemas {
			t.Run(test.name+" "+schema, func(t *testing.T) {
				_, raw := simtest.SampleFile(t, schema)
				left := test.limit
				want := simtest.Pick(raw, func(rec dbn.Record) bool {
					ok := rec.IndexTs() >= test.start && rec.IndexTs() < test.end
					if test.symbols != nil {
						ok = ok && slices.ContainsFunc(test.symbols, func(s string) bool { return ids[s] == rec.Header().InstrumentID })
					}
					if ok && test.limit > 0 {
						left--
						return left >= 0
					}
					return ok
				})
				meta, got := records(t, h, append(test.pairs, "dataset=GLBX.MDP3", "schema="+schema)...)
				if !bytes.Equal(bytes.Join(got, nil), want) {
					t.Errorf("%d bytes of records, want %d", len(bytes.Join(got, nil)), len(want))
				}
				if meta.Schema.String() != schema || meta.Start != test.start || meta.End != test.end || meta.Limit != uint64(test.limit) || meta.TsOut {
					t.Errorf("metadata %+v", meta)
				}
				parameters := append(test.pairs, "dataset=GLBX.MDP3", "schema="+schema)
				if n := asked[uint64](t, h, http.MethodPost, "metadata.get_record_count", parameters...); n != uint64(len(got)) {
					t.Errorf("record count %d, want %d", n, len(got))
				}
				if n := asked[uint64](t, h, http.MethodGet, "metadata.get_billable_size", parameters...); n != uint64(len(want)) {
					t.Errorf("billable size %d, want %d", n, len(want))
				}
			})
		}
	}
}

func TestGetRangeMetadata(t *testing.T) {
	h := serve(t, historical.Config{})
	interval := func(symbol string) []dbn.MappingInterval {
		return []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261116, Symbol: symbol}}
	}
	for _, test := range []struct {
		name  string
		pairs []string
		want  dbn.Metadata
	}{
		{"all symbols have no mappings", nil, dbn.Metadata{StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, Symbols: []string{"ALL_SYMBOLS"}}},
		{
			"found and not found",
			[]string{"symbols=GCG7,NONE,ESZ6,ESZ6"},
			dbn.Metadata{
				StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, Symbols: []string{"GCG7", "NONE", "ESZ6"}, NotFound: []string{"NONE"},
				Mappings: []dbn.SymbolMapping{{RawSymbol: "GCG7", Intervals: interval("81640")}, {RawSymbol: "ESZ6", Intervals: interval("4916")}},
			},
		},
		{
			"to raw symbols",
			[]string{"symbols=4916", "stype_in=instrument_id", "stype_out=raw_symbol"},
			dbn.Metadata{
				StypeIn: dbn.STypeInstrumentID, StypeOut: dbn.STypeRawSymbol, Symbols: []string{"4916"},
				Mappings: []dbn.SymbolMapping{{RawSymbol: "4916", Intervals: interval("ESZ6")}},
			},
		},
		{
			"continuous",
			[]string{"symbols=GC.v.0", "stype_in=continuous"},
			dbn.Metadata{
				StypeIn: dbn.STypeContinuous, StypeOut: dbn.STypeInstrumentID, Symbols: []string{"GC.v.0"},
				Mappings: []dbn.SymbolMapping{{RawSymbol: "GC.v.0", Intervals: interval("81640")}},
			},
		},
	} {
		for version := uint8(1); version <= 3; version++ {
			t.Run(fmt.Sprint(test.name, " v", version), func(t *testing.T) {
				h := h
				if version < 3 {
					h = serve(t, historical.Config{Version: version})
				}
				want := test.want
				want.Version, want.Dataset, want.Schema = version, "GLBX.MDP3", dbn.SchemaDefinition
				want.Start, want.End = simtest.Time("2026-11-15T00:00:00Z"), simtest.Time("2026-11-16T00:00:00Z")
				want.SymbolCstrLen = 71
				if version == 1 {
					want.SymbolCstrLen = 22
				}
				got, list := records(t, h, append(test.pairs, "dataset=GLBX.MDP3", "schema=definition", "start=2026-11-15")...)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("metadata (-want +got):\n%s", diff)
				}
				for _, rec := range list {
					if len(rec) != dbn.SizeOf(dbn.RTypeInstrumentDef, version) {
						t.Errorf("a definition of %d bytes", len(rec))
					}
				}
			})
		}
	}
}

// A contract that changes: each instrument only on its own days, and partial coverage told.
func TestMappingsChangeByDay(t *testing.T) {
	day := simtest.Time("2026-03-02T12:00:00Z")
	var list []dbn.TradeMsg
	for i := range 5 { // five days, both instruments on each
		for _, id := range []uint32{1, 2} {
			at := day + dbn.UnixNanos(i)*24*3600e9
			m := dbn.TradeMsg{Action: dbn.ActionTrade, TsRecv: at + dbn.UnixNanos(id)}
			m.Hd = dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, PublisherID: 1, InstrumentID: id, TsEvent: at}
			list = append(list, m)
		}
	}
	meta := dbn.Metadata{
		Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades, StypeIn: dbn.STypeContinuous, StypeOut: dbn.STypeInstrumentID,
		Mappings: []dbn.SymbolMapping{{RawSymbol: "XX.c.0", Intervals: []dbn.MappingInterval{
			{StartDate: 20260302, EndDate: 20260304, Symbol: "1"}, {StartDate: 20260304, EndDate: 20260305, Symbol: "2"},
			{StartDate: 20260305, EndDate: 20260306, Symbol: "1"},
		}}},
	}
	h := serve(t, historical.Config{Sources: []sim.Source{sim.RecordsSource(meta, simtest.RecordBytes(list))}})
	got, recs := records(t, h, "dataset=GLBX.MDP3", "schema=trades", "start=2026-03-02", "end=2026-03-07", "symbols=XX.c.0", "stype_in=continuous")
	var ids []uint32
	for _, rec := range recs {
		ids = append(ids, uint32(rec[4]))
	}
	if want := []uint32{1, 1, 2, 1}; !slices.Equal(ids, want) {
		t.Errorf("instruments %v, want %v", ids, want)
	}
	if diff := cmp.Diff(meta.Mappings, got.Mappings); diff != "" || !slices.Equal(got.Partial, []string{"XX.c.0"}) {
		t.Errorf("partial %v, mappings (-want +got):\n%s", got.Partial, diff)
	}
	type resolved struct {
		Result   map[string][]map[string]string
		Partial  []string
		NotFound []string `json:"not_found"`
		Message  string
		Status   int
	}
	r := asked[resolved](t, h, http.MethodPost, "symbology.resolve", "dataset=GLBX.MDP3", "symbols=XX.c.0,NO.c.0",
		"stype_in=continuous", "stype_out=instrument_id", "start_date=2026-03-03", "end_date=2026-03-06")
	want := resolved{
		map[string][]map[string]string{"XX.c.0": {
			{"d0": "2026-03-03", "d1": "2026-03-04", "s": "1"}, {"d0": "2026-03-04", "d1": "2026-03-05", "s": "2"},
			{"d0": "2026-03-05", "d1": "2026-03-06", "s": "1"},
		}},
		[]string{}, []string{"NO.c.0"}, "Not found", 2,
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("resolve (-want +got):\n%s", diff)
	}
}

func TestGetRangeOfEveryRealFile(t *testing.T) {
	for _, path := range simtest.Fixtures(t, "*.dbn*") {
		if strings.Contains(path, ".frag") {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			meta, want := simtest.Decode(t, content)
			h := serve(t, historical.Config{Sources: []sim.Source{sim.FileSource(path)}})
			pairs := []string{"dataset=" + meta.Dataset, "schema=" + meta.Schema.String()}
			for _, period := range asked[map[string]any](t, h, http.MethodGet, "metadata.get_dataset_range", pairs...) {
				if text, ok := period.(string); ok && text == "1970-01-01T00:00:00.000000000Z" {
					t.Skip("the file tells no time")
				}
			}
			period := asked[struct{ Start, End string }](t, h, http.MethodGet, "metadata.get_dataset_range", pairs...)
			pairs = append(pairs, "start="+period.Start, "end="+period.End)
			selections := [][]string{nil}
			if len(meta.Symbols) > 0 && len(meta.Mappings) > 0 {
				selections = append(selections, []string{"symbols=" + strings.Join(meta.Symbols, ","), "stype_in=" + meta.StypeIn.String()})
			}
			if ids := simtest.InstrumentIDs(want); len(ids) > 0 {
				selections = append(selections, []string{"symbols=" + strings.Join(ids, ","), "stype_in=instrument_id"})
			}
			for _, selection := range selections {
				got, list := records(t, h, slices.Concat(pairs, selection)...)
				if !bytes.Equal(bytes.Join(list, nil), want) || got.Version != meta.Version || got.Schema != meta.Schema {
					t.Errorf("%v: %d records, %d bytes, want %d", selection, len(list), len(bytes.Join(list, nil)), len(want))
				}
			}
		})
	}
}

func TestGetRangeRepeats(t *testing.T) {
	_, raw := simtest.SampleFile(t, "trades")
	for _, stored := range []bool{false, true} {
		h := serve(t, historical.Config{RepeatBytes: int64(2*len(raw) + 1), Stored: stored})
		pairs := []string{"dataset=GLBX.MDP3", "schema=trades", "start=2026-11-15"}
		if _, list := records(t, h, pairs...); !bytes.Equal(bytes.Join(list, nil), bytes.Repeat(raw, 3)) {
			t.Errorf("stored %v: %d bytes of records, want three times %d", stored, len(bytes.Join(list, nil)), len(raw))
		}
		limit := len(raw)/48 + 7
		if _, list := records(t, h, append(pairs, "limit="+strconv.Itoa(limit))...); len(list) != limit {
			t.Errorf("stored %v: %d records, want %d", stored, len(list), limit)
		}
		a := ask(t, h, http.MethodPost, "timeseries.get_range", pairs...)
		if stored != (len(a.body) > 3*len(raw)) || a.header.Get("Content-Length") != "" {
			t.Errorf("stored %v: %d bytes on the wire, length %q", stored, len(a.body), a.header.Get("Content-Length"))
		}
	}
}

func TestGetRangeAsText(t *testing.T) {
	h := serve(t, historical.Config{})
	pairs := []string{"dataset=GLBX.MDP3", "schema=ohlcv-1m", "start=2026-11-15", "compression=none", "limit=1", "symbols=ESZ6"}
	for _, test := range []struct {
		pairs  []string
		prefix string
	}{
		{[]string{"encoding=csv", "map_symbols=true"}, "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n17"},
		{[]string{"encoding=csv", "pretty_ts=1"}, "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume\n2026-11-15T"},
		{[]string{"encoding=json"}, `{"hd":{"ts_event":"`},
	} {
		a := ask(t, h, http.MethodGet, "timeseries.get_range", append(pairs, test.pairs...)...)
		if a.status != http.StatusOK || !strings.HasPrefix(string(a.body), test.prefix) {
			t.Errorf("%v: %d %s", test.pairs, a.status, a.body)
		}
	}
}

// The answer is made while it is sent: one of a terabyte begins at once, and ends when the
// client has had enough.
func TestGetRangeIsStreamed(t *testing.T) {
	for _, stored := range []bool{false, true} {
		h := serve(t, historical.Config{RepeatBytes: 1 << 40, Stored: stored})
		conn := rawConn(t, h)
		if _, err := io.CopyN(io.Discard, conn, 8<<10); err != nil {
			t.Errorf("stored %v: %v", stored, err)
		}
	}
}
