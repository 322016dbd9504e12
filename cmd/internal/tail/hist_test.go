package tail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// histServer is a simulator of the historical API and the flags that lead to it.
type histServer struct {
	*simhist.Server
	flags []string
	ca    string
}

func newHistServer(t testing.TB, config simhist.Config) *histServer {
	t.Helper()
	h := simtest.Historical(t, config)
	ca := simtest.CAFile(t, h)
	return &histServer{h, []string{"--hist-url", h.URL(), "--ca-file", ca}, ca}
}

// endpoints are those that were asked so far.
func (h *histServer) endpoints() (names []string) {
	for _, r := range h.Requests() {
		names = append(names, r.Endpoint)
	}
	return names
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// runProgram runs the whole program, with the simulator's key.
func runProgram(t testing.TB, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &Program{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Getenv: func(name string) string {
			if name == keyVariable {
				return sim.TestKey
			}
			return ""
		},
		Exit: func(code int) { t.Errorf("the program wants to end with %d at once", code) },
	}
	code := p.Run(args)
	return result{code, stdout.String(), stderr.String()}
}

func (h *histServer) run(t testing.TB, args ...string) result {
	t.Helper()
	at := 1
	if args[0] == "batch" {
		at = 2
	} else if strings.HasPrefix(args[0], "-") {
		at = 0
	}
	return runProgram(t, slices.Concat(args[:at], h.flags, args[at:])...)
}

func (r result) want(t testing.TB, code int, stderr ...string) result {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, text := range stderr {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("standard error lacks %q", text)
		}
	}
	if code == exit.OK && len(stderr) == 0 && r.stderr != "" {
		t.Errorf("standard error is not empty")
	}
	if t.Failed() {
		t.Fatalf("standard error: %s", r.stderr)
	}
	return r
}

// The sample data's trading.
const (
	histStart = "2026-11-15T23:00"
	histEnd   = "2026-11-15T23:02"
)

// histQuery asks for a part of the sample data, and agrees to pay for it.
func histQuery(schema dbn.Schema, more ...string) []string {
	return append([]string{"-y", "-d", "GLBX.MDP3", "-s", schema.String(), "--start", histStart, "--end", histEnd, "ESZ6", "CLF7"}, more...)
}

