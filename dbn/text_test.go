package dbn_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/dbntest"
)

func TestTextOfARecord(t *testing.T) {
	m := dbn.MboMsg{
		Hd:      dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: 5482, TsEvent: 1609160400000429831},
		OrderID: 647784973705, Price: 3722750000000, Size: 1, Flags: dbn.FlagLast, ChannelID: 0,
		Action: dbn.ActionCancel, Side: dbn.SideAsk, TsRecv: 1609160400000704060, TsInDelta: 22993, Sequence: 1170352,
	}
	r := dbn.Ref(&m.Hd)
	columns := dbn.ColumnsOf(r)
	if got, want := string(dbn.AppendCSVHeader(nil, columns, &dbn.TextOptions{MapSymbol: true, TsOut: true})),
		"ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id,flags,ts_in_delta,sequence,ts_out,symbol\n"; got != want {
		t.Errorf("header\n%s want\n%s", got, want)
	}
	cases := []struct {
		name, got, want string
	}{
		{"csv", string(dbn.AppendCSV(nil, r, columns, "", &dbn.TextOptions{})),
			"1609160400000704060,1609160400000429831,160,1,5482,C,A,3722750000000,1,0,647784973705,128,22993,1170352\n"},
		{"pretty tsv", string(dbn.AppendCSV(nil, r, columns, "ES,H1", &dbn.TextOptions{Pretty: true, MapSymbol: true, Delimiter: '\t'})),
			"2020-12-28T13:00:00.000704060Z\t2020-12-28T13:00:00.000429831Z\t160\t1\t5482\tC\tA\t3722.750000000\t1\t0\t647784973705\t128\t22993\t1170352\tES,H1\n"},
		{"json", string(dbn.AppendJSON(nil, r, columns, "", false, &dbn.TextOptions{})),
			`{"ts_recv":"1609160400000704060","hd":{"ts_event":"1609160400000429831","rtype":160,"publisher_id":1,"instrument_id":5482},"action":"C","side":"A","price":"3722750000000","size":1,"channel_id":0,"order_id":"647784973705","flags":128,"ts_in_delta":22993,"sequence":1170352}`},
		{"json with symbol", string(dbn.AppendJSON(nil, r, columns, `E"S`, true, &dbn.TextOptions{Pretty: true, MapSymbol: true})),
			`{"ts_recv":"2020-12-28T13:00:00.000704060Z","hd":{"ts_event":"2020-12-28T13:00:00.000429831Z","rtype":160,"publisher_id":1,"instrument_id":5482},"action":"C","side":"A","price":"3722.750000000","size":1,"channel_id":0,"order_id":"647784973705","flags":128,"ts_in_delta":22993,"sequence":1170352,"symbol":"E\"S"}`},
		{"json without symbol", string(dbn.AppendJSON(nil, r, columns[:1], "", false, &dbn.TextOptions{MapSymbol: true})),
			`{"ts_recv":"1609160400000704060","symbol":null}`},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("%s\n%s\nwant\n%s", c.name, c.got, c.want)
		}
	}
	m.Price, m.TsRecv, m.Side, m.Action = dbn.UndefPrice, dbn.UndefTimestamp, 0, 7
	if got := string(dbn.AppendCSV(nil, r, columns, `a"b`, &dbn.TextOptions{Pretty: true, MapSymbol: true})); !strings.HasPrefix(got, ",2020") || !strings.Contains(got, `,\x07,,,1,`) || !strings.HasSuffix(got, ",\"a\"\"b\"\n") {
		t.Errorf("unset values: %s", got)
	}
	if got := string(dbn.AppendJSON(nil, r, columns, "", false, &dbn.TextOptions{Pretty: true})); !strings.Contains(got, `"ts_recv":null`) || !strings.Contains(got, `"side":null`) || !strings.Contains(got, `"price":null`) {
		t.Errorf("unset values: %s", got)
	}
}

