package tail

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// sampleRecords gives a file of the sample data, which is decoded once.
func sampleRecords(t testing.TB, schema dbn.Schema) (*dbn.Metadata, []dbn.Record) {
	t.Helper()
	sampleMutex.Lock()
	defer sampleMutex.Unlock()
	s, ok := samples[schema]
	if !ok {
		s.metadata, s.records = decodeSample(t, schema)
		samples[schema] = s
	}
	return s.metadata, s.records
}

var (
	sampleMutex sync.Mutex
	samples     = make(map[dbn.Schema]decodedSample)
)

type decodedSample struct {
	metadata *dbn.Metadata
	records  []dbn.Record
}

func decodeSample(t testing.TB, schema dbn.Schema) (*dbn.Metadata, []dbn.Record) {
	t.Helper()
	data, err := sample.Data.ReadFile("data/" + schema.String() + ".dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := dbn.NewDecoder(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	var records []dbn.Record
	for {
		r, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			return decoder.Metadata(), records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, clone(r))
	}
}

func clone(r dbn.Record) dbn.Record {
	return recordIn(copyRecord(nil, r))
}

// mapping is the record by which a gateway names an instrument.
func mapping(id uint32, symbol string) dbn.Record {
	m := &dbn.SymbolMappingMsg{Hd: dbn.RecordHeader{
		Length: uint8(unsafe.Sizeof(dbn.SymbolMappingMsg{}) / 4), RType: dbn.RTypeSymbolMapping, InstrumentID: id,
	}}
	copy(m.StypeInSymbol[:], symbol)
	copy(m.StypeOutSymbol[:], symbol)
	return dbn.Ref(&m.Hd)
}

func failure(code dbn.ErrorCode, text string) dbn.Record {
	m := &dbn.ErrorMsg{Hd: dbn.RecordHeader{
		Length: uint8(unsafe.Sizeof(dbn.ErrorMsg{}) / 4), RType: dbn.RTypeError,
	}, Code: code}
	copy(m.Err[:], text)
	return dbn.Ref(&m.Hd)
}

// run feeds sample records of one schema through a stream with these arguments.
func run(t testing.TB, stdout io.Writer, schema dbn.Schema, args ...string) (*stream, error) {
	t.Helper()
	s := begin(t, stdout, schema, args...)
	_, records := sampleRecords(t, schema)
	for _, r := range records {
		s.record(r)
	}
	s.endTurn()
	return s, s.finish()
}

func begin(t testing.TB, stdout io.Writer, schema dbn.Schema, args ...string) *stream {
	t.Helper()
	args = append([]string{"-d", "GLBX.MDP3", "-s", schema.String(), "--all-symbols", "-y"}, args...)
	p := &Program{Stdin: strings.NewReader(""), Stdout: stdout, Stderr: io.Discard, Getenv: func(string) string { return "" }}
	var f flags
	log := slog.New(slog.DiscardHandler)
	cmd := p.command(&f, &log)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	pl, err := p.plan(cmd, &f, cmd.Flags().Args())
	if err != nil {
		t.Fatal(err)
	}
	s := newStream(log, &pl.request, &pl.output, pl.selection, stdout)
	metadata, _ := sampleRecords(t, schema)
	live := *metadata
	live.Schema, live.Mappings, live.TsOut = dbn.SchemaNone, nil, false
	s.metadata(&live)
	seen := make(map[uint32]bool)
	_, definitions := sampleRecords(t, dbn.SchemaDefinition)
	for _, r := range definitions {
		m, ok := dbn.As[dbn.InstrumentDefMsg](r)
		if ok && !seen[m.Hd.InstrumentID] {
			seen[m.Hd.InstrumentID] = true
			s.record(mapping(m.Hd.InstrumentID, m.RawSymbolString()))
		}
	}
	return s
}

