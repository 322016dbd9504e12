package tail

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// fileOfSamples is a file of the sample data.
func fileOfSamples(t *testing.T, schema dbn.Schema) string {
	t.Helper()
	data, err := sample.Data.ReadFile("data/" + schema.String() + ".dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, filepath.Join(t.TempDir(), schema.String()+".dbn.zst"), data)
}

func TestTextFormsOfARecord(t *testing.T) {
	trades, bars := fileOfSamples(t, dbn.SchemaTrades), fileOfSamples(t, dbn.SchemaOhlcv1S)
	for _, test := range []struct {
		name string
		args []string
		want string // of the beginning
	}{
		{"values", []string{"--pretty=values", "-J", "--fields", "ts_event,price,symbol", trades},
			`{"hd":{"ts_event":"2026-11-15T23:00:00.761536130Z"},"price":"4127.400000000","symbol":"GCG7"}` + "\n"},
		{"values after a space", []string{"--pretty", "values", "-J", "--fields", "price", trades}, `{"price":"4127.400000000"}` + "\n"},
		{"values of CSV", []string{"-C", "--pretty=values", "--fields", "price", trades}, "price\n4127.400000000\n"},
		{"indented", []string{"-p", "-J", "--fields", "price", trades}, "{\n    \"price\": \"4127.400000000\"\n}\n"},
		{"indented by its name", []string{"--pretty", "-J", "--fields", "price", trades}, "{\n    \"price\": \"4127.400000000\"\n}\n"},
		{"not pretty", []string{"--pretty=false", "-J", "--fields", "price", trades}, `{"price":"4127400000000"}` + "\n"},
		{"together with another flag", []string{"-pJ", "--fields", "price", trades}, "{\n    \"price\""},
		{"template", []string{"--format", "{symbol} {price:.2} {ts_event:.0}", trades}, "GCG7 4127.40 2026-11-15T23:00:00Z\nGCG7 4127.50 "},
		{"template over a mix", []string{"--format", "{symbol}:{price:.2}:{close:.2}", trades, bars}, "GCG7::4127.50\nGCG7:4127.40:\n"},
		{"zone of a template", []string{"--format", "{ts_event:.3}", "--tz", "America/New_York", trades}, "2026-11-15T18:00:00.761-05:00\n"},
		{"zone of CSV", []string{"-C", "-p", "--tz", "Asia/Kolkata", "--fields", "ts_event,ts_recv", trades},
			"ts_event,ts_recv\n2026-11-16T04:30:00.761536130+05:30,2026-11-16T04:30:00.761762180+05:30\n"},
		{"zone of JSON", []string{"-J", "--pretty=values", "--tz", "Asia/Kolkata", trades},
			`{"ts_recv":"2026-11-16T04:30:00.761762180+05:30","hd":{"ts_event":"2026-11-16T04:30:00.761536130+05:30",`},
		{"zone of a table", []string{"--table", "--tz", "America/New_York", trades},
			"TIME            SYMBOL SIDE    PRICE  SIZE SEQUENCE VENUE  NOTE\n-- 2026-11-15 America/New_York (-05:00) --\n18:00:00.761762 GCG7   bid   4127.40"},
		{"UTC", []string{"--format", "{ts_event}", "--tz", "utc", trades}, "2026-11-15T23:00:00.761536130Z\n"},
		{"fields of a table", []string{"--table", "--fields", "price,symbol,side", trades}, "  price symbol side\n4127.40 GCG7   B\n"},
		{"standard output by its name", []string{"-C", "-o", "-", "--fields", "size", trades}, "size\n6\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, messages, code := runFiles(nil, append(test.args, "-l", "20")...)
			if code != exit.OK || messages != "" || !strings.HasPrefix(out, test.want) {
				t.Errorf("exit code %d, %q, %.300q; want %q", code, messages, out, test.want)
			}
		})
	}
}

// Each line of --pretty=values is a JSON object by itself, of every schema.
func TestPrettyValuesAreJSONLines(t *testing.T) {
	for _, schema := range []dbn.Schema{dbn.SchemaMbo, dbn.SchemaMbp10, dbn.SchemaDefinition, dbn.SchemaStatistics} {
		out, messages, code := runFiles(nil, "-J", "--pretty=values", "-l", "20", fileOfSamples(t, schema))
		if code != exit.OK || messages != "" {
			t.Fatalf("exit code %d, %q", code, messages)
		}
		n := 0
		for line := range strings.Lines(out) {
			n++
			if !json.Valid([]byte(line)) || !strings.Contains(line, `"ts_event":"2026-11-1`) {
				t.Fatalf("%q", line)
			}
		}
		if n == 0 {
			t.Error("no lines")
		}
	}
}

func TestAFragmentIsTheRecordsAlone(t *testing.T) {
	directory := t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	source := newTestFile(dbn.SchemaMbo).mbo(0, 500)
	in := writeFile(t, path("in.dbn"), source.bytes(t))
	records := source.records
	for _, test := range []struct {
		name string
		args []string
		file string
	}{
		{"by flag", []string{"-D", "--fragment", in}, ""},
		{"by flag, to a file", []string{"--fragment", "-o", path("a.dbn"), in}, "a.dbn"},
		{"by name", []string{"-o", path("b.dbn.frag"), in}, "b.dbn.frag"},
		{"of a fragment", []string{"--input-fragment", "-o", path("c.dbn.frag"), path("b.dbn.frag")}, "c.dbn.frag"},
		{"compressed", []string{"-o", path("d.dbn.frag.zst"), in}, ""},
		{"of a compressed one", []string{"--input-fragment", "--fragment", "-D", path("d.dbn.frag.zst")}, ""},
	} {
		out, messages, code := runFiles(nil, test.args...)
		if code != exit.OK || messages != "" {
			t.Fatalf("%s: exit code %d, %q", test.name, code, messages)
		}
		got := []byte(out)
		if test.file != "" {
			var err error
			if got, err = os.ReadFile(path(test.file)); err != nil {
				t.Fatal(err)
			}
		}
		if test.name != "compressed" && !bytes.Equal(got, records) {
			t.Errorf("%s: %d bytes, want the %d of the records", test.name, len(got), len(records))
		}
	}
	compressed, err := os.ReadFile(path("d.dbn.frag.zst"))
	if err != nil || !bytes.HasPrefix(compressed, []byte{0x28, 0xB5, 0x2F, 0xFD}) {
		t.Errorf("%v, %x", err, compressed[:4])
	}
	if _, messages, code := runFiles(nil, "-o", path("e.frag"), in); code != exit.Usage || !strings.Contains(messages, "gives no encoding") {
		t.Errorf("exit code %d, %q", code, messages)
	}
}
