package manifest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

// write writes a file of sample records.
func write(t testing.TB, path string, schema dbn.Schema) {
	t.Helper()
	m, records := samples.Records(t, schema)
	var b bytes.Buffer
	e, err := dbn.NewEncoder(&b, m, dbn.WithZstd(0))
	for _, r := range records {
		err = errors.Join(err, e.Write(r))
	}
	if err = errors.Join(err, e.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, directory string) *Log {
	t.Helper()
	l, err := Open(directory, "x-{date}.dbn.zst", "GLBX.MDP3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // of a test
	return l
}

func read(t testing.TB, directory string) *List {
	t.Helper()
	list, err := Read(filepath.Join(directory, Name))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func tally(t testing.TB, path string) *Tally {
	t.Helper()
	f, err := surveyFile(path, nil)
	if err != nil || f.Fault != nil {
		t.Fatal(err, f.Fault)
	}
	return TallyOf(f)
}

func TestAManifestHoldsWhatWasNoted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "x.dbn.zst")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, dbn.SchemaTrades)
	l := open(t, dir)
	asked := []Subscription{{Schema: "trades", StypeIn: "raw_symbol", Symbols: []string{"ES\x1bZ6"}}}
	if err := errors.Join(
		l.Begin(true, asked),
		l.Gap(Break{Schema: dbn.SchemaTrades, From: 0, To: 5}, "because"),
		l.Filled(Break{Schema: dbn.SchemaNone, From: 7, To: 8}, 3, 2),
		l.Finished(path, tally(t, path)),
	); err != nil {
		t.Fatal(err)
	}
	list := read(t, dir)
	if len(list.Entries) != 4 || list.Cut {
		t.Fatalf("%+v", list)
	}
	for _, e := range list.Entries {
		if e.Capture != "x-{date}.dbn.zst" || e.Time == 0 {
			t.Errorf("%+v", e)
		}
	}
	begin, gap, filled, file := list.Entries[0], list.Entries[1], list.Entries[2], list.Entries[3]
	if !begin.Resumed || begin.Dataset != "GLBX.MDP3" || !reflect.DeepEqual(begin.Subscriptions, asked) {
		t.Errorf("%+v", begin)
	}
	if gap.Schema != "trades" || gap.From != nil || *gap.To != 5 || gap.Reason != "because" {
		t.Errorf("%+v", gap)
	}
	if filled.Schema != "" || *filled.From != 7 || filled.Replayed != 3 || filled.Repeated != 2 {
		t.Errorf("%+v", filled)
	}
	if file.Path != "a/x.dbn.zst" || file.Records != 510 || file.Schemas["trades"] != 510 || len(file.Symbols) != 4 || file.First == nil || file.Dataset != "GLBX.MDP3" {
		t.Errorf("%+v", file)
	}
	if text, err := os.ReadFile(filepath.Join(dir, Name)); err != nil || bytes.ContainsRune(text, '\x1b') {
		t.Errorf("%v, a control character is in it: %q", err, text)
	}
}

