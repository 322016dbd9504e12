package filter

import (
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

// BenchmarkPasses is what a filter costs for a record that is in the cache.
func BenchmarkPasses(b *testing.B) {
	m, records := samples.Records(b, dbn.SchemaMbo)
	symbols, err := dbn.TsSymbolMapOf(m)
	if err != nil {
		b.Fatal(err)
	}
	for name, s := range map[string]Settings{
		"symbol":     {Symbols: []string{"ES*"}},
		"instrument": {Instruments: []uint32{1, 2, 3}},
		"publisher":  {Publishers: []uint16{1}},
		"time":       {Start: 1},
		"size":       {Where: []string{`size >= 100`}},
		"two":        {Where: []string{`size >= 1 && side == "B"`}},
		"list":       {Where: []string{`action in ["T", "F"]`}},
		"difference": {Where: []string{`ts_recv - ts_event > 5ms`}},
		"product":    {Where: []string{`price * size > 1e6`}},
		"name":       {Where: []string{`symbol like "ES*"`}},
	} {
		b.Run(name, func(b *testing.B) {
			f, err := New(s)
			if err != nil {
				b.Fatal(err)
			}
			f.Narrow(m)
			f.Follow(symbols.SymbolOf)
			b.ReportAllocs()
			for i, n := 0, 0; i < b.N; i++ {
				f.Passes(records[n])
				if n++; n == len(records) {
					n = 0
				}
			}
		})
	}
}
