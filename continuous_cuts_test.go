package dbnloop_test

import (
	"crypto/sha256"
	"os"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// begin is a time before all records, by either of their clocks.
func (s *seam) begin(t testing.TB) dbn.UnixNanos {
	t.Helper()
	begin := s.index[0]
	for _, raw := range s.records {
		rec, err := dbn.RecordOf(raw)
		if err != nil {
			t.Fatal(err)
		}
		begin = min(begin, rec.IndexTs(), rec.Header().TsEvent)
	}
	return begin - 1_000_000_000
}

// cutTwice is one stream whose first session ends after `first` of the records that it sends, and
// whose second one after `second`; replayed ones count. The market begins with some of the past,
// and continues while nobody is connected.
func (s *seam) cutTwice(t testing.TB, r *dbnloop.Reactor, first, second int) *received {
	t.Helper()
	end := func(session, after int) sim.NumberedFaults {
		return sim.NumberedFaults{First: session, Last: session, Faults: sim.Faults{
			Stream: []sim.StreamFault{{Kind: sim.FaultClose, At: sim.AfterRecords(int64(after))}},
		}}
	}
	gw := simtest.Gateway(t, sim.Config{
		Sources: []sim.Source{sim.RecordsSource(s.meta, s.since(0))}, SharedMarket: true, Retention: sim.KeepAll,
		Faults: sim.Faults{Numbered: []sim.NumberedFaults{end(1, first), end(2, second)}},
	})
	defer gw.Close()
	happened := 0
	advance := func(until int) {
		n, err := gw.Advance(until - happened)
		if err != nil {
			t.Fatal(err)
		}
		happened += n
	}
	n := len(s.records)
	advance(n / 4)
	got := continuous(t, r, gw.Host(), gw.Port(), s.schema, uint64(s.begin(t)))
	defer got.client.Close()
	h := got.handlers()
	sessions := 0
	h.StreamState = func(state dbnloop.StreamState) {
		switch state {
		case dbnloop.StreamReplaying, dbnloop.StreamLive:
			if state == dbnloop.StreamReplaying {
				sessions++
			}
			if sessions == 1 {
				advance(max(first, happened)) // as many as it can send
			} else {
				advance(n)
			}
		case dbnloop.StreamWaiting:
			advance(min(happened+1, n))
		}
	}
	got.client.Handle(h)
	if err := got.client.Start(); err != nil {
		t.Fatal(err)
	}
	got.until(t, r, "every record", func() bool {
		broke := len(got.of(dbnloop.Reconnecting)) > 0
		return broke && got.records >= n && got.client.State() == dbnloop.StreamLive || len(got.errors) > 0
	})
	for range 3 {
		r.Poll(0)
	}
	return got
}

// Each pair of boundaries between records is once where the first two sessions end: of the first
// records of a schema of every clock, or of more records of every schema of the sample with
// DBNLOOP_ALL_CUTS=1 in the environment. What comes is what happened, by count, order and hash.
func TestEveryPairOfCutsBetweenRecords(t *testing.T) {
	schemas := []dbn.Schema{dbn.SchemaMbo, dbn.SchemaBbo1S, dbn.SchemaCbbo1S, dbn.SchemaOhlcv1S, dbn.SchemaStatistics}
	most := 8
	if os.Getenv("DBNLOOP_ALL_CUTS") != "" {
		schemas = append(schemas, dbn.SchemaTrades, dbn.SchemaTbbo, dbn.SchemaMbp1, dbn.SchemaMbp10, dbn.SchemaOhlcv1M, dbn.SchemaDefinition, dbn.SchemaStatus)
		most = 48
	}
	if testing.Short() {
		schemas, most = schemas[:1], 4
	}
	cases := 0
	for _, schema := range schemas {
		t.Run(schema.String(), func(t *testing.T) {
			r := newReactor(t)
			s := seamOf(t, schema, most)
			happened := sha256.Sum256(s.since(0))
			n, breaks := len(s.records), 0
			for first := range n + 1 {
				for second := range n + 1 {
					got := s.cutTwice(t, r, first, second)
					hash := sha256.Sum256(got.raw)
					if got.records != n || hash != happened || len(got.errors) > 0 || len(got.of(dbnloop.Gap)) > 0 {
						t.Fatalf("cut after %d and %d records: %d came with hash %x, want %d with %x; events %+v; errors %v", first, second, got.records, hash, n, happened, got.events, got.errors)
					}
					cases++
					breaks += len(got.of(dbnloop.Reconnecting))
				}
			}
			t.Logf("%d records, %d pairs with %d breaks, hash %x", n, (n+1)*(n+1), breaks, happened)
		})
	}
	t.Logf("%d cases", cases)
}
