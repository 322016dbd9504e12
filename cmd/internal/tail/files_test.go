package tail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// testFile builds DBN files whose mbo records are numbered by their sequence.
type testFile struct {
	metadata dbn.Metadata
	records  []byte
	size     int // of the last record
}

func newTestFile(schema dbn.Schema) *testFile {
	return &testFile{metadata: dbn.Metadata{
		Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: schema, StypeIn: dbn.STypeRawSymbol,
		StypeOut: dbn.STypeInstrumentID, SymbolCstrLen: 71,
	}}
}

func (f *testFile) add(hd *dbn.RecordHeader, size uintptr) {
	hd.Length = uint8(size / 4)
	if f.metadata.TsOut {
		hd.Length += 2
	}
	f.records = append(f.records, unsafe.Slice((*byte)(unsafe.Pointer(hd)), size)...)
	if f.metadata.TsOut {
		f.records = append(f.records, 1, 0, 0, 0, 0, 0, 0, 0)
	}
	f.size = int(hd.Length) * 4
}

// mbo adds n records, numbered from `from` on.
func (f *testFile) mbo(from, n int) *testFile {
	for i := from; i < from+n; i++ {
		m := dbn.MboMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeMbo, InstrumentID: 1}, TsRecv: dbn.UnixNanos(i + 1), Sequence: uint32(i)}
		f.add(&m.Hd, unsafe.Sizeof(m))
	}
	return f
}

func (f *testFile) trade(sequence int) *testFile {
	m := dbn.TradeMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeMbp0, InstrumentID: 1}, Sequence: uint32(sequence)}
	f.add(&m.Hd, unsafe.Sizeof(m))
	return f
}

func (f *testFile) mapping(id uint32, symbol string) *testFile {
	m := dbn.SymbolMappingMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeSymbolMapping, InstrumentID: id}}
	copy(m.StypeOutSymbol[:], symbol)
	f.add(&m.Hd, unsafe.Sizeof(m))
	return f
}

func (f *testFile) bytes(t testing.TB) []byte {
	t.Helper()
	out, err := f.metadata.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, f.records...)
}