// The official tool's escapes of character fields are not JSON for 158 of 256 values.
func TestJSONOfEveryCharacterAndSymbolIsJSON(t *testing.T) {
	m := dbn.MboMsg{Hd: dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbo}}
	r := dbn.Ref(&m.Hd)
	columns, differ := dbn.ColumnsOf(r), 0
	for c := range 256 {
		m.Action = dbn.Action(c)
		symbol := "ES" + string([]byte{byte(c)}) + "Z6"
		text := dbn.AppendJSON(nil, r, columns, symbol, true, &dbn.TextOptions{MapSymbol: true})
		var got struct{ Action, Symbol *string }
		if err := json.Unmarshal(text, &got); err != nil || !utf8.Valid(text) {
			t.Fatalf("%d: %v: %s", c, err, text)
		}
		switch want := string(rune(c)); {
		case c == 0 && got.Action != nil, c != 0 && (got.Action == nil || *got.Action != want):
			t.Errorf("%d: action %v in %s", c, got.Action, text)
		case c >= 0x80 && *got.Symbol != "ES\uFFFDZ6", c < 0x80 && *got.Symbol != symbol:
			t.Errorf("%d: symbol %q", c, *got.Symbol)
		}
		exact := dbn.AppendJSON(nil, r, columns, "", false, &dbn.TextOptions{Exact: true})
		if plain := dbn.AppendJSON(nil, r, columns, "", false, &dbn.TextOptions{}); !bytes.Equal(exact, plain) {
			if json.Valid(exact) {
				t.Errorf("%d: %s was JSON already", c, exact)
			}
			differ++
		}
	}
	if differ != 158 {
		t.Errorf("%d values differ from the official tool's, want 158", differ)
	}
	m.Action = 0xE2
	exact := dbn.AppendJSON(nil, r, columns, "E\xFF", true, &dbn.TextOptions{MapSymbol: true, Exact: true})
	if !bytes.Contains(exact, []byte(`"action":"\xe2"`)) || !bytes.Contains(exact, []byte("\"symbol\":\"E\xFF\"")) {
		t.Errorf("exact: %q", exact)
	}
	metadata := dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Symbols: []string{"a\xE2\x82", "€"}}
	if text := metadata.AppendJSON(nil, false); !utf8.Valid(text) || !bytes.Contains(text, []byte("[\"a\uFFFD\uFFFD\",\"€\"]")) {
		t.Errorf("metadata: %q", text)
	}
}

func TestIndentedJSON(t *testing.T) {
	compact := `{"a":"x,{}\"","b":[{"c":1},{"c":2}],"d":[],"e":{}}`
	got := dbn.AppendIndented(nil, []byte(compact))
	var want bytes.Buffer
	if err := json.Indent(&want, []byte(compact), "", "    "); err != nil {
		t.Fatal(err)
	}
	if string(got) != want.String() {
		t.Errorf("%s\nwant\n%s", got, want.String())
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 1<<16)
	for version := uint8(1); version <= dbn.Version; version++ {
		for _, rtype := range goldenTypes {
			for pattern := range dbntest.OddPatterns {
				r := alignedRecord(dbntest.OddRecord(rtype, version, true, pattern))
				columns := dbn.ColumnsOf(r)
				for _, o := range []dbn.TextOptions{{}, {Pretty: true, MapSymbol: true, TsOut: true}, {Indent: true, Delimiter: 'x'}} {
					formatter := dbn.NewFormatter(o)
					if n := testing.AllocsPerRun(10, func() {
						buf = dbn.AppendCSV(buf[:0], r, columns, `A,"B"`, &o)
						buf = dbn.AppendJSON(buf, r, columns, "ESZ6", true, &o)
						buf = formatter.AppendCSV(buf, r, columns, `A,"B"`)
						buf = formatter.AppendJSON(buf, r, columns, "ESZ6", true)
						buf = dbn.AppendJSON(buf, r, columns[:2], "ESZ6", true, &o)
					}); n != 0 {
						t.Errorf("v%d %v, pattern %d: %v allocations", version, rtype, pattern, n)
					}
				}
			}
		}
	}
}

