package output

import (
	"regexp"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

func TestTableIsSafeForTerminals(t *testing.T) {
	tbl := newTable(nil, false)
	tbl.date = 19700101
	got := string(tbl.appendRow(nil, samples.Failure(dbn.ErrorCodeInternalError, "bad\x1b[2Jtext\r\n\u009b1m\xff"), ""))
	if strings.ContainsAny(strings.TrimSuffix(got, "\n"), "\x1b\r\n\u009b") || !strings.Contains(got, "bad?[2Jtext???1m?") {
		t.Errorf("got %q", got)
	}
	got = string(tbl.appendRow(nil, samples.Mapping(1, "x"), "E\x1b[31mS"))
	if strings.Contains(got, "\x1b") {
		t.Errorf("symbol reaches the terminal: %q", got)
	}
}

func TestTableCutsDetailsAtTheTerminalsWidth(t *testing.T) {
	for width := 1; width < 140; width++ {
		for _, schema := range []dbn.Schema{dbn.SchemaMbp10, dbn.SchemaMbp1, dbn.SchemaTrades, dbn.SchemaDefinition} {
			for _, color := range []bool{false, true} {
				tbl := newTable(nil, color)
				tbl.width = width
				_, records := samples.Records(t, schema)
				text := string(tbl.appendRow(tbl.appendHeader(nil), records[len(records)-1], "ESZ6"))
				if strings.Count(text, "\n") != 3 { // the header, the date, the row
					t.Fatalf("%q", text)
				}
				for line := range strings.Lines(regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(text, "")) {
					if n := len([]rune(line)) - 1; n > width {
						t.Fatalf("%d characters at width %d: %q", n, width, line)
					}
				}
			}
		}
	}
}

func TestTheQuoteIsCompleteAt80Columns(t *testing.T) {
	es := samples.Quote(6805_250000000, 6805_500000000, 1234, 1207)
	btc := samples.Quote(93_255_000000000, 93_260_000000000, 123, 250)
	option := samples.Quote(12_050000000, 12_100000000, 35, 1204)
	for _, test := range []struct {
		name    string
		schemas []dbn.Schema
		record  dbn.Record
		symbol  string
		want    string
	}{
		{"one schema", []dbn.Schema{dbn.SchemaMbp1}, es, "ESZ6", "1234 x 6805.25 | 6805.50 x 1207"},
		{"a mix", nil, es, "ESZ6", "1234 x 6805.25 | 6805.50 x 1207"},
		{"large prices", []dbn.Schema{dbn.SchemaMbp1}, btc, "BTCZ6", "123 x 93255.00 | 93260.00 x 250"},
		{"an option", []dbn.Schema{dbn.SchemaMbp1}, option, "AAPL  261218C00200000", "35 x 12.05 | 12.10 x 1204"},
		{"an option in a mix", nil, option, "AAPL  261218C00200000", "35 x 12.05 | 12.10 x 1204"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tbl := newTable(test.schemas, false)
			tbl.width = 80
			tbl.widen(test.symbol)
			row := string(tbl.appendRow(nil, test.record, test.symbol))
			if !strings.Contains(row, test.want) || !strings.Contains(row, test.symbol) {
				t.Errorf("%q", row)
			}
		})
	}
}

func TestShortNamesOfSchemasStayApart(t *testing.T) {
	tbl := newTable(nil, false)
	tbl.width = 80
	tbl.choose()
	seen := make(map[string]dbn.RType)
	for i := range 256 {
		rtype := dbn.RType(i)
		name := tbl.nameOf(rtype)
		if strings.HasPrefix(name, "unknown") {
			continue
		}
		if other, ok := seen[name]; ok || len(name) > tbl.layout.schema {
			t.Errorf("%s: %q, as %s", rtype, name, other)
		}
		seen[name] = rtype
	}
	if len(seen) < 20 {
		t.Errorf("%d names", len(seen))
	}
}
