package sim_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

func TestEveryRecordOfARealFileIsServed(t *testing.T) {
	for _, path := range simtest.Fixtures(t, "*.dbn*") {
		if strings.Contains(path, ".frag") {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		meta, want := simtest.Decode(t, content)
		gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.FileSource(path)}, AtEnd: sim.CloseAtEnd})
		symbols := []string{"raw_symbol|symbols=ALL_SYMBOLS"}
		if len(meta.Symbols) > 0 {
			symbols = append(symbols, "raw_symbol|symbols="+strings.Join(meta.Symbols, ","))
		}
		if ids := simtest.InstrumentIDs(want); len(ids) > 0 {
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

func TestFragmentsAreServed(t *testing.T) {
	for _, path := range simtest.Fixtures(t, "*.frag*") {
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