// fixtures lists the real DBN files, or skips.
func fixtures(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("DBN_TESTDATA")
	if dir == "" {
		dir = "../../shared/testdata/dbn"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) == 0 {
		t.Skipf("no real DBN files at %s; set DBN_TESTDATA", dir)
	}
	return files
}

// fragmentOptions says how to read a fixture that has no header.
func fragmentOptions(name string) []dbn.DecoderOption {
	for version := uint8(1); version <= 3; version++ {
		if strings.Contains(name, ".frag") && strings.Contains(name, ".v"+string('0'+version)+".") {
			return []dbn.DecoderOption{dbn.WithFragment(version, false)}
		}
	}
	if strings.Contains(name, ".frag") { // of the time of version 2
		return []dbn.DecoderOption{dbn.WithFragment(2, false)}
	}
	return nil
}

func TestRealFilesDecodeUnderEveryPolicyAndEncodeToThemselves(t *testing.T) {
	for _, path := range fixtures(t) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var counts []int
			for _, policy := range []dbn.UpgradePolicy{dbn.AsIs, dbn.UpgradeToV2, dbn.UpgradeToV3} {
				opts := append(fragmentOptions(name), dbn.WithUpgrade(policy))
				d, err := dbn.NewDecoder(bytes.NewReader(raw), opts...)
				if err != nil {
					if policy == dbn.UpgradeToV2 && strings.Contains(err.Error(), "version 3") {
						continue
					}
					t.Fatal(err)
				}
				n := 0
				for {
					r, err := d.Next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					columns := dbn.ColumnsOf(r)
					if columns == nil {
						t.Fatalf("record %d of rtype %v has no columns", n, r.RType())
					}
					if version := dbn.TargetVersion(d.InputVersion(), policy); r.Size() != dbn.SizeOf(r.RType(), version) {
						t.Fatalf("record %d has %d bytes, in version %d it has %d", n, r.Size(), version, dbn.SizeOf(r.RType(), version))
					}
					line := dbn.AppendCSV(nil, r, columns, "", &dbn.TextOptions{})
					if fields, err := csv.NewReader(bytes.NewReader(line)).Read(); err != nil || len(fields) != len(columns) {
						t.Errorf("record %d: %d fields for %d columns: %v", n, len(fields), len(columns), err)
					}
					if object := dbn.AppendJSON(nil, r, columns, "", false, &dbn.TextOptions{}); !json.Valid(object) {
						t.Errorf("record %d is no JSON: %s", n, object)
					}
					n++
				}
				counts = append(counts, n)
				d.Close()
			}
			for _, n := range counts {
				// The ohlcv-1d files hold no record.
				if n != counts[0] || (n == 0 && !strings.Contains(name, "ohlcv-1d")) {
					t.Errorf("records by policy: %v", counts)
				}
			}
			if strings.HasSuffix(name, ".zst") {
				return
			}
			d, _ := dbn.NewDecoder(bytes.NewReader(raw), append(fragmentOptions(name), dbn.WithUpgrade(dbn.AsIs))...)
			var again bytes.Buffer
			e, err := dbn.NewEncoder(&again, d.Metadata())
			if err != nil {
				t.Fatal(err)
			}
			for {
				r, err := d.Next()
				if err != nil {
					break
				}
				e.Write(r)
			}
			e.Close()
			if !bytes.Equal(again.Bytes(), raw) {
				t.Errorf("%d bytes were read, %d written, and they differ", len(raw), again.Len())
			}
		})
	}
}

