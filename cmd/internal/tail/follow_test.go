package tail

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// followed is the program in the background; it ends after `limit` records, if that is
// not 0.
type followed struct {
	t     *testing.T
	pipe  *io.PipeReader
	lines *bufio.Reader
	log   lockedBuffer
	done  chan int
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func follow(t *testing.T, limit int, args ...string) *followed {
	t.Helper()
	r, w := io.Pipe()
	f := &followed{t: t, pipe: r, lines: bufio.NewReader(r), done: make(chan int, 1)}
	p := &Program{Stdout: w, Stderr: &f.log, Getenv: func(string) string { return "" }}
	args = append(slices.Clone(sequences), args...)
	if limit > 0 {
		args = append(args, "-l", fmt.Sprint(limit))
	}
	go func() {
		f.done <- p.Run(args)
		w.Close()
	}()
	t.Cleanup(func() { r.Close() })
	return f
}

// want reads these records' lines; it blocks until they have come.
func (f *followed) want(from, n int) {
	f.t.Helper()
	for i := from; i < from+n; i++ {
		line, err := f.lines.ReadString('\n')
		if err != nil || line != fmt.Sprintln(i) {
			f.t.Fatalf("record %d: %q, %v; %s", i, line, err, f.log.String())
		}
	}
}

func (f *followed) ends(code int) {
	f.t.Helper()
	if rest, err := io.ReadAll(f.lines); err != nil || len(rest) > 0 {
		f.t.Fatalf("%q, %v behind the last record", rest, err)
	}
	select {
	case got := <-f.done:
		if got != code {
			f.t.Fatalf("exit code %d, want %d; %s", got, code, f.log.String())
		}
	case <-time.After(time.Minute):
		f.t.Fatal("it does not end")
	}
}

// stop ends the program as head would: nobody reads what comes next.
func (f *followed) stop(path string, next []byte) {
	f.t.Helper()
	f.pipe.Close()
	appendFile(f.t, path, next)
	if code := <-f.done; code != exit.OK {
		f.t.Fatalf("exit code %d; %s", code, f.log.String())
	}
}

func TestAGrowingFileIsFollowed(t *testing.T) {
	for _, flag := range []string{"-f", "-F"} {
		t.Run(flag, func(t *testing.T) {
			path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 5).bytes(t))
			f := follow(t, 12, flag, "-n", "+1", path)
			f.want(0, 5)
			more := newTestFile(dbn.SchemaMbo).mbo(5, 7).records
			appendFile(t, path, more[:56+20]) // one, and a part of the next
			f.want(5, 1)
			appendFile(t, path, more[56+20:56+21])
			appendFile(t, path, more[56+21:3*56])
			f.want(6, 2)
			appendFile(t, path, more[3*56:])
			f.want(8, 4)
			f.ends(exit.OK)
		})
	}
}

func TestFollowingBeginsWithTheLastRecords(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		from int
	}{
		{"ten", []string{"-f"}, 40}, {"some", []string{"-f", "-n", "3"}, 47}, {"all", []string{"-f", "-n", "+1"}, 0},
		{"from one on", []string{"-F", "-n", "+49"}, 48},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 50).bytes(t))
			f := follow(t, 0, append(test.args, path)...)
			f.want(test.from, 50-test.from)
			appendFile(t, path, newTestFile(dbn.SchemaMbo).mbo(50, 2).records)
			f.want(50, 2)
			f.stop(path, newTestFile(dbn.SchemaMbo).mbo(0, 1).records)
		})
	}
}

func TestFollowingAPipeIsReadingIt(t *testing.T) {
	data := newTestFile(dbn.SchemaMbo).mbo(0, 50).bytes(t)
	for _, test := range []struct {
		args    []string
		from, n int
	}{{nil, 40, 10}, {[]string{"-l", "3"}, 0, 3}, {[]string{"-n", "2", "-l", "7"}, 5, 2}} {
		args := append(append(slices.Clone(sequences), test.args...), "-f", "-")
		if out, messages, code := runFiles(bytes.NewReader(data), args...); out != numbers(test.from, test.n) || code != exit.OK {
			t.Errorf("%v: %q, %q, exit code %d", test.args, out, messages, code)
		}
	}
}

func TestTheLimitOfAFollowedFileIsOfWhatIsPrinted(t *testing.T) {
	for _, test := range []struct {
		args        []string
		limit, from int
	}{
		{[]string{"-n", "0"}, 2, 50}, {[]string{"-n", "5"}, 3, 45}, {[]string{"-n", "5"}, 7, 45}, {nil, 4, 40}, {[]string{"-n", "+49"}, 3, 48},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			for _, name := range []string{"x.dbn", "x.dbn.zst"} {
				file := newTestFile(dbn.SchemaMbo).mbo(0, 50)
				data, more := file.bytes(t), newTestFile(dbn.SchemaMbo).mbo(50, 2).records
				if name != "x.dbn" {
					data = file.compressed(t, &file.metadata)
					more = newTestFile(dbn.SchemaMbo).mbo(50, 2).compressed(t, nil)
				}
				path := writeFile(t, filepath.Join(t.TempDir(), name), data)
				f := follow(t, test.limit, append(slices.Clone(test.args), "--omit-header=false", "-f", path)...)
				if line, err := f.lines.ReadString('\n'); line != "sequence\n" || err != nil {
					t.Fatalf("%q, %v; %s", line, err, f.log.String())
				}
				there := min(test.limit, 50-test.from)
				f.want(test.from, there)
				if there < test.limit {
					appendFile(t, path, more)
					f.want(test.from+there, test.limit-there)
				}
				f.ends(exit.OK)
			}
		})
	}
}

