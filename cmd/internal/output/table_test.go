package output

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
	"unsafe"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

var update = flag.Bool("update", false, "write the golden files")

// rows are what a table shows of records, as the sink would.
func rows(tbl *table, symbol string, records ...dbn.Record) string {
	var text []byte
	for _, r := range records {
		tbl.fill(r, symbol)
		if tbl.moved {
			tbl.moved = false
			text = tbl.appendHeader(text)
		}
		text = tbl.appendRow(text, r)
	}
	return string(text)
}

func tableOf(width int, schemas ...dbn.Schema) *table {
	tbl := newTable(schemas, nil, false, false, nil)
	tbl.setWidth(width)
	return tbl
}

// length is a record's, as its header has it.
func length[T any]() uint8 { return uint8(unsafe.Sizeof(*new(T)) / 4) }

const (
	nine  = dbn.UnixNanos(1794783600_123456789)
	price = dbn.Price(6742_250000000)
)

// made are records of schemas that the sample data lacks.
func made(schema dbn.Schema) []dbn.Record {
	rtype, _ := dbn.RTypeOf(schema)
	hd := dbn.RecordHeader{RType: rtype, PublisherID: 1, InstrumentID: 7, TsEvent: nine}
	switch schema {
	case dbn.SchemaCmbp1, dbn.SchemaTcbbo:
		m := &dbn.Cmbp1Msg{Hd: hd, Price: price, Size: 12, Action: dbn.ActionTrade, Side: dbn.SideAsk, TsRecv: nine}
		m.Hd.Length = length[dbn.Cmbp1Msg]()
		m.Levels[0] = dbn.ConsolidatedBidAskPair{BidPx: price - 250000000, AskPx: price, BidSz: 1200, AskSz: 31}
		return []dbn.Record{dbn.Ref(&m.Hd)}
	case dbn.SchemaBbo1M:
		m := &dbn.BboMsg{Hd: hd, Price: price, Size: 12, Side: dbn.SideAsk, TsRecv: nine}
		m.Hd.Length = length[dbn.BboMsg]()
		m.Levels[0] = dbn.BidAskPair{BidPx: price - 250000000, AskPx: dbn.UndefPrice, BidSz: 1200}
		return []dbn.Record{dbn.Ref(&m.Hd)}
	case dbn.SchemaCbbo1S, dbn.SchemaCbbo1M:
		m := &dbn.CbboMsg{Hd: hd, Price: dbn.UndefPrice, Size: 1<<32 - 1, TsRecv: nine}
		m.Hd.Length = length[dbn.CbboMsg]()
		m.Levels[0] = dbn.ConsolidatedBidAskPair{BidPx: price - 250000000, AskPx: price, BidSz: 1200, AskSz: 31}
		return []dbn.Record{dbn.Ref(&m.Hd)}
	case dbn.SchemaOhlcv1H, dbn.SchemaOhlcv1D, dbn.SchemaOhlcvEod:
		m := &dbn.OhlcvMsg{Hd: hd, Open: price, High: price + 2_000000000, Low: price, Close: price, Volume: 1234567}
		m.Hd.Length = length[dbn.OhlcvMsg]()
		return []dbn.Record{dbn.Ref(&m.Hd)}
	case dbn.SchemaImbalance:
		m := &dbn.ImbalanceMsg{
			Hd: hd, TsRecv: nine, RefPrice: price, ContBookClrPrice: dbn.UndefPrice, IndMatchPrice: price,
			PairedQty: 5000, TotalImbalanceQty: 700, Side: dbn.SideBid,
		}
		m.Hd.Length = length[dbn.ImbalanceMsg]()
		return []dbn.Record{dbn.Ref(&m.Hd)}
	}
	return nil
}

// some are a few records of a schema.
func some(t *testing.T, schema dbn.Schema) []dbn.Record {
	if records := made(schema); records != nil {
		return records
	}
	_, records := samples.Records(t, schema)
	return append(records[:min(3, len(records)):3], records[len(records)-1])
}