func TestEveryFormatHasEveryRecord(t *testing.T) {
	for _, schema := range []dbn.Schema{
		dbn.SchemaMbo, dbn.SchemaTrades, dbn.SchemaMbp1, dbn.SchemaMbp10, dbn.SchemaTbbo, dbn.SchemaBbo1S,
		dbn.SchemaOhlcv1S, dbn.SchemaDefinition, dbn.SchemaStatus, dbn.SchemaStatistics,
	} {
		_, records := sampleRecords(t, schema)
		t.Run(schema.String()+"/json", func(t *testing.T) {
			var out bytes.Buffer
			if _, err := run(t, &out, schema, "-J"); err != nil {
				t.Fatal(err)
			}
			lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
			if len(lines) != len(records) {
				t.Fatalf("%d lines, want %d", len(lines), len(records))
			}
			for _, line := range lines {
				var v struct {
					Symbol string `json:"symbol"`
				}
				if err := json.Unmarshal(line, &v); err != nil || v.Symbol == "" {
					t.Fatalf("%v: %s", err, line)
				}
			}
		})
		t.Run(schema.String()+"/csv", func(t *testing.T) {
			var out bytes.Buffer
			if _, err := run(t, &out, schema, "-C"); err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(&out).ReadAll() // also checks that rows have equal lengths
			if err != nil || len(rows) != len(records)+1 {
				t.Fatalf("%d rows and %v, want %d", len(rows), err, len(records)+1)
			}
		})
		t.Run(schema.String()+"/dbn", func(t *testing.T) {
			var out bytes.Buffer
			if _, err := run(t, &out, schema, "-D", "-z"); err != nil {
				t.Fatal(err)
			}
			decoder, err := dbn.NewDecoder(&out)
			if err != nil {
				t.Fatal(err)
			}
			defer decoder.Close()
			got := 0
			for r, err := decoder.Next(); err == nil; r, err = decoder.Next() {
				if !isMessage(r.RType()) {
					if !bytes.Equal(r.Bytes(), records[got].Bytes()) {
						t.Fatalf("record %d differs", got)
					}
					got++
				}
			}
			if got != len(records) {
				t.Errorf("%d records, want %d", got, len(records))
			}
		})
		t.Run(schema.String()+"/table", func(t *testing.T) {
			var out bytes.Buffer
			if _, err := run(t, &out, schema, "--table", "--omit-header"); err != nil {
				t.Fatal(err)
			}
			rows := 0
			for line := range strings.Lines(out.String()) {
				if !strings.HasPrefix(line, "-- ") {
					rows++
				}
			}
			if rows != len(records) {
				t.Errorf("%d rows, want %d", rows, len(records))
			}
		})
	}
}

func TestSelection(t *testing.T) {
	_, records := sampleRecords(t, dbn.SchemaTrades)
	tests := []struct {
		args     []string
		from, to int // of the records that are printed
	}{
		{nil, 0, len(records)},
		{[]string{"-l", "5"}, 0, 5},
		{[]string{"-n", "+4"}, 3, len(records)},
		{[]string{"-n", "+1"}, 0, len(records)},
		{[]string{"-n", "3"}, len(records) - 3, len(records)},
		{[]string{"-n", "3", "-l", "10"}, 7, 10},
		{[]string{"-n", "+3", "-l", "10"}, 2, 10},
		{[]string{"-n", "100000"}, 0, len(records)},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.args), func(t *testing.T) {
			var out bytes.Buffer
			if _, err := run(t, &out, dbn.SchemaTrades, append(test.args, "-J", "--fields", "sequence")...); err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			for _, r := range records[test.from:test.to] {
				m, _ := dbn.As[dbn.TradeMsg](r)
				fmt.Fprintf(&want, "{\"sequence\":%d}\n", m.Sequence)
			}
			if out.String() != want.String() {
				t.Errorf("got\n%s\nwant\n%s", out.String(), want.String())
			}
		})
	}
}

func TestFields(t *testing.T) {
	tests := []struct {
		name, want string
		schema     dbn.Schema
		args       []string
	}{
		{"csv keeps the order given", "symbol,price,side\nGCG7,4127", dbn.SchemaTrades, []string{"-C", "--fields", "symbol,price,side"}},
		{"tsv", "price\tsize\n", dbn.SchemaTrades, []string{"-T", "--fields", "price,size"}},
		{"json keeps its nesting", `{"hd":{"instrument_id":`, dbn.SchemaTrades, []string{"-J", "--fields", "instrument_id,price"}},
		{"json levels", `{"levels":[{"ask_px":"`, dbn.SchemaMbp10, []string{"-J", "--fields", "ask_px_00"}},
		{"no header", "4127.400000000\n", dbn.SchemaTrades, []string{"-C", "--omit-header", "-p", "--fields", "price"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if _, err := run(t, &out, test.schema, test.args...); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(out.String(), test.want) {
				t.Errorf("got %.80q, want it to begin with %q", out.String(), test.want)
			}
		})
	}
}

