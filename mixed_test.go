package dbnloop_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// mixer writes a stream of records of many types.
type mixer struct {
	tsOut   bool
	random  *rand.Rand
	records []byte
	n       int
}

func newMixer(tsOut bool) *mixer {
	return &mixer{tsOut: tsOut, random: rand.New(rand.NewPCG(1, 2))}
}

// add appends a record of a type, longer than its struct by more bytes.
func (m *mixer) add(rtype dbn.RType, more int) {
	size := dbn.SizeOf(rtype, dbn.Version)
	if size == 0 {
		size = 24 // of an unknown type
	}
	if m.tsOut {
		size += 8
	}
	record := make([]byte, size+more)
	m.n++
	for i := range record {
		record[i] = byte('a' + (i+m.n)%26)
	}
	record[0], record[1] = byte(len(record)/4), byte(rtype)
	m.records = append(m.records, record...)
}

var plainTypes = []dbn.RType{dbn.RTypeMbp0, dbn.RTypeMbp1, dbn.RTypeMbp10, dbn.RTypeOhlcv1M, dbn.RTypeStatus,
	dbn.RTypeInstrumentDef, dbn.RTypeStatistics, dbn.RTypeCbbo1S}

func (m *mixer) mixed(n int) *mixer {
	for range n {
		if m.random.IntN(2) == 0 {
			m.add(dbn.RTypeMbo, 0)
		} else {
			m.add(plainTypes[m.random.IntN(len(plainTypes))], 0)
		}
	}
	return m
}

func (m *mixer) uniform(n int) *mixer {
	for range n {
		m.add(dbn.RTypeMbo, 0)
	}
	return m
}

// anything is mixed, with records that are unknown, longer than their struct, or messages of a
// gateway.
func (m *mixer) anything(n int) *mixer {
	for range n {
		switch m.random.IntN(8) {
		case 0:
			m.add(0xEE, 0)
		case 1:
			m.add(dbn.RTypeMbo, 4*(1+m.random.IntN(2)))
		case 2:
			m.add(dbn.RTypeSystem, 0)
		default:
			m.mixed(1)
		}
	}
	return m
}

