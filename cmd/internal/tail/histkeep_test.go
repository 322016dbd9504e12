package tail

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// intoFiles are the ways that a range takes into a file: the name, and more flags.
var intoFiles = [][2]string{
	{"a.csv", ""}, {"a.tsv", ""}, {"a.json", ""}, {"a.dbn", ""}, {"a.csv.zst", ""}, {"a.json.zst", ""},
	{"a.dbn.zst", ""},             // as the server sends it
	{"a.dbn.zst", "--upgrade v3"}, // through the program
	{"a.txt", "--table"},
}

// plainText is a file's content, decompressed up to where it ends.
func plainText(t testing.TB, path string) []byte {
	t.Helper()
	data := readFile(t, path)
	if !strings.Contains(filepath.Base(path), ".zst") {
		return data
	}
	r, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	b.ReadFrom(r) //nolint:errcheck // it may end anywhere
	return b.Bytes()
}

// What a run kept is never replaced by another one, nor is what else has the name of a part.
func TestHistReplacesNoPart(t *testing.T) {
	for _, into := range intoFiles {
		for _, force := range []bool{false, true} {
			t.Run(strings.Join(into[:], " "), func(t *testing.T) {
				h := newHistServer(t, simhist.Config{Stored: true, Faults: []simhist.Fault{
					{Kind: simhist.FaultCutBody, At: 70_000, Endpoint: "timeseries.get_range", First: 1, Last: 1},
					{Kind: simhist.FaultCutBody, At: 10_000, Endpoint: "timeseries.get_range", First: 2, Last: 2},
				}})
				dir := t.TempDir()
				path := filepath.Join(dir, into[0])
				stranger := []byte("another file of that name")
				if err := os.WriteFile(path+".part", stranger, 0o600); err != nil {
					t.Fatal(err)
				}
				flags := append(strings.Fields(into[1]), "-o", path)
				if force {
					flags = append(flags, "--force")
				}
				args := append([]string{"hist"}, histQuery(dbn.SchemaMbo, flags...)...)
				h.run(t, args...).want(t, exit.Partial, "kept in "+path+".part.2\n", path+".part exists")
				long := readFile(t, path+".part.2")
				h.run(t, args...).want(t, exit.Partial, "kept in "+path+".part.3\n", path+".part.2 exists")
				h.run(t, args...).want(t, exit.OK, path+".part.3 exists")
				if diff := cmp.Diff([]string{into[0], into[0] + ".part", into[0] + ".part.2", into[0] + ".part.3"}, filesIn(t, dir)); diff != "" {
					t.Error(diff)
				}
				if !bytes.Equal(readFile(t, path+".part"), stranger) || !bytes.Equal(readFile(t, path+".part.2"), long) {
					t.Error("a part was changed")
				}
				if n := len(readFile(t, path+".part.3")); n == 0 || n >= len(long) {
					t.Errorf("%d bytes of the second try, %d of the first", n, len(long))
				}
			})
		}
	}
}

// Whatever takes the name of the file while the range streams: what was paid for is kept.
func TestHistKeepsDataWhoseNameIsTaken(t *testing.T) {
	for _, into := range intoFiles {
		for name, take := range map[string]func(path string) error{
			"by a file":      func(path string) error { return os.WriteFile(path, []byte("another"), 0o600) },
			"by a directory": func(path string) error { return os.Mkdir(path, 0o700) },
			"by a link":      func(path string) error { return os.Symlink("nowhere", path) },
			"by a part":      func(path string) error { return os.Rename(path+".part", path) },
		} {
			t.Run(strings.Join(into[:], " ")+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, into[0])
				s := rangeServer(t, dbn.SchemaMbo, func() {
					if err := take(path); err != nil {
						t.Error(err)
					}
				})
				want := filepath.Join(t.TempDir(), into[0])
				flags := strings.Fields(into[1])
				s2 := rangeServer(t, dbn.SchemaMbo, func() {})
				s2.run(t, append([]string{"hist"}, histQuery(dbn.SchemaMbo, append(flags, "-o", want)...)...)...).want(t, exit.OK)
				s.run(t, append([]string{"hist"}, histQuery(dbn.SchemaMbo, append(flags, "-o", path)...)...)...).
					want(t, exit.Failure, "cannot rename", "file exists", "is kept in "+path+".part\n")
				if !bytes.Equal(plainText(t, path+".part"), plainText(t, want)) {
					t.Error("the part is not complete")
				}
				if len(filesIn(t, dir)) != 2 {
					t.Errorf("left: %v", filesIn(t, dir))
				}
			})
		}
	}
}

