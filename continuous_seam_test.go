package dbnloop_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// seam is a market of one schema, and the two servers that have its past and its present.
type seam struct {
	meta    dbn.Metadata
	schema  dbn.Schema
	records [][]byte
	index   []dbn.UnixNanos // of each record
	faults  []simhist.Fault // of the server that has the past
	live    sim.Faults
	opts    []dbnloop.ContinuousOption
	prepare func(got *received) // before Start
	symbols []string            // of the subscription; empty: all
	lacks   []int               // numbers of records that awayTooLong's history does not have
}

// seamOf takes the first records of the sample; cbbo-1s is made of bbo-1s.
func seamOf(t testing.TB, schema dbn.Schema, n int) *seam {
	t.Helper()
	name := schema
	if schema == dbn.SchemaCbbo1S {
		name = dbn.SchemaBbo1S
	}
	meta, raw := simtest.SampleFile(t, name.String())
	meta.Schema = schema
	s := &seam{meta: meta, schema: schema}
	for len(s.records) < n && len(raw) > 0 {
		size := int(raw[0]) * 4
		record := slices.Clone(raw[:size])
		raw = raw[size:]
		if schema == dbn.SchemaCbbo1S {
			record[1] = byte(dbn.RTypeCbbo1S)
		}
		rec, err := dbn.RecordOf(record)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := dbn.As[dbn.MboMsg](rec); ok && m.Flags&dbn.FlagSnapshot != 0 {
			continue
		}
		s.records = append(s.records, record)
		s.index = append(s.index, rec.IndexTs())
	}
	return s
}

func (s *seam) since(first int) []byte { return bytes.Join(s.records[first:], nil) }

// run is one stream from `start` on, when history ends before record number `at`.
func (s *seam) run(t testing.TB, r *dbnloop.Reactor, at int, start dbn.UnixNanos, n int) *received {
	t.Helper()
	source := sim.RecordsSource(s.meta, s.since(0))
	gw := simtest.Gateway(t, sim.Config{
		Sources: []sim.Source{source}, LiveFrom: s.index[at], SharedMarket: true, Retention: sim.KeepAll, Faults: s.live,
	})
	server := simtest.Historical(t, simhist.Config{Sources: []sim.Source{source}, Present: gw.Present, Faults: s.faults})
	symbols := s.symbols
	if symbols == nil {
		symbols = []string{dbn.AllSymbols}
	}
	got := continuousOf(t, r, gw.Host(), gw.Port(), s.schema, symbols, uint64(start), append([]dbnloop.ContinuousOption{
		dbnloop.WithReplayLimit(0), dbnloop.WithMaxCost(math.Inf(1)),
		dbnloop.WithHistory(dbnloop.WithURL(server.URL()), dbnloop.WithCAFile(simtest.CAFile(t, server)), dbnloop.WithRetries(0)),
	}, s.opts...)...)
	if s.prepare != nil {
		s.prepare(got)
	}
	if err := got.client.Start(); err != nil {
		t.Fatal(err)
	}
	got.until(t, r, "live, or an end", func() bool { return got.client.State() == dbnloop.StreamLive || len(got.errors) > 0 })
	if _, err := gw.Advance(1 << 30); err != nil {
		t.Fatal(err)
	}
	got.until(t, r, fmt.Sprintf("%d records", n), func() bool { return got.records >= n || len(got.errors) > 0 })
	for range 3 {
		r.Poll(0)
	}
	got.client.Close()
	server.Close()
	gw.Close()
	return got
}

// whole fails unless every record came once and in order.
func (s *seam) whole(t testing.TB, r *dbnloop.Reactor, what string, at int) *received {
	t.Helper()
	got := s.run(t, r, at, s.index[0]-1_000_000_000, len(s.records))
	got.want(t, what, s.since(0))
	if gaps := got.of(dbnloop.Gap); len(gaps) != 0 {
		t.Fatalf("%s: gaps %+v", what, gaps)
	}
	return got
}

// Schemas of every clock: ts_event, ts_recv and bars. Each record is once the first that history
// does not have.
func TestHistoryContinuesInLiveAtEverySeam(t *testing.T) {
	for _, schema := range []dbn.Schema{dbn.SchemaMbo, dbn.SchemaTrades, dbn.SchemaBbo1S, dbn.SchemaCbbo1S, dbn.SchemaOhlcv1S} {
		t.Run(schema.String(), func(t *testing.T) {
			r := newReactor(t)
			s := seamOf(t, schema, 24)
			for at := range s.records {
				s.whole(t, r, fmt.Sprintf("history ends before record %d", at), at)
			}
		})
	}
}

