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
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/dbn"
)

// The table's columns that the tests look for.
const (
	timeWidth     = 15
	fractionWidth = 5 // of prices, the point included
)

// run feeds sample records of one schema through a stream with these arguments.
func run(t testing.TB, stdout io.Writer, schema dbn.Schema, args ...string) (*stream.Stream, error) {
	t.Helper()
	s := begin(t, stdout, schema, args...)
	_, records := samples.Records(t, schema)
	for _, r := range records {
		s.Record(r)
	}
	s.EndTurn()
	return s, s.Finish()
}

func begin(t testing.TB, stdout io.Writer, schema dbn.Schema, args ...string) *stream.Stream {
	t.Helper()
	args = append([]string{"-d", "GLBX.MDP3", "-s", schema.String(), "--all-symbols", "-y"}, args...)
	p := &Program{Stdin: strings.NewReader(""), Stdout: stdout, Stderr: io.Discard, Getenv: func(string) string { return "" }}
	o, err := p.session(args)
	if err != nil {
		t.Fatal(err)
	}
	s := stream.New(slog.New(slog.DiscardHandler), []dbn.Schema{schema}, o.Output, o.Selection, stdout)
	metadata, _ := samples.Records(t, schema)
	header := *metadata
	header.Schema, header.Mappings, header.TsOut = dbn.SchemaNone, nil, false
	s.Metadata(&header)
	seen := make(map[uint32]bool)
	_, definitions := samples.Records(t, dbn.SchemaDefinition)
	for _, r := range definitions {
		m, ok := dbn.As[dbn.InstrumentDefMsg](r)
		if ok && !seen[m.Hd.InstrumentID] {
			seen[m.Hd.InstrumentID] = true
			s.Record(samples.Mapping(m.Hd.InstrumentID, m.RawSymbolString()))
		}
	}
	return s
}

func TestEveryFormatHasEveryRecord(t *testing.T) {
	for _, schema := range []dbn.Schema{
		dbn.SchemaMbo, dbn.SchemaTrades, dbn.SchemaMbp1, dbn.SchemaMbp10, dbn.SchemaTbbo, dbn.SchemaBbo1S,
		dbn.SchemaOhlcv1S, dbn.SchemaDefinition, dbn.SchemaStatus, dbn.SchemaStatistics,
	} {
		_, records := samples.Records(t, schema)
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
				if !r.RType().IsMessage() {
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
	_, records := samples.Records(t, dbn.SchemaTrades)
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
		_, records := samples.Records(t, schema)
		for _, r := range records[:4] {
			s.Record(r)
		}
	}
	if err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	point := strings.Index(lines[0], "PRICE") + len("PRICE") - fractionWidth
	for _, line := range lines[2:] {
		if strings.Contains(line, " trades ") && line[point] != '.' {
			t.Errorf("no decimal point in column %d of %q", point, line)
		}
		if line[timeWidth] != ' ' || line[timeWidth-1] == ' ' {
			t.Errorf("no time of %d characters in %q", timeWidth, line)
		}
	}
}

func TestTheHeaderIsAboveItsColumns(t *testing.T) {
	const option = "AAPL  261218C00200000"
	price := dbn.Price(6805_250000000)
	for _, test := range []struct {
		name    string
		feed    func(s *stream.Stream)
		headers int
	}{
		{"symbols that are known before", func(s *stream.Stream) {
			s.Record(samples.Mapping(7, option))
			s.Record(samples.Quote(price, price, 1, 1))
		}, 1},
		{"symbols that come in a later turn", func(s *stream.Stream) {
			s.EndTurn()
			s.Record(samples.Mapping(7, option))
			s.EndTurn()
			s.Record(samples.Quote(price, price, 1, 1))
		}, 2},
		{"instruments without a symbol", func(s *stream.Stream) {
			s.EndTurn()
			r := samples.Quote(price, price, 1, 1)
			r.Header().InstrumentID = 4_000_000_000
			s.Record(r)
		}, 2},
		{"nothing", func(s *stream.Stream) { s.EndTurn() }, 1},
		{"not even a turn", func(*stream.Stream) {}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			s := begin(t, &out, dbn.SchemaMbp1, "--table")
			test.feed(s)
			if err := s.Finish(); err != nil {
				t.Fatal(err)
			}
			headers, at := 0, 0
			for line := range strings.Lines(out.String()) {
				switch {
				case strings.HasPrefix(line, "TIME"):
					headers++
					at = strings.Index(line, "PRICE") + len("PRICE") - fractionWidth
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
	s.SessionEvent(dbnloop.SessionEvent{
		Kind: dbnloop.RecordsSkipped, Code: dbn.ErrorCodeSkippedRecordsAfterSlowReading, Message: "slow",
	})
	if !s.Count.Skipped {
		t.Error("skipped records are not noted")
	}
	words := [4]uint64{}
	unknown := dbn.RecordAt(unsafe.Pointer(&words))
	unknown.Header().Length, unknown.Header().RType = 8, 0xEE
	s.Record(unknown)
	if err := s.Finish(); err != nil {
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
		if r.RType().IsMessage() {
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
	to := &output.Output{Settings: output.Settings{Path: path, Format: output.JSON}}
	s := stream.New(slog.New(slog.DiscardHandler), nil, to, stream.Selection{}, nil)
	s.End(errors.New("refused"))
	if err := s.Finish(); err == nil || err.Error() != "refused" {
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
			_, records := samples.Records(t, dbn.SchemaTrades)
			for _, r := range records[:3] {
				s.Record(r)
			}
			s.Backdate()
			s.EndTurn()
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
					last = samples.Clone(r)
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
				_, records := samples.Records(t, schema)
				feed := func() {
					for _, r := range records {
						s.Record(r)
					}
					s.EndTurn()
				}
				// The batches of text grow when they are first used, and which are used is up to the
				// scheduler: in the end nothing is allocated.
				n := testing.AllocsPerRun(5, feed)
				for again := 0; n > 0 && again < 5; again++ {
					n = testing.AllocsPerRun(5, feed)
				}
				if n > 0 {
					t.Errorf("%.0f allocations for %d records", n, len(records))
				}
			})
		}
	}
}