func TestTableIsAligned(t *testing.T) {
	var out bytes.Buffer
	s := begin(t, &out, dbn.SchemaTrades, "--table")
	for _, schema := range []dbn.Schema{dbn.SchemaDefinition, dbn.SchemaTrades, dbn.SchemaMbo, dbn.SchemaMbp10, dbn.SchemaOhlcv1S} {
		_, records := sampleRecords(t, schema)
		for _, r := range records[:4] {
			s.record(r)
		}
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	point := strings.Index(lines[0], "PRICE") + len("PRICE") - wideLayout.frac
	for _, line := range lines[2:] {
		if strings.Contains(line, " trades ") && line[point] != '.' {
			t.Errorf("no decimal point in column %d of %q", point, line)
		}
		if line[timeWidth] != ' ' || line[timeWidth-1] == ' ' {
			t.Errorf("no time of %d characters in %q", timeWidth, line)
		}
	}
}

func TestTableIsSafeForTerminals(t *testing.T) {
	tbl := newTable(nil, false)
	tbl.date = 19700101
	got := string(tbl.appendRow(nil, failure(dbn.ErrorCodeInternalError, "bad\x1b[2Jtext\r\n\u009b1m\xff"), ""))
	if strings.ContainsAny(strings.TrimSuffix(got, "\n"), "\x1b\r\n\u009b") || !strings.Contains(got, "bad?[2Jtext???1m?") {
		t.Errorf("got %q", got)
	}
	got = string(tbl.appendRow(nil, mapping(1, "x"), "E\x1b[31mS"))
	if strings.Contains(got, "\x1b") {
		t.Errorf("symbol reaches the terminal: %q", got)
	}
}

func TestTableCutsDetailsAtTheTerminalsWidth(t *testing.T) {
	for width := 1; width < 140; width++ {
		for _, schema := range []dbn.Schema{dbn.SchemaMbp10, dbn.SchemaMbp1, dbn.SchemaTrades, dbn.SchemaDefinition} {
			for _, color := range []bool{false, true} {
				tbl := newTable(nil, color)
				tbl.width = width
				_, records := sampleRecords(t, schema)
				text := string(tbl.appendRow(tbl.appendHeader(nil), records[len(records)-1], "ESZ6"))
				if strings.Count(text, "\n") != 3 { // the header, the date, the row
					t.Fatalf("%q", text)
				}
				for line := range strings.Lines(regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(text, "")) {
					if n := len([]rune(line)) - 1; n > width {
						t.Fatalf("%d characters at width %d: %q", n, width, line)
					}
				}
			}
		}
	}
}

// quoteRecord has a best bid and offer.
func quoteRecord(bid, ask dbn.Price, bidSize, askSize uint32) dbn.Record {
	m := &dbn.Mbp1Msg{
		Hd:    dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.Mbp1Msg{}) / 4), RType: dbn.RTypeMbp1, InstrumentID: 7},
		Price: bid, Size: 12, Action: dbn.ActionAdd, Side: dbn.SideBid, TsRecv: 1794783600_000000000,
	}
	m.Levels[0].BidPx, m.Levels[0].AskPx, m.Levels[0].BidSz, m.Levels[0].AskSz = bid, ask, bidSize, askSize
	return dbn.Ref(&m.Hd)
}

