package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// joinMarket starts a session that gets the bars of ohlcvSource; more is added to the line.
func joinMarket(t *testing.T, gw *sim.Gateway, more string) *client {
	t.Helper()
	c := dial(t, gw)
	c.login("")
	c.send("schema=ohlcv-1s|symbols=X|id=1%s\n", more)
	c.begin()
	for range 2 { // mapping and acknowledgement
		c.mustNext()
	}
	return c
}

// The market continues while nobody is connected: what came meanwhile is missing, unless a
// replay fills the gap.
func TestASharedMarketGoesOnBetweenSessions(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	gw := simtest.Gateway(t, sim.Config{
		Sources: []sim.Source{ohlcvSource(0, 1000, 2000, 3000, 4000, 5000, 6000, 7000)}, Pace: sim.RealTime(1), SharedMarket: true, Clock: clock,
	})
	if at := gw.Present(); at != 1e18 {
		t.Errorf("before the first session the present is %d", at)
	}
	clock.Advance(time.Hour) // the market waits for its first session
	c := joinMarket(t, gw, "")
	checkSteps(t, c, clock, []stepOf{{0, []int{0}}, {time.Second, []int{1}}})
	c.conn.Close()
	if err := gw.AwaitEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	clock.Advance(2500 * time.Millisecond) // 2 and 3 come while nobody is there
	if at := gw.Present(); at != 1e18+3.5e9 {
		t.Errorf("the present is %d", at)
	}
	late, replayed := joinMarket(t, gw, ""), joinMarket(t, gw, fmt.Sprintf("|start=%d", uint64(1e18+1e9)))
	if got := []int{code(replayed.mustNext()), code(replayed.mustNext()), code(replayed.mustNext())}; !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("replayed %v", got)
	}
	if text := describe(replayed.mustNext()); text != "replay_completed: Finished ohlcv-1s replay" {
		t.Errorf("behind the replay: %s", text)
	}
	clock.AwaitTimers(2)
	clock.Advance(500 * time.Millisecond)
	for _, c := range []*client{late, replayed} {
		if got := code(c.mustNext()); got != 4 {
			t.Errorf("the present begins with %d", got)
		}
	}
	// 4 is due just now, but it has been sent: for a new session it belongs to the past.
	clock.AwaitTimers(2)
	latest := joinMarket(t, gw, "")
	clock.AwaitTimers(3)
	clock.Advance(time.Second)
	if got := code(latest.mustNext()); got != 5 {
		t.Errorf("the latest session begins with %d", got)
	}
}

