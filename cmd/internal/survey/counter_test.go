package survey

import (
	"testing"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

const noon = dbn.UnixNanos(1_795_780_800_000_000_000) // 2026-11-27T12:00:00Z

// event is a record of a test.
type event struct {
	at       time.Duration // after noon
	id       uint32
	sequence uint32
	flags    dbn.FlagSet
	action   dbn.Action
	schema   dbn.Schema // mbo, unless it is trades or ohlcv-1s
}

func (e event) record() dbn.Record {
	ts := noon + dbn.UnixNanos(e.at)
	switch e.schema {
	case dbn.SchemaTrades:
		m := &dbn.TradeMsg{TsRecv: ts, Sequence: e.sequence, Flags: e.flags, Action: dbn.ActionTrade}
		m.Hd = dbn.RecordHeader{Length: uint8(unsafe.Sizeof(*m) / 4), RType: dbn.RTypeMbp0, PublisherID: 1, InstrumentID: e.id, TsEvent: ts}
		return dbn.Ref(&m.Hd)
	case dbn.SchemaOhlcv1S:
		m := &dbn.OhlcvMsg{}
		m.Hd = dbn.RecordHeader{Length: uint8(unsafe.Sizeof(*m) / 4), RType: dbn.RTypeOhlcv1S, PublisherID: 1, InstrumentID: e.id, TsEvent: ts}
		return dbn.Ref(&m.Hd)
	}
	m := &dbn.MboMsg{TsRecv: ts, Sequence: e.sequence, Flags: e.flags, Action: e.action}
	m.Hd = dbn.RecordHeader{Length: uint8(unsafe.Sizeof(*m) / 4), RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: e.id, TsEvent: ts}
	return dbn.Ref(&m.Hd)
}

func TestBreaksAreThoseOfAnInstrumentAndASession(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		events                    []event
		order, sequence, unsorted uint64
	}{
		"a stream in order":            {events: []event{{at: 0, id: 1, sequence: 5}, {at: ms, id: 1, sequence: 5}, {at: ms, id: 1, sequence: 9}}},
		"skipped numbers":              {events: []event{{at: 0, id: 1, sequence: 5}, {at: ms, id: 1, sequence: 5000}}},
		"a step back":                  {events: []event{{at: ms, id: 1, sequence: 5}, {at: 0, id: 1, sequence: 6}}, order: 1, unsorted: 1},
		"another instrument's time":    {events: []event{{at: ms, id: 1, sequence: 5}, {at: 0, id: 2, sequence: 6}}, unsorted: 1},
		"another schema's time":        {events: []event{{at: ms, id: 1, sequence: 5}, {at: 0, id: 1, schema: dbn.SchemaTrades, sequence: 5}}, unsorted: 1},
		"a lower number":               {events: []event{{at: 0, id: 1, sequence: 5}, {at: ms, id: 1, sequence: 4}}, sequence: 1},
		"a lower number, later":        {events: []event{{at: 0, id: 1, sequence: 5}, {at: 2 * time.Hour, id: 1, sequence: 1}}},
		"another instrument's number":  {events: []event{{at: 0, id: 1, sequence: 5}, {at: ms, id: 2, sequence: 4}}},
		"no numbers":                   {events: []event{{at: 0, id: 1, sequence: 5}, {at: ms, id: 1}, {at: 2 * ms, id: 1, sequence: 6}}},
		"numbers wrap around":          {events: []event{{at: 0, id: 1, sequence: 1<<32 - 1}, {at: ms, id: 1, sequence: 1}}},
		"a snapshot":                   {events: []event{{at: ms, id: 1, sequence: 5}, {at: 0, id: 1, sequence: 2, flags: dbn.FlagSnapshot}, {at: ms, id: 1, sequence: 6}}, unsorted: 1},
		"a book that is cleared":       {events: []event{{at: 0, id: 1, sequence: 5, action: dbn.ActionClear}, {at: ms, id: 1, sequence: 1}}},
		"bars have no numbers":         {events: []event{{at: 0, id: 1, schema: dbn.SchemaOhlcv1S}, {at: ms, id: 1, schema: dbn.SchemaOhlcv1S}}},
		"a bar from before":            {events: []event{{at: ms, id: 1, schema: dbn.SchemaOhlcv1S}, {at: 0, id: 1, schema: dbn.SchemaOhlcv1S}}, order: 1, unsorted: 1},
		"instruments that share cells": {events: []event{{at: 0, id: 1, sequence: 5}, {at: 0, id: 4097, sequence: 3}, {at: 0, id: 1, sequence: 4}}, sequence: 1},
	} {
		c := NewCounter()
		for _, e := range test.events {
			c.Add(e.record())
		}
		r := (&File{Counter: c}).Report(name)
		if r.Records != uint64(len(test.events)) || r.OrderBreaks != test.order || r.SequenceBreaks != test.sequence || r.Unsorted != test.unsorted {
			t.Errorf("%s: %d records, breaks: order %d, sequence %d, unsorted %d; want %d, %d, %d", name,
				r.Records, r.OrderBreaks, r.SequenceBreaks, r.Unsorted, test.order, test.sequence, test.unsorted)
		}
	}
}

