package tail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// pooled opens files of a pool, each with its name as content.
func pooled(t *testing.T, pool *filePool, names ...string) (files []*pooledFile) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := writeFile(t, filepath.Join(dir, name), []byte(name))
		file, err := pool.openFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, pool.add(path, info, file))
	}
	t.Cleanup(func() {
		for _, f := range files {
			f.close()
		}
	})
	return files
}

func TestAPoolKeepsFewFilesOpen(t *testing.T) {
	pool := &filePool{limit: 2}
	files := pooled(t, pool, "one", "two", "three", "four", "five")
	got := make([]string, len(files))
	for ended := 0; ended < len(files); {
		ended = 0
		for i, f := range files {
			var b [1]byte
			n, err := f.Read(b[:])
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if errors.Is(err, io.EOF) {
				ended++
			}
			got[i] += string(b[:n])
			if pool.open.Len() > 2 {
				t.Fatalf("%d files are open", pool.open.Len())
			}
		}
	}
	if s := strings.Join(got, " "); s != "one two three four five" {
		t.Errorf("%q", s)
	}
}

func TestAPooledFileThatWasReplacedIsAnError(t *testing.T) {
	pool := &filePool{limit: 1}
	files := pooled(t, pool, "one", "two")
	if err := os.Rename(writeFile(t, files[0].name+".new", []byte("other")), files[0].name); err != nil {
		t.Fatal(err)
	}
	if _, err := files[0].Read(make([]byte, 9)); err == nil || !strings.Contains(err.Error(), "replaced by another file") {
		t.Errorf("%v", err)
	}
}

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