func TestASharedMarketNeedsATimeOfItsOwn(t *testing.T) {
	for _, cfg := range []sim.Config{
		{SharedMarket: true, Passes: 2}, {SharedMarket: true, Pace: sim.PerSecond(5)}, {SharedMarket: true, Pace: sim.RealTime(1), Passes: 2},
	} {
		cfg.Sources = sim.SampleSources()
		if gw, err := sim.NewGateway(cfg); err == nil {
			gw.Close()
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// Who reads history to its end and then live has every record once.
func TestHistoryEndsWhereTheLivePresentBegins(t *testing.T) {
	for _, schema := range []string{"mbo", "bbo-1s", "ohlcv-1s"} {
		_, all := simtest.SampleFile(t, schema)
		for _, present := range []dbn.UnixNanos{
			simtest.Time("2026-11-15T22:00:00Z"), simtest.Time("2026-11-15T23:01:00Z"), simtest.Time("2026-11-15T23:01:30.5Z"), simtest.Time("2026-11-15T23:59:00Z"),
		} {
			t.Run(fmt.Sprint(schema, " ", present), func(t *testing.T) {
				gw := simtest.Gateway(t, sim.Config{LiveFrom: present, AtEnd: sim.CloseAtEnd})
				h := simtest.Historical(t, historical.Config{Present: gw.Present, PlainHTTP: true})
				type ends struct {
					Start, End string
					Schema     map[string]struct{ End string }
				}
				var available ends
				if err := json.Unmarshal(asked(t, h, "metadata.get_dataset_range?dataset=GLBX.MDP3"), &available); err != nil {
					t.Fatal(err)
				}
				if want := iso(present); available.End != want || available.Schema[schema].End != want {
					t.Errorf("history ends at %s, %+v, want %s", available.End, available.Schema[schema], want)
				}
				_, past := simtest.Decode(t, asked(t, h, "timeseries.get_range?dataset=GLBX.MDP3&schema="+schema+"&start=2026-11-15&end="+available.End))
				_, live := run(t, gw, "", "schema="+schema+"|symbols=ALL_SYMBOLS|id=1")
				if !bytes.Equal(append(past, join(live)...), all) {
					t.Errorf("%d bytes of history and %d live records are not those of the file", len(past), len(live))
				}
			})
		}
	}
}

// asked is the answer of a historical server to a query that it must accept.
func asked(t *testing.T, h *historical.Server, query string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL()+"/v0/"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(sim.TestKey, "")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", query, response.StatusCode, err, body)
	}
	return body
}

func iso(ts dbn.UnixNanos) string {
	return time.Unix(0, int64(ts)).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// A replay may begin only within what is kept, as with the service.
func TestReplaysThatHaveAgedOut(t *testing.T) {
	present := simtest.Time("2026-11-15T23:02:00Z")
	const kept = "23:01:00.000000000Z"
	for _, test := range []struct {
		name, schema, start string
		retention           time.Duration
		aged                bool
		from                string // where the replay begins
	}{
		{"too early", "trades", "2026-11-15T23:00:59.9", time.Minute, true, ""},
		{"just kept", "trades", "2026-11-15T23:01", time.Minute, false, "2026-11-15T23:01:00Z"},
		{"all that is kept", "trades", "0", time.Minute, false, "2026-11-15T23:01:00Z"},
		{"a schema that skips", "mbp-1", "2026-11-15T23:00", time.Minute, false, "2026-11-15T23:01:00Z"},
		{"no limit", "trades", "1973-03-04", sim.KeepAll, false, "2026-11-15T00:00:00Z"},
		{"the service's day", "trades", "2026-11-14T23:01:59", 0, true, ""},
		{"within the day", "trades", "2026-11-14T23:02", 0, false, "2026-11-15T00:00:00Z"},
		{"the service's week", "mbo", "2026-11-08T23:02", 0, false, "2026-11-15T00:00:00Z"},
		{"before the week", "mbo", "2026-11-08T23:01", 0, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			gw := simtest.Gateway(t, sim.Config{LiveFrom: present, Retention: test.retention, AtEnd: sim.CloseAtEnd})
			own, data := run(t, gw, "", "schema="+test.schema+"|symbols=ALL_SYMBOLS|id=4|start="+test.start, "schema=definition|symbols=ESZ6|id=5|start=0")
			refusals := 0
			for _, rec := range own {
				if m, ok := dbn.As[dbn.ErrorMsg](rec); ok {
					refusals++
					if m.Code != dbn.ErrorCodeReplayDataAgedOut || test.retention > 0 && !bytes.Contains(m.Err[:], []byte(kept)) {
						t.Errorf("error %s", describe(rec))
					}
				}
			}
			if (refusals == 1) != test.aged || refusals > 1 {
				t.Errorf("%d refusals", refusals)
			}
			data = slices.DeleteFunc(data, func(r dbn.Record) bool { return r.RType() == dbn.RTypeInstrumentDef })
			var want []byte
			if !test.aged {
				_, all := simtest.SampleFile(t, test.schema)
				want = simtest.Pick(all, func(r dbn.Record) bool {
					return r.Header().TsEvent >= simtest.Time(test.from) || r.IndexTs() >= present
				})
			}
			if !bytes.Equal(join(data), want) {
				t.Errorf("%d records, which are not those from %s on", len(data), test.from)
			}
		})
	}
}

// Replays that leave out, repeat or reorder records say ReplayCompleted all the same.
func TestFaultsOfReplays(t *testing.T) {
	present := simtest.Time("2026-11-15T23:01:00Z")
	all := sampleRecords(t, dbn.SchemaTrades)
	var past, live [][]byte
	simtest.Pick(all, func(r dbn.Record) bool {
		into := &past
		if r.IndexTs() >= present {
			into = &live
		}
		*into = append(*into, bytes.Clone(r.Bytes()))
		return false
	})
	for _, test := range []struct {
		faults []string
		change func([][]byte) [][]byte
	}{
		{[]string{"replay-omit=3"}, func(in [][]byte) (out [][]byte) {
			for i, rec := range in {
				if (i+1)%3 != 0 {
					out = append(out, rec)
				}
			}
			return out
		}},
		{[]string{"replay-omit-last=5"}, func(in [][]byte) [][]byte { return in[:len(in)-5] }},
		{[]string{"replay-omit-last=100000"}, func([][]byte) [][]byte { return nil }},
		{[]string{"replay-repeat=4"}, func(in [][]byte) (out [][]byte) {
			for i, rec := range in {
				out = append(out, rec)
				if (i+1)%4 == 0 {
					out = append(out, rec)
				}
			}
			return out
		}},
		{[]string{"replay-reorder=2"}, func(in [][]byte) [][]byte { return reorder(in, 2) }},
		{[]string{"replay-reorder=7"}, func(in [][]byte) [][]byte { return reorder(in, 7) }},
		{[]string{"replay-omit-at=3"}, func(in [][]byte) [][]byte { return slices.Concat(in[:2], in[3:]) }},
		{[]string{"replay-omit-at=3-5", "replay-omit-at=9"}, func(in [][]byte) [][]byte { return slices.Concat(in[:2], in[5:8], in[9:]) }},
		{[]string{"replay-omit-at=-2", "replay-omit-at=7-,on=1"}, func(in [][]byte) [][]byte { return in[2:6] }},
		{[]string{"replay-repeat-at=1", "replay-repeat-at=4-5"}, func(in [][]byte) [][]byte {
			return slices.Concat(in[:1], in[:4], in[3:5], in[4:])
		}},
		{[]string{"replay-swap=2-5"}, func(in [][]byte) [][]byte {
			return slices.Concat(in[:1], in[4:5], in[2:4], in[1:2], in[5:])
		}},
		{[]string{"replay-swap=1-2", "replay-swap=3-1000000"}, func(in [][]byte) [][]byte { return slices.Concat(in[1:2], in[:1], in[2:]) }},
		{[]string{"replay-omit-at=1", "replay-swap=3-4,on=1", "replay-repeat-at=6,on=1-"}, func(in [][]byte) [][]byte {
			return slices.Concat(in[1:2], in[3:4], in[2:3], in[4:6], in[5:])
		}},
		{[]string{"replay-complete=0"}, func([][]byte) [][]byte { return nil }},
		{[]string{"replay-complete=10"}, func(in [][]byte) [][]byte { return in[:10] }},
		{[]string{"replay-complete=1000000"}, func(in [][]byte) [][]byte { return in }},
	} {
		for _, options := range []string{"", "|compression=zstd"} {
			t.Run(fmt.Sprint(test.faults, options), func(t *testing.T) {
				gw, c := faulty(t, sim.Config{LiveFrom: present, AtEnd: sim.CloseAtEnd}, test.faults...)
				c.login(options)
				c.send("schema=trades|symbols=ALL_SYMBOLS|id=1|start=0\n")
				c.begin()
				own, data := c.rest()
				if text := describe(own[len(own)-1]); text != "replay_completed: Finished trades replay" {
					t.Errorf("last message %q", text)
				}
				want := bytes.Join(slices.Concat(test.change(past), live), nil)
				if !bytes.Equal(join(data), want) {
					t.Errorf("%d records, want %d", len(data), len(want)/48)
				}
				c.conn.Close()
				if err := gw.AwaitEnded(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				if got := gw.Stats().Records; got != int64(len(data)) {
					t.Errorf("%d records are counted, %d were sent", got, len(data))
				}
			})
		}
	}
}

// reorder puts every record with a number divisible by n after the one that follows it.
func reorder(in [][]byte, n int) (out [][]byte) {
	var held []byte
	for i, rec := range in {
		if (i+1)%n == 0 && held == nil {
			held = rec
			continue
		}
		out = append(out, rec)
		if held != nil {
			out, held = append(out, held), nil
		}
	}
	if held != nil {
		out = append(out, held)
	}
	return out
}

// What the documentation of the service says about recovering holds here: who resumes at the
// last ts_event and drops what it has seen gets every record, and who resumes at the last
// ts_recv does not.
func TestResumingFillsTheGapOfASharedMarket(t *testing.T) {
	all := sampleRecords(t, dbn.SchemaMbo)
	var times []dbn.UnixNanos
	simtest.Pick(all, func(r dbn.Record) bool {
		times = append(times, r.IndexTs())
		return false
	})
	lost := map[string]int{}
	for cut := 1; cut < len(times); cut += 97 {
		away := []time.Duration{0, time.Millisecond, 20 * time.Second}[cut%3]
		for clock, at := range map[string]func(dbn.Record) dbn.UnixNanos{
			"ts_event": func(r dbn.Record) dbn.UnixNanos { return r.Header().TsEvent },
			"ts_recv":  func(r dbn.Record) dbn.UnixNanos { return r.IndexTs() },
		} {
			if missingFrom(resumed(t, times, cut, away, at), all) > 0 {
				lost[clock]++
			}
		}
	}
	if lost["ts_event"] != 0 || lost["ts_recv"] == 0 {
		t.Errorf("cuts that lose records: %v", lost)
	}
}

// resumed is what two sessions get: the first breaks after the record number cut, and the
// second begins when it has been over for a while, and where the first one's last record says.
func resumed(t *testing.T, times []dbn.UnixNanos, cut int, away time.Duration, at func(dbn.Record) dbn.UnixNanos) []dbn.Record {
	t.Helper()
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	gw, c := faulty(t, sim.Config{Clock: clock, Pace: sim.RealTime(1), SharedMarket: true, AtEnd: sim.CloseAtEnd},
		"sessions=1", fmt.Sprint("close=", cut))
	c.login("")
	c.send("schema=mbo|symbols=ALL_SYMBOLS|id=1\n")
	c.begin()
	reach := func(at dbn.UnixNanos) {
		if present := gw.Present(); present < at {
			clock.AwaitTimers(1) // the session waits for its next record
			clock.Advance(time.Duration(at - present))
		}
	}
	reach(times[cut-1])
	_, got := c.rest()
	c.conn.Close()
	if len(got) != cut {
		t.Fatalf("%d records before the cut, want %d", len(got), cut)
	}
	if err := gw.AwaitEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	clock.Advance(away)
	var last dbn.UnixNanos
	for _, rec := range got {
		last = max(last, at(rec))
	}
	c = dial(t, gw)
	c.login("")
	c.send("schema=mbo|symbols=ALL_SYMBOLS|id=1|start=%d\n", uint64(last))
	c.begin()
	for completed := false; !completed; {
		rec := c.mustNext()
		if m, ok := dbn.As[dbn.SystemMsg](rec); ok {
			completed = m.Code == dbn.SystemCodeReplayCompleted
		}
		if !isOwn(rec) {
			got = append(got, rec)
		}
	}
	reach(times[len(times)-1])
	_, rest := c.rest()
	c.conn.Close()
	return append(got, rest...)
}

// missingFrom counts the records of a file that were not received, as often as they occur.
func missingFrom(got []dbn.Record, all []byte) int {
	count := make(map[string]int)
	for _, rec := range got {
		count[string(rec.Bytes())]++
	}
	missing := 0
	simtest.Pick(all, func(r dbn.Record) bool {
		if count[string(r.Bytes())]--; count[string(r.Bytes())] < 0 {
			missing++
		}
		return false
	})
	return missing
}
