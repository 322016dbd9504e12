package sim_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// fixtures are the real DBN files of the test data, which may be absent.
func fixtures(t *testing.T, pattern string) []string {
	t.Helper()
	dir := cmp.Or(os.Getenv("DBN_TESTDATA"), "../../shared/testdata/dbn")
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skipf("no %s in %s: set DBN_TESTDATA to a folder of DBN files", pattern, dir)
	}
	return paths
}

func TestEveryRecordOfARealFileIsServed(t *testing.T) {
	for _, path := range fixtures(t, "*.dbn*") {
		if strings.Contains(path, ".frag") {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		meta, want := decode(t, content)
		gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.FileSource(path)}, AtEnd: sim.CloseAtEnd})
		symbols := []string{"raw_symbol|symbols=ALL_SYMBOLS"}
		if len(meta.Symbols) > 0 {
			symbols = append(symbols, "raw_symbol|symbols="+strings.Join(meta.Symbols, ","))
		}
		if ids := instrumentIDs(want); len(ids) > 0 {
			symbols = append(symbols, "instrument_id|symbols="+strings.Join(ids, ","))
		}
		for _, options := range []string{"", "|compression=zstd"} {
			for _, symbols := range symbols {
				t.Run(filepath.Base(path)+" "+symbols+options, func(t *testing.T) {
					c := dial(t, gw)
					c.send("auth=%s|dataset=%s%s\n", reply(c.challenge(), sim.TestKey), meta.Dataset, options)
					c.line()
					c.decompress(options)
					c.send("schema=%s|stype_in=%s|id=1\n", meta.Schema, symbols)
					c.begin()
					own, data := c.rest()
					if c.meta.Version != meta.Version {
						t.Errorf("version %d, the file has %d", c.meta.Version, meta.Version)
					}
					if !bytes.Equal(join(data), want) {
						t.Errorf("%d records differ from the file's; %v", len(data), describeAll(own))
					}
				})
			}
		}
	}
}

func instrumentIDs(raw []byte) []string {
	var ids []string
	pick(raw, func(rec dbn.Record) bool {
		if id := fmt.Sprint(rec.Header().InstrumentID); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return false
	})
	return ids
}

func TestFragmentsAreServed(t *testing.T) {
	for _, path := range fixtures(t, "*.frag*") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			version := uint8(3)
			for v := uint8(1); v <= 2; v++ {
				if strings.Contains(path, fmt.Sprintf(".v%d.", v)) {
					version = v
				}
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			source := sim.FragmentSource(path, dbn.Metadata{Version: version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaNone})
			gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{source}, AtEnd: sim.CloseAtEnd})
			_, data := run(t, gw, "", "schema=definition|symbols=ALL_SYMBOLS")
			d, err := dbn.NewDecoder(bytes.NewReader(content), dbn.WithFragment(version, false), dbn.WithUpgrade(dbn.AsIs))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			for i := range data {
				rec, err := d.Next()
				if err != nil || !bytes.Equal(rec.Bytes(), data[i].Bytes()) {
					t.Fatalf("record %d differs (%v)", i, err)
				}
			}
			if _, err := d.Next(); err == nil || len(data) == 0 {
				t.Errorf("only %d records were served", len(data))
			}
		})
	}
}
