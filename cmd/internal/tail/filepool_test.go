package tail

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

func TestManyFilesAreMerged(t *testing.T) {
	dir := t.TempDir()
	var want strings.Builder
	args := append([]string{}, sequences...)
	for i := range 100 {
		args = append(args, writeFile(t, filepath.Join(dir, fmt.Sprint(i)), newTestFile(dbn.SchemaMbo).mbo(i, 1).bytes(t)))
		fmt.Fprintln(&want, i)
	}
	if out, messages, code := runFiles(nil, args...); out != want.String() || code != exit.OK {
		t.Errorf("%d bytes, exit code %d, %s", len(out), code, messages)
	}
}
