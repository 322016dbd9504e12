package sim_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

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

// A file that is many times larger than the memory that a gateway may take is served. It has the
// size from which on files stay on disk.
func TestALargeFileDoesNotFillTheMemory(t *testing.T) {
	const count, limit = 736_000, 16 << 20 // 258 MiB of books
	meta := dbn.Metadata{Version: 3, Dataset: "TEST.DATA", Schema: dbn.SchemaMbp10, StypeOut: dbn.STypeInstrumentID}
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
	books := make([]dbn.Mbp10Msg, 4000)
	for at := 0; at < count; at += len(books) {
		for i := range books {
			book := &books[i]
			book.Hd = dbn.RecordHeader{Length: uint8(unsafe.Sizeof(*book) / 4), RType: dbn.RTypeMbp10, InstrumentID: uint32(1 + i%5), TsEvent: dbn.UnixNanos(at + i)}
			book.TsRecv, book.Sequence = dbn.UnixNanos(at+i), uint32(at+i)
		}
		if _, err := file.Write(simtest.RecordBytes(books)); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := file.Stat(); err != nil || info.Size() < market.LargeFile {
		t.Fatalf("%d bytes, want %d or more: %v", info.Size(), market.LargeFile, err)
	}
	before := heap()
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.FileSource(path)}, AtEnd: sim.CloseAtEnd})
	if grown := heap() - before; grown > limit {
		t.Errorf("loading has taken %d MiB", grown>>20)
	}
	for symbols, want := range map[string]uint32{"ALL_SYMBOLS": count, "3|stype_in=instrument_id": count / 5} {
		c := dial(t, gw)
		auth := reply(c.challenge(), sim.TestKey)
		c.send("auth=%s|dataset=TEST.DATA\n", auth)
		c.line()
		c.decompress("")
		c.send("schema=mbp-10|symbols=%s\n", symbols)
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
			book, ok := dbn.As[dbn.Mbp10Msg](rec)
			if !ok {
				continue
			}
			if got > 0 && book.Sequence <= last {
				t.Fatalf("record %d follows %d", book.Sequence, last)
			}
			got, last = got+1, book.Sequence
			if got%100_000 != 0 {
				continue
			}
			if grown := heap() - before; grown > limit { // in the middle of the stream
				t.Fatalf("%s: streaming takes %d MiB after %d records", symbols, grown>>20, got)
			}
		}
		if got != want {
			t.Errorf("%s: %d records, want %d", symbols, got, want)
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