// followHeader begins with what comes next; the header shows that the file's end is reached.
func followHeader(t *testing.T, args ...string) *followed {
	t.Helper()
	f := follow(t, 0, append([]string{"--omit-header=false", "-n", "0"}, args...)...)
	if line, err := f.lines.ReadString('\n'); line != "sequence\n" || err != nil {
		t.Fatalf("%q, %v; %s", line, err, f.log.String())
	}
	return f
}

func TestOnlyWhatIsNewIsFollowed(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 50).bytes(t))
	f := followHeader(t, "-f", path)
	appendFile(t, path, newTestFile(dbn.SchemaMbo).mbo(50, 1).records)
	f.want(50, 1)
	f.stop(path, newTestFile(dbn.SchemaMbo).mbo(0, 1).records)
	if f.log.String() != "" {
		t.Errorf("%q", f.log.String())
	}
}

func TestAFileThatDoesNotGrowIsReplaced(t *testing.T) {
	for _, name := range []string{"x.dbn", "x.dbn.zst"} {
		stored := func(f *testFile) []byte {
			if name == "x.dbn" {
				return f.bytes(t)
			}
			return f.compressed(t, &f.metadata)
		}
		more := newTestFile(dbn.SchemaMbo).mbo(0, 1)
		records := more.records
		if name != "x.dbn" {
			records = more.compressed(t, nil)
		}
		next := stored(newTestFile(dbn.SchemaMbo).mbo(70, 3))
		for flag, replace := range map[string]func(t *testing.T, path string){
			"-f": func(t *testing.T, path string) {
				if err := os.Truncate(path, 0); err != nil {
					t.Fatal(err)
				}
				appendFile(t, path, next)
			},
			"-F": func(t *testing.T, path string) {
				if err := os.Rename(writeFile(t, path+".next", next), path); err != nil {
					t.Fatal(err)
				}
			},
		} {
			t.Run(name+flag, func(t *testing.T) {
				path := writeFile(t, filepath.Join(t.TempDir(), name), stored(newTestFile(dbn.SchemaMbo).mbo(0, 50)))
				f := followHeader(t, flag, path)
				replace(t, path)
				f.want(70, 3)
				f.stop(path, records)
			})
		}
	}
}

func TestATruncatedFileIsReadFromItsBeginning(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 9).bytes(t))
	f := follow(t, 12, "-f", "-n", "+1", path)
	f.want(0, 9)
	writeFile(t, path, newTestFile(dbn.SchemaMbo).mbo(70, 2).bytes(t)) // truncates
	f.want(70, 2)
	appendFile(t, path, newTestFile(dbn.SchemaMbo).mbo(72, 1).records)
	f.want(72, 1)
	f.ends(exit.OK)
	if !strings.Contains(f.log.String(), "was truncated") {
		t.Errorf("%q", f.log.String())
	}
}

func TestAReplacedFileIsFollowedByItsName(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, filepath.Join(dir, "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 3).bytes(t))
	f := follow(t, 9, "-F", "-n", "+1", path)
	f.want(0, 3)
	old := filepath.Join(dir, "x.dbn.1")
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	appendFile(t, old, newTestFile(dbn.SchemaMbo).mbo(3, 2).records)
	f.want(3, 2) // what was written in between is not lost
	appendFile(t, old, newTestFile(dbn.SchemaMbo).mbo(99, 1).records[:30])
	next := writeFile(t, filepath.Join(dir, "next"), newTestFile(dbn.SchemaMbo).mbo(5, 2).bytes(t))
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	f.want(5, 2)
	appendFile(t, path, newTestFile(dbn.SchemaMbo).mbo(7, 2).records)
	f.want(7, 2)
	f.ends(exit.Partial) // because of the partial record in the old one
	for _, want := range []string{"was replaced: following the new file", "had ended inside a record"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("%q is missing in %q", want, f.log.String())
		}
	}
}

func TestAFileThatIsNotThereYetIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.dbn")
	f := follow(t, 2, "-F", path)
	data := newTestFile(dbn.SchemaMbo).mbo(0, 2).bytes(t)
	writeFile(t, path, data[:50]) // not even the metadata is whole
	appendFile(t, path, data[50:])
	f.want(0, 2)
	f.ends(exit.OK)
}

func TestACompressedFileIsFollowedFrameByFrame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.dbn.zst")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content := newTestFile(dbn.SchemaMbo)
	encoder, err := dbn.NewEncoder(file, &content.metadata, dbn.WithZstd(0))
	if err != nil {
		t.Fatal(err)
	}
	write := func(from, n int) {
		t.Helper()
		if err := encoder.WriteBytes(newTestFile(dbn.SchemaMbo).mbo(from, n).records); err != nil {
			t.Fatal(err)
		}
		if err := encoder.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	write(0, 20)
	f := follow(t, 9, "-f", "-n", "4", path)
	f.want(16, 4)
	write(20, 1)
	f.want(20, 1)
	write(21, 4)
	f.want(21, 4)
	f.ends(exit.OK)
}

func TestAFileOfAnotherKindIsNotFollowedOn(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 9).bytes(t))
	f := follow(t, 99, "-f", "-n", "+1", path)
	f.want(0, 9)
	other := newTestFile(dbn.SchemaMbo)
	other.metadata.TsOut = true
	writeFile(t, path, other.mbo(0, 1).bytes(t))
	f.ends(exit.Failure)
	if !strings.Contains(f.log.String(), "replaced by a file of another kind") {
		t.Errorf("%q", f.log.String())
	}
}
