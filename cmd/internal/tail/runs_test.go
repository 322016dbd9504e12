package tail

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// What is written run by run is what it is record by record, as where a limit counts.
func TestRunsAreWrittenLikeSingleRecords(t *testing.T) {
	// Runs of every length up to 11 of an instrument, among them one without a symbol, mappings, trades
	// between mbo, and a second header that gives an instrument another symbol.
	mixed := newTestFile(dbn.SchemaNone)
	uniform := newTestFile(dbn.SchemaMbo).named("ONE", 1).named("TWO", 2)
	n := 0
	for i := range 4_000 {
		for range i % 11 {
			n++
			for _, f := range []*testFile{mixed, uniform} {
				f.mbo(n, 1)
				last := f.records[len(f.records)-f.size:]
				last[4] = byte(1 + i%3) // instrument_id
			}
		}
		if i%5 == 0 {
			mixed.trade(n)
		}
		if i%100 == 0 {
			mixed.mapping(uint32(1+i/100%3), fmt.Sprint("S", i))
		}
	}
	dir := t.TempDir()
	again := newTestFile(dbn.SchemaMbo).named("OTHER", 1).mbo(n, 100)
	files := map[string]string{
		"mixed":   writeFile(t, filepath.Join(dir, "mixed.dbn"), mixed.bytes(t)),
		"uniform": writeFile(t, filepath.Join(dir, "uniform.dbn"), slices.Concat(uniform.bytes(t), again.bytes(t))),
	}
	for _, flags := range []string{
		"-J", "-J -p", "-J --no-map-symbols", "-J --system", "-J --fields ts_recv,symbol", "-C -s mbo", "-C -s mbo -p",
		"-C -s mbo --no-map-symbols", "-C -s mbo --fields sequence,symbol", "-T -s trades", "--format {sequence}:{symbol}", "-s mbo",
	} {
		for kind, path := range files {
			t.Run(kind+" "+flags, func(t *testing.T) {
				args := append(strings.Fields(flags), path)
				want, messages, code := runFiles(nil, append(args, "--limit", "1000000")...)
				if code != exit.OK {
					t.Fatalf("%q, exit code %d", messages, code)
				}
				got, messages, code := runFiles(nil, args...)
				if got != want || code != exit.OK {
					t.Errorf("%d bytes, want %d; %q, exit code %d", len(got), len(want), messages, code)
				}
				if kind == "mixed" && len(want) < 1000 {
					t.Errorf("only %d bytes: %q", len(want), want)
				}
			})
		}
	}
}
