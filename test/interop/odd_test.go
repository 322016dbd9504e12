package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/dbntest"
)

// oddFiles writes files with odd values of every record type of every version, with and
// without ts_out.
func oddFiles(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for version := uint8(1); version <= dbn.Version; version++ {
		for _, tsOut := range []bool{false, true} {
			for _, schema := range append(dbn.AllSchemas(), dbn.SchemaNone) {
				name := "mixed"
				if schema != dbn.SchemaNone {
					name = schema.String()
				}
				stream, err := dbntest.OddStream(schema, version, tsOut)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, fmt.Sprintf("odd.%s.v%d.ts_out=%v.dbn", name, version, tsOut))
				if err := os.WriteFile(path, stream, 0o644); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
		}
	}
	return paths
}
