package sim_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// bar is a record of schema ohlcv-1s.
func bar(id uint32, ts dbn.UnixNanos, volume uint64) dbn.OhlcvMsg {
	return dbn.OhlcvMsg{Hd: dbn.RecordHeader{Length: 14, RType: dbn.RTypeOhlcv1S, InstrumentID: id, TsEvent: ts}, Volume: volume}
}

func mapping(in dbn.SType, out dbn.SType, pairs ...string) dbn.Metadata {
	m := dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaOhlcv1S, StypeIn: in, StypeOut: out}
	for i := 0; i < len(pairs); i += 2 {
		m.Mappings = append(m.Mappings, dbn.SymbolMapping{RawSymbol: pairs[i],
			Intervals: []dbn.MappingInterval{{StartDate: 20261101, EndDate: 20261201, Symbol: pairs[i+1]}, {StartDate: 20261201, EndDate: 20261202}}})
	}
	return m
}

// What a file's metadata maps can be asked for, in either direction.
func TestSymbolsOfTheMetadataResolve(t *testing.T) {
	bars := simtest.RecordBytes([]dbn.OhlcvMsg{bar(1, 10, 100), bar(2, 20, 200), bar(3, 30, 300)})
	for _, test := range []struct {
		name        string
		meta        dbn.Metadata
		stype, text string
		volumes     []uint64
		mapped      []string
	}{
		{"raw symbol to id", mapping(dbn.STypeRawSymbol, dbn.STypeInstrumentID, "AAA", "1", "BBB", "2"), "raw_symbol", "BBB",
			[]uint64{200}, []string{"raw_symbol BBB -> 2 BBB"}},
		{"id to raw symbol", mapping(dbn.STypeInstrumentID, dbn.STypeRawSymbol, "1", "AAA", "2", "BBB"), "raw_symbol", "AAA",
			[]uint64{100}, []string{"raw_symbol AAA -> 1 AAA"}},
		{"asked by id", mapping(dbn.STypeInstrumentID, dbn.STypeRawSymbol, "1", "AAA"), "instrument_id", "1,3",
			[]uint64{100, 300}, []string{"instrument_id 1 -> 1 AAA"}},
		{"unknown id", mapping(dbn.STypeInstrumentID, dbn.STypeRawSymbol, "1", "AAA"), "instrument_id", "1,4,x",
			[]uint64{100}, []string{"instrument_id 1 -> 1 AAA"}},
		{"parent to id", mapping(dbn.STypeParent, dbn.STypeInstrumentID, "ES.FUT", "1", "NQ.FUT", "2"), "parent", "ES.FUT",
			[]uint64{100}, []string{"parent ES.FUT -> 1 ES.FUT"}},
		{"continuous to id", mapping(dbn.STypeContinuous, dbn.STypeInstrumentID, "ES.c.0", "3"), "continuous", "ES.c.0",
			[]uint64{300}, []string{"continuous ES.c.0 -> 3 ES.c.0"}},
		{"parent by the form of the symbol", mapping(dbn.STypeRawSymbol, dbn.STypeInstrumentID, "ESH7", "1", "ESZ6 C6000", "2", "ESZ6-ESH7", "3"), "parent", "ES.FUT",
			[]uint64{100, 300}, []string{"parent ES.FUT -> 1 ESH7", "parent ES.FUT -> 3 ESZ6-ESH7"}},
		{"options by the form of the symbol", mapping(dbn.STypeRawSymbol, dbn.STypeInstrumentID, "ESH7", "1", "ESZ6 C6000", "2"), "parent", "ES.OPT",
			[]uint64{200}, []string{"parent ES.OPT -> 2 ESZ6 C6000"}},
		{"front month by the form of the symbol", mapping(dbn.STypeRawSymbol, dbn.STypeInstrumentID, "ESH7", "1", "ESZ6", "2", "ESM27", "3"), "continuous", "ES.c.0,ES.c.2",
			[]uint64{200, 300}, []string{"continuous ES.c.0 -> 2 ESZ6", "continuous ES.c.2 -> 3 ESM27"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.RecordsSource(test.meta, bars)}, AtEnd: sim.CloseAtEnd})
			own, data := run(t, gw, "", "schema=ohlcv-1s|stype_in="+test.stype+"|symbols="+test.text)
			var volumes []uint64
			for _, rec := range data {
				m, _ := dbn.As[dbn.OhlcvMsg](rec)
				volumes = append(volumes, m.Volume)
			}
			if diff := cmp.Diff(test.volumes, volumes); diff != "" {
				t.Error(diff)
			}
			var mapped []string
			for _, rec := range own {
				if rec.RType() == dbn.RTypeSymbolMapping {
					mapped = append(mapped, describe(rec))
				}
			}
			if diff := cmp.Diff(test.mapped, mapped); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatDoesNotResolve(t *testing.T) {
	meta := mapping(dbn.STypeRawSymbol, dbn.STypeInstrumentID, "ESZ6", "1")
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.RecordsSource(meta, simtest.RecordBytes([]dbn.OhlcvMsg{bar(1, 10, 1)}))}})
	for _, test := range []string{"raw_symbol|symbols=esz6", "parent|symbols=ES", "parent|symbols=ES.OPT", "parent|symbols=.FUT",
		"continuous|symbols=ES.c.1", "continuous|symbols=ES.c.-1", "continuous|symbols=ES.x.0", "continuous|symbols=ES.c",
		"instrument_id|symbols=2", "isin|symbols=US0378331005"} {
		c := dial(t, gw)
		c.login("")
		c.send("schema=ohlcv-1s|stype_in=%s\n", test)
		c.begin()
		if text := describe(c.mustNext()); !strings.HasPrefix(text, "symbol_resolution_failed last=1: ") {
			t.Errorf("%s: %s", test, text)
		}
	}
}