// A writer that is killed at any byte of a line loses that line and no other.
func TestWhatAKilledWriterLeftOfALineIsRemoved(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	if err := errors.Join(l.Gap(Break{Schema: dbn.SchemaNone, From: 1, To: 2}, "one"), l.Gap(Break{Schema: dbn.SchemaNone, From: 3, To: 4}, "two"+strings.Repeat("o", 5000))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, Name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(text, '\n') + 1
	for n := 0; n < len(text); n += 1 + n/300*50 {
		if err := os.WriteFile(path, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		complete := 0
		if n >= first {
			complete = 1
		}
		if list := read(t, dir); len(list.Entries) != complete || list.Cut != (n != 0 && n != first) {
			t.Fatalf("%d bytes: %d entries, cut %t", n, len(list.Entries), list.Cut)
		}
		next := open(t, dir)
		if err := next.Gap(Break{Schema: dbn.SchemaNone, From: 5, To: 6}, "three"); err != nil {
			t.Fatal(err)
		}
		list := read(t, dir)
		if len(list.Entries) != complete+1 || list.Cut || list.Entries[complete].Reason != "three" {
			t.Fatalf("%d bytes: after the next line %+v", n, list)
		}
		next.Close() //nolint:errcheck // of a test
	}
}

func TestSeveralCapturesShareAManifest(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		l := open(t, dir)
		all.Go(func() {
			for range 10 {
				if err := l.Gap(Break{Schema: dbn.SchemaNone, From: 1, To: 2}, strings.Repeat("x", 500)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if list := read(t, dir); len(list.Entries) != 40 {
		t.Errorf("%d entries", len(list.Entries))
	}
}

func TestAFileThatWasNotNotedIsRecreatedFromItself(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a.dbn.zst"), filepath.Join(dir, "b.dbn.zst"), filepath.Join(dir, "c.dbn.zst")
	write(t, a, dbn.SchemaTrades)
	write(t, b, dbn.SchemaMbo)
	if err := os.WriteFile(c, []byte("DBN"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir)
	if err := l.Finished(a, tally(t, a)); err != nil {
		t.Fatal(err)
	}
	for want := 1; want >= 0; want-- {
		if n, err := l.Recreate([]string{a, b, c}); n != want || err != nil {
			t.Fatalf("%d entries, %v, want %d", n, err, want)
		}
	}
	list := read(t, dir)
	e, want := list.File("b.dbn.zst"), FileEntry("b.dbn.zst", tally(t, b))
	want.Capture, want.Time, want.Dataset, want.Recreated = e.Capture, e.Time, "GLBX.MDP3", true
	if len(list.Entries) != 2 || !reflect.DeepEqual(*e, want) || list.File("c.dbn.zst") != nil {
		t.Errorf("%+v", list.Entries)
	}
}

func TestALaterEntryOfAFileReplacesAnEarlierOne(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.dbn.zst")
	l := open(t, dir)
	for _, schema := range []dbn.Schema{dbn.SchemaTrades, dbn.SchemaMbo} {
		write(t, path, schema)
		if err := errors.Join(l.Finished(path, tally(t, path)), l.Gap(Break{Schema: dbn.SchemaNone, From: 0, To: 0}, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if list := read(t, dir); len(list.Entries) != 3 || list.File("a.dbn.zst").Records != 5325 {
		t.Errorf("%+v", list.Entries)
	}
}

func TestAFileElsewhereIsRefused(t *testing.T) {
	l := open(t, t.TempDir())
	if err := l.Finished(filepath.Join(t.TempDir(), "x.dbn"), new(Tally)); exit.FromError(err) != exit.Failure {
		t.Error(err)
	}
}

func TestADamagedManifestIsRefusedWithItsLine(t *testing.T) {
	const sum = `"sha256":"0000000000000000000000000000000000000000000000000000000000000000"`
	for _, test := range []struct{ line, want string }{
		{"nothing\n", "line 2: invalid character"},
		{"{}\n", "line 2: it has no kind"},
		{"[]\n", "line 2: json: cannot unmarshal array"},
		{`{"kind":"file","path":"../x",` + sum + "}\n", `line 2: the path "../x" leaves the directory`},
		{`{"kind":"file","path":"/etc/passwd",` + sum + "}\n", "leaves the directory"},
		{`{"kind":"file","path":"x"}` + "\n", `line 2: the SHA-256 "" of "x" is not one`},
		{`{"kind":"gap","from":"yesterday"}` + "\n", "line 2: "},
		{`{"kind":"file","records":-1,"path":"x",` + sum + "}\n", "line 2: "},
	} {
		path := filepath.Join(t.TempDir(), Name)
		if err := os.WriteFile(path, []byte(`{"kind":"later"}`+"\n"+test.line), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		if exit.FromError(err) != exit.Corrupt || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.line, err, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"kind":"gap","capture":"x","from":"2026-11-20T00:00:00Z"}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), Name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := Read(path)
		if err != nil {
			return
		}
		for _, e := range list.Entries {
			if e.Kind == KindFile && !filepath.IsLocal(e.Path) {
				t.Errorf("%q leaves the directory", e.Path)
			}
		}
	})
}
