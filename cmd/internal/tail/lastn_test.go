package tail

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

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