func TestTheQuoteIsCompleteAt80Columns(t *testing.T) {
	es := quoteRecord(6805_250000000, 6805_500000000, 1234, 1207)
	btc := quoteRecord(93_255_000000000, 93_260_000000000, 123, 250)
	option := quoteRecord(12_050000000, 12_100000000, 35, 1204)
	for _, test := range []struct {
		name    string
		schemas []dbn.Schema
		record  dbn.Record
		symbol  string
		want    string
	}{
		{"one schema", []dbn.Schema{dbn.SchemaMbp1}, es, "ESZ6", "1234 x 6805.25 | 6805.50 x 1207"},
		{"a mix", nil, es, "ESZ6", "1234 x 6805.25 | 6805.50 x 1207"},
		{"large prices", []dbn.Schema{dbn.SchemaMbp1}, btc, "BTCZ6", "123 x 93255.00 | 93260.00 x 250"},
		{"an option", []dbn.Schema{dbn.SchemaMbp1}, option, "AAPL  261218C00200000", "35 x 12.05 | 12.10 x 1204"},
		{"an option in a mix", nil, option, "AAPL  261218C00200000", "35 x 12.05 | 12.10 x 1204"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tbl := newTable(test.schemas, false)
			tbl.width = 80
			tbl.widen(test.symbol)
			row := string(tbl.appendRow(nil, test.record, test.symbol))
			if !strings.Contains(row, test.want) || !strings.Contains(row, test.symbol) {
				t.Errorf("%q", row)
			}
		})
	}
}

func TestShortNamesOfSchemasStayApart(t *testing.T) {
	tbl := newTable(nil, false)
	tbl.width = 80
	tbl.choose()
	seen := make(map[string]dbn.RType)
	for i := range 256 {
		rtype := dbn.RType(i)
		name := tbl.nameOf(rtype)
		if strings.HasPrefix(name, "unknown") {
			continue
		}
		if other, ok := seen[name]; ok || len(name) > tbl.layout.schema {
			t.Errorf("%s: %q, as %s", rtype, name, other)
		}
		seen[name] = rtype
	}
	if len(seen) < 20 {
		t.Errorf("%d names", len(seen))
	}
}

func TestTheHeaderIsAboveItsColumns(t *testing.T) {
	const option = "AAPL  261218C00200000"
	price := dbn.Price(6805_250000000)
	for _, test := range []struct {
		name    string
		feed    func(s *stream)
		headers int
	}{
		{"symbols that are known before", func(s *stream) {
			s.record(mapping(7, option))
			s.record(quoteRecord(price, price, 1, 1))
		}, 1},
		{"symbols that come in a later turn", func(s *stream) {
			s.endTurn()
			s.record(mapping(7, option))
			s.endTurn()
			s.record(quoteRecord(price, price, 1, 1))
		}, 2},
		{"instruments without a symbol", func(s *stream) {
			s.endTurn()
			r := quoteRecord(price, price, 1, 1)
			r.Header().InstrumentID = 4_000_000_000
			s.record(r)
		}, 2},
		{"nothing", func(s *stream) { s.endTurn() }, 1},
		{"not even a turn", func(*stream) {}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			s := begin(t, &out, dbn.SchemaMbp1, "--table")
			test.feed(s)
			if err := s.finish(); err != nil {
				t.Fatal(err)
			}
			headers, at := 0, 0
			for line := range strings.Lines(out.String()) {
				switch {
				case strings.HasPrefix(line, "TIME"):
					headers++
					at = strings.Index(line, "PRICE") + len("PRICE") - wideLayout.frac
				case strings.Contains(line, "mbp-1") && line[at] != '.':
					t.Errorf("no decimal point in column %d of\n%s", at, out.String())
				}
			}
			if headers != test.headers {
				t.Errorf("%d headers, want %d:\n%s", headers, test.headers, out.String())
			}
		})
	}
}

func TestSkippedRecordsAndTypesNobodyKnows(t *testing.T) {
	var out bytes.Buffer
	s := begin(t, &out, dbn.SchemaTrades, "-J")
	s.sessionEvent(dbnloop.SessionEvent{
		Kind: dbnloop.RecordsSkipped, Code: dbn.ErrorCodeSkippedRecordsAfterSlowReading, Message: "slow",
	})
	if !s.count.skipped {
		t.Error("skipped records are not noted")
	}
	words := [4]uint64{}
	unknown := dbn.RecordAt(unsafe.Pointer(&words))
	unknown.Header().Length, unknown.Header().RType = 8, 0xEE
	s.record(unknown)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	want := `{"hd":{"ts_event":"0","rtype":238,"publisher_id":0,"instrument_id":0},"symbol":null}` + "\n"
	if out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}

func TestTeeHasWhatTheOutputLeavesOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tee.dbn.zst")
	var out bytes.Buffer
	if _, err := run(t, &out, dbn.SchemaTrades, "-J", "-n", "2", "-l", "20", "--tee", path); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	data, messages := 0, 0
	for r, err := decoder.Next(); err == nil; r, err = decoder.Next() {
		if isMessage(r.RType()) {
			messages++
		} else {
			data++
		}
	}
	if data != 20 || messages != 4 {
		t.Errorf("%d records and %d mappings, want 20 and 4", data, messages)
	}
}

func TestFilesAreMadeOnlyWhenThereIsSomethingToWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	s := &stream{output: &output{path: path}, main: &jsonSink{}}
	s.end(errors.New("refused"))
	if err := s.finish(); err == nil || err.Error() != "refused" {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
}

type brokenPipe struct{ after int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.after -= len(p); b.after < 0 {
		return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
	}
	return len(p), nil
}

// What a slow stream gave lies in the file after a while, whole, though nothing is full.
func TestAFileIsNeverFarBehind(t *testing.T) {
	for _, name := range []string{"x.dbn", "x.dbn.zst", "x.json", "x.json.zst", "x.csv", "x.csv.zst"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			s := begin(t, io.Discard, dbn.SchemaTrades, "-o", path)
			_, records := sampleRecords(t, dbn.SchemaTrades)
			for _, r := range records[:3] {
				s.record(r)
			}
			past := lag{time.Now().Add(-maxLag)}
			switch sink := s.main.(type) {
			case *dbnSink:
				sink.lag = past
			case *jsonSink:
				sink.out.lag = past
			case *csvSink:
				sink.out.lag = past
			}
			s.endTurn()
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "x.dbn") {
				d, err := dbn.NewDecoder(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				last := dbn.Record{}
				for {
					r, err := d.Next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					last = clone(r)
				}
				if !bytes.Equal(last.Bytes(), records[2].Bytes()) {
					t.Errorf("the last record is of type %s", last.RType())
				}
				return
			}
			if strings.HasSuffix(name, ".zst") {
				zr, err := zstd.NewReader(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				defer zr.Close()
				if data, err = io.ReadAll(zr); !errors.Is(err, io.ErrUnexpectedEOF) { // the frame is still open
					t.Error(err)
				}
			}
			header := strings.Count(name, "csv")
			if lines := bytes.Count(data, []byte{'\n'}); lines != 3+header || data[len(data)-1] != '\n' {
				t.Errorf("%d lines: %q", lines, data)
			}
		})
	}
}

func TestABrokenPipeEndsQuietly(t *testing.T) {
	for _, args := range [][]string{{"-J"}, {"-C"}, {"-D"}, {"-D", "-z"}, {"--table"}, {"-J", "-z"}, {"-J", "-n", "5000"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			_, err := run(t, &brokenPipe{200}, dbn.SchemaMbo, args...)
			if !errors.Is(err, exit.ErrReaderGone) || exit.FromError(err) != exit.OK {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNoAllocationPerRecord(t *testing.T) {
	for _, args := range [][]string{{"-J"}, {"-C"}, {"-D"}, {"--table"}, {"-J", "--fields", "price"}, {"-C", "--fields", "price"}, {"-J", "-n", "10"}} {
		for _, schema := range []dbn.Schema{dbn.SchemaMbo, dbn.SchemaMbp10, dbn.SchemaDefinition, dbn.SchemaStatistics} {
			if len(args) > 1 && schema == dbn.SchemaDefinition {
				continue // it has no price
			}
			if len(args) > 1 && schema == dbn.SchemaMbp10 && args[0] == "-C" {
				continue
			}
			t.Run(fmt.Sprint(schema, args), func(t *testing.T) {
				s := begin(t, io.Discard, schema, args...)
				_, records := sampleRecords(t, schema)
				feed := func() {
					for _, r := range records {
						s.record(r)
					}
					s.endTurn()
				}
				feed()
				if n := testing.AllocsPerRun(5, feed); n > 0 {
					t.Errorf("%.0f allocations for %d records", n, len(records))
				}
			})
		}
	}
}
