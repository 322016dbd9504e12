package columnar

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
)

func fieldsOf(s *arrow.Schema) string {
	var b strings.Builder
	for _, f := range s.Fields() {
		fmt.Fprintf(&b, "%s %s", f.Name, f.Type)
		if f.Nullable {
			b.WriteString(" null")
		}
		for i, key := range f.Metadata.Keys() {
			fmt.Fprintf(&b, " %s=%s", key, f.Metadata.Values()[i])
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestTheSchemaIsThatOfTheOfficialTool(t *testing.T) {
	tests := []struct {
		name    string
		schema  dbn.Schema
		options Options
		want    string
	}{
		{"bars", dbn.SchemaOhlcv1S, Options{Symbols: true}, `
ts_event timestamp[ns, tz=UTC] null
rtype uint8
publisher_id uint16
instrument_id uint32
open int64 null databento:fixed_price_scale=1000000000
high int64 null databento:fixed_price_scale=1000000000
low int64 null databento:fixed_price_scale=1000000000
close int64 null databento:fixed_price_scale=1000000000
volume uint64
symbol utf8 null
`},
		{"orders with prices as numbers", dbn.SchemaMbo, Options{Pretty: true}, `
ts_recv timestamp[ns, tz=UTC] null
ts_event timestamp[ns, tz=UTC] null
rtype uint8
publisher_id uint16
instrument_id uint32
action utf8
side utf8
price float64 null
size uint32
channel_id uint8
order_id uint64
flags uint8
ts_in_delta int32
sequence uint32
ts_out timestamp[ns, tz=UTC] null
`},
		{"chosen fields", dbn.SchemaDefinition, Options{Symbols: true, Fields: []string{"symbol", "raw_symbol", "maturity_month", "ts_recv"}}, `
symbol utf8 null
raw_symbol utf8 null
maturity_month uint8
ts_recv timestamp[ns, tz=UTC] null
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, _ := many(0)
			m.Schema, m.TsOut = test.schema, test.options.Pretty
			test.options.Metadata = m
			test.options.RType, _ = dbn.RTypeOf(test.schema)
			data := write(t, Arrow, test.options, nil)
			_, read := readArrow(t, data)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), fieldsOf(read)); diff != "" {
				t.Error(diff)
			}
			text, _ := read.Metadata().GetValue("databento:metadata")
			if want := string(m.AppendJSON(nil, false)); text != want {
				t.Errorf("metadata %s, want %s", text, want)
			}
			kv := openParquet(t, write(t, Parquet, test.options, nil)).MetaData().KeyValueMetadata()
			if got := kv.FindValue("databento:metadata"); got == nil || *got != text {
				t.Errorf("metadata %v in Parquet, want %s", got, text)
			}
			if kv.FindValue("ARROW:schema") == nil || kv.FindValue("pandas") == nil {
				t.Errorf("the keys are %v", kv.Keys())
			}
		})
	}
}

func TestPandasFindsTheIndexAndItsTypes(t *testing.T) {
	for _, pretty := range []bool{false, true} {
		m, _ := many(0)
		l := newLayout(Options{Metadata: m, RType: dbn.RTypeMbo, Pretty: pretty, Symbols: true})
		var got struct {
			Index   []string `json:"index_columns"`
			Columns []struct {
				Name  string `json:"name"`
				Numpy string `json:"numpy_type"`
			} `json:"columns"`
		}
		if err := json.Unmarshal([]byte(l.pandas()), &got); err != nil {
			t.Fatal(err)
		}
		types := make(map[string]string)
		for _, c := range got.Columns {
			types[c.Name] = c.Numpy
		}
		want := map[string]string{"ts_recv": "datetime64[ns]", "price": "Int64", "side": "object", "symbol": "object", "order_id": "uint64"}
		if pretty {
			want["price"] = "float64"
		}
		for name, numpy := range want {
			if types[name] != numpy {
				t.Errorf("%s: %q, want %q", name, types[name], numpy)
			}
		}
		if diff := cmp.Diff([]string{"ts_recv"}, got.Index); diff != "" || len(got.Columns) != len(l.columns) {
			t.Errorf("%d columns %s", len(got.Columns), diff)
		}
	}
	m, _ := many(0)
	without := newLayout(Options{Metadata: m, RType: dbn.RTypeMbo, Fields: []string{"price", "ts_event"}})
	if without.index != "" {
		t.Errorf("the index is %q, which is not written", without.index)
	}
}

func TestTheEncodingIsTheSmallest(t *testing.T) {
	m, records := many(10_000)
	g := newRowsOf(m, maxGroup)
	for _, r := range records {
		g.add(r, "", false)
	}
	g.settle()
	want := map[string]encoding{
		"ts_recv":       deltaCoded,      // they grow
		"sequence":      deltaCoded,      // by one
		"instrument_id": dictionaryCoded, // of eight
		"price":         dictionaryCoded, // 64 prices
		"order_id":      plain,           // any of 64 bits
		"side":          dictionaryCoded,
	}
	for i, got := range chooseEncodings(g) {
		name := g.layout.columns[i].name
		if choice, listed := want[name]; listed && got != choice {
			t.Errorf("%s: encoding %d, want %d", name, got, choice)
		}
	}
	if got := chooseEncodings(newRowsOf(m, 1)); got[0] != plain {
		t.Errorf("no rows: encoding %d", got[0])
	}
}

func TestARecordTypeThatIsNotKnownIsRefused(t *testing.T) {
	m, _ := many(0)
	if _, err := NewWriter(nil, Parquet, Options{Metadata: m, RType: 0x77}); err == nil {
		t.Error("no error")
	}
}
