package simtest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// Fixtures are the real DBN files of the test data that match a pattern. They may be absent:
// then the test is skipped.
func Fixtures(t testing.TB, pattern string) []string {
	t.Helper()
	dir := cmp.Or(os.Getenv("DBN_TESTDATA"), filepath.Join(moduleRoot(t), "../shared/testdata/dbn"))
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skipf("no %s in %s: set DBN_TESTDATA to a directory of DBN files", pattern, dir)
	}
	return paths
}

// moduleRoot is the directory above the test's own that holds go.mod.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = parent
	}
}

// InstrumentIDs are the instruments of records, each once, as subscriptions name them.
func InstrumentIDs(raw []byte) []string {
	var ids []string
	Pick(raw, func(rec dbn.Record) bool {
		if id := fmt.Sprint(rec.Header().InstrumentID); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return false
	})
	return ids
}