func mix(t *testing.T) (records []dbn.Record) {
	for _, schema := range dbn.AllSchemas() {
		all := some(t, schema)
		records = append(records, all[0], all[len(all)-1])
	}
	return append(records, samples.Mapping(7, "ESZ6"), samples.Failure(dbn.ErrorCodeAuthFailed, "authentication failed"))
}

// Each schema has its columns at each width, and a line for each record.
func TestTablesAreThoseOfTheGoldenFile(t *testing.T) {
	var got strings.Builder
	show := func(name string, records []dbn.Record, schemas ...dbn.Schema) {
		for _, width := range []int{40, 50, 80, 140} {
			ruler := strings.Repeat("=", width-len(name)-1)
			fmt.Fprintf(&got, "%s %s\n%s", name, ruler, rows(tableOf(width, schemas...), "ESZ6", records...))
		}
	}
	for _, schema := range dbn.AllSchemas() {
		show(schema.String(), some(t, schema), schema)
	}
	show("mix", mix(t))
	const file = "testdata/tables.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	symbols := []string{"ESZ6", "", "AAPL  261218C00200000", "日経225先物", "🍎🍊🍌 stock", "é̂a\u0301z̃", strings.Repeat("漢", 40)}
	everything := mix(t)
	huge := samples.Quote(dbn.Price(1<<62), -dbn.Price(1<<62), 4_000_000_000, 1)
	for width := 1; width <= 150; width++ {
		for i, schema := range append(dbn.AllSchemas(), dbn.SchemaNone) {
			symbol, color := symbols[(width+i)%len(symbols)], width%2 == 0
			tbl, records := newTable(nil, nil, false, color, nil), everything
			if schema != dbn.SchemaNone {
				tbl, records = newTable([]dbn.Schema{schema}, nil, false, color, nil), some(t, schema)[:1]
			}
			tbl.setWidth(width)
			records = append(records[:len(records):len(records)], huge)
			text := rows(tbl, symbol, records...)
			checkWidth(t, text, width)
			if n := strings.Count(text, "\n"); n < len(records)+1 {
				t.Fatalf("%s: %d lines of %d records: %q", schema, n, len(records), text)
			}
		}
	}
}

func checkWidth(t *testing.T, text string, width int) {
	t.Helper()
	measure := displaywidth.Options{ControlSequences: true}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := measure.String(line); n > width {
			t.Fatalf("%d columns at width %d: %q", n, width, line)
		}
	}
}

// Columns are below each other whatever the width of the symbols' characters.
func TestWideAndCombiningCharactersKeepColumnsInPlace(t *testing.T) {
	tbl := tableOf(80, dbn.SchemaMbp1)
	quote := samples.Quote(6805_250000000, 6805_500000000, 1234, 1207)
	for _, symbol := range []string{"日経225先物", "ESZ6", "é̂a\u0301z̃", "🍎🍊"} {
		tbl.widen(symbol)
	}
	place := -1
	for _, symbol := range []string{"日経225先物", "ESZ6", "é̂a\u0301z̃", "🍎🍊"} {
		lines := strings.Split(rows(tbl, symbol, quote), "\n")
		row := lines[len(lines)-2]
		before, _, found := strings.Cut(row, "6805.50")
		if at := displaywidth.String(before); !found || place >= 0 && at != place {
			t.Errorf("%q: the offer is in column %d, want %d: %q", symbol, at, place, row)
		} else {
			place = at
		}
	}
}

func TestASymbolThatIsTooLongIsCutBetweenCharacters(t *testing.T) {
	tbl := tableOf(0, dbn.SchemaTrades)
	got := rows(tbl, strings.Repeat("漢", 40), some(t, dbn.SchemaTrades)[0])
	if !strings.Contains(got, " "+strings.Repeat("漢", 11)+"… ") {
		t.Errorf("%q", got)
	}
}