// A start between the ts_event and the ts_recv of a record: history, which is cut by the latter,
// has the record, and a replay has not. It comes once, also when the range is cut.
func TestAStartBetweenTheTwoTimesOfARecord(t *testing.T) {
	r := newReactor(t)
	s := seamOf(t, dbn.SchemaTrades, 12)
	for first := range 6 {
		for _, fault := range []int64{0, 1, 200, 300, 400} {
			s.faults = nil
			if fault != 0 {
				s.faults = []simhist.Fault{{Kind: simhist.FaultCutBody, At: fault, Endpoint: "timeseries.get_range", First: 1, Last: 1}}
			}
			n := 0
			for n < len(s.index) && s.index[n] < s.index[first] {
				n++
			}
			got := s.run(t, r, 9, s.index[first], len(s.records)-n)
			got.want(t, fmt.Sprintf("from the ts_recv of record %d, cut after %d bytes", first, fault), s.since(n))
		}
	}
}

// Every byte of the range is once its last, and the session that follows is cut as well.
func TestABrokenRangeIsContinued(t *testing.T) {
	const at = 18
	for _, schema := range []dbn.Schema{dbn.SchemaTrades, dbn.SchemaBbo1S, dbn.SchemaOhlcv1S} {
		t.Run(schema.String(), func(t *testing.T) {
			r := newReactor(t)
			s := seamOf(t, schema, 24)
			for cut := int64(1); cut < 1000; cut += 37 {
				s.live = sim.Faults{}
				s.faults = []simhist.Fault{{Kind: simhist.FaultCutBody, At: cut, Endpoint: "timeseries.get_range", First: 1, Last: 2}}
				s.whole(t, r, fmt.Sprintf("cut twice after %d bytes", cut), at)
			}
			s.faults = s.faults[:1]
			s.faults[0].At, s.faults[0].Last = 400, 1
			for close := int64(1); close < int64(len(s.since(0))); close += 90 {
				s.live = sim.Faults{}
				if err := s.live.ParseFault(fmt.Sprintf("close=%db,on=2", close)); err != nil { // the first session only says what the present is
					t.Fatal(err)
				}
				s.whole(t, r, fmt.Sprintf("the session is cut after %d bytes", close), at)
			}
		})
	}
}

// Two subscriptions of a schema, which together are longer than what is kept.
func TestHistoryOfTwoSubscriptionsOfOneSchema(t *testing.T) {
	r := newReactor(t)
	s := seamOf(t, dbn.SchemaMbo, 4000)
	var symbols []string
	for _, mapping := range s.meta.Mappings {
		symbols = append(symbols, mapping.RawSymbol)
	}
	s.opts = []dbnloop.ContinuousOption{dbnloop.WithMemory(64 << 10), dbnloop.WithLive(dbnloop.WithBufferSize(16 << 10))}
	s.symbols = symbols[:2]
	s.prepare = func(got *received) {
		other := dbnloop.NewSubscription(dataset, s.schema, symbols[2:]...)
		other.HasStart, other.Start = true, s.index[0]-1_000_000_000
		if _, err := got.client.Subscribe(other); err != nil {
			t.Fatal(err)
		}
	}
	s.whole(t, r, "two subscriptions", 3900)
	s.faults = []simhist.Fault{{Kind: simhist.FaultCutBody, At: 20_000, Endpoint: "timeseries.get_range", First: 1, Last: 1}}
	s.whole(t, r, "two subscriptions and a cut", 3900)
}

// What one request cannot fetch is refused before anything is bought.
func TestHistoryThatNeedsSeveralRequestsIsRefused(t *testing.T) {
	r := newReactor(t)
	for name, change := range map[string]func(s *dbnloop.Subscription){
		"another start":       func(s *dbnloop.Subscription) { s.Start++ },
		"another symbology":   func(s *dbnloop.Subscription) { s.StypeIn, s.Symbols = dbn.STypeParent, []string{"ES.FUT"} },
		"the same records":    func(s *dbnloop.Subscription) { s.Schema = dbn.SchemaTbbo },
		"more than 2000 ones": func(s *dbnloop.Subscription) { s.Symbols = manySymbols(2001) },
	} {
		s := seamOf(t, dbn.SchemaMbp1, 24)
		start := s.index[0] - 1_000_000_000
		s.symbols = []string{"ESZ6"}
		s.prepare = func(got *received) {
			other := dbnloop.NewSubscription(dataset, s.schema, "NQZ6")
			other.HasStart, other.Start = true, start
			change(&other)
			if _, err := got.client.Subscribe(other); err != nil {
				t.Fatal(err)
			}
		}
		got := s.run(t, r, 12, start, len(s.records))
		if len(got.errors) != 1 || !errors.Is(got.errors[0], dbnloop.ErrInvalidArgument) || got.records != 0 || len(got.of(dbnloop.Price)) != 0 {
			t.Errorf("%s: %d records, events %+v, errors %v", name, got.records, got.events, got.errors)
		}
	}
}

func manySymbols(n int) []string {
	symbols := make([]string, n)
	for i := range symbols {
		symbols[i] = fmt.Sprintf("S%d", i)
	}
	return symbols
}