// A capture of a live session is served again: its own mappings become the gateway's
// knowledge, its ts_out goes, and what the old gateway said is left out.
func TestACaptureOfALiveSessionIsServedAgain(t *testing.T) {
	for version := uint8(1); version <= 3; version++ {
		first := simtest.Gateway(t, sim.Config{Version: version, AtEnd: sim.CloseAtEnd})
		c := dial(t, first)
		c.login("|ts_out=1")
		c.send("schema=mbo|symbols=ESZ6,XX\nschema=trades|stype_in=parent|symbols=CL.FUT\n")
		c.begin()
		_, data := c.rest()
		own, again := capture(t, first, version)
		second := simtest.Gateway(t, sim.Config{Sources: []sim.Source{again}, AtEnd: sim.CloseAtEnd})
		own2, data2 := run(t, second, "|ts_out=1", "schema=mbo|symbols=ESZ6", "schema=trades|symbols=CLF7")
		if len(own2) != 4 || len(own) < 4 {
			t.Errorf("the gateway said %v", describeAll(own2))
		}
		if len(data) != len(data2) || len(data) == 0 {
			t.Fatalf("%d records, want %d", len(data2), len(data))
		}
		for i := range data {
			size := data[i].Size() - 8 // the send times differ
			if !bytes.Equal(data[i].Bytes()[:size], data2[i].Bytes()[:size]) {
				t.Fatalf("record %d differs", i)
			}
		}
	}
}

// capture is a whole session as a source: metadata, everything that came.
func capture(t *testing.T, gw *sim.Gateway, version uint8) ([]dbn.Record, sim.Source) {
	t.Helper()
	c := dial(t, gw)
	c.login("|ts_out=1")
	c.send("schema=mbo|symbols=ESZ6,XX\nschema=trades|stype_in=parent|symbols=CL.FUT\n")
	c.begin()
	content, err := c.meta.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	var own []dbn.Record
	for {
		rec, err := c.next()
		if err != nil {
			break
		}
		if isOwn(rec) {
			own = append(own, rec)
		}
		content = append(content, rec.Bytes()...)
	}
	if c.meta.Version != version {
		t.Errorf("version %d", c.meta.Version)
	}
	return own, sim.ReaderSource("capture", bytes.NewReader(content))
}