// The files of one schema hold the same records, each version written by the official tool:
// upgraded by us they must be equal, byte for byte.
func TestOlderFilesUpgradedAreWhatTheOfficialToolWrote(t *testing.T) {
	newest := map[string][]string{}
	compared := 0
	for _, path := range slices.Backward(fixtures(t)) { // version 3 before 2 before 1
		schema, version, ok := strings.Cut(filepath.Base(path), ".v")
		if !ok || !strings.HasSuffix(version, ".dbn.zst") {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeAll(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if want, ok := newest[schema]; !ok {
			newest[schema] = got
		} else if compared++; !slices.Equal(got, want) {
			t.Errorf("%s differs from the newest version", path)
		}
	}
	if compared < len(newest) {
		t.Errorf("only %d of %d schemas were compared", compared, len(newest))
	}
}

func TestSymbolMaps(t *testing.T) {
	m := testMetadata(3, false)
	m.Start, m.End = dbn.UnixNanos(1793491200e9), dbn.UnixNanos(1796083200e9) // 2026-11-01 to 12-01
	ts, err := dbn.TsSymbolMapOf(&m)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id, date uint32
		want     string
	}{{1, 20261101, "ESZ6"}, {1, 20261114, "ESZ6"}, {1, 20261115, ""}, {2, 20261120, "ESZ6"}, {2, 20261119, ""}, {3, 20261101, ""}} {
		if got, _ := ts.Symbol(c.id, c.date); got != c.want {
			t.Errorf("id %d on %d: %q, want %q", c.id, c.date, got, c.want)
		}
		if c.date < 20261201 {
			pit, err := dbn.PitSymbolMapOf(&m, c.date)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := pit.Symbol(c.id); got != c.want {
				t.Errorf("id %d at %d: %q, want %q", c.id, c.date, got, c.want)
			}
		}
	}
	for _, date := range []uint32{20261031, 20261201} {
		if _, err := dbn.PitSymbolMapOf(&m, date); err == nil {
			t.Errorf("date %d outside the data is accepted", date)
		}
	}
	inverse := m
	inverse.StypeIn, inverse.StypeOut = dbn.STypeInstrumentID, dbn.STypeRawSymbol
	inverse.Mappings = []dbn.SymbolMapping{{RawSymbol: "42", Intervals: []dbn.MappingInterval{{StartDate: 20261101, EndDate: 20261102, Symbol: "NQZ6"}, {StartDate: 20261102, EndDate: 20261103}}}}
	if ts, err := dbn.TsSymbolMapOf(&inverse); err != nil {
		t.Error(err)
	} else if got, _ := ts.Symbol(42, 20261101); got != "NQZ6" {
		t.Errorf("inverse: %q", got)
	}
	for name, spoil := range map[string]func(m *dbn.Metadata){
		"no instrument ids": func(m *dbn.Metadata) { m.StypeOut = dbn.STypeRawSymbol },
		"not a number":      func(m *dbn.Metadata) { m.Mappings[0].Intervals[0].Symbol = "x" },
		"ends before start": func(m *dbn.Metadata) { m.Mappings[0].Intervals[0].EndDate = 20200101 },
	} {
		bad := testMetadata(3, false)
		spoil(&bad)
		if _, err := dbn.TsSymbolMapOf(&bad); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	live := dbn.NewPitSymbolMap()
	mapping := dbn.SymbolMappingMsg{Hd: dbn.RecordHeader{Length: 44, RType: dbn.RTypeSymbolMapping, InstrumentID: 9}}
	copy(mapping.StypeOutSymbol[:], "GCG7")
	if !live.OnRecord(dbn.Ref(&mapping.Hd)) {
		t.Error("a mapping record is not taken")
	}
	older := dbn.SymbolMappingMsgV1{Hd: dbn.RecordHeader{Length: 20, RType: dbn.RTypeSymbolMapping, InstrumentID: 10}}
	copy(older.StypeOutSymbol[:], "CLF7")
	live.OnRecord(dbn.Ref(&older.Hd))
	if a, _ := live.Symbol(9); a != "GCG7" || live.Len() != 2 {
		t.Errorf("%q of %d", a, live.Len())
	}
}
