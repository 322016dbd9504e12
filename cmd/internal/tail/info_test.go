package tail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/dbn"
)

// sampleIn writes a file of the sample data, compressed if its name says so, and gives its path.
func sampleIn(t testing.TB, dir, name string, schema dbn.Schema) string {
	t.Helper()
	m, records := samples.Records(t, schema)
	var options []dbn.EncoderOption
	if strings.HasSuffix(name, ".zst") {
		options = append(options, dbn.WithZstd(0))
	}
	var b bytes.Buffer
	e, err := dbn.NewEncoder(&b, m, options...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		err = errors.Join(err, e.Write(r))
	}
	path := filepath.Join(dir, name)
	if err = errors.Join(err, e.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInfoShowsWhatAFileHoldsWithin80Columns(t *testing.T) {
	dir := t.TempDir()
	path := sampleIn(t, dir, "trades.dbn.zst", dbn.SchemaTrades)
	got := runProgram(t, "info", path).want(t, exit.OK)
	for _, text := range []string{
		"  complete   yes\n", ", zstd, ", "  DBN        version 3\n", "  dataset    GLBX.MDP3, schema: trades\n",
		"  symbols    raw_symbol to instrument_id: 4 symbols, 4 mapped\n", "  records    510\n",
		"  order      by time\n", "  breaks     none within an instrument\n",
		"\n  SCHEMA        RECORDS  FIRST                 LAST\n  trades            510  2026-11-15T", "\n  SYMBOL  ",
	} {
		if !strings.Contains(got.stdout, text) {
			t.Errorf("%q is not in\n%s", text, got.stdout)
		}
	}
	for i, line := range strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n") {
		if n := utf8.RuneCountInString(line); n > 80 && i > 0 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestInfoCountsLikeWc(t *testing.T) {
	dir := t.TempDir()
	trades := sampleIn(t, dir, "trades.dbn", dbn.SchemaTrades)
	mbo := sampleIn(t, dir, "mbo.dbn.zst", dbn.SchemaMbo)
	for _, test := range []struct {
		want string
		args []string
	}{
		{"510\n", []string{trades}},
		{fmt.Sprintf("510 %s\n5325 %s\n5835 total\n", trades, mbo), []string{trades, mbo}},
		{fmt.Sprintf(`{"path":%q,"records":510}`+"\n", trades), []string{"-J", trades}},
	} {
		if got := runProgram(t, append([]string{"info", "--count"}, test.args...)...).want(t, exit.OK); got.stdout != test.want {
			t.Errorf("%v: %q, want %q", test.args, got.stdout, test.want)
		}
	}
}

func TestInfoAddsUpSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	names := []string{sampleIn(t, dir, "a.dbn", dbn.SchemaTrades), sampleIn(t, dir, "b.dbn", dbn.SchemaMbo), sampleIn(t, dir, "c.dbn", dbn.SchemaTrades)}
	got := runProgram(t, append([]string{"info", "-J"}, names...)...).want(t, exit.OK)
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines: %s", len(lines), got.stdout)
	}
	var sum struct{ Total survey.Total }
	if err := json.Unmarshal([]byte(lines[3]), &sum); err != nil {
		t.Fatal(err)
	}
	if total := sum.Total; total.Files != 3 || total.Records != 2*510+5325 || len(total.Schemas) != 2 || total.Schemas[1].Records != 1020 || len(total.Symbols) != 4 {
		t.Errorf("%+v", sum.Total)
	}
	got = runProgram(t, append([]string{"info"}, names...)...).want(t, exit.OK)
	if !strings.Contains(got.stdout, "\n3 files\n  complete   yes, all\n") {
		t.Error(got.stdout)
	}
}

func TestInfoReadsFragmentsAndStandardInput(t *testing.T) {
	dir := t.TempDir()
	data := readFile(t, sampleIn(t, dir, "trades.dbn", dbn.SchemaTrades))
	n, err := dbn.MetadataLen(data)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "fragment")
	if err := os.WriteFile(path, data[n:], 0o600); err != nil {
		t.Fatal(err)
	}
	got := runProgram(t, "info", "--input-fragment", path).want(t, exit.OK)
	if !strings.Contains(got.stdout, "  DBN        a fragment: records without metadata\n") || !strings.Contains(got.stdout, "  trades            510  ") {
		t.Error(got.stdout)
	}
	runProgram(t, "info", "--ts-out", path).want(t, exit.Usage, "is for files with --input-fragment")
	runProgram(t, "info", path).want(t, exit.Corrupt)
	var stdout, stderr bytes.Buffer
	p := &Program{Stdin: bytes.NewReader(data), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }}
	if code := p.Run([]string{"info", "-"}); code != exit.OK || !strings.HasPrefix(stdout.String(), "standard input\n  complete   yes\n") {
		t.Errorf("exit code %d: %s%s", code, &stdout, &stderr)
	}
}