func TestSourcesThatCannotBeRead(t *testing.T) {
	meta := dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades}
	head, err := meta.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	trades := sampleRecords(t, dbn.SchemaTrades)
	short := append(bytes.Clone(head), trades[:48]...)
	short[len(head)] = 3 // a record of 12 bytes
	old := mapping(dbn.STypeRawSymbol, dbn.STypeInstrumentID)
	old.Version, old.Schema = 1, dbn.SchemaStatistics
	tooShort := make([]byte, 48)
	tooShort[0], tooShort[1] = 12, byte(dbn.RTypeStatistics)
	for _, test := range []struct {
		name, error string
		source      sim.Source
		version     uint8
	}{
		{"cut in a record", "source x", sim.ReaderSource("x", bytes.NewReader(append(bytes.Clone(head), trades[:100]...))), 0},
		{"cut in the metadata", "source x", sim.ReaderSource("x", bytes.NewReader(head[:50])), 0},
		{"empty", "source x", sim.ReaderSource("x", bytes.NewReader(nil)), 0},
		{"record shorter than its header", "source x", sim.ReaderSource("x", bytes.NewReader(short)), 0},
		{"no dataset", "dataset is not known", sim.RecordsSource(dbn.Metadata{Version: 3}, nil), 0},
		{"no version", "version", sim.RecordsSource(dbn.Metadata{Dataset: "GLBX.MDP3"}, nil), 0},
		{"record too short to convert", "48 bytes, not the 64 of DBN version 1", sim.RecordsSource(old, tooShort), 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			gw, err := sim.NewGateway(sim.Config{Sources: []sim.Source{test.source}, Version: test.version})
			if err == nil {
				gw.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.error) {
				t.Errorf("error %v, want one with %q", err, test.error)
			}
		})
	}
}

func TestDatasetsAreServedApart(t *testing.T) {
	es := mapping(dbn.STypeRawSymbol, dbn.STypeInstrumentID, "X", "1")
	spy := es
	spy.Dataset, spy.Version = "XNAS.ITCH", 1
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd, Sources: []sim.Source{
		sim.RecordsSource(es, simtest.RecordBytes([]dbn.OhlcvMsg{bar(1, 1, 100)})),
		sim.RecordsSource(spy, simtest.RecordBytes([]dbn.OhlcvMsg{bar(1, 1, 200)})),
	}})
	if diff := cmp.Diff([]string{"GLBX.MDP3", "XNAS.ITCH"}, gw.Datasets()); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct {
		dataset string
		version uint8
		volume  uint64
	}{{"GLBX.MDP3", 3, 100}, {"XNAS.ITCH", 1, 200}} {
		c := dial(t, gw)
		c.send("auth=%s|dataset=%s\n", reply(c.challenge(), sim.TestKey), test.dataset)
		c.line()
		c.dbn = c.in
		c.send("schema=ohlcv-1s|symbols=X\n")
		c.begin()
		_, data := c.rest()
		if len(data) != 1 || c.meta.Version != test.version || c.meta.Dataset != test.dataset {
			t.Fatalf("%d records of %+v", len(data), c.meta)
		}
		if m, _ := dbn.As[dbn.OhlcvMsg](data[0]); m.Volume != test.volume {
			t.Errorf("%s: volume %d", test.dataset, m.Volume)
		}
	}
}

// Records that no schema has, of unknown types, do not disturb the others.
func TestUnknownRecordsInASourceAreNotServed(t *testing.T) {
	unknown := make([]byte, 24)
	unknown[0], unknown[1] = 6, 0xEE
	binary.LittleEndian.PutUint64(unknown[8:], 5)
	meta := dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaNone}
	bars := simtest.RecordBytes([]dbn.OhlcvMsg{bar(1, 10, 1), bar(2, 20, 2)})
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd, Sources: []sim.Source{
		sim.RecordsSource(meta, append(append(bytes.Clone(bars[:56]), unknown...), bars[56:]...)),
	}})
	if _, data := run(t, gw, "", "schema=ohlcv-1s|symbols=ALL_SYMBOLS"); !bytes.Equal(join(data), bars) {
		t.Errorf("%d records", len(data))
	}
}

func TestAFileIsServed(t *testing.T) {
	for _, path := range []string{"sample/data/trades.dbn.zst"} {
		gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.FileSource(path)}, AtEnd: sim.CloseAtEnd})
		if _, data := run(t, gw, "", "schema=trades|symbols=ALL_SYMBOLS"); !bytes.Equal(join(data), sampleRecords(t, dbn.SchemaTrades)) {
			t.Errorf("%d records", len(data))
		}
	}
}
