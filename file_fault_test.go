package dbnloop_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/race"
)

// faultyFiles are small files of every shape that a fault may meet: plain, zstd in one frame
// and in several, blocks that are compressed, stored and of one byte.
func faultyFiles(t *testing.T) map[string][]byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 8*int(unsafe.Sizeof(dbn.MboMsg{})))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for at := 0; at < len(noise); at += int(unsafe.Sizeof(dbn.MboMsg{})) {
		noise[at], noise[at+1] = byte(unsafe.Sizeof(dbn.MboMsg{})/4), byte(dbn.RTypeMbo)
	}
	_, trades := sampleFile(t, dbn.SchemaTrades, 1)
	_, many := sampleFile(t, dbn.SchemaMbo, 1)
	four := trades
	trades = trades[:12*int(unsafe.Sizeof(dbn.TradeMsg{}))]
	files := map[string][]byte{}
	add := func(name string, schema dbn.Schema, version uint8, records []byte, size int, opts ...dbn.EncoderOption) {
		var out bytes.Buffer
		e, err := dbn.NewEncoder(&out, &dbn.Metadata{
			Version: version, Dataset: "GLBX.MDP3", Schema: schema, Start: 1, End: 2, StypeOut: dbn.STypeInstrumentID,
			Symbols: []string{"ESZ6"},
		}, opts...)
		if err != nil {
			t.Fatal(err)
		}
		for len(records) > 0 {
			if err := e.WriteBytes(records[:size]); err != nil {
				t.Fatal(err)
			}
			records = records[size:]
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		files[name] = out.Bytes()
	}
	trade, mbo := int(unsafe.Sizeof(dbn.TradeMsg{})), int(unsafe.Sizeof(dbn.MboMsg{}))
	add("plain", dbn.SchemaTrades, 3, trades, trade)
	add("plain, version 1", dbn.SchemaTrades, 1, trades, trade)
	add("one frame", dbn.SchemaTrades, 3, trades, trade, dbn.WithZstd(0))
	add("frames", dbn.SchemaTrades, 3, trades, trade, dbn.WithZstd(5*trade))
	add("literals in four streams", dbn.SchemaTrades, 3, four, trade, dbn.WithZstd(0))
	add("several blocks", dbn.SchemaMbo, 3, many, mbo, dbn.WithZstd(0))
	add("stored blocks", dbn.SchemaMbo, 3, noise, mbo, dbn.WithZstd(0))
	add("stored blocks in frames", dbn.SchemaMbo, 3, noise, mbo, dbn.WithZstd(3*mbo))
	return files
}

// sourceRecords are the bytes of all records that a FileSource gives before it ends.
func sourceRecords(t *testing.T, r *dbnloop.Reactor, path string) (records []byte, err error) {
	t.Helper()
	c, err := dbnloop.NewFileSource(r, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for b, err := range c.Batches(t.Context()) {
		if err != nil {
			return records, err
		}
		records = append(records, b.Bytes()...)
	}
	return records, nil
}

// decoderRecords are the bytes of all records that a Decoder gives before it ends.
func decoderRecords(content []byte) (records []byte, err error) {
	d, err := dbn.NewDecoder(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	for {
		r, err := d.Next()
		if err == io.EOF { //nolint:errorlint // a clean end is io.EOF itself
			return records, nil
		}
		if err != nil {
			return records, err
		}
		records = append(records, r.Bytes()...)
	}
}

// Wherever a file is cut off or has a bit flipped, package dbn gives the records that the
// C++ core gives before the fault, and then an error as well.
func TestBothLanguagesGiveTheSameRecordsBeforeAFault(t *testing.T) {
	race.SkipOneGoroutine(t)
	r := newReactor(t)
	path := filepath.Join(t.TempDir(), "faulty.dbn")
	compare := func(t *testing.T, what string, at int, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		want, wantErr := sourceRecords(t, r, path)
		got, gotErr := decoderRecords(content)
		// After a flipped bit neither knows what is right until the checksum comes.
		fits := what == "flip" && len(got) >= len(want) || bytes.HasPrefix(got, want)
		if !fits || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%s at %d: package dbn gives %d bytes of records (%v), the source %d (%v)", what, at, len(got), gotErr, len(want), wantErr)
		}
	}
	for name, content := range faultyFiles(t) {
		t.Run(name, func(t *testing.T) {
			step := 1 + len(content)/1_000
			for cut := 0; cut < len(content); cut += step {
				compare(t, "cut", cut, content[:cut])
			}
			for at := 0; at < len(content); at += step {
				bad := bytes.Clone(content)
				bad[at] ^= 1 << (at % 8)
				compare(t, "flip", at, bad)
			}
		})
	}
}