func TestTheQuoteIsCompleteAt80Columns(t *testing.T) {
	es := samples.Quote(6805_250000000, 6805_500000000, 1234, 1207)
	btc := samples.Quote(93_255_000000000, 93_260_000000000, 123, 250)
	euro := samples.Quote(1_085250000, 1_085300000, 123, 250)
	option := samples.Quote(12_050000000, 12_100000000, 35, 1204)
	for _, test := range []struct {
		name    string
		schemas []dbn.Schema
		record  dbn.Record
		symbol  string
		want    string
	}{
		{"one schema", []dbn.Schema{dbn.SchemaMbp1}, es, "ESZ6", "1234 6805.25 6805.50 1207"},
		{"a mix", nil, es, "ESZ6", "1234 x 6805.25 | 6805.50 x 1207"},
		{"large prices", []dbn.Schema{dbn.SchemaMbp1}, btc, "BTCZ6", "123 93255.00 93260.00 250"},
		{"many decimals", []dbn.Schema{dbn.SchemaMbp1}, euro, "6EZ6", "123 1.08525 1.0853 250"},
		{"an option", []dbn.Schema{dbn.SchemaMbp1}, option, "AAPL  261218C00200000", "35 12.05 12.10 1204"},
		{"an option in a mix", nil, option, "AAPL  261218C00200000", "35 x 12.05 | 12.10 x 1204"},
	} {
		t.Run(test.name, func(t *testing.T) {
			row := rows(tableOf(80, test.schemas...), test.symbol, test.record)
			one := strings.Join(strings.Fields(row), " ")
			if !strings.Contains(one, test.want) || !strings.Contains(row, test.symbol) {
				t.Errorf("%q", row)
			}
		})
	}
}

func TestTableIsSafeForTerminals(t *testing.T) {
	got := rows(tableOf(0), "", samples.Failure(dbn.ErrorCodeInternalError, "bad\x1b[2Jtext\r\n\u009b1m\xff"))
	if strings.ContainsAny(got, "\x1b\r\u009b") || !strings.Contains(got, "bad?[2Jtext???1m?\n") {
		t.Errorf("got %q", got)
	}
	for _, schemas := range [][]dbn.Schema{nil, {dbn.SchemaTrades}} {
		got = rows(tableOf(80, schemas...), "E\x1b[31mS\u202e\n", some(t, dbn.SchemaTrades)[0])
		if strings.ContainsAny(got, "\x1b\u202e") || strings.Count(got, "\n") != 3 {
			t.Errorf("symbol reaches the terminal: %q", got)
		}
	}
	tbl := newTable(nil, []string{"err", "symbol"}, false, false, nil)
	got = rows(tbl, "\x1b[2J", samples.Failure(dbn.ErrorCodeInternalError, "bad\x1b[2J"))
	if strings.Contains(got, "\x1b") || !strings.Contains(got, "bad?[2J ?[2J") {
		t.Errorf("field reaches the terminal: %q", got)
	}
}

