package tail

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// Instrument 1 of the capture is OLD up to record 12, and NEW from then on.
func TestAFilteredCaptureKeepsTheMappingsOfItsSymbols(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--symbol", "NEW"}, "NEW mbo_13 mbo_14 trade_14 mbo_15 mbo_16 trade_16 mbo_17 mbo_18 trade_18 mbo_19"},
		{[]string{"--symbol", "O*,UN*", "-s", "trades"}, "OLD trade_0 trade_2 trade_4 trade_6 trade_8 trade_10 trade_12"},
		{[]string{"--symbol", "NEW", "-n", "2"}, "NEW trade_18 mbo_19"},
		{[]string{"--symbol", "OLD", "-n", "2"}, "OLD mbo_12 trade_12"},
		{[]string{"--symbol", "OLD", "-l", "1"}, "OLD mbo_0"},
		{[]string{"--symbol", "*", "--every", "10"}, "OLD UNUSED mbo_0 trade_6 NEW mbo_13"},
		{[]string{"--instrument-id", "1", "--where", "sequence in [12, 13]"}, "OLD mbo_12 trade_12 NEW mbo_13"},
		{[]string{"--where", `symbol == "NEW" && sequence > 17`}, "OLD UNUSED NEW mbo_18 trade_18 mbo_19"},
		{[]string{"--symbol", "NEW", "--where", "sequence == 13", "-n", "5"}, "NEW mbo_13"},
		{[]string{"--symbol", "NONE"}, ""},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			file := makeCapture()
			dir := t.TempDir()
			for _, path := range []string{
				writeFile(t, filepath.Join(dir, "x.dbn"), file.bytes(t)), writeFile(t, filepath.Join(dir, "x.dbn.zst"), file.compressed(t, &file.metadata)),
			} {
				out, messages, code := runFiles(nil, slices.Concat(test.args, []string{"-D", "-q", path})...)
				if code != exit.OK || messages != "" {
					t.Fatalf("exit code %d, %s", code, messages)
				}
				list, _ := contentOf(t, out)
				var want []string
				for name := range strings.FieldsSeq(test.want) {
					want = append(want, strings.ReplaceAll(name, "_", " "))
				}
				if diff := cmp.Diff(want, list); diff != "" {
					t.Errorf("%s: %s", filepath.Base(path), diff)
				}
				before, _, _ := runFiles(nil, slices.Concat(test.args, []string{"-J", "-q", path})...)
				after, _, _ := runFiles(strings.NewReader(out), "-J", "-q", "-")
				if after != before {
					t.Errorf("%s: the symbols of the narrowed file are\n%s\nwant\n%s", filepath.Base(path), after, before)
				}
			}
		})
	}
}

func TestAFollowedFileIsFiltered(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.dbn"), makeCapture().bytes(t))
	out, messages, code := runFiles(nil, "-D", "-f", "-n", "2", "-l", "2", "--symbol", "NEW", "-s", "trades", path)
	if list, _ := contentOf(t, out); !slices.Equal(list, []string{"NEW", "trade 16", "trade 18"}) || code != exit.OK {
		t.Errorf("%q, exit code %d, %s", list, code, messages)
	}
}

// The second of two files in one has symbols of its own.
func TestAFilterKnowsTheSymbolsOfAStreamThatFollows(t *testing.T) {
	part := func(symbol string, first int) []byte {
		f := newTestFile(dbn.SchemaMbo)
		f.metadata.Mappings = []dbn.SymbolMapping{{RawSymbol: symbol, Intervals: []dbn.MappingInterval{{StartDate: 19700101, EndDate: 20300101, Symbol: "1"}}}}
		for i := range 3 {
			f.mbo(first+i, 1)
		}
		return f.bytes(t)
	}
	both := append(part("ESU6", 0), part("ESZ6", 3)...)
	for pattern, want := range map[string]string{"ESU6": "0\n1\n2\n", "ESZ6": "3\n4\n5\n", "*": "0\n1\n2\n3\n4\n5\n"} {
		out, messages, code := runFiles(bytes.NewReader(both), "-C", "--omit-header", "--fields", "sequence", "--symbol", pattern, "-")
		if out != want || code != exit.OK {
			t.Errorf("%s: %q, exit code %d, %s", pattern, out, code, messages)
		}
	}
}

func TestALiveStreamIsFilteredAtTheTimeOfItsMappings(t *testing.T) {
	var out bytes.Buffer
	s := begin(t, &out, dbn.SchemaStatus, "-D", "--symbol", "NEW", "--every", "2")
	trade := func(sequence uint32) {
		m := &dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, InstrumentID: 999_999}, Sequence: sequence}
		s.Record(dbn.Ref(&m.Hd))
	}
	trade(0)
	for i, symbol := range []string{"OLD", "NEW", "OTHER", "NEW"} {
		s.Record(samples.Mapping(999_999, symbol))
		trade(uint32(2*i + 1))
		trade(uint32(2*i + 2))
	}
	if err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	list, _ := contentOf(t, out.String())
	if want := []string{"NEW", "trade 3", "NEW", "trade 7"}; !slices.Equal(list, want) {
		t.Errorf("%q, want %q", list, want)
	}
	if s.Count.Records != 2 {
		t.Errorf("%d records were counted", s.Count.Records)
	}
}

// What a filtered capture holds is all that the next writer knows of the stream.
func TestAFilteredCaptureIsResumed(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{SharedMarket: true})
	if _, err := gw.Advance(1 << 20); err != nil {
		t.Fatal(err)
	}
	args := []string{"-q", "-k", sim.TestKey, "-d", "GLBX.MDP3", "-s", "mbo,trades", "--start", "0", "--gateway", gw.Addr(), "ESZ6", "NQZ6", "--symbol", "ES*", "--where", `size >= 3 && side == "B"`}
	dir := t.TempDir()
	for _, name := range []string{"x.dbn", "x.dbn.zst"} {
		whole, part := filepath.Join(dir, "whole-"+name), filepath.Join(dir, name)
		if r := runProgram(t, append(args, "-l", "90", "--resume", whole)...); r.code != exit.OK {
			t.Fatalf("exit code %d: %s", r.code, r.stderr)
		}
		want := dataOf(t, whole)
		for range 3 {
			if r := runProgram(t, append(args, "-l", "30", "--resume", part)...); r.code != exit.OK {
				t.Fatalf("exit code %d: %s", r.code, r.stderr)
			}
		}
		if got := dataOf(t, part); len(want) != 90 || !same(got, want) {
			t.Errorf("%s: %d records, want the same %d", name, len(got), len(want))
		}
	}
}
