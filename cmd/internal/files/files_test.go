package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

func writeFile(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fileOfOne is DBN with one record of the schema mbo.
func fileOfOne(t testing.TB, sequence uint32) []byte {
	t.Helper()
	metadata, records := samples.Records(t, dbn.SchemaMbo)
	r := samples.Clone(records[0])
	m, ok := dbn.As[dbn.MboMsg](r)
	if !ok {
		t.Fatal("the sample's first record is not of the schema mbo")
	}
	m.Sequence = sequence
	var b bytes.Buffer
	encoder, err := dbn.NewEncoder(&b, metadata)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(encoder.WriteBytes(r.Bytes()), encoder.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

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

// hookedReader calls back after its first read.
type hookedReader struct {
	io.Reader
	hook func()
}

func (h *hookedReader) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if h.hook != nil {
		h.hook()
		h.hook = nil
	}
	return n, err
}

func TestAFileIsReplacedBeforeItsMetadataIsWhole(t *testing.T) {
	next := fileOfOne(t, 70)
	for _, held := range []int{0, 3, 8, 11, 12, 50} {
		t.Run(fmt.Sprint(held), func(t *testing.T) {
			path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), next[:held])
			log, err := term.NewLogger(io.Discard, "text", false, false)
			if err != nil {
				t.Fatal(err)
			}
			run := &fileRun{log: log}
			if run.wake, err = newWakeup(nil, ""); err != nil {
				t.Fatal(err)
			}
			defer run.wake.close()
			in, err := run.openInput(path, nil, true, true)
			if err != nil {
				t.Fatal(err)
			}
			defer in.close()
			in.reader = &hookedReader{in.file, func() {
				if err := os.Rename(writeFile(t, path+".next", next), path); err != nil {
					t.Fatal(err)
				}
			}}
			if err := in.decode(); err != nil {
				t.Fatal(err)
			}
			r, err := in.next()
			if m, ok := dbn.As[dbn.MboMsg](r.First); err != nil || !ok || m.Sequence != 70 {
				t.Errorf("%v, %v", m, err)
			}
			if run.partial != (held > 0) {
				t.Errorf("partial: %v", run.partial)
			}
		})
	}
}
