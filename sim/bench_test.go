package sim_test

import (
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// BenchmarkLoopback is how fast one session gets its records through a loopback socket to a
// reader that does nothing but receive.
func BenchmarkLoopback(b *testing.B) {
	mbo := sampleRecords(b, dbn.SchemaMbo)
	for len(mbo) < 32<<20 {
		mbo = append(mbo, mbo...)
	}
	meta := dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaMbo}
	for _, test := range []struct{ name, options, symbols string }{
		{"everything", "", "raw_symbol|symbols=ALL_SYMBOLS"},
		{"filtered", "", "instrument_id|symbols=4916,5122"},
		{"ts_out", "|ts_out=1", "raw_symbol|symbols=ALL_SYMBOLS"},
		{"zstd", "|compression=zstd", "raw_symbol|symbols=ALL_SYMBOLS"},
	} {
		b.Run(test.name, func(b *testing.B) {
			gw := simtest.Gateway(b, sim.Config{Sources: []sim.Source{sim.RecordsSource(meta, mbo)}, Passes: sim.Forever})
			c := dial(b, gw)
			c.login(test.options)
			c.send("schema=mbo|stype_in=%s\nstart_session\n", test.symbols)
			buf := make([]byte, 256<<10)
			var received int64
			sent := gw.Stats().Records
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				for got := 0; got < len(buf); {
					n, err := c.conn.Read(buf[got:])
					if err != nil {
						b.Fatal(err)
					}
					got += n
				}
				received += int64(len(buf))
			}
			b.ReportMetric(float64(gw.Stats().Records-sent)/b.Elapsed().Seconds()/1e6, "Mrec/s")
		})
	}
}
