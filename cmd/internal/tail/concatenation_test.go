package tail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// named gives the file's instrument a symbol in the metadata.
func (f *testFile) named(symbol string, id int) *testFile {
	f.metadata.Symbols = append(f.metadata.Symbols, symbol)
	f.metadata.Mappings = append(f.metadata.Mappings, dbn.SymbolMapping{
		RawSymbol: symbol, Intervals: []dbn.MappingInterval{{StartDate: 19700101, EndDate: 19700102, Symbol: fmt.Sprint(id)}},
	})
	return f
}

// of changes the instrument of all of the file's records.
func (f *testFile) of(id uint32) *testFile {
	for at := 0; at < len(f.records); at += f.size {
		(*dbn.RecordHeader)(unsafe.Pointer(&f.records[at])).InstrumentID = id
	}
	return f
}

func symbolRows(symbol string, from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "%d,%s\n", i, symbol)
	}
	return b.String()
}

func TestStreamsInOneFileAreReadOnWithTheirSymbols(t *testing.T) {
	// Headers of every length modulo a record's: a place may be computed over one of them.
	for extra := range 8 {
		one := newTestFile(dbn.SchemaMbo).mbo(0, 5_000).named("ONE", 1)
		two := newTestFile(dbn.SchemaMbo).mbo(5_000, 5_000).of(2).named("TWO", 2)
		for i := range extra {
			two.named(fmt.Sprint("X", i), 100+i)
		}
		plain := slices.Concat(one.bytes(t), two.bytes(t))
		frames := slices.Concat(one.compressed(t, &one.metadata), two.compressed(t, &two.metadata))
		for name, content := range map[string][]byte{"plain": plain, "frames": frames} {
			path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), content)
			for _, n := range []int{3, 4_999, 5_000, 5_001, 10_000} {
				t.Run(fmt.Sprintf("%s, %d more symbols, last %d", name, extra, n), func(t *testing.T) {
					want := symbolRows("TWO", 10_000-min(n, 5_000), min(n, 5_000))
					if n > 5_000 {
						want = symbolRows("ONE", 10_000-n, n-5_000) + want
					}
					out, messages, code := runFiles(nil, "-C", "--fields", "sequence,symbol", "--omit-header", "-n", fmt.Sprint(n), path)
					if out != want || messages != "" || code != exit.OK {
						t.Errorf("%d bytes, want %d; %q, exit code %d", len(out), len(want), messages, code)
					}
				})
			}
		}
	}
}

func TestStreamsInOneFileAreMergedWithOthers(t *testing.T) {
	one := newTestFile(dbn.SchemaMbo).mbo(0, 10).named("ONE", 1).bytes(t)
	two := newTestFile(dbn.SchemaMbo).mbo(20, 10).of(2).named("TWO", 2).bytes(t)
	between := newTestFile(dbn.SchemaMbo).mbo(10, 10).of(3).named("THREE", 3).bytes(t)
	dir := t.TempDir()
	a := writeFile(t, filepath.Join(dir, "a.dbn"), slices.Concat(one, two))
	b := writeFile(t, filepath.Join(dir, "b.dbn"), between)
	out, messages, code := runFiles(nil, "-C", "--fields", "sequence,symbol", "--omit-header", a, b)
	if want := symbolRows("ONE", 0, 10) + symbolRows("THREE", 10, 10) + symbolRows("TWO", 20, 10); out != want || messages != "" || code != exit.OK {
		t.Errorf("%q, %q, exit code %d", out, messages, code)
	}
}

func TestAStreamThatIsAppendedToAFollowedFileIsReadOn(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), newTestFile(dbn.SchemaMbo).mbo(0, 2).bytes(t))
	f := follow(t, 5, "-f", path)
	f.want(0, 2)
	next := newTestFile(dbn.SchemaMbo).mbo(2, 3).bytes(t)
	appendFile(t, path, next[:77])
	appendFile(t, path, next[77:])
	f.want(2, 3)
	f.ends(exit.OK)
}

func TestAStreamThatCannotBeReadOnIsNamed(t *testing.T) {
	one := newTestFile(dbn.SchemaMbo).mbo(0, 5)
	other := newTestFile(dbn.SchemaTrades).trade(9)
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), slices.Concat(one.bytes(t), other.bytes(t)))
	for _, args := range [][]string{{path}, {"-n", "3", path}} {
		_, messages, code := runFiles(nil, append([]string{"-J"}, args...)...)
		if want := fmt.Sprintf("x.dbn: at byte %d: another DBN stream begins: DBN version 3", len(one.bytes(t))); !strings.Contains(messages, want) || code != exit.Corrupt {
			t.Errorf("%v: %q, exit code %d; want %q", args, messages, code, want)
		}
	}
	whole := writeFile(t, filepath.Join(t.TempDir(), "whole.dbn"), one.bytes(t))
	out, messages, code := runFiles(nil, "-J", "--input-fragment", whole)
	if !strings.Contains(messages, "whole.dbn: at byte 0: a DBN header begins here, but a fragment has none") || code != exit.Corrupt || out != "" {
		t.Errorf("%q, %q, exit code %d", out, messages, code)
	}
}

