package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/dbntest"
)

// oddRecords are those of internal/dbntest: undefined, greatest and negative values, texts without an
// end or that are not UTF-8.
func oddRecords(t *testing.T, schema dbn.Schema, version uint8, tsOut bool) (*dbn.Metadata, []dbn.Record) {
	t.Helper()
	stream, err := dbntest.OddStream(schema, version, tsOut)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dbn.NewDecoder(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var records []dbn.Record
	for {
		r, err := d.Next()
		if errors.Is(err, io.EOF) {
			return d.Metadata(), records
		}
		if err != nil {
			t.Fatal(err)
		}
		words := make([]uint64, (r.Size()+7)/8)
		copy(bytesOf(words), r.Bytes())
		records = append(records, dbn.RecordAt(unsafe.Pointer(&words[0])))
	}
}

// symbolOf gives every third record no symbol.
func symbolOf(i int) (symbol string, known bool) {
	if i%3 == 0 {
		return "", false
	}
	return []string{"ESH6", "Ä\xFF", ""}[i%7%3], true
}

func write(t *testing.T, format Format, o Options, records []dbn.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, format, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		if !w.Fits(r) {
			t.Fatalf("record %d does not fit", i)
		}
		symbol, known := symbolOf(i)
		if err := w.Write(r, symbol, known); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// expected is what the official tool documents: undefined prices, times and texts are null, as is an
// unknown symbol, and a character that is not ASCII is an empty text.
func expected(m *dbn.Metadata, rtype dbn.RType, pretty bool, records []dbn.Record) (want table) {
	columns := dbn.ColumnsFor(rtype, m.Version)
	want.values = make([][]string, len(columns))
	for i := range columns {
		c := &columns[i]
		want.names = append(want.names, c.Name)
		for _, r := range records {
			want.values[i] = append(want.values[i], expectedValue(c, r, pretty))
		}
	}
	if m.TsOut {
		want.names = append(want.names, "ts_out")
		var values []string
		for _, r := range records {
			values = append(values, timeText(r.TsOut()))
		}
		want.values = append(want.values, values)
	}
	want.names = append(want.names, "symbol")
	var symbols []string
	for i := range records {
		symbol, known := symbolOf(i)
		if !known {
			symbol = null
		}
		symbols = append(symbols, strings.ToValidUTF8(symbol, "\uFFFD"))
	}
	want.values = append(want.values, symbols)
	return want
}

func timeText(t dbn.UnixNanos) string {
	if t.IsUndef() {
		return null
	}
	return fmt.Sprint(int64(t))
}

func expectedValue(c *dbn.Column, r dbn.Record, pretty bool) string {
	field := r.Bytes()[c.Offset():][:c.Size()]
	text := string(c.Append(nil, r, false))
	switch c.Kind() {
	case dbn.ColumnPrice:
		price := *(*dbn.Price)(unsafe.Pointer(&field[0]))
		switch {
		case price == dbn.UndefPrice:
			return null
		case pretty:
			return floatText(float64(price) / 1e9)
		}
	case dbn.ColumnTime:
		return timeText(*(*dbn.UnixNanos)(unsafe.Pointer(&field[0])))
	case dbn.ColumnText:
		if text == "" {
			return null
		}
	case dbn.ColumnChar:
		if field[0] == 0 || field[0] > 0x7F {
			return ""
		}
		return string(field)
	}
	return text
}

func TestEveryRecordTypeComesBack(t *testing.T) {
	for _, schema := range dbn.AllSchemas() {
		for version := uint8(1); version <= dbn.Version; version++ {
			for _, odd := range []struct{ tsOut, pretty, zstd bool }{{false, false, false}, {true, true, true}} {
				t.Run(fmt.Sprintf("%s v%d %+v", schema, version, odd), func(t *testing.T) {
					m, records := oddRecords(t, schema, version, odd.tsOut)
					rtype, _ := dbn.RTypeOf(schema)
					o := Options{Metadata: m, RType: rtype, Pretty: odd.pretty, Symbols: true, Zstd: odd.zstd}
					want := expected(m, rtype, odd.pretty, records)
					want.groups = []int64{int64(len(records))}
					got := readParquet(t, write(t, Parquet, o, records))
					if diff := cmp.Diff(want, got, cmp.AllowUnexported(table{})); diff != "" {
						t.Error("Parquet: " + diff)
					}
					got, _ = readArrow(t, write(t, Arrow, o, records))
					if diff := cmp.Diff(want, got, cmp.AllowUnexported(table{})); diff != "" {
						t.Error("Arrow: " + diff)
					}
				})
			}
		}
	}
}

// many makes mbo records whose columns change in different ways.
func many(n int) (*dbn.Metadata, []dbn.Record) {
	orders := make([]dbn.MboMsg, n)
	records := make([]dbn.Record, n)
	random := uint64(1)
	for i := range orders {
		random = random*6364136223846793005 + 1442695040888963407
		o := &orders[i]
		o.Hd = dbn.RecordHeader{
			Length: uint8(unsafe.Sizeof(*o) / 4), RType: dbn.RTypeMbo, PublisherID: 1,
			InstrumentID: uint32(random >> 61), TsEvent: 1_794_700_800_000_000_000 + dbn.UnixNanos(i)*1000,
		}
		o.TsRecv, o.OrderID, o.Sequence = o.Hd.TsEvent+dbn.UnixNanos(random>>56), random, uint32(i)
		o.Price, o.Size, o.Side, o.Action = dbn.Price(random>>58)*250_000_000, uint32(random>>50), dbn.SideBid, dbn.ActionAdd
		if i%1000 == 999 {
			o.Price = dbn.UndefPrice
		}
		records[i] = dbn.RecordAt(unsafe.Pointer(o))
	}
	m := &dbn.Metadata{Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaMbo, StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, SymbolCstrLen: 71}
	return m, records
}

func TestRowGroupsAreBoundedAndTheSameOnAnyNumberOfProcessors(t *testing.T) {
	const perGroup = maxGroup / int(unsafe.Sizeof(dbn.MboMsg{}))
	m, records := many(2*perGroup + 1)
	o := Options{Metadata: m, RType: dbn.RTypeMbo, Symbols: true}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	alone := write(t, Parquet, o, records)
	runtime.GOMAXPROCS(3)
	if !bytes.Equal(alone, write(t, Parquet, o, records)) {
		t.Error("three processors write another file than one")
	}
	r := openParquet(t, alone)
	var rows []int64
	for i := range r.NumRowGroups() {
		rows = append(rows, r.RowGroup(i).NumRows())
	}
	if !slices.Equal(rows, []int64{int64(perGroup), int64(perGroup), 1}) {
		t.Errorf("row groups of %d rows", rows)
	}
	got, _ := readArrow(t, write(t, Arrow, o, records[:2*batchRows+1]))
	if !slices.Equal(got.groups, []int64{batchRows, batchRows, 1}) {
		t.Errorf("record batches of %d rows", got.groups)
	}
	o.Memory = 100 * int(unsafe.Sizeof(dbn.MboMsg{}))
	if got := readParquet(t, write(t, Parquet, o, records[:201])); !slices.Equal(got.groups, []int64{100, 100, 1}) {
		t.Errorf("with a bound, row groups of %d rows", got.groups)
	}
}

func newRowsOf(m *dbn.Metadata, most int) *rows {
	return newRows(newLayout(Options{Metadata: m, RType: dbn.RTypeMbo}), most)
}

// Few rows take little memory, because a split may have many files at once.
func TestFewRowsTakeLittleMemory(t *testing.T) {
	m, records := many(100)
	g := newRowsOf(m, maxGroup)
	for _, r := range records {
		g.add(r, "", false)
	}
	g.settle()
	total := len(g.block) * 8
	for _, column := range g.columns {
		total += len(column) * 8
	}
	if total > 4*blockSize {
		t.Errorf("%d bytes for %d rows", total, len(records))
	}
}

// What the first rows choose may not fit later ones: a dictionary that grows too large is given up.
func TestLaterRowsAreOfAnotherKindThanTheFirst(t *testing.T) {
	m, records := many(8192)
	const half = 4096
	for _, r := range records[:half] {
		o, _ := dbn.As[dbn.MboMsg](r)
		o.OrderID, o.Price, o.Size = 7, 250_000_000, 3 // a dictionary for each
	}
	for i, r := range records[half:] {
		o, _ := dbn.As[dbn.MboMsg](r)
		o.Size = uint32(i) * 2654435761
		if o.Price != dbn.UndefPrice {
			o.Price = dbn.Price(o.OrderID >> 1)
		}
	}
	for _, pretty := range []bool{false, true} {
		o := Options{Metadata: m, RType: dbn.RTypeMbo, Symbols: true, Pretty: pretty}
		var out bytes.Buffer
		w, err := NewWriter(&out, Parquet, o)
		if err != nil {
			t.Fatal(err)
		}
		w.most, w.filling = half, newRows(w.layout, half)
		for i, r := range records {
			symbol, known := symbolOf(i)
			if err := w.Write(r, symbol, known); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := expected(m, dbn.RTypeMbo, pretty, records)
		want.groups = []int64{half, half}
		if diff := cmp.Diff(want, readParquet(t, out.Bytes()), cmp.AllowUnexported(table{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAStreamHasWhatWasFlushed(t *testing.T) {
	m, records := many(5)
	var out bytes.Buffer
	w, err := NewWriter(&out, Arrow, Options{Metadata: m, RType: dbn.RTypeMbo, Symbols: true, Stream: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		symbol, known := symbolOf(i)
		if err := w.Write(r, symbol, known); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if got := readArrowStream(t, out.Bytes()); len(got.values[0]) != i+1 {
				t.Errorf("%d rows after %d records", len(got.values[0]), i+1)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := expected(m, dbn.RTypeMbo, false, records)
	want.groups = []int64{1, 2, 2}
	if diff := cmp.Diff(want, readArrowStream(t, out.Bytes()), cmp.AllowUnexported(table{})); diff != "" {
		t.Error(diff)
	}
}

var errFull = errors.New("the disk is full")

// fullDisk takes some bytes, and no more.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAWriteThatFailsIsReported(t *testing.T) {
	m, records := many(2000)
	for _, format := range []Format{Parquet, Arrow} {
		whole := len(write(t, format, Options{Metadata: m, RType: dbn.RTypeMbo}, records))
		for room := 0; room < whole; room += 1 + whole/20 {
			w, err := NewWriter(&fullDisk{room}, format, Options{Metadata: m, RType: dbn.RTypeMbo})
			if err != nil {
				t.Fatal(err)
			}
			w.most, w.filling = 256, newRows(w.layout, 256)
			for _, r := range records {
				if err = w.Write(r, "", false); err != nil {
					break
				}
			}
			if closed := w.Close(); err == nil {
				err = closed
			}
			if err == nil {
				t.Errorf("format %d: no error with room for %d bytes of %d", format, room, whole)
			}
		}
	}
}
