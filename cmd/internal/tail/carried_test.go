package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

// capture is a file as a live session leaves it: of no one schema, its symbols in records.
func makeCapture() *testFile {
	f := newTestFile(dbn.SchemaNone)
	f.metadata.StypeIn = dbn.STypeNone
	f.mapping(1, "OLD").mapping(2, "UNUSED")
	for i := range 20 {
		if f.mbo(i, 1); i%2 == 0 {
			f.trade(i)
		}
		if i == 12 {
			f.mapping(1, "NEW")
		}
	}
	return f
}

// contentOf lists the records of DBN in short: mappings by their symbol, others by their
// type and number.
func contentOf(t *testing.T, data string) (list []string, metadata *dbn.Metadata) {
	t.Helper()
	d, err := dbn.NewDecoder(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for {
		r, err := d.Next()
		if errors.Is(err, io.EOF) {
			return list, d.Metadata()
		}
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := dbn.As[dbn.SymbolMappingMsg](r); ok {
			list = append(list, dbn.CStr(m.StypeOutSymbol[:]))
		} else if m, ok := dbn.As[dbn.TradeMsg](r); ok {
			list = append(list, fmt.Sprintf("trade %d", m.Sequence))
		} else if m, ok := dbn.As[dbn.MboMsg](r); ok {
			list = append(list, fmt.Sprintf("mbo %d", m.Sequence))
		}
	}
}

func TestNarrowedDBNKeepsTheMappingsThatItNeeds(t *testing.T) {
	for _, test := range []struct {
		args string
		want string
	}{
		{"-l 2", "OLD UNUSED mbo_0 trade_0"},
		{"-l 3 -n +2", "OLD UNUSED trade_0 mbo_1"},
		{"-s trades -l 1", "OLD trade_0"},
		{"-s trades -n +7", "OLD trade_12 NEW trade_14 trade_16 trade_18"},
		{"-s mbo -n 2", "NEW mbo_18 mbo_19"},
		{"-s trades -n 4", "OLD trade_12 NEW trade_14 trade_16 trade_18"},
		{"-n 2", "NEW trade_18 mbo_19"},
		{"-n 14", "OLD trade_10 mbo_11 mbo_12 trade_12 NEW mbo_13 mbo_14 trade_14 mbo_15 mbo_16 trade_16 mbo_17 mbo_18 trade_18 mbo_19"},
		{"-s trades -n 3 -l 4", "OLD trade_2 trade_4 trade_6"},
		{"-s bbo-1s", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			file := makeCapture()
			dir := t.TempDir()
			plain := writeFile(t, filepath.Join(dir, "x.dbn"), file.bytes(t))
			zipped := writeFile(t, filepath.Join(dir, "x.dbn.zst"), file.compressed(t, &file.metadata))
			for _, path := range []string{plain, zipped} {
				args := append(strings.Fields(test.args), "-D", "-q", path)
				out, messages, code := runFiles(nil, args...)
				if code != exit.OK || messages != "" {
					t.Fatalf("exit code %d, %s", code, messages)
				}
				list, metadata := contentOf(t, out)
				want := strings.Fields(test.want)
				for i := range want {
					want[i] = strings.ReplaceAll(want[i], "_", " ")
				}
				if diff := cmp.Diff(want, list); diff != "" && len(want)+len(list) > 0 {
					t.Errorf("%s: %s", filepath.Base(path), diff)
				}
				if metadata.Schema != dbn.SchemaNone {
					t.Errorf("the metadata promises %s", metadata.Schema)
				}
				// The symbols that the narrowed file gives are those of the same records before.
				args = append(strings.Fields(test.args), "-J", "-q", path)
				before, _, _ := runFiles(nil, args...)
				after, messages, code := runFiles(strings.NewReader(out), "-J", "-q", "-")
				if after != before || code != exit.OK {
					t.Errorf("%s: exit code %d, %s\n%s\nwant\n%s", filepath.Base(path), code, messages, after, before)
				}
			}
		})
	}
}

func TestAHistoricalFileKeepsItsSchemaWhenItIsNarrowed(t *testing.T) {
	out, _, code := runFiles(bytes.NewReader(newTestFile(dbn.SchemaMbo).mbo(0, 5).bytes(t)), "-D", "-s", "mbo", "-l", "2", "-")
	if _, metadata := contentOf(t, out); code != exit.OK || metadata.Schema != dbn.SchemaMbo || metadata.Limit != 2 {
		t.Errorf("exit code %d, %+v", code, metadata)
	}
}

func TestFollowedDBNKeepsItsMappings(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), makeCapture().bytes(t))
	out, messages, code := runFiles(nil, "-D", "-f", "-n", "3", "-l", "3", path)
	list, _ := contentOf(t, out)
	if want := []string{"NEW", "mbo 18", "trade 18", "mbo 19"}; !slices.Equal(list, want) || code != exit.OK {
		t.Errorf("%q, exit code %d, %s", list, code, messages)
	}
}

func TestTheLastRecordsHaveTheSymbolsOfTheirTime(t *testing.T) {
	for _, name := range []string{"x.dbn", "x.dbn.zst"} {
		file := makeCapture()
		data := file.bytes(t)
		if name != "x.dbn" {
			data = file.compressed(t, &file.metadata)
		}
		path := writeFile(t, filepath.Join(t.TempDir(), name), data)
		out, _, code := runFiles(nil, "-C", "-s", "mbo", "--fields", "sequence,symbol", "--omit-header", "-n", "9", path)
		want := "11,OLD\n12,OLD\n13,NEW\n14,NEW\n15,NEW\n16,NEW\n17,NEW\n18,NEW\n19,NEW\n"
		if out != want || code != exit.OK {
			t.Errorf("%s: %q, exit code %d", name, out, code)
		}
	}
}

func TestANarrowedLiveStreamKeepsItsMappings(t *testing.T) {
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"-l", "2"}, []string{"OLD", "trade 0", "NEW", "trade 1"}},
		{[]string{"-n", "2"}, []string{"NEW", "trade 1", "trade 2"}},
		{[]string{"-n", "3"}, []string{"OLD", "trade 0", "NEW", "trade 1", "trade 2"}},
		{[]string{"-n", "+3"}, []string{"OLD", "NEW", "trade 2"}},
	} {
		t.Run(fmt.Sprint(test.args), func(t *testing.T) {
			var out bytes.Buffer
			s := begin(t, &out, dbn.SchemaStatus, append(test.args, "-D")...)
			trade := func(sequence uint32) {
				m := &dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, InstrumentID: 999_999}, Sequence: sequence}
				s.Record(dbn.Ref(&m.Hd))
			}
			s.Record(samples.Mapping(999_999, "OLD"))
			trade(0)
			s.Record(samples.Mapping(999_999, "NEW"))
			trade(1)
			trade(2)
			if err := s.Finish(); err != nil {
				t.Fatal(err)
			}
			list, _ := contentOf(t, out.String())
			list = slices.DeleteFunc(list, func(name string) bool { // the sample's own symbols
				return !strings.HasPrefix(name, "trade ") && name != "OLD" && name != "NEW"
			})
			if !slices.Equal(list, test.want) {
				t.Errorf("%q, want %q", list, test.want)
			}
		})
	}
}