func TestDBNOutputWarnsOfSymbolsThatItCannotHold(t *testing.T) {
	one := newTestFile(dbn.SchemaMbo).mbo(0, 5).named("ONE", 1).bytes(t)
	two := newTestFile(dbn.SchemaMbo).mbo(5, 5).of(2).named("TWO", 2).bytes(t)
	for _, test := range []struct {
		input []byte
		warns bool
	}{{slices.Concat(one, one), false}, {slices.Concat(one, two), true}} {
		out, messages, code := runFiles(bytes.NewReader(test.input), "-D", "-")
		if strings.Contains(messages, "symbols of a stream that follows") != test.warns || code != exit.OK {
			t.Errorf("%q, exit code %d", messages, code)
		}
		if n := len(out) - len(one); n != 5*56 {
			t.Errorf("%d bytes more than one stream", n)
		}
	}
}

func TestFragmentsOfOlderVersionsHaveTheirOwnColumns(t *testing.T) {
	for version := uint8(1); version <= dbn.Version; version++ {
		for schema, rtype := range map[dbn.Schema]dbn.RType{dbn.SchemaDefinition: dbn.RTypeInstrumentDef, dbn.SchemaStatistics: dbn.RTypeStatistics, dbn.SchemaMbo: dbn.RTypeMbo} {
			for _, upgrade := range []string{"as-is", "v3"} {
				size := dbn.SizeOf(rtype, version)
				fragment := bytes.Repeat(append([]byte{byte(size / 4), byte(rtype)}, make([]byte, size-2)...), 3)
				shown := version
				if upgrade == "v3" {
					shown = 3
				}
				header := string(dbn.AppendCSVHeader(nil, dbn.ColumnsFor(rtype, shown), &dbn.TextOptions{}))
				for _, chosen := range [][]string{{"-s", schema.String()}, nil} {
					args := slices.Concat([]string{"-C", "--no-map-symbols", "--input-fragment", "--input-dbn-version", fmt.Sprint(version), "--upgrade", upgrade}, chosen, []string{"-"})
					out, messages, code := runFiles(bytes.NewReader(fragment), args...)
					if !strings.HasPrefix(out, header) || strings.Count(out, "\n") != 4 || code != exit.OK {
						t.Errorf("%v: %q, %q, exit code %d", args, out, messages, code)
					}
				}
			}
		}
	}
}

func TestHeadersAboveTheLimitNameTheFlag(t *testing.T) {
	file := newTestFile(dbn.SchemaMbo).mbo(0, 1)
	for i := range 20_000 {
		file.metadata.Symbols = append(file.metadata.Symbols, fmt.Sprint("S", i))
	}
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), file.bytes(t))
	out, messages, code := runFiles(nil, append(slices.Clone(sequences), "--max-metadata", "1", path)...)
	if !strings.Contains(messages, "exceeds the limit of 1048576 bytes; raise --max-metadata") || code != exit.Failure || out != "" {
		t.Errorf("%q, %q, exit code %d", out, messages, code)
	}
	if out, messages, code = runFiles(nil, append(slices.Clone(sequences), "--max-metadata", "2", path)...); out != "0\n" || code != exit.OK {
		t.Errorf("%q, %q, exit code %d", out, messages, code)
	}
	if _, messages, code = runFiles(nil, append(slices.Clone(sequences), "--max-metadata", "4097", path)...); code != exit.Usage {
		t.Errorf("%q, exit code %d", messages, code)
	}
}

func TestJSONLinesAreJSONUnlessTheOfficialBytesAreAskedFor(t *testing.T) {
	file := newTestFile(dbn.SchemaMbo)
	m := dbn.MboMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeMbo, InstrumentID: 1}, Action: 0xE2, Side: '\''}
	file.add(&m.Hd, unsafe.Sizeof(m))
	input := file.mapping(1, "E\xFFS").bytes(t)
	out, _, code := runFiles(bytes.NewReader(input), "-J", "-")
	if code != exit.OK || !json.Valid([]byte(out)) || !utf8.ValidString(out) || !strings.Contains(out, `"action":"\u00E2","side":"'"`) {
		t.Errorf("%q, exit code %d", out, code)
	}
	out, _, code = runFiles(bytes.NewReader(input), "-J", "--exact", "-")
	if code != exit.OK || !strings.Contains(out, `"action":"\xe2","side":"\'"`) {
		t.Errorf("exact: %q, exit code %d", out, code)
	}
	if _, messages, code := runFiles(bytes.NewReader(input), "-C", "--exact", "-"); code != exit.Usage || !strings.Contains(messages, "--exact is for JSON") {
		t.Errorf("%q, exit code %d", messages, code)
	}
}