func TestInfoListsLongSilences(t *testing.T) {
	path := sampleIn(t, t.TempDir(), "trades.dbn", dbn.SchemaTrades)
	got := runProgram(t, "info", "--gap", "3s", "-J", path).want(t, exit.OK)
	var r survey.Report
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
		t.Fatal(err)
	}
	if r.SilenceCount == 0 || int(r.SilenceCount) != len(r.Silences) || r.LongestSilence.Span < 3e9 {
		t.Errorf("%d of %v", r.SilenceCount, r.Silences)
	}
	for _, s := range r.Silences {
		if s.Span <= 3e9 {
			t.Errorf("%v", s)
		}
	}
	if got := runProgram(t, "info", "--gap", "3s", path).want(t, exit.OK); !strings.Contains(got.stdout, fmt.Sprintf("%d longer one", r.SilenceCount)) {
		t.Error(got.stdout)
	}
	runProgram(t, "info", "--gap", "-1s", path).want(t, exit.Usage, "--gap -1s")
	runProgram(t, "info", "--symbols", "-1", path).want(t, exit.Usage, "--symbols -1")
}

func TestInfoEndsWithTheWorstFaultAfterAllFiles(t *testing.T) {
	dir := t.TempDir()
	good := sampleIn(t, dir, "good.dbn.zst", dbn.SchemaTrades)
	cut, text := filepath.Join(dir, "cut.dbn.zst"), filepath.Join(dir, "text.dbn")
	data := readFile(t, good)
	if err := errors.Join(os.WriteFile(cut, data[:len(data)-2], 0o600), os.WriteFile(text, []byte("no records"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		code  int
		text  string
		names []string
	}{
		{exit.OK, "", []string{good}},
		{exit.Partial, "cut.dbn.zst: at byte ", []string{cut, good}},
		{exit.Corrupt, "text.dbn: at byte 0: not DBN data", []string{cut, text, good}},
		{exit.Failure, "cannot read " + filepath.Join(dir, "absent.dbn"), []string{cut, text, filepath.Join(dir, "absent.dbn"), good}},
		{exit.Failure, "it is a directory", []string{dir, good}},
		{exit.Usage, "info: name a DBN file", nil},
	} {
		got := runProgram(t, append([]string{"info"}, test.names...)...).want(t, test.code, test.text)
		if len(test.names) > 0 && !strings.Contains(got.stdout, "  records    510\n") {
			t.Errorf("%v: the good file is not shown: %s", test.names, got.stdout)
		}
		runProgram(t, append([]string{"info", "--count"}, test.names...)...).want(t, test.code, test.text)
	}
	got := runProgram(t, "info", cut)
	if !strings.Contains(got.stdout, "  complete   no, truncated: ") || !strings.Contains(got.stdout, "complete records end at byte 25,512 of the DBN") {
		t.Error(got.stdout)
	}
}

// What a file says of itself reaches no terminal unless it is plain.
func TestInfoShowsNoControlCharacters(t *testing.T) {
	const hostile = "A\x1b]0;x\x07\u009b2J\u202eB"
	dir := t.TempDir()
	m, records := samples.Records(t, dbn.SchemaTrades)
	odd := *m
	odd.Dataset = "D"
	odd.Mappings = []dbn.SymbolMapping{{RawSymbol: "A", Intervals: m.Mappings[0].Intervals}}
	head, err := odd.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	head = bytes.Replace(head, []byte("D\x00\x00\x00\x00\x00\x00"), []byte("D\x1b[2J\x07\u009b")[:7], 1)
	named := samples.Mapping(records[0].Header().InstrumentID, hostile)
	data := bytes.Join([][]byte{head, named.Bytes(), records[0].Bytes()}, nil)
	path := filepath.Join(dir, "odd\x1b[31m.dbn")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"info", path}, {"info", "-J", path}, {"info", path, path}, {"info", "--count", path, path}, {"info", path + "x"}} {
		got := runProgram(t, args...)
		for _, c := range got.stdout + got.stderr {
			if c != '\n' && (c < ' ' || c == 0x7F || 0x80 <= c && c < 0xA0 || c == 0x202E) {
				t.Errorf("%q prints %q: %q", args, c, got.stdout+got.stderr)
				break
			}
		}
	}
	if got := runProgram(t, "info", "-J", path).want(t, exit.OK); !strings.Contains(got.stdout, `"name":"A\u001b]0;x`) {
		t.Errorf("the symbol is not escaped: %s", got.stdout)
	}
}
