package output

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

// numbered is a record of a size, in words of four bytes, that holds its number.
func numbered(n uint64, size uint8) dbn.Record {
	words := make([]uint64, (int(size)+1)/2)
	words[1] = n
	r := dbn.RecordAt(unsafe.Pointer(unsafe.SliceData(words)))
	r.Header().Length = size
	return r
}

// appendNumbered writes the number and the symbol of a record.
func appendNumbered(dst []byte, r dbn.Record, symbol string, known bool) []byte {
	return fmt.Appendf(dst, "%d %d %s %v\n", r.Header().TsEvent, r.Size(), symbol, known)
}

func TestThePipelineKeepsTheOrderAndItsMemoryBounded(t *testing.T) {
	for _, workers := range []int{0, 1, 5} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			const records = 40_000
			var want, got []byte
			var taken, written atomic.Int64
			p := newPipeline(workers, func() appendRecord { return appendNumbered }, func(text []byte) error {
				got = append(got, text...)
				written.Add(int64(bytes.Count(text, []byte{'\n'})))
				// The smallest record has 16 bytes.
				if held := taken.Load() - written.Load(); held > int64(batchesFor(workers)*batchSize/16) {
					t.Errorf("%d records were taken that are not written", held)
				}
				return nil
			})
			symbols := []string{"ESZ6", "NQZ6", ""}
			for n := range uint64(records) {
				r := numbered(n, uint8(4+n%252))
				symbol, known := symbols[n/7%3], n%5 != 0
				want = appendNumbered(want, r, symbol, known)
				if err := p.run(dbn.Run{First: r, Count: 1}, symbol, known); err != nil {
					t.Fatal(err)
				}
				taken.Add(1)
				if n%9_999 != 0 {
					continue
				}
				if err := p.drain(); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d of %d bytes are written after %d records: %v", len(got), len(want), n+1, err)
				}
			}
			if err := p.drain(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d of %d bytes are written: %v", len(got), len(want), err)
			}
			p.close()
		})
	}
}

func TestAfterAFailedWriteThePipelineWritesNothing(t *testing.T) {
	full := errors.New("full")
	for _, workers := range []int{0, 1, 5} {
		writes := 0
		p := newPipeline(workers, func() appendRecord { return appendNumbered }, func([]byte) error {
			if writes++; writes == 3 {
				return full
			}
			return nil
		})
		var err error
		n := uint64(0)
		for ; err == nil && n < 1_000_000; n++ {
			err = p.run(dbn.Run{First: numbered(n, 14), Count: 1}, "", false)
		}
		// The error comes before all batches were filled again.
		if most := uint64((batchesFor(workers) + 3) * batchSize / 56); !errors.Is(err, full) || n > most {
			t.Errorf("%v, after %d records, at most %d", err, n, most)
		}
		if err := p.run(dbn.Run{First: numbered(n, 14), Count: 1}, "", false); !errors.Is(err, full) {
			t.Errorf("another record: %v", err)
		}
		if err := p.drain(); !errors.Is(err, full) || writes != 3 {
			t.Errorf("%v, %d writes", err, writes)
		}
		p.close()
	}
}

func TestThePipelineAllocatesNothingForARecord(t *testing.T) {
	p := newPipeline(2, func() appendRecord {
		return func(dst []byte, r dbn.Record, _ string, _ bool) []byte {
			return binary.LittleEndian.AppendUint64(dst, uint64(r.Header().TsEvent))
		}
	}, func([]byte) error { return nil })
	defer p.close()
	r := numbered(1, 14)
	const records = 200_000
	var before, after runtime.MemStats
	for _, m := range []*runtime.MemStats{&before, &after} { // at first the texts find their size
		for range records {
			if err := p.run(dbn.Run{First: r, Count: 1}, "ESZ6", true); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.drain(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(m)
	}
	if n := after.Mallocs - before.Mallocs; n > records/1000 {
		t.Errorf("%d allocations for %d records", n, records)
	}
}

// textOf is what a sink writes to standard output, or to a file when compressed. Each turn brings
// some records more than the last; after each all that it brought must be there.
func textOf(t *testing.T, settings Settings, processors int, schema dbn.Schema) []byte {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
	m, records := samples.Records(t, schema)
	if settings.Zstd {
		settings.Path = filepath.Join(t.TempDir(), "x.zst")
	}
	var stdout bytes.Buffer
	o := &Output{Settings: settings}
	s := NewSink(o, []dbn.Schema{schema}, &stdout)
	if err := s.Begin(m); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for turn := 1; len(records) > 0; turn *= 4 {
		n := min(turn, len(records))
		for i, r := range records[:n] {
			if err := s.Record(r, []string{"ESZ6", "NQZ6"}[i/3%2], i%4 > 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.EndTurn(); err != nil {
			t.Fatal(err)
		}
		if lines += n; !settings.Zstd && settings.Format == CSV && bytes.Count(stdout.Bytes(), []byte{'\n'}) != lines+1 {
			t.Errorf("a turn has ended, and not all of its %d records are written", n)
		}
		records = records[n:]
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if settings.Zstd {
		return readFile(t, settings.Path)
	}
	return stdout.Bytes()
}

func TestTextIsTheSameOnAnyNumberOfProcessors(t *testing.T) {
	for _, settings := range []Settings{
		{Format: CSV},
		{Format: CSV, Zstd: true},
		{Format: TSV, Text: dbn.TextOptions{Pretty: true, MapSymbol: true, Delimiter: '\t'}},
		{Format: CSV, Fields: []string{"price", "ts_recv"}},
		{Format: CSV, Disarm: true, Text: dbn.TextOptions{MapSymbol: true}},
		{Format: JSON, Text: dbn.TextOptions{MapSymbol: true}},
		{Format: JSON, Text: dbn.TextOptions{Pretty: true, MapSymbol: true, Exact: true}},
		{Format: JSON, Fields: []string{"ts_event", "price", "symbol"}, Text: dbn.TextOptions{Pretty: true, MapSymbol: true}},
	} {
		t.Run(fmt.Sprintf("%+v", settings.Text), func(t *testing.T) {
			one := textOf(t, settings, 1, dbn.SchemaMbo)
			for _, processors := range []int{2, 4} {
				if got := textOf(t, settings, processors, dbn.SchemaMbo); !bytes.Equal(got, one) {
					t.Errorf("%d processors: %d bytes, one: %d", processors, len(got), len(one))
				}
			}
		})
	}
}

// The reader of a pipe goes away while batches are on their way.
func TestAReaderThatGoesEndsThePipeline(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	m, records := samples.Records(t, dbn.SchemaMbo)
	r, w := pipe(t)
	o := &Output{Settings: Settings{Format: CSV}}
	s := NewSink(o, []dbn.Schema{dbn.SchemaMbo}, w)
	if err := s.Begin(m); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for {
			for _, record := range records {
				if err := s.Record(record, "ESZ6", true); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	if _, err := io.ReadFull(r, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if err := <-done; !errors.Is(err, exit.ErrReaderGone) {
		t.Errorf("%v", err)
	}
	if err := s.Close(); err != nil && !errors.Is(err, exit.ErrReaderGone) {
		t.Errorf("close: %v", err)
	}
}