// compressed is the file in one zstd frame; with no metadata, the records alone.
func (f *testFile) compressed(t testing.TB, metadata *dbn.Metadata) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder, err := dbn.NewEncoder(&out, metadata, dbn.WithZstd(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(encoder.WriteBytes(f.records), encoder.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writeFile(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func appendFile(t testing.TB, path string, data []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(data); err != nil {
		t.Fatal(err)
	}
}

// runFiles runs the program to its end.
func runFiles(stdin io.Reader, args ...string) (stdout, stderr string, code int) {
	var out, messages bytes.Buffer
	p := &Program{Stdin: stdin, Stdout: &out, Stderr: &messages, Getenv: func(string) string { return "" }}
	code = p.Run(args)
	return out.String(), messages.String(), code
}

// sequences asks for the records' numbers alone.
var sequences = []string{"-C", "-s", "mbo", "--fields", "sequence", "--omit-header"}

func numbers(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

func TestTheLastRecordsOfAFile(t *testing.T) {
	plain := newTestFile(dbn.SchemaMbo).mbo(0, 10_000)
	tsOut := newTestFile(dbn.SchemaMbo)
	tsOut.metadata.TsOut = true
	tsOut.mbo(0, 10_000)
	mixed := newTestFile(dbn.SchemaNone)
	surprise := newTestFile(dbn.SchemaMbo) // another size where the schema promises one
	for i := range 10_000 {
		mixed.mbo(i, 1)
		if i%3 == 0 {
			mixed.trade(i)
		}
		if surprise.mbo(i, 1); i == 9_000 {
			surprise.trade(i)
		}
	}
	for _, test := range []struct {
		name string
		file *testFile
	}{{"one schema", plain}, {"ts_out", tsOut}, {"mixed", mixed}, {"a surprise", surprise}} {
		path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), test.file.bytes(t))
		cut := writeFile(t, filepath.Join(t.TempDir(), "cut.dbn"), append(test.file.bytes(t), test.file.records[:33]...))
		for _, n := range []int{1, 2, 999, 1000, 1001, 4096, 9_999, 10_000, 10_001, 1_000_000} {
			t.Run(fmt.Sprintf("%s/%d", test.name, n), func(t *testing.T) {
				want := numbers(max(0, 10_000-n), min(n, 10_000))
				args := append(slices.Clone(sequences), "-n", fmt.Sprint(n))
				out, messages, code := runFiles(nil, append(args, path)...)
				if out != want || messages != "" || code != exit.OK {
					t.Errorf("%d bytes, want %d; %q, exit code %d", len(out), len(want), messages, code)
				}
				out, messages, code = runFiles(nil, append(args, cut)...)
				if out != want || !strings.Contains(messages, "cut off after 33") || code != exit.Partial {
					t.Errorf("with a partial record: %d bytes, want %d; %q, exit code %d", len(out), len(want), messages, code)
				}
			})
		}
	}
}

func TestTheLastRecordsAreFoundWithoutReadingTheFirst(t *testing.T) {
	file := newTestFile(dbn.SchemaMbo).mbo(0, 20_000)
	file.records[100*56] = 1 // who comes here sees a length that no record has
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), file.bytes(t))
	out, messages, code := runFiles(nil, append(slices.Clone(sequences), "-n", "3", path)...)
	if out != numbers(19_997, 3) || messages != "" || code != exit.OK {
		t.Errorf("%q, %q, exit code %d", out, messages, code)
	}
	if out, _, code = runFiles(nil, append(slices.Clone(sequences), path)...); out != numbers(0, 100) || code != exit.Corrupt {
		t.Errorf("from the beginning: %d bytes, exit code %d", len(out), code)
	}
}

func TestTheLastRecordsOfStandardInputInTheMidstOfAFile(t *testing.T) {
	before := newTestFile(dbn.SchemaMbo).mbo(0, 5).bytes(t)
	path := writeFile(t, filepath.Join(t.TempDir(), "x"), append(before, newTestFile(dbn.SchemaMbo).mbo(70, 9).bytes(t)...))
	stdin, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if _, err := stdin.Seek(int64(len(before)), io.SeekStart); err != nil {
		t.Fatal(err)
	}
	out, messages, code := runFiles(stdin, append(slices.Clone(sequences), "-n", "3", "-")...)
	if out != numbers(76, 3) || messages != "" || code != exit.OK {
		t.Errorf("%q, %q, exit code %d", out, messages, code)
	}
}

func TestTheLastRecordsHaveTheirSymbols(t *testing.T) {
	file := newTestFile(dbn.SchemaNone).mapping(1, "OLD").mbo(0, 5).mapping(1, "ESZ6").mbo(5, 5)
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), file.bytes(t))
	out, _, code := runFiles(nil, "-C", "-s", "mbo", "--fields", "sequence,symbol", "--omit-header", "-n", "2", path)
	if out != "8,ESZ6\n9,ESZ6\n" || code != exit.OK {
		t.Errorf("%q, exit code %d", out, code)
	}
}

func TestRecordsFromNOn(t *testing.T) {
	data := newTestFile(dbn.SchemaMbo).mbo(0, 10).bytes(t)
	for n, want := range map[string]string{"+1": numbers(0, 10), "+0": numbers(0, 10), "+9": numbers(8, 2), "+11": ""} {
		if out, _, code := runFiles(bytes.NewReader(data), append(slices.Clone(sequences), "-n", n, "-")...); out != want || code != exit.OK {
			t.Errorf("-n %s: %q, exit code %d", n, out, code)
		}
	}
	if out, _, _ := runFiles(bytes.NewReader(data), append(slices.Clone(sequences), "-n", "+4", "-l", "5", "-")...); out != numbers(3, 2) {
		t.Errorf("with a limit: %q", out)
	}
}

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

func TestTheOutputFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	in := writeFile(t, filepath.Join(dir, "in.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 10).bytes(t))
	out := filepath.Join(dir, "out.csv")
	// A fault in the output: nothing is left.
	if _, messages, code := runFiles(nil, "-o", out, "--fields", "nonsense", in); code != exit.Usage {
		t.Errorf("exit code %d, %s", code, messages)
	}
	if _, messages, code := runFiles(nil, "-o", out, in); code != exit.OK {
		t.Errorf("exit code %d, %s", code, messages)
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode().Perm()&0o444 == 0 {
		t.Errorf("%v, %v", info, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"in.dbn", "out.csv"}, names); diff != "" {
		t.Error(diff)
	}
}

// endless gives a file, then more of it without an end, and asks for the program's end.
type endless struct {
	begin, more []byte
	asked       bool
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.begin) > 0 {
		n := copy(p, e.begin)
		e.begin = e.begin[n:]
		return n, nil
	}
	if !e.asked {
		e.asked = true
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return 0, err
		}
	}
	return copy(p, e.more), nil
}

func TestAConversionThatASignalEndsLeavesAPart(t *testing.T) {
	file := newTestFile(dbn.SchemaMbo).mbo(0, 3)
	out := filepath.Join(t.TempDir(), "out.csv")
	_, messages, code := runFiles(&endless{begin: file.bytes(t), more: file.records}, "-o", out, "-")
	if code != 128+int(syscall.SIGTERM) || !strings.Contains(messages, "kept in "+out+".part") {
		t.Errorf("exit code %d, %s", code, messages)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not whole has its name: %v", err)
	}
	data, err := os.ReadFile(out + ".part")
	if err != nil || bytes.Count(data, []byte("\n")) < 4 || data[len(data)-1] != '\n' {
		t.Errorf("%q, %v", data, err)
	}
}

func TestBadCommandLinesForFilesAreRefusedInWords(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 1).bytes(t))
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"live flag", []string{"--ts-out", path}, "--ts-out is for live streams"},
		{"following two", []string{"-f", path, path}, "follow one file, not 2"},
		{"following stdin by name", []string{"-F", "-"}, "standard input has none"},
		{"nothing of the last", []string{"-n", "0", path}, "want 1 to"},
		{"fragment as DBN", []string{"--input-fragment", "-D", path}, "metadata is missing"},
		{"metadata of a fragment", []string{"--input-fragment", "-m", path}, "a fragment has none"},
		{"fragment of the future", []string{"--input-fragment", "--input-dbn-version", "4", path}, "want 1 to 3"},
		{"metadata as CSV", []string{"-m", "-C", path}, "--metadata is printed as JSON, not as CSV"},
		{"metadata into a file of DBN", []string{"-m", "-o", filepath.Join(t.TempDir(), "m.dbn"), path}, "printed as JSON, not as DBN"},
		{"a symbol that is not mapped", []string{"-J", "--fields", "symbol", "--no-map-symbols", path}, "exclude each other"},
		{"into the file that is followed", []string{"-f", "-o", path, "--force", path}, "is the file that is followed"},
		{"unknown schema", []string{"-s", "ticks", path}, `"ticks" is unknown`},
		{"downgrade", []string{"--upgrade", "v2", "-J", path}, "cannot be upgraded to version 2"},
		{"unknown policy", []string{"--upgrade", "v9", "-J", path}, "want as-is, v2 or v3"},
		{"unknown field", []string{"-J", "--fields", "nonsense", path}, `no field "nonsense"`},
		{"ts_out that is not there", []string{"-J", "--fields", "ts_out", path}, "these records have none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, messages, code := runFiles(nil, test.args...)
			if code != exit.Usage || !strings.Contains(messages, test.want) || out != "" {
				t.Errorf("exit code %d, %q, %q; want %q", code, out, messages, test.want)
			}
		})
	}
}
