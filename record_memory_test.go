package dbnloop_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// spanFile is a fragment of n mbo records.
func spanFile(t *testing.T, n int) (path string) {
	t.Helper()
	content := make([]dbn.MboMsg, n)
	for i := range content {
		content[i] = dbn.MboMsg{Hd: dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: 1}, OrderID: uint64(i)}
	}
	path = filepath.Join(t.TempDir(), "span.dbn")
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(content))), n*int(unsafe.Sizeof(content[0])))
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// spans are allocations of many sizes that die at once: around and behind a batch that Go's
// heap holds, what was next to it becomes free.
func spans() {
	for pages := 1; pages < 16; pages++ {
		for range 4 {
			garbage = make([]byte, pages<<13)
		}
	}
	garbage = nil
	runtime.GC()
}

var garbage []byte

// The collector walks the stack of a handler and of a loop's body at any moment, and ends
// the process when it finds a pointer into memory that nobody has: one behind the last
// record of a batch is such a pointer, where the batch is in Go's heap (dbnloop_poison).
func TestTheCollectorRunsInsideHandlersAndLoops(t *testing.T) {
	// 1,024 records of 56 bytes are 7 pages to their last byte; 1,000 leave some of the
	// last one over, which belongs to nobody.
	for _, n := range []int{1000, 1024} {
		t.Run(strconv.Itoa(n), func(t *testing.T) { collectInside(t, n) })
	}
}

func collectInside(t *testing.T, n int) {
	path := spanFile(t, n)
	// Often enough for every stage, seldom enough to end soon.
	collect := func(i int) {
		if i%64 == 0 || i >= n-3 {
			spans()
		}
	}
	open := func(t *testing.T, h func(count *int) dbnloop.Handlers) (*dbnloop.Reactor, *dbnloop.FileSource, *int) {
		r := newReactor(t)
		c := newFileSource(t, r, path, dbnloop.WithFragment(3, false))
		count := new(int)
		c.Handle(h(count))
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return r, c, count
	}
	handlers := map[string]func(count *int) dbnloop.Handlers{
		"Record": func(count *int) dbnloop.Handlers {
			return dbnloop.Handlers{Record: func(dbn.Record) { *count++; collect(*count) }}
		},
		"Mbo": func(count *int) dbnloop.Handlers {
			return dbnloop.Handlers{Mbo: func(*dbn.MboMsg) { *count++; collect(*count) }}
		},
		"MboRun": func(count *int) dbnloop.Handlers {
			return dbnloop.Handlers{MboRun: func(run []dbn.MboMsg) { *count += len(run); collect(0) }}
		},
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			r, _, count := open(t, h)
			polled(t, r, func() bool { return *count == n })
		})
	}
	none := func(*int) dbnloop.Handlers { return dbnloop.Handlers{} }
	loops := map[string]func(t *testing.T, c *dbnloop.FileSource) (count int){
		"Records": func(t *testing.T, c *dbnloop.FileSource) (count int) {
			for range c.Records(t.Context()) {
				count++
				collect(count)
			}
			return count
		},
		"Batches": func(t *testing.T, c *dbnloop.FileSource) (count int) {
			for b := range c.Batches(t.Context()) {
				for range b.Records() {
					count++
					collect(count)
				}
			}
			return count
		},
		"Runs": func(t *testing.T, c *dbnloop.FileSource) (count int) {
			for b := range c.Batches(t.Context()) {
				for run := range b.Runs() {
					spans()
					for range run.Records() {
						count++
						collect(count)
					}
				}
			}
			return count
		},
	}
	for name, loop := range loops {
		t.Run(name, func(t *testing.T) {
			_, c, _ := open(t, none)
			if count := loop(t, c); count != n {
				t.Errorf("%d records, want %d", count, n)
			}
		})
	}
}

// With dbnloop_poison what was kept reads as poison, and stays within memory of its own,
// whatever lengths the poison gives it.
func TestWhatIsKeptReadsAsPoison(t *testing.T) {
	if !dbnloop.Poisoned {
		t.Skip("only with -tags dbnloop_poison")
	}
	const n = 1000
	path := spanFile(t, n)
	r := newReactor(t)
	c := newFileSource(t, r, path, dbnloop.WithFragment(3, false))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var batches []dbnloop.Batch
	var runs []dbnloop.Run
	var records []dbn.Record
	for b, err := range c.Batches(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
		for run := range b.Runs() {
			runs = append(runs, run)
		}
		for rec := range b.Records() {
			records = append(records, rec)
		}
	}
	if len(records) != n {
		t.Fatalf("%d records, want %d", len(records), n)
	}
	// More batches, whose tables of runs must not become those of the first.
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for range c.Batches(t.Context()) {
		spans()
	}
	const poison = 0xDB
	poisonous := func(what string, rec dbn.Record) {
		if rec.Header().RType != poison {
			t.Fatalf("%s that was kept is readable: %+v", what, rec.Header())
		}
		for _, b := range rec.Bytes() {
			if b != poison {
				t.Fatalf("a byte of %s that was kept is %#x", what, b)
			}
		}
		spans()
	}
	poisonous("the last record", records[n-1])
	for _, b := range batches {
		count := 0
		for rec := range b.Records() {
			if count++; count%16 == 0 {
				poisonous("a batch's record", rec)
			}
		}
		count = 0
		for run := range b.Runs() {
			count += run.Count
		}
		if count != b.Len() || count > n {
			t.Errorf("a batch that was kept has %d records in its runs, %d in all", count, b.Len())
		}
	}
	for _, run := range runs {
		if got := dbnloop.RunOf[dbn.MboMsg](run); len(got) != run.Count || got[len(got)-1].OrderID != 0xDBDBDBDBDBDBDBDB {
			t.Errorf("a run that was kept: %d records of %d", len(got), run.Count)
		}
	}
}
