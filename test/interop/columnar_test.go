package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// columnarPair are the outputs of both programs for one file, for columnar.py.
type columnarPair struct {
	Input    string `json:"input"`
	Flags    string `json:"flags"`
	Official string `json:"official"`
	Ours     string `json:"ours"`
	Pretty   bool   `json:"pretty"`
	Frame    bool   `json:"frame"` // can be compared with to_df
}

// columnarForms are the flags of both programs.
var columnarForms = []struct {
	extension      string
	official, ours []string
	frame          bool
}{
	{".parquet", []string{"-s"}, nil, true},
	{".parquet", []string{"-s", "-p", "-z"}, []string{"-p", "-z"}, true},
	{".parquet", []string{"-u"}, []string{"--upgrade", "v3", "--no-map-symbols"}, false},
	{".parquet", []string{"-l", "1", "-p"}, []string{"-l", "1", "-p", "--no-map-symbols"}, false},
	{".arrow", []string{"-s"}, nil, false},
	{".arrow", []string{"-p", "-z"}, []string{"-p", "-z", "--no-map-symbols"}, false},
}

func TestColumnsAreEqualInEveryReader(t *testing.T) {
	python := os.Getenv("COLUMNAR_PYTHON")
	if python == "" {
		t.Skip("run test/interop/columnar.sh; it sets COLUMNAR_PYTHON, DBN_CLI and DBN_TAIL")
	}
	official, ours := programs(t)
	dir := t.TempDir()
	var pairs []columnarPair
	refused := 0
	for i, path := range files(t) {
		if strings.Contains(path, ".frag") || strings.Contains(path, "odd.mixed") {
			continue // both programs refuse a fragment, and the official one a mix
		}
		for j, form := range columnarForms {
			pair := columnarPair{
				Input: path, Flags: strings.Join(form.official, " ") + " " + form.extension,
				Official: filepath.Join(dir, fmt.Sprintf("%d.%d.official%s", i, j, form.extension)),
				Ours:     filepath.Join(dir, fmt.Sprintf("%d.%d.ours%s", i, j, form.extension)),
				Pretty:   slices.Contains(form.ours, "-p"), Frame: form.frame && !strings.Contains(filepath.Base(path), "odd."),
			}
			_, theirError, theyFailed := output(official, append(slices.Clone(form.official), "-o", pair.Official, path))
			_, ourError, weFailed := output(ours, append(slices.Clone(form.ours), "-o", pair.Ours, path))
			switch {
			case theyFailed != weFailed:
				t.Errorf("%s %s: one fails and the other does not:\n%s\n%s", path, pair.Flags, theirError, ourError)
			case theyFailed:
				refused++
			default:
				pairs = append(pairs, pair)
			}
		}
	}
	list, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pairs.json"), list, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "columnar.py", filepath.Join(dir, "pairs.json")).CombinedOutput()
	fmt.Printf("%s(%d refused by both)\n", out, refused)
	if err != nil || len(pairs) < 300 {
		t.Errorf("%d pairs, %v", len(pairs), err)
	}
}
