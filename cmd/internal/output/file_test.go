package output

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAFileThatAppearsMeanwhileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	o := &Output{Settings: Settings{Path: filepath.Join(dir, "x.csv"), Whole: true}}
	d, err := o.open(o.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err == nil || !strings.Contains(err.Error(), "file exists") {
		t.Errorf("%v", err)
	}
	if data, err := os.ReadFile(o.Path); string(data) != "old" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files", len(entries))
	}
}

// On a file system that cannot refuse to replace a file, nothing is replaced either.
func TestAClaimedNameReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	o := &Output{Settings: Settings{Path: filepath.Join(dir, "a.csv"), Whole: true, Paid: true}}
	part, err := o.openPart(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer part.file.Close()
	if err := os.WriteFile(o.Path, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := claim(part.name, part.final); !errors.Is(err, os.ErrExist) {
		t.Errorf("%v", err)
	}
	if string(readFile(t, o.Path)) != "another" || !part.named() {
		t.Error("a file was replaced")
	}
	if err := os.Remove(o.Path); err != nil {
		t.Fatal(err)
	}
	if err := claim(part.name, part.final); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a.csv"}, filesIn(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestFormatFollowsTheFileName(t *testing.T) {
	tests := []struct {
		path  string
		want  Format
		zstd  bool
		known bool
	}{
		{"a.dbn", DBN, false, true},
		{"a.dbn.zst", DBN, true, true},
		{"dir.csv/a.json", JSON, false, true},
		{"a.CSV.zst", CSV, true, true},
		{"a.tsv", TSV, false, true},
		{"a.xls", TSV, false, true},
		{"a.parquet", Parquet, false, true},
		{"a.feather", Arrow, false, true},
		{"a.arrow", Arrow, false, true},
		{"a.zst", 0, true, false},
		{"a", 0, false, false},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			got, zstd, known := FormatOf(test.path)
			if got != test.want || zstd != test.zstd || known != test.known {
				t.Errorf("got %v %v %v", got, zstd, known)
			}
		})
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
