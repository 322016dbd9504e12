package tail

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// severalSchemas asks for parts of the sample data in one query.
func severalSchemas(more ...string) []string {
	query := histQuery(dbn.SchemaTrades, "-s", "status", "--schema", "mbp-10")
	return append(append([]string{"hist"}, query...), more...)
}

// Several schemas are one stream: that of their files, merged by time.
func TestHistOfSeveralSchemasEqualsTheirFiles(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	files := []string{sampleFile(t, dbn.SchemaTrades), sampleFile(t, dbn.SchemaStatus), sampleFile(t, dbn.SchemaMbp10)}
	for _, form := range []string{"-J", "-J -p", "--table", "-J -l 100", "-J -n 5", "-J -n +20", "--format {ts_event}\\t{symbol}\\t{price:.2}", ""} {
		t.Run(form, func(t *testing.T) {
			flags := strings.Fields(form)
			want := runProgram(t, append(flags, files...)...).want(t, exit.OK)
			got := h.run(t, severalSchemas(flags...)...).want(t, exit.OK)
			if diff := cmp.Diff(want.stdout, got.stdout); diff != "" || got.stdout == "" {
				t.Errorf("files -, historical +:\n%.2000s", diff)
			}
		})
	}
	dir := t.TempDir()
	for _, name := range []string{"a.dbn", "b.dbn.zst"} {
		path := filepath.Join(dir, name)
		h.run(t, severalSchemas("-o", path)...).want(t, exit.OK)
		want := runProgram(t, append([]string{"-J"}, files...)...).want(t, exit.OK)
		got := runProgram(t, "-J", path).want(t, exit.OK)
		if want.stdout != got.stdout {
			t.Errorf("%s has other records: %d bytes of JSON, want %d", name, len(got.stdout), len(want.stdout))
		}
		if schema := runProgram(t, "-m", path).want(t, exit.OK).stdout; !strings.Contains(schema, `"schema":null`) {
			t.Errorf("%s: %s", name, schema)
		}
	}
}

func TestHistOfSeveralSchemasCostsTheirSum(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	got := h.run(t, severalSchemas("--dry-run")...).want(t, exit.OK).stdout
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[1], "trades ") || !strings.HasPrefix(lines[4], "together ") {
		t.Errorf("%s", got)
	}
	if got = h.run(t, severalSchemas("--dry-run", "-J")...).want(t, exit.OK).stdout; strings.Count(got, "\n") != 3 {
		t.Errorf("%s", got)
	}
	if got = h.run(t, severalSchemas("--dry-run", "--table", "-s", "mbo")...).want(t, exit.OK).stdout; !strings.Contains(got, "\nmbo ") {
		t.Errorf("%s", got)
	}
	// More than each of them costs, less than all.
	one := h.run(t, append([]string{"hist", "--dry-run", "-C", "--omit-header"}, histQuery(dbn.SchemaMbp10)...)...).want(t, exit.OK)
	cost := strings.Split(one.stdout, ",")[4]
	h.run(t, severalSchemas("--max-cost", cost)...).want(t, exit.Usage, "more than --max-cost allows")
	for _, name := range h.endpoints() {
		if name == "timeseries.get_range" {
			t.Error("data was asked for beyond the limit")
		}
	}
}

// What came of every schema before one of the streams broke is kept.
func TestHistOfSeveralSchemasKeepsWhatCame(t *testing.T) {
	fault, err := simhist.ParseFault("cut-body=5000")
	if err != nil {
		t.Fatal(err)
	}
	h := newHistServer(t, simhist.Config{Stored: true, Faults: []simhist.Fault{fault}})
	dir := t.TempDir()
	path := filepath.Join(dir, "a.dbn")
	h.run(t, severalSchemas("-o", path)...).want(t, exit.Partial, "came before, kept in "+path+".part")
	kept := runProgram(t, "-J", "--fields", "symbol", path+".part").want(t, exit.OK).stdout
	whole := h.run(t, severalSchemas("-J", "--fields", "symbol")...)
	if n, all := strings.Count(kept, "\n"), strings.Count(whole.stdout, "\n"); n == 0 || whole.code == exit.OK && n >= all {
		t.Errorf("%d of %d records", n, all)
	}
}

func TestSeveralSchemasAreNotCSV(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	h.run(t, severalSchemas("-C")...).want(t, exit.Usage, "CSV holds one schema")
	h.run(t, append([]string{"batch", "submit"}, severalSchemas()[1:]...)...).want(t, exit.Usage, "submit a job for each")
	if asked := h.endpoints(); len(asked) > 0 {
		t.Errorf("%q", asked)
	}
}

func TestHistMapsSymbolsToWhatIsAskedFor(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	id := strings.TrimSpace(h.run(t, append([]string{"hist", "--format", "{instrument_id}", "-l", "1"}, histQuery(dbn.SchemaTrades)...)...).want(t, exit.OK).stdout)
	got := h.run(t, "hist", "-y", "-d", "GLBX.MDP3", "-s", "trades", "--start", histStart, "--end", histEnd, "-l", "1",
		"-i", "instrument_id", "--stype-out", "raw_symbol", "-m", id).want(t, exit.OK)
	for _, want := range []string{`"stype_in":"instrument_id"`, `"stype_out":"raw_symbol"`} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %s in %s", want, got.stdout)
		}
	}
	h.run(t, append([]string{"hist", "--stype-out", "isin9"}, histQuery(dbn.SchemaTrades)...)...).want(t, exit.Usage, "--stype-out")
	runProgram(t, "-d", "GLBX.MDP3", "-s", "trades", "--stype-out", "raw_symbol", "ESZ6").want(t, exit.Usage, "--stype-out is for historical data")
}
