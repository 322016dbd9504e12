package dbn_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// benchStream is a plain stream of mbo records with values as real ones have.
func benchStream(b testing.TB, records int) []byte {
	b.Helper()
	m := testMetadata(3, false)
	m.Schema = dbn.SchemaMbo
	out, err := m.Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	for i := range records {
		ts := dbn.UnixNanos(1794783600_000000000 + i*1717)
		r := dbn.MboMsg{
			Hd:      dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: 4916, TsEvent: ts},
			OrderID: 647784973705 + uint64(i), Price: dbn.Price(6742_250000000 + i%400*250000000), Size: uint32(i%20 + 1),
			Flags: dbn.FlagLast, Action: dbn.ActionAdd, Side: dbn.SideBid, TsRecv: ts + 15_000, TsInDelta: 13461, Sequence: uint32(180_000 + i),
		}
		out = append(out, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))...)
	}
	return out
}

// BenchmarkText decodes a stream and writes it as text, as dbn-tail does. One operation is
// one record.
func BenchmarkText(b *testing.B) {
	stream := benchStream(b, 1<<16)
	text := func(o dbn.TextOptions, json bool) func([]byte, dbn.Record, []dbn.Column) []byte {
		f := dbn.NewFormatter(o)
		if json {
			return func(dst []byte, r dbn.Record, c []dbn.Column) []byte {
				return append(f.AppendJSON(dst, r, c, "ESZ6", true), '\n')
			}
		}
		return func(dst []byte, r dbn.Record, c []dbn.Column) []byte { return f.AppendCSV(dst, r, c, "ESZ6") }
	}
	for _, form := range []struct {
		name   string
		append func([]byte, dbn.Record, []dbn.Column) []byte
	}{
		{"decode only", func(dst []byte, _ dbn.Record, _ []dbn.Column) []byte { return dst }},
		{"csv", text(dbn.TextOptions{}, false)},
		{"csv pretty with symbol", text(dbn.TextOptions{Pretty: true, MapSymbol: true}, false)},
		{"json", text(dbn.TextOptions{}, true)},
		{"json indented and pretty with symbol", text(dbn.TextOptions{Pretty: true, Indent: true, MapSymbol: true}, true)},
	} {
		b.Run(form.name, func(b *testing.B) {
			b.SetBytes(56)
			b.ReportAllocs()
			in := bytes.NewReader(nil)
			out := make([]byte, 0, 128<<10)
			var d *dbn.Decoder
			for range b.N {
				for {
					var r dbn.Record
					err := io.EOF
					if d != nil {
						r, err = d.Next()
					}
					if err == nil {
						if out = form.append(out, r, dbn.ColumnsOf(r)); len(out) >= 64<<10 {
							out = out[:0]
						}
						break
					}
					if !errors.Is(err, io.EOF) {
						b.Fatal(err)
					}
					in.Reset(stream)
					if d, err = dbn.NewDecoder(in); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
