package sim_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// sampleRecords are the records of one of the sample files.
func sampleRecords(t testing.TB, schema dbn.Schema) []byte {
	t.Helper()
	_, records := simtest.SampleFile(t, schema.String())
	return records
}

// The ids of the sample's instruments.
const (
	idES = 4916
	idNQ = 5122
	idCL = 73214
	idGC = 81640
)

var sampleSchemas = []dbn.Schema{
	dbn.SchemaMbo, dbn.SchemaMbp1, dbn.SchemaMbp10, dbn.SchemaTbbo, dbn.SchemaTrades, dbn.SchemaBbo1S,
	dbn.SchemaOhlcv1S, dbn.SchemaOhlcv1M, dbn.SchemaDefinition, dbn.SchemaStatistics, dbn.SchemaStatus,
}

func TestASubscriptionGetsEveryRecordOfItsSchema(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	for _, schema := range sampleSchemas {
		for _, options := range []string{"", "|compression=zstd", "|ts_out=1", "|ts_out=1|compression=zstd"} {
			t.Run(schema.String()+options, func(t *testing.T) {
				_, data := run(t, gw, options, "schema="+schema.String()+"|stype_in=raw_symbol|symbols=ALL_SYMBOLS|id=1")
				if strings.Contains(options, "ts_out=1") {
					data = withoutTsOut(t, data)
				}
				if !bytes.Equal(join(data), sampleRecords(t, schema)) {
					t.Errorf("%d records differ from the file's", len(data))
				}
			})
		}
	}
}

// withoutTsOut checks the send times and takes them off.
func withoutTsOut(t *testing.T, records []dbn.Record) []dbn.Record {
	t.Helper()
	now := time.Now()
	for i, rec := range records {
		if sent := rec.TsOut().Time(); sent.After(now) || now.Sub(sent) > time.Minute {
			t.Fatalf("record %d was sent at %s", i, sent)
		}
		rec.Header().Length -= 2
	}
	return records
}

func TestMetadataSaysWhatWasAskedFor(t *testing.T) {
	for version := uint8(1); version <= 3; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			now := time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC)
			gw := simtest.Gateway(t, sim.Config{Version: version, Clock: sim.NewManualClock(now)})
			c := dial(t, gw)
			c.login("|ts_out=1")
			c.begin()
			size := 71
			if version == 1 {
				size = 22
			}
			want := dbn.Metadata{
				Version: version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaNone,
				Start: dbn.UnixNanosOf(now), End: dbn.UndefTimestamp, StypeIn: dbn.STypeNone,
				StypeOut: dbn.STypeRawSymbol, TsOut: true, SymbolCstrLen: size,
			}
			if diff := cmp.Diff(want, c.meta); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSeveralSchemasAreMergedByIndexTimestamp(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	_, data := run(t, gw, "", "schema=mbo|symbols=ALL_SYMBOLS", "schema=ohlcv-1s|symbols=ALL_SYMBOLS", "schema=trades|symbols=ESZ6")
	var before dbn.UnixNanos
	var mbo, bars, trades []byte
	for _, rec := range data {
		if rec.IndexTs() < before {
			t.Fatalf("%s follows %s", rec.IndexTs(), before)
		}
		before = rec.IndexTs()
		switch rec.RType() {
		case dbn.RTypeMbo:
			mbo = append(mbo, rec.Bytes()...)
		case dbn.RTypeOhlcv1S:
			bars = append(bars, rec.Bytes()...)
		default:
			trades = append(trades, rec.Bytes()...)
		}
	}
	if !bytes.Equal(mbo, sampleRecords(t, dbn.SchemaMbo)) || !bytes.Equal(bars, sampleRecords(t, dbn.SchemaOhlcv1S)) {
		t.Error("the records of a schema differ from the file's")
	}
	want := simtest.Pick(sampleRecords(t, dbn.SchemaTrades), func(r dbn.Record) bool { return r.Header().InstrumentID == idES })
	if !bytes.Equal(trades, want) {
		t.Error("the trades are not those of ESZ6")
	}
}