// The name of the part may be taken as well: the file is saved under another one.
func TestHistKeepsDataWhosePartIsTaken(t *testing.T) {
	for _, into := range intoFiles {
		for name, take := range map[string]func(part string) error{
			"removed": os.Remove,
			"replaced": func(part string) error {
				other := part + "-other"
				if err := os.WriteFile(other, []byte("another"), 0o600); err != nil {
					return err
				}
				return os.Rename(other, part)
			},
		} {
			t.Run(strings.Join(into[:], " ")+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, into[0])
				// The download opens the part before the request, too.
				s := rangeServer(t, dbn.SchemaMbo, func() {
					if err := take(path + ".part"); err != nil {
						t.Error(err)
					}
				})
				got := s.run(t, append([]string{"hist"}, histQuery(dbn.SchemaMbo, append(strings.Fields(into[1]), "-o", path)...)...)...)
				want := filepath.Join(t.TempDir(), into[0])
				s2 := rangeServer(t, dbn.SchemaMbo, func() {})
				s2.run(t, append([]string{"hist"}, histQuery(dbn.SchemaMbo, append(strings.Fields(into[1]), "-o", want)...)...)...).want(t, exit.OK)
				kept := path
				if got.code != exit.OK {
					_, kept, _ = strings.Cut(strings.TrimSpace(got.stderr), "kept in ")
				}
				if !bytes.Equal(plainText(t, kept), plainText(t, want)) {
					t.Errorf("%q is not complete; standard error: %s", kept, got.stderr)
				}
				if name == "replaced" && string(readFile(t, path+".part")) != "another" {
					t.Error("the other file was changed")
				}
			})
		}
	}
}

// A file that cannot be written is found out before the range is asked for.
func TestHistAsksForNothingThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none", "a.csv"):                     "no such file or directory",
		filepath.Join(dir, strings.Repeat("x", 247)+".csv"):     "file name too long",
		filepath.Join(dir, strings.Repeat("x", 243)+".dbn.zst"): "file name too long",
	} {
		s := rangeServer(t, dbn.SchemaMbo, func() {})
		got := s.run(t, append([]string{"hist"}, histQuery(dbn.SchemaMbo, "-o", path)...)...)
		if got.code == exit.OK || !strings.Contains(got.stderr, want) || s.wasAsked("timeseries.get_range") {
			t.Errorf("%.80s: exit code %d, %s; asked for: %v", path, got.code, got.stderr, s.asked)
		}
	}
	if left := filesIn(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A link stays one, and --force replaces what it links to.
func TestHistWritesThroughALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target.csv"), filepath.Join(dir, "link.csv")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target.csv", link); err != nil {
		t.Fatal(err)
	}
	s := rangeServer(t, dbn.SchemaMbo, func() {})
	args := append([]string{"hist"}, histQuery(dbn.SchemaMbo, "-o", link)...)
	s.run(t, args...).want(t, exit.Usage, "exists")
	s.run(t, append(args, "--force")...).want(t, exit.OK)
	if text, err := os.Readlink(link); err != nil || text != "target.csv" {
		t.Errorf("%q, %v", text, err)
	}
	if data := readFile(t, target); !bytes.HasPrefix(data, []byte("ts_recv,")) {
		t.Errorf("%.20q", data)
	}
}

