package main

import (
	"bytes"
	"io"
	"testing"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/sample"
)

func TestTheCommittedFilesAreWhatTheProgramWrites(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := sample.Data.ReadDir("data")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(files)+1 { // and the README
		t.Errorf("data has %d entries, the program writes %d files", len(entries), len(files))
	}
	total := 0
	for _, f := range files {
		packed, err := sample.Data.ReadFile("data/" + f.name())
		if err != nil {
			t.Fatal(err)
		}
		total += len(packed)
		// The records are compared, not the compressed bytes: those may change with the
		// compressor.
		if got := unpack(t, packed); !bytes.Equal(got, f.content) {
			t.Errorf("%s differs from what the program writes: run go generate ./...", f.name())
		}
	}
	if total > 400<<10 {
		t.Errorf("the sample data has %d bytes, more than fits well into a repository", total)
	}
}

func unpack(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// records views a generated file's records as their type.
func records[T any](t *testing.T, v *views, schema dbn.Schema) []T {
	t.Helper()
	raw := v.records[schema]
	n := len(raw) / int(unsafe.Sizeof(*new(T)))
	if n == 0 || n != v.counts[schema] {
		t.Fatalf("%s: %d records of %d bytes, %d were written", schema, n, len(raw), v.counts[schema])
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), n)
}

func generated(t *testing.T) *views {
	t.Helper()
	v := newViews()
	simulate(v.observe)
	v.finish()
	return v
}

func TestTheOrderBookIsNeverCrossedNorEmpty(t *testing.T) {
	v := generated(t)
	books := make(map[uint32]*book)
	for _, m := range records[dbn.MboMsg](t, v, dbn.SchemaMbo) {
		b := books[m.Hd.InstrumentID]
		if b == nil {
			b = new(book)
			books[m.Hd.InstrumentID] = b
		}
		b.apply(&m)
		if m.Flags&dbn.FlagLast == 0 {
			continue
		}
		bid, ask := b.best(dbn.SideBid), b.best(dbn.SideAsk)
		if bid.IsUndef() || ask.IsUndef() || bid >= ask {
			t.Fatalf("instrument %d at %s: bid %s, ask %s", m.Hd.InstrumentID, m.TsRecv, bid, ask)
		}
	}
}

func TestEverySchemaTellsOfTheSameTrades(t *testing.T) {
	v := generated(t)
	type total struct {
		trades int
		volume uint64
	}
	count := make(map[dbn.Schema]map[uint32]total)
	add := func(schema dbn.Schema, id uint32, action dbn.Action, volume uint64) {
		if action != dbn.ActionTrade {
			return
		}
		if count[schema] == nil {
			count[schema] = make(map[uint32]total)
		}
		old := count[schema][id]
		count[schema][id] = total{old.trades + 1, old.volume + volume}
	}
	for _, m := range records[dbn.MboMsg](t, v, dbn.SchemaMbo) {
		add(dbn.SchemaMbo, m.Hd.InstrumentID, m.Action, uint64(m.Size))
	}
	for _, m := range records[dbn.TradeMsg](t, v, dbn.SchemaTrades) {
		add(dbn.SchemaTrades, m.Hd.InstrumentID, m.Action, uint64(m.Size))
	}
	for _, m := range records[dbn.Mbp1Msg](t, v, dbn.SchemaTbbo) {
		add(dbn.SchemaTbbo, m.Hd.InstrumentID, m.Action, uint64(m.Size))
		best := m.Levels[0].AskPx
		if m.Side == dbn.SideAsk {
			best = m.Levels[0].BidPx
		}
		if away(m.Side)*(m.Price-best) > 0 {
			t.Fatalf("tbbo: a trade at %s is better than the book before it, %s", m.Price, best)
		}
	}
	for _, m := range records[dbn.Mbp1Msg](t, v, dbn.SchemaMbp1) {
		add(dbn.SchemaMbp1, m.Hd.InstrumentID, m.Action, uint64(m.Size))
	}
	for _, m := range records[dbn.Mbp10Msg](t, v, dbn.SchemaMbp10) {
		add(dbn.SchemaMbp10, m.Hd.InstrumentID, m.Action, uint64(m.Size))
	}
	bars := map[dbn.Schema]map[uint32]uint64{dbn.SchemaOhlcv1S: {}, dbn.SchemaOhlcv1M: {}}
	for schema, volumes := range bars {
		for _, m := range records[dbn.OhlcvMsg](t, v, schema) {
			volumes[m.Hd.InstrumentID] += m.Volume
			if m.Low > min(m.Open, m.Close) || m.High < max(m.Open, m.Close) {
				t.Fatalf("%s: open %s high %s low %s close %s", schema, m.Open, m.High, m.Low, m.Close)
			}
		}
	}
	for _, in := range instruments {
		want := count[dbn.SchemaTrades][in.id]
		if want.trades < 20 {
			t.Errorf("%s has only %d trades", in.symbol, want.trades)
		}
		for schema, totals := range count {
			if totals[in.id] != want {
				t.Errorf("%s: %s has %+v, trades has %+v", in.symbol, schema, totals[in.id], want)
			}
		}
		for schema, volumes := range bars {
			if volumes[in.id] != want.volume {
				t.Errorf("%s: %s has volume %d, trades has %d", in.symbol, schema, volumes[in.id], want.volume)
			}
		}
	}
}

func TestFillsSumUpToTheirTrade(t *testing.T) {
	v := generated(t)
	type key struct {
		id       uint32
		sequence uint32
		price    dbn.Price
	}
	open := make(map[key]int64)
	for _, m := range records[dbn.MboMsg](t, v, dbn.SchemaMbo) {
		k := key{m.Hd.InstrumentID, m.Sequence, m.Price}
		switch m.Action {
		case dbn.ActionTrade:
			open[k] += int64(m.Size)
		case dbn.ActionFill:
			open[k] -= int64(m.Size)
		}
	}
	for k, left := range open {
		if left != 0 {
			t.Errorf("%+v: trade and fills differ by %d", k, left)
		}
	}
}

func TestRecordsAreOrderedByIndexTimestamp(t *testing.T) {
	v := generated(t)
	for schema, raw := range v.records {
		var before dbn.UnixNanos
		for len(raw) > 0 {
			rec, err := dbn.RecordOf(raw)
			if err != nil {
				t.Fatal(err)
			}
			if rec.IndexTs() < before || rec.IndexTs() > sessionEnd {
				t.Fatalf("%s: %s follows %s", schema, rec.IndexTs(), before)
			}
			before = rec.IndexTs()
			raw = raw[rec.Size():]
		}
	}
}