// file is the path of a DBN file, plain or compressed.
func (m *mixer) file(t testing.TB) string {
	t.Helper()
	meta := dbn.Metadata{Version: dbn.Version, Dataset: "GLBX.MDP3", TsOut: m.tsOut, SymbolCstrLen: 71}
	content, err := meta.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mixed.dbn")
	if err := os.WriteFile(path, append(content, m.records...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// taken collects the bytes of records. after, if not nil, runs after each call of a handler.
type taken struct {
	bytes []byte
	after func()
}

func (t *taken) take(b []byte) {
	t.bytes = append(t.bytes, b...)
	if t.after != nil {
		t.after()
	}
}

func takeOne[T any](t *taken) func(*T) {
	return func(m *T) { t.take(dbn.RecordAt(unsafe.Pointer(m)).Bytes()) }
}

// takeRun takes a run, or the single record that a slice holds in a stream with ts_out.
func takeRun[T any](t *taken) func([]T) {
	return func(run []T) {
		first := dbn.RecordAt(unsafe.Pointer(unsafe.SliceData(run)))
		t.take(unsafe.Slice((*byte)(first.Pointer()), first.Size()*len(run)))
	}
}

// forms are sets of handlers that give every record.
var forms = map[string]func(*taken) dbnloop.Handlers{
	"Record": func(t *taken) dbnloop.Handlers {
		return dbnloop.Handlers{Record: func(r dbn.Record) { t.take(r.Bytes()) }}
	},
	"typed": func(t *taken) dbnloop.Handlers {
		return dbnloop.Handlers{
			Mbo: takeOne[dbn.MboMsg](t), Trade: takeOne[dbn.TradeMsg](t), Mbp1: takeOne[dbn.Mbp1Msg](t),
			Ohlcv: takeOne[dbn.OhlcvMsg](t), InstrumentDef: takeOne[dbn.InstrumentDefMsg](t),
			Record: func(r dbn.Record) { t.take(r.Bytes()) },
		}
	},
	"runs": func(t *taken) dbnloop.Handlers {
		return dbnloop.Handlers{
			MboRun: takeRun[dbn.MboMsg](t), TradeRun: takeRun[dbn.TradeMsg](t), Mbp10: takeOne[dbn.Mbp10Msg](t),
			StatRun: takeRun[dbn.StatMsg](t), Record: func(r dbn.Record) { t.take(r.Bytes()) },
		}
	},
}

func start(t testing.TB, c *dbnloop.FileSource) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
}

// runFile reads a file with handlers, resuming it whenever it is paused.
func runFile(t testing.TB, r *dbnloop.Reactor, c *dbnloop.FileSource, h dbnloop.Handlers) {
	t.Helper()
	ended := false
	h.Complete = func() { ended = true }
	h.Error = func(err error) { t.Error(err); ended = true }
	c.Handle(h)
	start(t, c)
	for !ended {
		if c.IsPaused() {
			c.Resume()
		}
		if _, err := r.Poll(-1); err != nil {
			t.Fatal(err)
		}
	}
}

func eachMix(t *testing.T, f func(t *testing.T, m *mixer, path string)) {
	for _, tsOut := range []bool{false, true} {
		t.Run(fmt.Sprintf("ts_out=%v", tsOut), func(t *testing.T) {
			m := newMixer(tsOut).uniform(100).mixed(1500).anything(500).uniform(800).mixed(100).anything(60)
			f(t, m, m.file(t))
		})
	}
}

func TestMixedRecordsAreTheSameInEveryForm(t *testing.T) {
	eachMix(t, func(t *testing.T, m *mixer, path string) {
		r := newReactor(t)
		for name, form := range forms {
			c := newFileSource(t, r, path)
			var got taken
			runFile(t, r, c, form(&got))
			if !bytes.Equal(got.bytes, m.records) {
				t.Errorf("%s: %d bytes of records, want the %d of the file", name, len(got.bytes), len(m.records))
			}
		}
	})
}

func TestMixedRecordsAreTheSameInLoops(t *testing.T) {
	eachMix(t, func(t *testing.T, m *mixer, path string) {
		r := newReactor(t)
		c := newFileSource(t, r, path)
		start(t, c)
		var got []byte
		for rec, err := range c.Records(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rec.Bytes()...)
		}
		if !bytes.Equal(got, m.records) {
			t.Errorf("Records: %d bytes of records, want the %d of the file", len(got), len(m.records))
		}
		start(t, c)
		var whole, records, runs []byte
		n, sum, mixed, described := 0, 0, 0, 0
		for b, err := range c.Batches(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			whole = append(whole, b.Bytes()...)
			n += b.Len()
			if b.HasRuns() {
				described++
			} else {
				mixed++
			}
			for rec := range b.Records() {
				records = append(records, rec.Bytes()...)
			}
			var last dbnloop.Run
			for run := range b.Runs() {
				sum += run.Count
				if run.RType == last.RType && run.RecordSize == last.RecordSize {
					t.Errorf("two runs of %v in succession", run.RType)
				}
				last = run
				for rec := range run.Records() {
					if rec.RType() != run.RType || rec.Size() != run.RecordSize {
						t.Fatalf("a record of %v with %d bytes in a run of %v with %d", rec.RType(), rec.Size(), run.RType, run.RecordSize)
					}
					runs = append(runs, rec.Bytes()...)
				}
				if mbo := dbnloop.RunOf[dbn.MboMsg](run); run.RType == dbn.RTypeMbo && run.RecordSize == 56 && len(mbo) != run.Count {
					t.Fatalf("RunOf gives %d of %d records", len(mbo), run.Count)
				}
			}
		}
		for name, got := range map[string][]byte{"Bytes": whole, "Batch.Records": records, "Run.Records": runs} {
			if !bytes.Equal(got, m.records) {
				t.Errorf("%s: %d bytes of records, want the %d of the file", name, len(got), len(m.records))
			}
		}
		if mixed == 0 || described == 0 {
			t.Errorf("%d batches without runs and %d with them, want some of each", mixed, described)
		}
		if n != m.n || sum != m.n {
			t.Errorf("batches have %d records, their runs %d, want %d", n, sum, m.n)
		}
	})
}

func TestMixedRecordsAreTheSameWithAPauseAtEach(t *testing.T) {
	eachMix(t, func(t *testing.T, m *mixer, path string) {
		r := newReactor(t)
		for name, form := range forms {
			c := newFileSource(t, r, path)
			got := &taken{}
			got.after = func() {
				if c.IsPaused() {
					t.Fatalf("%s: a record was delivered while paused", name)
				}
				c.Pause()
			}
			runFile(t, r, c, form(got))
			if !bytes.Equal(got.bytes, m.records) {
				t.Errorf("%s: %d bytes of records, want the %d of the file", name, len(got.bytes), len(m.records))
			}
			stats, total := c.Stats(), uint64(0)
			for _, n := range stats.Records {
				total += n
			}
			if total != uint64(m.n) || stats.Bytes != uint64(len(m.records)) {
				t.Errorf("%s: the statistics count %d records of %d bytes, want %d of %d", name, total, stats.Bytes, m.n, len(m.records))
			}
		}
	})
}

// Leaving a loop at any record keeps those that follow.
func TestMixedRecordsSurviveLeavingTheLoop(t *testing.T) {
	m := newMixer(false).mixed(200)
	r := newReactor(t)
	c := newFileSource(t, r, m.file(t))
	start(t, c)
	var got []byte
	for len(got) < len(m.records) {
		before := len(got)
		for rec, err := range c.Records(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rec.Bytes()...)
			break
		}
		if len(got) == before {
			t.Fatalf("the loop ended after %d of %d bytes", before, len(m.records))
		}
	}
	if !bytes.Equal(got, m.records) {
		t.Error("other records")
	}
}

