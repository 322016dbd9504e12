package batch

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// Every sample file, cut into batches and read again, is what it was, and the times in the headers are those
// of the records as package dbn reads them.
func TestBatchesAreWhatTheyWere(t *testing.T) {
	names, err := fs.Glob(sample.Data, "data/*.dbn.zst")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		data, err := sample.Data.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		decoder, err := dbn.NewDecoder(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var records []byte
		want := Batch{Version: dbn.Version, Before: 7, High: 7}
		for {
			r, err := decoder.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, r.Bytes()...)
			want.Schema = SchemaOf(r.RType())
			want.Count++
			want.Event.add(r.Header().TsEvent)
			want.Index.add(r.IndexTs())
			clock := r.Header().TsEvent
			if strings.Contains(name, "bbo-1") {
				clock = r.IndexTs()
			}
			want.High = max(want.High, clock)
		}
		decoder.Close()
		want.Records = records
		got := Measure(want.Schema, records, 7)
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		got.Previous, got.Cut = 12, true
		again, err := Parse(Subject("GLBX.MDP3", got.Schema), got.Header(), records)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: read as %+v, %v", name, again, err)
		}
	}
}

func TestAForeignMessageIsRefused(t *testing.T) {
	trade := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0}}
	records := bytes.Clone(dbn.Ref(&trade.Hd).Bytes())
	good := Measure("trades", records, 0).Header()
	for _, test := range []struct {
		what, subject string
		change        func(map[string][]string)
		payload       []byte
		want          string
	}{
		{"another program's", "dbn.A.trades", func(h map[string][]string) { clear(h) }, records, "dbn-relay has not written it"},
		{"another format", "dbn.A.trades", func(h map[string][]string) { h[headFormat] = []string{"2"} }, records, "its format is 2, and this program reads 1"},
		{"not a number", "dbn.A.trades", func(h map[string][]string) { h[headHigh] = []string{"x"} }, records, `Dbn-High is "x"`},
		{"half a pair", "dbn.A.trades", func(h map[string][]string) { h[headEvent] = []string{"1"} }, records, `Dbn-Event is ""`},
		{"a cut record", "dbn.A.trades", func(map[string][]string) {}, records[:47], "the record at byte 0 is cut off"},
		{"a wrong count", "dbn.A.trades", func(map[string][]string) {}, append(bytes.Clone(records), records...), "it holds 2 records, and its header says 1"},
		{"no schema", "dbn.A", func(map[string][]string) {}, records, "want dbn.DATASET.SCHEMA"},
	} {
		header := map[string][]string{}
		for name, values := range good {
			header[name] = values
		}
		test.change(header)
		if _, err := Parse(test.subject, header, test.payload); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.what, err, test.want)
		}
	}
}

func TestSubjectsAreReadAsTheyAreWritten(t *testing.T) {
	for _, dataset := range []string{"GLBX.MDP3", "TEST", "A.B.C", "X-1"} {
		if err := CheckDataset(dataset); err != nil {
			t.Error(err)
		}
		got, schema, err := SplitSubject(Subject(dataset, "ohlcv-1s"))
		if got != dataset || schema != "ohlcv-1s" || err != nil {
			t.Errorf("%s: %s, %s, %v", dataset, got, schema, err)
		}
	}
	for _, dataset := range []string{"", "A..B", ".A", "A.", "A_B", "A B", "A*", "GLBX.>", "LONGER.THAN.16.CHARACTERS"} {
		if CheckDataset(dataset) == nil {
			t.Errorf("%q is accepted", dataset)
		}
	}
}