// The order is that of the flag, also across schemas; what a record lacks is empty.
func TestTablesOfFields(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	bar := made(dbn.SchemaOhlcv1H)[0]
	for _, test := range []struct {
		name   string
		fields []string
		width  int
		zone   *time.Location
		want   string
	}{
		{"prices and numbers", []string{"price", "symbol", "size", "volume", "action"}, 0, nil,
			"  price symbol size  volume action\n4127.40 ESZ6      6         T\n        ESZ6        1234567\n"},
		{"times", []string{"ts_event", "close"}, 0, zone,
			"ts_event                              close\n" +
				"2026-11-15T18:00:00.761536130-05:00\n2026-11-15T18:00:00.123456789-05:00 6742.25\n"},
		{"a narrow terminal", []string{"symbol", "ts_event"}, 20, nil,
			"symbol ts_event\nESZ6   2026-11-15T2…\nESZ6   2026-11-15T2…\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tbl := newTable(nil, test.fields, false, false, test.zone)
			tbl.setWidth(test.width)
			records := []dbn.Record{samples.Clone(some(t, dbn.SchemaTrades)[0]), bar}
			for _, r := range records { // room for all before the first row
				tbl.fill(r, "ESZ6")
			}
			if diff := cmp.Diff(test.want, rows(tbl, "ESZ6", records...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimesOfATableAreThoseOfTheZone(t *testing.T) {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	tbl := newTable([]dbn.Schema{dbn.SchemaTrades}, nil, false, false, zone)
	var records []dbn.Record
	for _, at := range []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"} { // the clock shows 01:30 twice
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		m := &dbn.TradeMsg{Hd: dbn.RecordHeader{Length: length[dbn.TradeMsg](), InstrumentID: 7}, Price: price, TsRecv: dbn.UnixNanosOf(when)}
		records = append(records, dbn.Ref(&m.Hd))
	}
	got := rows(tbl, "ESZ6", records...)
	for _, want := range []string{
		"TIME            SYMBOL", "-- 2026-10-25 Europe/London (+01:00) --\n01:30:00.000000 ", "-- 2026-10-25 Europe/London (+00:00) --\n01:30:00.000000 ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

// Another width takes effect with the next row, under a header of its own.
func TestATableFollowsTheTerminalsWidth(t *testing.T) {
	tbl := tableOf(140, dbn.SchemaMbp1)
	quote := samples.Quote(6805_250000000, 6805_500000000, 1234, 1207)
	rows(tbl, "ESZ6", quote)
	for _, width := range []int{40, 80, 60, 200} {
		tbl.setWidth(width)
		got := rows(tbl, "ESZ6", quote)
		checkWidth(t, got, width)
		if strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, "TIME") {
			t.Errorf("width %d: %q", width, got)
		}
	}
	if got := rows(tbl, "ESZ6", quote); strings.HasPrefix(got, "TIME") {
		t.Errorf("a header for nothing: %q", got)
	}
}

// A record that is not of the schema shows its details, not cells of another kind.
func TestRecordsOfAnotherTypeShowTheirDetails(t *testing.T) {
	got := rows(tableOf(80, dbn.SchemaOhlcv1S), "ESZ6", some(t, dbn.SchemaStatus)[0])
	if !strings.Contains(got, " ESZ6    pre-open, scheduled, trading no, quoting yes\n") {
		t.Errorf("%q", got)
	}
}

func TestShortNamesOfSchemasStayApart(t *testing.T) {
	tbl := tableOf(80)
	seen := make(map[string]dbn.RType)
	for i := range 256 {
		rtype := dbn.RType(i)
		name := tbl.nameOf(rtype)
		if strings.HasPrefix(name, "unknown") {
			continue
		}
		if other, ok := seen[name]; ok || len(name) > 6 {
			t.Errorf("%s: %q, as %s", rtype, name, other)
		}
		seen[name] = rtype
	}
	if len(seen) < 20 {
		t.Errorf("%d names", len(seen))
	}
}

// A row allocates nothing once the columns have their widths.
func TestARowOfATableAllocatesNothing(t *testing.T) {
	quote := samples.Quote(6805_250000000, 6805_500000000, 1234, 1207)
	for _, width := range []int{0, 40, 80} {
		tbl := tableOf(width, dbn.SchemaMbp1)
		rows(tbl, "ESZ6", quote)
		row := make([]byte, 0, 1000)
		if n := testing.AllocsPerRun(100, func() {
			tbl.fill(quote, "ESZ6")
			row = tbl.appendRow(row[:0], quote)
		}); n > 0 {
			t.Errorf("%v allocations at width %d: %s", n, width, bytes.TrimSpace(row))
		}
	}
}
