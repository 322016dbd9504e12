package sim_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// largeFrom sets the size from which on files stay on disk, for one test.
func largeFrom(t *testing.T, size int64) {
	before := market.LargeFile
	market.LargeFile = size
	t.Cleanup(func() { market.LargeFile = before })
}

// plainFile is a DBN file without compression.
func plainFile(t *testing.T, meta dbn.Metadata, records []byte) string {
	t.Helper()
	head, err := meta.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plain.dbn")
	if err := os.WriteFile(path, append(head, records...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A session does not show whether its records come from memory or from a file.
func TestAFileOnDiskIsServedAsOneInMemory(t *testing.T) {
	for _, schema := range []string{"mbo", "trades", "definition", "ohlcv-1s"} {
		meta, records := simtest.SampleFile(t, schema)
		path := plainFile(t, meta, records)
		for _, test := range []struct{ name, options, symbols, more string }{
			{"everything", "", "ALL_SYMBOLS", ""}, {"one symbol", "", "ESZ6", ""}, {"a parent", "", "ES.FUT", "|stype_in=parent"},
			{"ts_out", "|ts_out=1", "ALL_SYMBOLS", ""}, {"zstd", "|compression=zstd", "NQZ6", ""},
			{"a replay", "", "ALL_SYMBOLS", "|start=2026-11-15T23:00:30Z"},
		} {
			t.Run(schema+" "+test.name, func(t *testing.T) {
				var got [2][]byte
				for i, from := range []int64{1 << 40, 0} {
					largeFrom(t, from)
					gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.FileSource(path)}, AtEnd: sim.CloseAtEnd, Passes: 2})
					_, data := run(t, gw, test.options, "schema="+schema+"|symbols="+test.symbols+test.more)
					if strings.Contains(test.options, "ts_out") {
						got[i] = join(data[:0])
						for _, rec := range data {
							got[i] = append(got[i], rec.Bytes()[1:rec.Size()-8]...)
						}
						continue
					}
					got[i] = join(data)
				}
				if len(got[0]) == 0 || !bytes.Equal(got[0], got[1]) {
					t.Errorf("%d bytes from memory, %d from the file", len(got[0]), len(got[1]))
				}
			})
		}
	}
}

func TestASnapshotFromAFile(t *testing.T) {
	meta, records := simtest.SampleFile(t, "mbo")
	path := plainFile(t, meta, records)
	var got [2][]byte
	for i, from := range []int64{1 << 40, 0} {
		largeFrom(t, from)
		gw := simtest.Gateway(t, sim.Config{
			Sources: []sim.Source{sim.FileSource(path)}, AtEnd: sim.CloseAtEnd, LiveFrom: simtest.Time("2026-11-15T23:01:00Z"),
		})
		_, data := run(t, gw, "", "schema=mbo|symbols=ESZ6|snapshot=1")
		got[i] = join(data)
	}
	if len(got[0]) == 0 || !bytes.Equal(got[0], got[1]) {
		t.Errorf("%d bytes from memory, %d from the file", len(got[0]), len(got[1]))
	}
}

// A file that is many times larger than the memory that a gateway may take is served.
func TestALargeFileDoesNotFillTheMemory(t *testing.T) {
	const count, limit = 2 << 20, 16 << 20 // 96 MiB of trades
	meta := dbn.Metadata{Version: 3, Dataset: "TEST.DATA", Schema: dbn.SchemaTrades, StypeOut: dbn.STypeInstrumentID}
	head, err := meta.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "large.dbn")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(head); err != nil {
		t.Fatal(err)
	}
	trades := make([]dbn.TradeMsg, 4096)
	for at := 0; at < count; at += len(trades) {
		for i := range trades {
			trades[i] = dbn.TradeMsg{
				Hd:     dbn.RecordHeader{Length: 48 / 4, RType: dbn.RTypeMbp0, InstrumentID: uint32(1 + i%5), TsEvent: dbn.UnixNanos(at + i)},
				TsRecv: dbn.UnixNanos(at + i), Sequence: uint32(at + i),
			}
		}
		if _, err := file.Write(simtest.RecordBytes(trades)); err != nil {
			t.Fatal(err)
		}
	}
	largeFrom(t, 1<<20)
	before := heap()
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.FileSource(path)}, AtEnd: sim.CloseAtEnd})
	if grown := heap() - before; grown > limit {
		t.Errorf("loading has taken %d MiB", grown>>20)
	}
	for symbols, want := range map[string]uint32{"ALL_SYMBOLS": count, "3|stype_in=instrument_id": count / 4096 * 819} {
		c := dial(t, gw)
		auth := reply(c.challenge(), sim.TestKey)
		c.send("auth=%s|dataset=TEST.DATA\n", auth)
		c.line()
		c.decompress("")
		c.send("schema=trades|symbols=%s\n", symbols)
		c.begin()
		var got, last uint32
		for {
			rec, err := c.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if trade, ok := dbn.As[dbn.TradeMsg](rec); ok {
				if got > 0 && trade.Sequence <= last {
					t.Fatalf("record %d follows %d", trade.Sequence, last)
				}
				got, last = got+1, trade.Sequence
			}
		}
		if got != want {
			t.Errorf("%s: %d records, want %d", symbols, got, want)
		}
		if grown := heap() - before; grown > limit {
			t.Errorf("%s: streaming has taken %d MiB", symbols, grown>>20)
		}
	}
}

func TestABrokenLargeFileIsRefused(t *testing.T) {
	meta, records := simtest.SampleFile(t, "trades")
	largeFrom(t, 0)
	for name, broken := range map[string][]byte{
		"cut":  records[:len(records)-5],
		"zero": append(bytes.Clone(records), make([]byte, 48)...),
	} {
		_, err := sim.NewGateway(sim.Config{Sources: []sim.Source{sim.FileSource(plainFile(t, meta, broken))}})
		if err == nil || !strings.Contains(err.Error(), "a record of") || !strings.Contains(err.Error(), "plain.dbn") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