// The file of --tee is one that is paid for as well.
func TestHistKeepsTheTee(t *testing.T) {
	dir := t.TempDir()
	path, tee := filepath.Join(dir, "a.csv"), filepath.Join(dir, "t.dbn.zst")
	h := newHistServer(t, simhist.Config{Stored: true, Faults: []simhist.Fault{{Kind: simhist.FaultCutBody, At: 70_000}}})
	args := append([]string{"hist"}, histQuery(dbn.SchemaMbo, "-o", path, "--tee", tee)...)
	h.run(t, args...).want(t, exit.Partial, "came before, kept in "+path+".part and "+tee+".part\n")
	if diff := cmp.Diff([]string{"a.csv.part", "t.dbn.zst.part"}, filesIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	rows := bytes.Count(readFile(t, path+".part"), []byte("\n")) - 1
	if n := len(recordsOf(t, readFile(t, tee+".part"))); rows == 0 || n%rows != 0 {
		t.Errorf("%d rows, %d bytes of records", rows, n)
	}
}

// One line says why it ended, how much came and where it is, also when two files fail.
func TestHistSaysOneLineOfAFailedEnd(t *testing.T) {
	h := newHistServer(t, simhist.Config{Stored: true, Faults: []simhist.Fault{{Kind: simhist.FaultCutBody, At: 70_000}}})
	dir := t.TempDir()
	for _, flags := range [][]string{
		nil, {"-q"}, {"-C"}, {"-o", filepath.Join(dir, "a.csv")}, {"-o", filepath.Join(dir, "b.dbn.zst")},
		{"-o", filepath.Join(dir, "c.dbn"), "--tee", filepath.Join(dir, "d.dbn")},
	} {
		got := h.run(t, append([]string{"hist"}, histQuery(dbn.SchemaMbo, flags...)...)...).want(t, exit.Partial, "came before")
		if strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%v: %s", flags, got.stderr)
		}
	}
	for _, flags := range [][]string{{"-C"}, {"-D"}, {"-J", "-z"}, {"--tee", filepath.Join(dir, "e.dbn")}} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err)
		}
		s := rangeServer(t, dbn.SchemaMbo, func() {})
		var stderr bytes.Buffer
		p := &Program{Stdin: strings.NewReader(""), Stdout: full, Stderr: &stderr, Getenv: func(name string) string {
			return map[string]string{keyVariable: sim.TestKey}[name]
		}, Exit: func(int) {}}
		code := p.Run(append(append([]string{"hist"}, s.flags...), histQuery(dbn.SchemaMbo, flags...)...))
		full.Close()
		want, where := exit.Failure, "came before\n"
		switch flags[0] {
		case "-D": // not even the header can be written
			where = "no space left on device\n"
		case "--tee":
			want, where = exit.Partial, "kept in "+flags[1]+".part\n"
		}
		if text := stderr.String(); code != want || strings.Count(text, "\n") != 1 ||
			!strings.Contains(text, "cannot write to standard output: no space left on device") || !strings.HasSuffix(text, where) {
			t.Errorf("%v: exit code %d, %q", flags, code, text)
		}
	}
}

// A cost that is not a price is refused, whatever it may cost.
func TestACostThatIsNoPriceIsRefused(t *testing.T) {
	for _, cost := range []string{"-1", "-0.000001", "-1e300", "null", "NaN", "Infinity", "1e999", "", `""`, `"-1"`, "{}", "[]", "true"} {
		for _, flags := range [][]string{{"--max-cost", "1"}, {"--max-cost", "1", "-y"}, {"--max-cost", "1e308"}, {"--dry-run", "--max-cost", "1"}, {"--dry-run"}} {
			s := newStub(t, map[string]http.HandlerFunc{
				"metadata.get_cost": text(cost), "metadata.get_billable_size": text("1"), "metadata.get_record_count": text("1"),
			})
			query := histQuery(dbn.SchemaMbo, flags...)[1:]
			got := s.run(t, append([]string{"hist"}, query...)...)
			if got.code == exit.OK || got.stdout != "" || s.wasAsked("timeseries.get_range") || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("%q, hist %v: exit code %d, %q, %s; asked for %v", cost, flags, got.code, got.stdout, got.stderr, s.asked)
			}
			got = s.run(t, append([]string{"batch", "submit"}, query...)...)
			if got.code == exit.OK || s.wasAsked("batch.submit_job") {
				t.Errorf("%q, batch submit %v: exit code %d, %s; asked for %v", cost, flags, got.code, got.stderr, s.asked)
			}
		}
	}
}
