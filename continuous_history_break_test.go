package dbnloop_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// A pause at each record of the range, and of the replay after it.
func TestAPauseInsideHistory(t *testing.T) {
	r := newReactor(t)
	s := seamOf(t, dbn.SchemaTrades, 24)
	for at := 1; at < 18; at++ {
		paused := false
		s.prepare = func(got *received) {
			h := got.handlers()
			record := h.Record
			h.Record = func(rec dbn.Record) {
				if record(rec); got.records == at {
					paused = true
					got.client.Pause()
					r.AfterFunc(0, func() { got.client.Resume() })
				}
			}
			got.client.Handle(h)
		}
		s.whole(t, r, fmt.Sprintf("paused at record %d", at), 18)
		if !paused {
			t.Fatalf("no pause at record %d", at)
		}
	}
}

// A position that was taken at each record of the range continues in another client.
func TestAPositionInsideHistory(t *testing.T) {
	r := newReactor(t)
	for _, schema := range []dbn.Schema{dbn.SchemaTrades, dbn.SchemaBbo1S, dbn.SchemaOhlcv1S} {
		t.Run(schema.String(), func(t *testing.T) {
			s := seamOf(t, schema, 24)
			// In both runs the market begins at the seam.
			for at := 1; s.index[at] < s.index[18]; at++ {
				var position []byte
				s.prepare = func(got *received) {
					h := got.handlers()
					record := h.Record
					h.Record = func(rec dbn.Record) {
						if record(rec); got.records == at {
							if err := got.client.Stop(); err != nil {
								t.Error(err)
							}
						}
					}
					h.Error = func(err error) {
						got.errors = append(got.errors, err)
						if position, err = got.client.Position(); err != nil {
							t.Error(err)
						}
					}
					got.client.Handle(h)
				}
				first := s.run(t, r, 18, s.index[0]-1_000_000_000, at)
				if first.records != at || position == nil {
					t.Fatalf("%d records, want %d; position %v", first.records, at, position)
				}
				s.prepare = func(got *received) {
					if err := got.client.ResumeFrom(position); err != nil {
						t.Fatal(err)
					}
				}
				second := s.run(t, r, 18, s.index[0]-1_000_000_000, len(s.records)-at)
				second.want(t, fmt.Sprintf("resumed after record %d", at), s.since(at))
			}
		})
	}
}

// hourly is a market of trades ten minutes apart, of which the gateway retains an hour.
func hourly(t testing.TB, n int) *seam {
	t.Helper()
	meta, _ := simtest.SampleFile(t, dbn.SchemaTrades.String())
	s := &seam{meta: meta, schema: dbn.SchemaTrades}
	for i := range n {
		at := meta.Start + dbn.UnixNanos(i*int(10*time.Minute))
		trade := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, InstrumentID: 1, TsEvent: at}, Sequence: uint32(i), TsRecv: at + 1_000_000}
		s.records = append(s.records, slices.Clone(simtest.RecordBytes([]dbn.TradeMsg{trade})))
		s.index = append(s.index, trade.TsRecv)
	}
	return s
}