func TestMbp1AndTbboAreToldApart(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	_, tbbo := run(t, gw, "", "schema=tbbo|symbols=ALL_SYMBOLS")
	_, mbp1 := run(t, gw, "", "schema=mbp-1|symbols=ALL_SYMBOLS")
	if !bytes.Equal(join(tbbo), sampleRecords(t, dbn.SchemaTbbo)) || !bytes.Equal(join(mbp1), sampleRecords(t, dbn.SchemaMbp1)) {
		t.Error("the records are not those of the schema")
	}
}

func TestTwoSubscriptionsOfTheSameGiveEachRecordOnce(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	_, data := run(t, gw, "", "schema=trades|symbols=ESZ6", "schema=trades|symbols=ALL_SYMBOLS", "schema=trades|symbols=NQZ6,ESZ6")
	if !bytes.Equal(join(data), sampleRecords(t, dbn.SchemaTrades)) {
		t.Error("the trades differ from the file's")
	}
}

func TestSymbolsSelectInstruments(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	for _, test := range []struct {
		stype, symbols string
		want           []uint32
		mappings       []string
	}{
		{"raw_symbol", "ESZ6", []uint32{idES}, []string{"raw_symbol ESZ6 -> 4916 ESZ6"}},
		{"native", "CLF7,GCG7", []uint32{idCL, idGC},
			[]string{"raw_symbol CLF7 -> 73214 CLF7", "raw_symbol GCG7 -> 81640 GCG7"}},
		{"instrument_id", "5122", []uint32{idNQ}, []string{"instrument_id 5122 -> 5122 NQZ6"}},
		{"parent", "ES.FUT", []uint32{idES}, []string{"parent ES.FUT -> 4916 ESZ6"}},
		{"continuous", "NQ.c.0", []uint32{idNQ}, []string{"continuous NQ.c.0 -> 5122 NQZ6"}},
		{"continuous", "CL.v.0,GC.n.0", []uint32{idCL, idGC},
			[]string{"continuous CL.v.0 -> 73214 CLF7", "continuous GC.n.0 -> 81640 GCG7"}},
		{"raw_symbol", "ALL_SYMBOLS", []uint32{idES, idNQ, idCL, idGC},
			[]string{"raw_symbol ESZ6 -> 4916 ESZ6", "raw_symbol NQZ6 -> 5122 NQZ6",
				"raw_symbol CLF7 -> 73214 CLF7", "raw_symbol GCG7 -> 81640 GCG7"}},
	} {
		t.Run(test.stype+" "+test.symbols, func(t *testing.T) {
			own, data := run(t, gw, "", fmt.Sprintf("schema=trades|stype_in=%s|symbols=%s|id=9", test.stype, test.symbols))
			want := simtest.Pick(sampleRecords(t, dbn.SchemaTrades), func(r dbn.Record) bool {
				for _, id := range test.want {
					if r.Header().InstrumentID == id {
						return true
					}
				}
				return false
			})
			if len(want) == 0 || !bytes.Equal(join(data), want) {
				t.Errorf("%d records, want %d bytes", len(data), len(want))
			}
			texts := append(test.mappings, "subscription_ack: Subscription request 9 for trades data succeeded")
			if diff := cmp.Diff(texts, describeAll(own)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMappingsComeBeforeTheirData(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	c := dial(t, gw)
	c.login("")
	c.send("schema=definition|symbols=ALL_SYMBOLS\n")
	c.begin()
	mapped := make(map[uint32]bool)
	data := 0
	for {
		rec, err := c.next()
		if err != nil {
			break
		}
		id := rec.Header().InstrumentID
		if rec.RType() == dbn.RTypeSymbolMapping {
			mapped[id] = true
		} else if id != 0 {
			data++
			if !mapped[id] {
				t.Errorf("data of %d before its mapping", id)
			}
		}
	}
	if data != 4 {
		t.Errorf("%d records", data)
	}
}

func TestMappingsHaveTheDatesOfTheFile(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	own, _ := run(t, gw, "", "schema=status|symbols=ESZ6")
	m, ok := dbn.As[dbn.SymbolMappingMsg](own[0])
	if !ok || m.StartTs.String() != "2026-11-15T00:00:00.000000000Z" || m.EndTs.String() != "2026-11-16T00:00:00.000000000Z" {
		t.Errorf("mapping %+v", m)
	}
}

func TestEveryVersionIsServed(t *testing.T) {
	for _, test := range []struct {
		version                              uint8
		definition, stat, mapping, systemMsg int
	}{{1, 360, 64, 80, 80}, {2, 400, 64, 176, 320}, {3, 520, 80, 176, 320}} {
		t.Run(fmt.Sprint(test.version), func(t *testing.T) {
			gw := simtest.Gateway(t, sim.Config{Version: test.version, AtEnd: sim.CloseAtEnd})
			own, data := run(t, gw, "", "schema=definition|symbols=ALL_SYMBOLS", "schema=statistics|symbols=ESZ6", "schema=mbo|symbols=ESZ6", "schema=mbo|symbols=XX")
			sizes := make(map[dbn.RType]int)
			for _, rec := range append(own, data...) {
				sizes[rec.RType()] = rec.Size()
			}
			want := map[dbn.RType]int{
				dbn.RTypeInstrumentDef: test.definition, dbn.RTypeStatistics: test.stat, dbn.RTypeMbo: 56,
				dbn.RTypeSymbolMapping: test.mapping, dbn.RTypeSystem: test.systemMsg, dbn.RTypeError: test.systemMsg,
			}
			if diff := cmp.Diff(want, sizes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a version 1 client sees is, upgraded, what the newest one sees.
func TestOlderVersionsUpgradeToTheSameRecords(t *testing.T) {
	for version := uint8(1); version <= 2; version++ {
		for _, options := range []string{"", "|ts_out=1"} {
			t.Run(fmt.Sprint(version, options), func(t *testing.T) {
				gw := simtest.Gateway(t, sim.Config{Version: version, AtEnd: sim.CloseAtEnd})
				own, data := run(t, gw, options, "schema=definition|symbols=ALL_SYMBOLS", "schema=statistics|symbols=ALL_SYMBOLS")
				up := dbn.NewUpgrader(version, options != "", dbn.UpgradeToV3)
				var definitions, statistics []byte
				for _, rec := range data {
					newest := up.Upgrade(rec)
					bytes := newest.Bytes()
					if options != "" {
						newest.Header().Length -= 2
						bytes = bytes[:len(bytes)-8]
					}
					if rec.RType() == dbn.RTypeStatistics {
						statistics = append(statistics, bytes...)
					} else {
						definitions = append(definitions, bytes...)
					}
				}
				if !bytes.Equal(definitions, sampleRecords(t, dbn.SchemaDefinition)) {
					t.Error("definitions differ")
				}
				if !bytes.Equal(statistics, sampleRecords(t, dbn.SchemaStatistics)) {
					t.Error("statistics differ")
				}
				var texts []string
				for _, rec := range own {
					newest := up.Upgrade(rec)
					if m, ok := dbn.As[dbn.SystemMsg](newest); ok {
						texts = append(texts, m.Code.String())
					}
				}
				if diff := cmp.Diff([]string{"subscription_ack", "subscription_ack"}, texts); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestStatsCountDataRecords(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	c := dial(t, gw)
	c.login("")
	c.send("schema=trades|symbols=ESZ6|id=4\n")
	c.begin()
	_, data := c.rest()
	c.conn.Close()
	if err := gw.AwaitEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	stats := gw.Stats()
	if stats.Records != int64(len(data)) || stats.Ended != 1 || stats.Bytes < 48*stats.Records {
		t.Errorf("stats %+v after %d records", stats, len(data))
	}
	info := gw.Sessions()[0]
	if !info.Started || !info.Ended || info.Records != stats.Records ||
		len(info.Subscriptions) != 1 || info.Subscriptions[0] != "schema=trades|symbols=ESZ6|id=4" {
		t.Errorf("session %+v", info)
	}
}

// A client that shuts its sending side down gets a clean end: whole records, and a whole
// zstd frame.
func TestAHalfClosedClientIsDrainedPolitely(t *testing.T) {
	for _, options := range []string{"", "|compression=zstd"} {
		gw := simtest.Gateway(t, sim.Config{Passes: sim.Forever})
		c := dial(t, gw)
		c.login(options)
		c.send("schema=mbo|symbols=ALL_SYMBOLS\n")
		c.begin()
		if err := c.conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if own, _ := c.rest(); len(own) != 5 { // rest fails on an unclean end
			t.Errorf("%v", describeAll(own))
		}
	}
}

// A gateway remembers what sessions were about, not what they worked with: a compressor's
// memory is MBs.
func TestSessionsThatEndedLeaveNoMemoryBehind(t *testing.T) {
	const sessions = 20
	gw := simtest.Gateway(t, sim.Config{Passes: sim.Forever})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range sessions {
		t.Run(fmt.Sprint(i), func(t *testing.T) { // the client's memory goes with it
			c := dial(t, gw)
			c.login("|compression=zstd")
			c.send("schema=mbo|symbols=ALL_SYMBOLS\n")
			c.begin()
			for range 1000 {
				c.mustNext()
			}
		})
	}
	if err := gw.AwaitEnded(t.Context(), sessions); err != nil {
		t.Fatal(err)
	}
	if infos := gw.Sessions(); len(infos) != sessions {
		t.Fatalf("%d sessions are remembered", len(infos))
	}
	if grown := heap() - before; grown > sessions<<20 {
		t.Errorf("%d sessions left %d bytes behind", sessions, grown)
	}
}

// More data than one block: prepared blocks, filtered ones and a fault in the middle of one
// give the same records.
func TestDataOfManyBlocks(t *testing.T) {
	var bars []dbn.OhlcvMsg
	for i := range 40_000 { // 2.2 MB
		bars = append(bars, bar(uint32(1+i%20), dbn.UnixNanos(i), uint64(i)))
	}
	all := simtest.RecordBytes(bars)
	meta := dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaOhlcv1S}
	few := func(rec dbn.Record) bool { return rec.Header().InstrumentID == 3 || rec.Header().InstrumentID == 5 }
	many := func(rec dbn.Record) bool { return rec.Header().InstrumentID <= 12 }
	for _, test := range []struct {
		name, symbols, options string
		want                   []byte
		faults                 []string
		passes                 int
	}{
		{"everything", "ALL_SYMBOLS", "", all, nil, 1},
		{"everything twice", "ALL_SYMBOLS", "", append(bytes.Clone(all), all...), nil, 2},
		{"everything compressed", "ALL_SYMBOLS", "|compression=zstd", all, nil, 1},
		{"a few instruments", "3,5", "", simtest.Pick(all, few), nil, 1},
		{"many instruments", "1,2,3,4,5,6,7,8,9,10,11,12", "", simtest.Pick(all, many), nil, 1},
		{"closed within a block", "ALL_SYMBOLS", "", all[:56*12_345], []string{"close=12345"}, 1},
		{"closed within a block of few", "3,5", "", simtest.Pick(all, few)[:56*1000], []string{"close=1000"}, 1},
		{"stalled for a moment", "ALL_SYMBOLS", "", all, []string{"stall=7001,1ns", "stall=1000000b,1ns"}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			gw, c := faulty(t, sim.Config{
				Sources: []sim.Source{sim.RecordsSource(meta, all)}, Passes: test.passes, AtEnd: sim.CloseAtEnd,
			}, test.faults...)
			c.login(test.options)
			stype := "instrument_id"
			if test.symbols == "ALL_SYMBOLS" {
				stype = "raw_symbol"
			}
			c.send("schema=ohlcv-1s|stype_in=%s|symbols=%s\n", stype, test.symbols)
			c.begin()
			_, data := c.rest()
			if !bytes.Equal(join(data), test.want) {
				t.Errorf("%d records, want %d", len(data), len(test.want)/56)
			}
			if gw.Host() != "127.0.0.1" || fmt.Sprintf("%s:%d", gw.Host(), gw.Port()) != gw.Addr() {
				t.Errorf("%s is not %s and %d", gw.Addr(), gw.Host(), gw.Port())
			}
		})
	}
}
