package output

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// lines are what a template makes of a record.
func lines(t *testing.T, template, symbol string, zone *time.Location, r dbn.Record) string {
	t.Helper()
	parsed, err := ParseTemplate(template)
	if err != nil {
		t.Fatal(err)
	}
	o := &Output{Settings: Settings{Format: Lines, Template: parsed, Text: dbn.TextOptions{Pretty: true, MapSymbol: true, Location: zone}}}
	var out bytes.Buffer
	s := NewSink(o, nil, &out)
	if err := s.Begin(&dbn.Metadata{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(r, symbol, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTemplates(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	trade := func(p dbn.Price) dbn.Record {
		m := &dbn.TradeMsg{
			Hd:     dbn.RecordHeader{Length: length[dbn.TradeMsg](), InstrumentID: 7, TsEvent: 1794783599_999999999},
			TsRecv: nine, Price: p, Size: 12, Side: dbn.SideAsk, Action: dbn.ActionTrade,
		}
		return dbn.Ref(&m.Hd)
	}
	for _, test := range []struct {
		template string
		price    dbn.Price
		symbol   string
		zone     *time.Location
		want     string
	}{
		{"{symbol} {price}", price, "ESZ6", nil, "ESZ6 6742.250000000\n"},
		{`{symbol}\t{size}\n`, price, "ESZ6", nil, "ESZ6\t12\n\n"},
		{`{{{side}}} \{\}\\`, price, "ESZ6", nil, "{A} {}\\\n"},
		{"{symbol:8}|{size:5}|{price:9.2}|", price, "ESZ6", nil, "ESZ6    |   12|  6742.25|\n"},
		{"{symbol:>8}|{size:<5}|{side:3}|", price, "ESZ6", nil, "    ESZ6|12   |A  |\n"},
		{"{symbol:8}|", price, "日経", nil, "日経    |\n"},
		{"{symbol:2}|", price, "ESZ6", nil, "ESZ6|\n"},
		{"{price:.0} {price:.1} {price:.9}", price, "", nil, "6742 6742.3 6742.250000000\n"},
		{"{price:.2} {price:.0}", 999_995000000, "", nil, "1000.00 1000\n"},
		{"{price:.2} {price:.0}", -999_995000000, "", nil, "-1000.00 -1000\n"},
		{"{price:.2} {price:.0}", -4_999999, "", nil, "0.00 0\n"},
		{"{price:.2} {price:.0}", -5_000000, "", nil, "-0.01 0\n"},
		{"{price:6.2}|", dbn.UndefPrice, "", nil, "      |\n"},
		{"{ts_recv}", price, "", nil, "2026-11-15T23:00:00.123456789Z\n"},
		{"{ts_recv:.3} {ts_event:.0}", price, "", nil, "2026-11-15T23:00:00.123Z 2026-11-15T22:59:59Z\n"},
		{"{ts_recv:.6}", price, "", zone, "2026-11-16T08:00:00.123456+09:00\n"},
		{"{bid_px_00:4}|{symbol}", price, "A\nB\x1b", nil, "    |A?B?\n"},
	} {
		if got := lines(t, test.template, test.symbol, test.zone, trade(test.price)); got != test.want {
			t.Errorf("%s: %q, want %q", test.template, got, test.want)
		}
	}
}

func TestMistakesInTemplatesAreExplained(t *testing.T) {
	for template, want := range map[string]string{
		"":                               "names no field",
		"price":                          "such as {price}",
		"{price":                         "without a } after it",
		"price}":                         "without a { before it",
		"{}":                             "missing name",
		"{price:x}":                      `width "x": want 1 to 1000`,
		"{price:1001}":                   "want 1 to 1000",
		"{price:.10}":                    "want 0 to 9",
		"{price:.}":                      "want 0 to 9",
		`{price}\x`:                      "after a backslash",
		`{price}\`:                       "after a backslash",
		"{price:9999999999999999999999}": "want 1 to 1000",
	} {
		if _, err := ParseTemplate(template); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", template, err, want)
		}
	}
	parsed, err := ParseTemplate("{ symbol } {{x}} {price:>10.2}")
	if err != nil || strings.Join(parsed.Fields(), ",") != "symbol,price" {
		t.Errorf("%v, %v", parsed, err)
	}
}