func TestTheSampleDataHasNoBreaks(t *testing.T) {
	for _, schema := range []dbn.Schema{dbn.SchemaMbo, dbn.SchemaMbp1, dbn.SchemaTrades, dbn.SchemaStatistics, dbn.SchemaDefinition, dbn.SchemaBbo1S} {
		m, records := samples.Records(t, schema)
		c := NewCounter()
		c.Header(m)
		for _, r := range records {
			c.Add(r)
		}
		r := (&File{Counter: c, Metadata: m}).Report("x")
		if r.OrderBreaks != 0 || r.SequenceBreaks != 0 || r.Records != uint64(len(records)) {
			t.Errorf("%v: %d of %d records, breaks: order %d, sequence %d", schema, r.Records, len(records), r.OrderBreaks, r.SequenceBreaks)
		}
		if len(r.Schemas) != 1 || r.Schemas[0].Name != schema.String() {
			t.Errorf("%v: the schemas are %+v", schema, r.Schemas)
		}
		for _, g := range r.Symbols {
			if g.Name == "" {
				t.Errorf("%v: instrument %d has no symbol", schema, g.ID)
			}
		}
	}
}

func TestSymbolsAreThoseOfTheTimeAndOfTheStream(t *testing.T) {
	c := NewCounter()
	c.Header(&dbn.Metadata{StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, Mappings: []dbn.SymbolMapping{
		{RawSymbol: "OLD", Intervals: []dbn.MappingInterval{{StartDate: 20261127, EndDate: 20261128, Symbol: "1"}}},
		{RawSymbol: "NEW", Intervals: []dbn.MappingInterval{{StartDate: 20261128, EndDate: 20261129, Symbol: "1"}}},
	}})
	for _, at := range []time.Duration{0, time.Hour, 12 * time.Hour, 13 * time.Hour, 40 * time.Hour} {
		c.Add(event{at: at, id: 1}.record())
	}
	c.Add(samples.Mapping(1, "NAMED"))
	c.Add(event{at: 41 * time.Hour, id: 1}.record())
	c.Add(event{at: 41 * time.Hour, id: 7}.record())
	got := map[string]uint64{}
	r := (&File{Counter: c}).Report("x")
	for _, g := range r.Symbols {
		got[g.Name] += g.Records
	}
	if got["OLD"] != 2 || got["NEW"] != 2 || got["NAMED"] != 1 || got[""] != 2 || r.Messages != 1 {
		t.Errorf("%v, %d messages", got, r.Messages)
	}
}

func TestSilencesAreMeasuredBetweenRecords(t *testing.T) {
	c := NewCounter()
	c.Silences.Threshold = time.Second
	for _, at := range []time.Duration{0, 3 * time.Second, 4 * time.Second, 6 * time.Second, 5 * time.Second} {
		c.Add(event{at: at, id: 1}.record())
	}
	s := c.Silences
	if s.Longest != (Silence{noon, 3 * time.Second}) || s.Count != 2 || len(s.List) != 2 || s.List[1].Span != 2*time.Second {
		t.Errorf("%+v", s)
	}
	if c.Steps.Count != 1 || c.Steps.Largest != time.Second {
		t.Errorf("%+v", c.Steps)
	}
	far := NewCounter()
	far.Add(event{id: 1}.record())
	m := &dbn.MboMsg{TsRecv: dbn.UndefTimestamp - 1}
	m.Hd = dbn.RecordHeader{Length: uint8(unsafe.Sizeof(*m) / 4), RType: dbn.RTypeMbo}
	far.Add(dbn.Ref(&m.Hd))
	if far.Silences.Longest.Span < 0 {
		t.Errorf("%+v", far.Silences)
	}
}

func TestARecordWithoutATimeIsCounted(t *testing.T) {
	c := NewCounter()
	m := &dbn.MboMsg{TsRecv: dbn.UndefTimestamp}
	m.Hd = dbn.RecordHeader{Length: uint8(unsafe.Sizeof(*m) / 4), RType: dbn.RTypeMbo, InstrumentID: 3, TsEvent: noon}
	c.Add(dbn.Ref(&m.Hd))
	r := (&File{Counter: c}).Report("x")
	if r.Records != 1 || r.Untimed != 1 || r.First != nil || len(r.Symbols) != 1 || r.Symbols[0].ID != 3 {
		t.Errorf("%+v", r)
	}
}

func TestCountingAllocatesNothingPerRecord(t *testing.T) {
	c := NewCounter()
	a, b := event{id: 1}.record(), event{id: 2}.record()
	if n := testing.AllocsPerRun(100, func() { c.Add(a); c.Add(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCounter(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := NewCounter()
		words := make([]uint64, 64)
		var n uint64
		for len(data) >= 8 {
			words[0] = 0
			raw := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 512)
			size := max(16, int(data[0]%132)*4)
			for i := range raw[:size] {
				raw[i] = data[i%len(data)]
			}
			raw[0] = byte(size / 4)
			c.Add(dbn.RecordAt(unsafe.Pointer(&words[0])))
			n++
			data = data[1:]
		}
		r := (&File{Counter: c}).Report("x")
		var sum uint64
		for _, g := range r.Schemas {
			sum += g.Records
		}
		if r.Records+r.Messages != n || sum != r.Records {
			t.Errorf("%d records and %d messages of %d, %d by schema", r.Records, r.Messages, n, sum)
		}
	})
}