func TestHandlersMayBeReplacedAtEachMixedRecord(t *testing.T) {
	m := newMixer(false).mixed(400)
	r := newReactor(t)
	c := newFileSource(t, r, m.file(t))
	ended := false
	got := &taken{}
	n := 0
	names := []string{"typed", "runs", "Record"}
	replace := func() {
		h := forms[names[n%len(names)]](got)
		n++
		h.Complete = func() { ended = true }
		c.Handle(h)
	}
	got.after = replace
	replace()
	start(t, c)
	for !ended {
		if _, err := r.Poll(-1); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got.bytes, m.records) || n < 100 {
		t.Errorf("%d bytes of records after %d handlers, want the %d of the file", len(got.bytes), n, len(m.records))
	}
}

func TestAPanicAtAMixedRecordLeavesTheRest(t *testing.T) {
	m := newMixer(false).mixed(200)
	r := newReactor(t)
	c := newFileSource(t, r, m.file(t))
	mine := errors.New("mine")
	ended := false
	got := &taken{after: func() { panic(mine) }}
	h := forms["typed"](got)
	h.Complete = func() { ended = true }
	c.Handle(h)
	start(t, c)
	for !ended {
		func() {
			defer func() {
				if p := recover(); p != nil && p != mine {
					panic(p)
				}
			}()
			if _, err := r.Poll(-1); err != nil {
				t.Fatal(err)
			}
		}()
	}
	if !bytes.Equal(got.bytes, m.records) {
		t.Errorf("%d bytes of records, want the %d of the file", len(got.bytes), len(m.records))
	}
}

func TestNothingIsAllocatedPerMixedRecord(t *testing.T) {
	const records = 100_000
	r := newReactor(t)
	c := newFileSource(t, r, newMixer(false).mixed(records).file(t))
	n := 0
	h := dbnloop.Handlers{Mbo: func(*dbn.MboMsg) { n++ }, Record: func(dbn.Record) { n++ }}
	allocations := testing.AllocsPerRun(1, func() { runFile(t, r, c, h) })
	if n != 2*records || allocations > 500 {
		t.Errorf("%.0f allocations for %d records", allocations, n/2)
	}
}
