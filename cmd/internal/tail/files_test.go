package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