// awayTooLong is a stream that breaks after `had` records, and continues when `away` more have
// happened: longer ago than the gateway retains.
func (s *seam) awayTooLong(t testing.TB, had, away int, opts ...dbnloop.ContinuousOption) *received {
	t.Helper()
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{sim.RecordsSource(s.meta, s.since(0))}, SharedMarket: true, Retention: time.Hour})
	known := slices.Clone(s.records)
	for _, i := range s.lacks {
		known[i] = nil
	}
	server := simtest.Historical(t, simhist.Config{Sources: []sim.Source{sim.RecordsSource(s.meta, bytes.Join(known, nil))}, Present: gw.Present})
	r := newReactor(t)
	got := continuous(t, r, gw.Host(), gw.Port(), s.schema, uint64(s.index[0]-1_000_000_000), append([]dbnloop.ContinuousOption{
		dbnloop.WithHistory(dbnloop.WithURL(server.URL()), dbnloop.WithCAFile(simtest.CAFile(t, server)), dbnloop.WithRetries(0)),
	}, opts...)...)
	advance := func(records int) {
		if _, err := gw.Advance(records); err != nil {
			t.Fatal(err)
		}
	}
	h := got.handlers()
	h.StreamState = func(state dbnloop.StreamState) {
		got.states = append(got.states, state)
		if state == dbnloop.StreamWaiting {
			advance(away)
			away = 0
		}
	}
	got.client.Handle(h)
	advance(had)
	got.start(t, r, had)
	gw.Reset()
	// The gateway has begun the session.
	got.until(t, r, "live again", func() bool {
		return len(got.of(dbnloop.Recovered))+len(got.of(dbnloop.Gap)) > 0 && got.client.State() == dbnloop.StreamLive || len(got.errors) > 0
	})
	advance(len(s.records))
	got.until(t, r, "the last record", func() bool {
		return bytes.HasSuffix(got.raw, s.since(len(s.records)-1)) || len(got.errors) > 0
	})
	return got
}

// What the gateway no longer retains after a break comes from history, and the rest from a replay.
func TestAReplayThatAgedOutIsFilledFromHistory(t *testing.T) {
	s := hourly(t, 24)
	for _, away := range []int{7, 12, 17} {
		got := s.awayTooLong(t, 6, away, dbnloop.WithMaxCost(math.Inf(1)))
		got.want(t, fmt.Sprintf("away for %d records", away), s.since(0))
		prices := got.of(dbnloop.Price)
		if len(prices) != 1 || prices[0].Cost != got.client.Spent() || len(got.of(dbnloop.Gap)) != 0 || !slices.Contains(got.states, dbnloop.StreamHistory) {
			t.Errorf("away for %d records: spent %v, states %v, events %+v", away, got.client.Spent(), got.states, got.events)
		}
	}
}