// sampleFile writes the records that histQuery asks for to a file, found without the
// simulator.
func sampleFile(t testing.TB, schema dbn.Schema) string {
	t.Helper()
	start, err1 := term.ParseTime(histStart)
	end, err2 := term.ParseTime(histEnd)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	metadata, records := samples.Records(t, schema)
	symbols, err := dbn.TsSymbolMapOf(metadata)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	encoder, err := dbn.NewEncoder(&out, metadata)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range records {
		symbol, _ := symbols.SymbolOf(r)
		if at := r.IndexTs(); at < start || at >= end || symbol != "ESZ6" && symbol != "CLF7" {
			continue
		}
		n++
		if err := encoder.WriteBytes(r.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Fatalf("no %s in the sample data between %s and %s", schema, histStart, histEnd)
	}
	path := filepath.Join(t.TempDir(), "sample.dbn")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHistEqualsFile(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	for _, schema := range []dbn.Schema{
		dbn.SchemaMbo, dbn.SchemaTrades, dbn.SchemaMbp1, dbn.SchemaMbp10, dbn.SchemaTbbo, dbn.SchemaBbo1S,
		dbn.SchemaOhlcv1S, dbn.SchemaOhlcv1M, dbn.SchemaStatistics, dbn.SchemaStatus,
	} {
		file := sampleFile(t, schema)
		for _, form := range []string{
			"-J", "-C", "-T", "--table", "-Jp", "-Cp", "-J --no-map-symbols", "-C --omit-header",
			"-J --fields ts_event,symbol", "-C --fields symbol,instrument_id", "-J -n 5", "-C -n +7", "-J -l 3", "",
		} {
			t.Run(schema.String()+" "+form, func(t *testing.T) {
				flags := strings.Fields(form)
				want := runProgram(t, append(flags, file)...).want(t, exit.OK)
				got := h.run(t, append([]string{"hist"}, histQuery(schema, flags...)...)...).want(t, exit.OK)
				if diff := cmp.Diff(want.stdout, got.stdout); diff != "" {
					t.Errorf("file -, historical +:\n%.2000s", diff)
				}
			})
		}
	}
}

// recordsOf are the records of DBN, plain or compressed.
func recordsOf(t testing.TB, data []byte) []byte {
	t.Helper()
	decoder, err := dbn.NewDecoder(bytes.NewReader(data), dbn.WithUpgrade(dbn.AsIs))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	var records []byte
	for {
		r, err := decoder.Next()
		if err != nil {
			if err.Error() != "EOF" {
				t.Fatal(err)
			}
			return records
		}
		records = append(records, r.Bytes()...)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// filesIn are the files of a directory, hidden ones too.
func filesIn(t testing.TB, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestHistIntoFiles(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	file := sampleFile(t, dbn.SchemaMbo)
	want := recordsOf(t, readFile(t, file))
	for _, test := range []struct {
		name  string
		flags string
	}{
		{"a.dbn", ""},
		{"a.dbn.zst", ""},                   // the body as it comes
		{"a.dbn.zst", "--upgrade v3"},       // through the program
		{"a.bin", "-D"},                     //
		{"a.bin", "-D -z"},                  // the body as well
		{"a.csv", "--tee DIR/tee.dbn"},      //
		{"a.json", "--tee DIR/tee.dbn.zst"}, //
	} {
		t.Run(test.name+" "+test.flags, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, test.name)
			flags := strings.Fields(strings.ReplaceAll(test.flags, "DIR", dir))
			args := append([]string{"hist", "-o", path}, histQuery(dbn.SchemaMbo, flags...)...)
			h.run(t, args...).want(t, exit.OK)
			expected := []string{test.name}
			dbnFile := path
			if i := slices.Index(flags, "--tee"); i >= 0 {
				dbnFile = flags[i+1]
				expected = append(expected, filepath.Base(dbnFile))
			}
			if diff := cmp.Diff(expected, filesIn(t, dir)); diff != "" {
				t.Error(diff)
			}
			if got := recordsOf(t, readFile(t, dbnFile)); !bytes.Equal(got, want) {
				t.Errorf("%d bytes of records, want %d", len(got), len(want))
			}
			h.run(t, args...).want(t, exit.Usage, "exists: give --force")
			h.run(t, append(args, "--force")...).want(t, exit.OK)
		})
	}
}

func TestHistVersions(t *testing.T) {
	for version := uint8(1); version <= dbn.Version; version++ {
		h := newHistServer(t, simhist.Config{Version: version})
		path := filepath.Join(t.TempDir(), "a.dbn.zst")
		h.run(t, append([]string{"hist", "-o", path}, histQuery(dbn.SchemaStatistics)...)...).want(t, exit.OK)
		for _, form := range []string{"-J", "-C", "--table", "-m", "-D"} {
			want := runProgram(t, form, path).want(t, exit.OK)
			got := h.run(t, append([]string{"hist"}, histQuery(dbn.SchemaStatistics, form)...)...).want(t, exit.OK)
			if diff := cmp.Diff(want.stdout, got.stdout); diff != "" {
				t.Errorf("version %d, %s: file -, historical +:\n%.2000s", version, form, diff)
			}
		}
		got := h.run(t, append([]string{"hist", "-m", "--upgrade", "v3"}, histQuery(dbn.SchemaStatistics)...)...).want(t, exit.OK)
		if !strings.Contains(got.stdout, `"version":3`) {
			t.Errorf("version %d, upgraded: %s", version, got.stdout)
		}
	}
}

func TestHistPeriods(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	all := h.run(t, "hist", "-y", "-d", "GLBX.MDP3", "-s", "trades", "--start", "2026-11-15", "ESZ6").want(t, exit.OK)
	if n := strings.Count(all.stdout, "\n"); n == 0 {
		t.Fatal("no records of a day")
	}
	toEnd := h.run(t, "hist", "-y", "-d", "GLBX.MDP3", "-s", "trades", "--start", "2026-11-15T22:59:55", "ESZ6").want(t, exit.OK)
	plain := h.run(t, "-y", "-d", "GLBX.MDP3", "-s", "trades", "--since", "2026-11-15", "--end", "2026-11-16", "ESZ6").want(t, exit.OK)
	if all.stdout != toEnd.stdout || all.stdout != plain.stdout {
		t.Errorf("a day: %d bytes, to the end: %d, without the command: %d", len(all.stdout), len(toEnd.stdout), len(plain.stdout))
	}
}

func TestHistUsage(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	for name, test := range map[string]struct {
		args string
		text string
	}{
		"no start":   {"hist -d GLBX.MDP3 -s trades ESZ6", "no start"},
		"no dataset": {"hist -s trades --start 2026-11-15 ESZ6", "no dataset"},
		"no symbol":  {"hist -d GLBX.MDP3 -s trades --start 2026-11-15", "no symbols"},

		"end first":     {"hist -d GLBX.MDP3 -s trades --start 2026-11-15 --end 2026-11-14 ESZ6", "is not after the start"},
		"end":           {"hist -d GLBX.MDP3 -s trades --start 2026-11-15 --end x ESZ6", "--end"},
		"limit":         {"hist -d GLBX.MDP3 -s trades --start 2026-11-15 -l 0 ESZ6", "--limit 0"},
		"all":           {"hist -d GLBX.MDP3 -s trades --start 2026-11-15 --all-symbols", "confirm with -y"},
		"max cost":      {"hist -d GLBX.MDP3 -s trades --start 2026-11-15 --max-cost -1 ESZ6", "--max-cost"},
		"retries":       {"hist -d GLBX.MDP3 -s trades --start 2026-11-15 --retries -1 ESZ6", "--retries"},
		"follow":        {"hist -f -d GLBX.MDP3 -s trades --start 2026-11-15 ESZ6", "unknown shorthand flag"},
		"gateway":       {"-d GLBX.MDP3 -s trades --end 2026-11-16 --gateway x ESZ6", "--gateway does not go with historical data"},
		"since the end": {"hist -y -d GLBX.MDP3 -s trades --since 2026-11-17 ESZ6", "there is no data of GLBX.MDP3 from 2026-11-17T00:00:00.000000000Z on"},
		"no consent":    {"hist -d GLBX.MDP3 -s trades --start 2026-11-15 ESZ6", "confirm with -y, or give --max-cost USD"},
		"nor with end":  {"-d GLBX.MDP3 -s trades --start 2026-11-15 --end 2026-11-16 ESZ6", "confirm with -y, or give --max-cost USD"},
	} {
		t.Run(name, func(t *testing.T) {
			h.run(t, strings.Fields(test.args)...).want(t, exit.Usage, test.text)
		})
	}
	live := runProgram(t, "-d", "GLBX.MDP3", "-s", "trades", "--dry-run", "ESZ6")
	live.want(t, exit.Usage, "--dry-run is for historical data")
	if slices.Contains(h.endpoints(), "timeseries.get_range") {
		t.Error("data was asked for all the same")
	}
}

func TestHistMoney(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	_, records := samples.Records(t, dbn.SchemaTrades)
	size := records[0].Size()
	query := histQuery(dbn.SchemaTrades)
	n := len(recordsOf(t, readFile(t, sampleFile(t, dbn.SchemaTrades)))) / size

	got := h.run(t, append([]string{"hist", "--dry-run"}, query...)...).want(t, exit.OK)
	want := fmt.Sprintf("records  %s\n", term.Grouped(uint64(n)))
	if !strings.HasSuffix(got.stdout, want) || !strings.Contains(got.stdout, "cost     $0.") {
		t.Errorf("dry run: %s", got.stdout)
	}
	asked := []string{"metadata.get_cost", "metadata.get_billable_size", "metadata.get_record_count"}
	if diff := cmp.Diff(asked, h.endpoints()); diff != "" {
		t.Error(diff)
	}
	got = h.run(t, append([]string{"hist", "--dry-run", "-J"}, query...)...).want(t, exit.OK)
	var p struct {
		Dataset, Schema, Start, End string
		CostUSD                     float64 `json:"cost_usd"`
		Bytes                       uint64  `json:"billable_size"`
		Records                     uint64  `json:"record_count"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &p); err != nil || p.Records != uint64(n) ||
		p.Bytes != uint64(n*size) || p.CostUSD <= 0 || p.Schema != "trades" {
		t.Errorf("dry run as JSON: %+v, %v", p, err)
	}
	for flag, delimiter := range map[string]string{"-C": ",", "-T": "\t"} {
		names := []string{"dataset", "schema", "start", "end", "cost_usd", "billable_size", "record_count"}
		values := []string{p.Dataset, p.Schema, p.Start, p.End, strconv.FormatFloat(p.CostUSD, 'f', -1, 64), fmt.Sprint(p.Bytes), fmt.Sprint(p.Records)}
		row := strings.Join(values, delimiter) + "\n"
		got = h.run(t, append([]string{"hist", "--dry-run", flag}, query...)...).want(t, exit.OK)
		if diff := cmp.Diff(strings.Join(names, delimiter)+"\n"+row, got.stdout); diff != "" {
			t.Errorf("dry run with %s: %s", flag, diff)
		}
		got = h.run(t, append([]string{"hist", "--dry-run", "--omit-header", flag}, query...)...).want(t, exit.OK)
		if diff := cmp.Diff(row, got.stdout); diff != "" {
			t.Errorf("dry run with %s --omit-header: %s", flag, diff)
		}
	}
	h.run(t, append([]string{"hist", "--dry-run", "-D"}, query...)...).want(t, exit.Usage, "DBN cannot hold")
	below, above := fmt.Sprint(p.CostUSD/2), fmt.Sprint(p.CostUSD*2)
	h.run(t, append([]string{"hist", "--dry-run", "--max-cost", below}, query...)...).want(t, exit.Usage, "--max-cost")
	h.run(t, append([]string{"hist", "--max-cost", below}, query...)...).want(t, exit.Usage, "more than --max-cost allows")
	if slices.Contains(h.endpoints(), "timeseries.get_range") {
		t.Error("data was asked for beyond the limit")
	}
	got = h.run(t, append([]string{"hist", "--max-cost", above}, query...)...).want(t, exit.OK)
	if strings.Count(got.stdout, "\n") != n {
		t.Errorf("%d lines, want %d", strings.Count(got.stdout, "\n"), n)
	}
	if !slices.Contains(h.endpoints(), "timeseries.get_range") {
		t.Error("data was not asked for")
	}
}

func TestHistFaults(t *testing.T) {
	for _, test := range []struct {
		fault string
		flags string
		code  int
		text  []string
	}{
		{"error=422,endpoint=timeseries.get_range", "", exit.Failure, []string{"422", "request ", "see https://databento.com/docs"}},
		{"error=401", "", exit.Auth, []string{"401", "key from DATABENTO_API_KEY"}},
		{"error-html=502", "", exit.Failure, []string{"502"}},
		{"rate-limit=7s", "", exit.Failure, []string{"429", "try again in 7 s"}},
		{"cut-body=70000", "", exit.Partial, []string{"without close_notify", "came before"}},
		{"reset-body=70000", "", exit.Partial, []string{"came before"}},
		{"truncate=70000", "", exit.Partial, []string{"ended inside", "came before"}},
		{"bad-chunk=70000", "", exit.Partial, []string{"came before"}},
		{"cut-body=70000", "-o DIR/a.csv", exit.Partial, []string{"came before, kept in DIR/a.csv.part"}},
		{"cut-body=70000", "-o DIR/a.dbn.zst", exit.Partial, []string{"without close_notify", "came before, kept in DIR/a.dbn.zst.part"}},
		{"cut-headers", "-o DIR/a.dbn.zst", exit.Failure, nil},
		{"truncate=70000", "-o DIR/a.dbn.zst", exit.Partial, []string{"answer is incomplete", "kept in DIR/a.dbn.zst.part"}},
		{"corrupt=20000", "-o DIR/a.dbn.zst", exit.Corrupt, []string{"answer is incomplete"}},
		{"corrupt=20000", "", exit.Corrupt, nil},
		{"truncate=0", "", exit.Corrupt, []string{"ended before its DBN metadata"}},
		{"cut-headers", "", exit.Failure, nil},
		{"reset-headers=20", "", exit.Failure, nil},
		{"garbage", "", exit.Failure, []string{"malformed response"}},
		{"endless-headers", "", exit.Failure, []string{"longer than"}},
		{"huge-header=1000000", "", exit.Failure, []string{"longer than"}},
		{"error-text=403", "", exit.Failure, []string{"403"}},
		{"error-empty=503", "", exit.Failure, []string{"503"}},
		{"error-endless=500", "", exit.Failure, []string{"500"}},
		{"unavailable=3s", "", exit.Failure, []string{"503", "try again in 3 s"}},
		{"redirect=https://elsewhere.example.com/", "", exit.Failure, []string{"not followed"}},
		{"short-body=100", "", exit.Partial, []string{"came before"}},
		{"handshake-reset", "", exit.Failure, nil},
		{"split=7", "", exit.OK, nil},
		{"bad-warning=not JSON", "", exit.OK, []string{"warning: server: not JSON"}},
		{"cert-expired", "", exit.Failure, []string{"certificate"}},
		{"cert-self-signed", "", exit.Failure, []string{"certificate"}},
		{"cert-wrong-host", "", exit.Failure, []string{"certificate"}},
		{"cert-unknown-ca", "", exit.Failure, []string{"certificate"}},
		{"no-tls", "", exit.Failure, nil},
		{"warning=Warning: careful", "", exit.OK, []string{"warning: server: Warning: careful"}},
		{"warning=Warning: careful", "-o DIR/a.dbn.zst", exit.OK, []string{"warning: server: Warning: careful"}},
	} {
		t.Run(test.fault+" "+test.flags, func(t *testing.T) {
			dir := t.TempDir()
			fault, err := simhist.ParseFault(test.fault)
			if err != nil {
				t.Fatal(err)
			}
			h := newHistServer(t, simhist.Config{
				Stored: fault.Kind != simhist.FaultCorrupt, // else nothing comes out of a part
				Faults: []simhist.Fault{fault},
			})
			in := func(text string) string { return strings.ReplaceAll(text, "DIR", dir) }
			args := append([]string{"hist"}, histQuery(dbn.SchemaMbo, strings.Fields(in(test.flags))...)...)
			for i := range test.text {
				test.text[i] = in(test.text[i])
			}
			h.run(t, args...).want(t, test.code, test.text...)
			for _, name := range filesIn(t, dir) {
				if test.code != exit.OK && !strings.HasSuffix(name, output.PartSuffix) {
					t.Errorf("%s was left", name)
				}
			}
		})
	}
}

// What came before the stream broke is right.
func TestHistCutIsPrefix(t *testing.T) {
	want := runProgram(t, "-J", sampleFile(t, dbn.SchemaMbo)).want(t, exit.OK).stdout
	for _, at := range []int64{5_000, 20_000, 60_000} {
		h := newHistServer(t, simhist.Config{Stored: true, Faults: []simhist.Fault{{Kind: simhist.FaultCutBody, At: at}}})
		dir := t.TempDir()
		path := filepath.Join(dir, "a.json")
		got := h.run(t, append([]string{"hist"}, histQuery(dbn.SchemaMbo)...)...).want(t, exit.Partial)
		h.run(t, append([]string{"hist", "-o", path}, histQuery(dbn.SchemaMbo)...)...).want(t, exit.Partial)
		if got.stdout == "" || len(got.stdout) >= len(want) || !strings.HasPrefix(want, got.stdout) {
			t.Errorf("cut at %d: %d bytes that are not the first of %d", at, len(got.stdout), len(want))
		}
		if part := string(readFile(t, path+output.PartSuffix)); part != got.stdout {
			t.Errorf("cut at %d: %d bytes in the part, %d on standard output", at, len(part), len(got.stdout))
		}
		path = filepath.Join(dir, "a.dbn.zst")
		h.run(t, append([]string{"hist", "-o", path}, histQuery(dbn.SchemaMbo)...)...).want(t, exit.Partial)
		if part := readFile(t, path+output.PartSuffix); int64(len(part)) != at {
			t.Errorf("cut at %d: %d bytes in the downloaded part", at, len(part))
		}
	}
}