// Several subscriptions that aged out are filled, one after the other: an error names the one that
// it is about. What the first one got from history does not count as seen by the others.
func TestReplaysOfSeveralSchemasThatAgedOutAreFilledFromHistory(t *testing.T) {
	const n, had, away = 24, 6, 12
	streams := []exchange.Stream{{Schema: dbn.SchemaMbo}, {Schema: dbn.SchemaTrades}}
	const opening = exchange.Start + dbn.UnixNanos(time.Second)
	for i := range n {
		at := opening + dbn.UnixNanos(i)*dbn.UnixNanos(10*time.Minute)
		hd := dbn.RecordHeader{PublisherID: 1, InstrumentID: 1, TsEvent: at}
		for s, record := range [][]byte{
			simtest.RecordBytes([]dbn.MboMsg{{Hd: header(hd, 14, dbn.RTypeMbo), TsRecv: at, OrderID: uint64(i)}}),
			simtest.RecordBytes([]dbn.TradeMsg{{Hd: header(hd, 12, dbn.RTypeMbp0), TsRecv: at, Sequence: uint32(i)}}),
		} {
			streams[s].Records = append(streams[s].Records, record...)
			streams[s].Count++
		}
	}
	market := exchange.Market{Streams: streams}
	files, err := market.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config := sim.Config{SharedMarket: true, Retention: time.Hour}
	for _, path := range files {
		config.Sources = append(config.Sources, sim.FileSource(path))
	}
	gw := simtest.Gateway(t, config)
	server := simtest.Historical(t, simhist.Config{Sources: config.Sources, Present: gw.Present})
	r := newReactor(t)
	c, err := dbnloop.NewContinuousClient(r, sim.TestKey, dbnloop.WithGateway(gw.Host(), gw.Port()), dbnloop.WithBackoff(0, 0), old(),
		dbnloop.WithMaxCost(math.Inf(1)),
		dbnloop.WithHistory(dbnloop.WithURL(server.URL()), dbnloop.WithCAFile(simtest.CAFile(t, server)), dbnloop.WithRetries(0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, s := range streams {
		subscription := dbnloop.NewSubscription(exchange.Dataset, s.Schema, dbn.AllSymbols)
		subscription.HasStart, subscription.Start = true, opening
		if _, err := c.Subscribe(subscription); err != nil {
			t.Fatal(err)
		}
	}
	advance := func(records int) {
		if _, err := gw.Advance(records * len(streams)); err != nil {
			t.Fatal(err)
		}
	}
	got, audit, gone := &received{client: c}, market.Audit(), away
	h := got.handlers()
	h.Record = func(rec dbn.Record) {
		if err := audit.Add(rec); err != nil && !t.Failed() {
			t.Error(err)
		}
	}
	h.StreamState = func(state dbnloop.StreamState) {
		if state == dbnloop.StreamWaiting {
			advance(gone)
			gone = 0
		}
	}
	c.Handle(h)
	advance(had)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := func() bool { return len(got.errors) > 0 || t.Failed() }
	left := func(n int) func() bool {
		return func() bool { return audit.Left == n*len(streams) && c.State() == dbnloop.StreamLive || ended() }
	}
	got.until(t, r, "live", left(n-had))
	gw.Reset()
	got.until(t, r, "live again", left(n-had-away))
	advance(n)
	got.until(t, r, "the end", left(0))
	if err := audit.Complete(); err != nil || len(got.of(dbnloop.Gap)) > 0 || len(got.of(dbnloop.Price)) == 0 || len(got.errors) > 0 {
		t.Errorf("%v; events %+v, errors %v", err, got.events, got.errors)
	}
}

func header(hd dbn.RecordHeader, length uint8, rtype dbn.RType) dbn.RecordHeader {
	hd.Length, hd.RType = length, rtype
	return hd
}

// History that lacks a record which had been handed out may lack others too. Only the last two are
// in the range: what is older than ten minutes is not asked for again.
func TestHistoryThatOmitsARecordIsAGap(t *testing.T) {
	const had = 6
	for i := range had {
		asked := i >= had-2
		s := hourly(t, 24)
		s.lacks = []int{i}
		got := s.awayTooLong(t, had, 12, dbnloop.WithMaxCost(math.Inf(1)))
		got.want(t, fmt.Sprintf("without record %d", i), s.since(0))
		gaps := got.of(dbnloop.Gap)
		if !asked && len(gaps) == 0 {
			continue
		}
		if !asked || len(gaps) != 1 || gaps[0].Gap != dbnloop.GapContradiction || gaps[0].Schema != s.schema || gaps[0].From != s.index[i]-1_000_000 || gaps[0].To < s.index[had] {
			t.Errorf("without record %d, received at %v: gaps %+v", i, s.index[i], gaps)
		}
	}
}

// A stream that has begun does not end when history is too dear: it continues, and says what is
// missing.
func TestAPriceThatIsRefusedInMidLifeIsAGap(t *testing.T) {
	const had, away = 6, 12
	s := hourly(t, 24)
	got := s.awayTooLong(t, had, away, dbnloop.WithMaxCost(0))
	got.want(t, "without what was too dear", slices.Concat(s.since(0)[:had*len(s.records[0])], s.since(had+away)))
	gaps, prices := got.of(dbnloop.Gap), got.of(dbnloop.Price)
	if len(prices) != 1 || prices[0].Cost <= 0 || got.client.Spent() != 0 {
		t.Errorf("prices %+v, spent %v", prices, got.client.Spent())
	}
	if len(gaps) != 1 || gaps[0].Gap != dbnloop.GapPrice || gaps[0].Schema != s.schema || !errors.Is(gaps[0].Err, dbnloop.ErrLimitExceeded) {
		t.Fatalf("gaps %+v", gaps)
	}
	if gaps[0].From > s.index[had] || gaps[0].To < s.index[had+away-1] {
		t.Errorf("the gap is %v to %v, and the records that are missing %v to %v", gaps[0].From, gaps[0].To, s.index[had], s.index[had+away-1])
	}
}
