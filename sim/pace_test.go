package sim_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// ohlcvSource is a source of one bar for each index timestamp, in milliseconds.
func ohlcvSource(milliseconds ...int) sim.Source {
	var bars []dbn.OhlcvMsg
	for i, ms := range milliseconds {
		bars = append(bars, dbn.OhlcvMsg{
			Hd:     dbn.RecordHeader{Length: 56 / 4, RType: dbn.RTypeOhlcv1S, InstrumentID: 7, TsEvent: dbn.UnixNanos(1e18 + ms*1e6)},
			Volume: uint64(i),
		})
	}
	return sim.RecordsSource(dbn.Metadata{
		Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaOhlcv1S,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
		Mappings: []dbn.SymbolMapping{{RawSymbol: "X", Intervals: []dbn.MappingInterval{{StartDate: 20010909, EndDate: 20010910, Symbol: "7"}}}},
	}, simtest.RecordBytes(bars))
}

// paced is a session on a clock that the test moves.
func paced(t *testing.T, cfg sim.Config) (*client, *sim.ManualClock) {
	t.Helper()
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	cfg.Clock = clock
	c := dial(t, simtest.Gateway(t, cfg))
	c.login("")
	c.send("schema=ohlcv-1s|symbols=X|id=1\n")
	c.begin()
	for range 2 { // mapping and acknowledgement
		c.mustNext()
	}
	return c, clock
}

// received reads what the session has sent until it waits for the clock again, as volumes
// of bars; -1 is a heartbeat, -2 another record of the gateway.
func received(t *testing.T, c *client, clock *sim.ManualClock, n int) []int {
	t.Helper()
	clock.AwaitTimers(1)
	var got []int
	for range n {
		got = append(got, code(c.mustNext()))
	}
	// Nothing else is there: the session has flushed before it waited.
	if buffered := c.in.Buffered(); buffered != 0 {
		t.Errorf("%d bytes more than expected", buffered)
	}
	return got
}

func code(rec dbn.Record) int {
	if m, ok := dbn.As[dbn.OhlcvMsg](rec); ok {
		return int(m.Volume)
	}
	if m, ok := dbn.As[dbn.SystemMsg](rec); ok && m.Code == dbn.SystemCodeHeartbeat {
		return -1
	}
	return -2
}

type stepOf struct {
	advance time.Duration
	want    []int
}

func checkSteps(t *testing.T, c *client, clock *sim.ManualClock, steps []stepOf) {
	t.Helper()
	for i, step := range steps {
		clock.AwaitTimers(1)
		clock.Advance(step.advance)
		if diff := cmp.Diff(step.want, received(t, c, clock, len(step.want))); diff != "" {
			t.Fatalf("step %d: %s", i, diff)
		}
	}
}

func TestRealTimeFollowsTheIndexTimestamps(t *testing.T) {
	for _, test := range []struct {
		factor float64
		steps  []stepOf
	}{
		{1, []stepOf{{0, []int{0}}, {99 * time.Millisecond, nil}, {time.Millisecond, []int{1}}, {0, nil}, {400 * time.Millisecond, []int{2, 3}}, {time.Second, []int{4}}}},
		{2, []stepOf{{0, []int{0}}, {49 * time.Millisecond, nil}, {time.Millisecond, []int{1}}, {200 * time.Millisecond, []int{2, 3}}, {500 * time.Millisecond, []int{4}}}},
		{0.5, []stepOf{{0, []int{0}}, {199 * time.Millisecond, nil}, {time.Millisecond, []int{1}}, {800 * time.Millisecond, []int{2, 3}}, {2 * time.Second, []int{4}}}},
		{1000, []stepOf{{0, []int{0}}, {time.Millisecond, []int{1, 2, 3}}, {time.Second, []int{4}}}},
	} {
		t.Run(fmt.Sprint(test.factor), func(t *testing.T) {
			c, clock := paced(t, sim.Config{Sources: []sim.Source{ohlcvSource(0, 100, 500, 500, 1500)}, Pace: sim.RealTime(test.factor)})
			checkSteps(t, c, clock, test.steps)
		})
	}
}

func TestARateIgnoresTheTimestamps(t *testing.T) {
	c, clock := paced(t, sim.Config{Sources: []sim.Source{ohlcvSource(0, 0, 0, 9000, 9000, 1)}, Pace: sim.PerSecond(4)})
	checkSteps(t, c, clock, []stepOf{
		{0, []int{0}}, {250 * time.Millisecond, []int{1}}, {249 * time.Millisecond, nil}, {time.Millisecond, []int{2}},
		{750 * time.Millisecond, []int{3, 4, 5}},
	})
}

func TestUndefinedTimestampsDoNotStopTheClock(t *testing.T) {
	bars := []dbn.OhlcvMsg{}
	for i, ts := range []dbn.UnixNanos{dbn.UndefTimestamp, 1e18, dbn.UndefTimestamp, 1e18 + 1e9} {
		bars = append(bars, dbn.OhlcvMsg{Hd: dbn.RecordHeader{Length: 14, RType: dbn.RTypeOhlcv1S, InstrumentID: 7, TsEvent: ts}, Volume: uint64(i)})
	}
	meta := dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaOhlcv1S, StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
		Mappings: []dbn.SymbolMapping{{RawSymbol: "X", Intervals: []dbn.MappingInterval{{StartDate: 20010909, EndDate: 20010910, Symbol: "7"}}}}}
	c, clock := paced(t, sim.Config{Sources: []sim.Source{sim.RecordsSource(meta, simtest.RecordBytes(bars))}, Pace: sim.RealTime(1)})
	checkSteps(t, c, clock, []stepOf{{0, []int{0, 1, 2}}, {time.Second, []int{3}}})
}

func TestHeartbeatsAreSentWhenNothingElseWas(t *testing.T) {
	c, clock := paced(t, sim.Config{
		Sources: []sim.Source{ohlcvSource(0, 25_000)}, Pace: sim.RealTime(1), Heartbeat: 10 * time.Second,
	})
	checkSteps(t, c, clock, []stepOf{
		{0, []int{0}}, {9 * time.Second, nil}, {time.Second, []int{-1}}, {10 * time.Second, []int{-1}},
		{5 * time.Second, []int{1}}, // the record starts the interval again
		{5 * time.Second, nil}, {5 * time.Second, []int{-1}}, {10 * time.Second, []int{-1}},
	})
}

func TestTheClientChoosesTheHeartbeatInterval(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	c := dial(t, simtest.Gateway(t, sim.Config{Clock: clock}))
	c.login("|heartbeat_interval_s=5|compression=zstd")
	c.begin()
	for range 3 {
		clock.AwaitTimers(1)
		clock.Advance(5 * time.Second)
		rec := c.mustNext()
		if text := describe(rec); text != "heartbeat: Heartbeat" || rec.Header().TsEvent != dbn.UnixNanosOf(clock.Now()) {
			t.Errorf("%s at %s", text, rec.Header().TsEvent)
		}
	}
}

func TestPassesRepeatTheData(t *testing.T) {
	trades := sampleRecords(t, dbn.SchemaTrades)
	for _, symbols := range []string{"ALL_SYMBOLS", "ESZ6,NQZ6,CLF7,GCG7"} {
		gw := simtest.Gateway(t, sim.Config{Passes: 3, AtEnd: sim.CloseAtEnd})
		_, data := run(t, gw, "", "schema=trades|symbols="+symbols)
		if !bytes.Equal(join(data), bytes.Repeat(trades, 3)) {
			t.Errorf("%d records are not three times the data", len(data))
		}
	}
}

func TestShiftedPassesGoOnInTime(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{Passes: 3, ShiftPasses: true, AtEnd: sim.CloseAtEnd})
	_, data := run(t, gw, "", "schema=mbo|symbols=ALL_SYMBOLS", "schema=ohlcv-1s|symbols=ALL_SYMBOLS")
	var before dbn.UnixNanos
	for i, rec := range data {
		if rec.IndexTs() < before {
			t.Fatalf("record %d: %s follows %s", i, rec.IndexTs(), before)
		}
		before = rec.IndexTs()
	}
	n := len(data) / 3
	first, second := data[n/2], data[n+n/2]
	if d := second.IndexTs() - first.IndexTs(); d < 3*60*1e9 || second.Header().TsEvent-first.Header().TsEvent != d {
		t.Errorf("the second pass is %s behind the first", time.Duration(d))
	}
}

func TestRepetitionForEverEndsWithTheClient(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{Passes: sim.Forever})
	c := dial(t, gw)
	c.login("")
	c.send("schema=ohlcv-1m|symbols=ALL_SYMBOLS\n")
	c.begin()
	for range 10_000 {
		c.mustNext()
	}
	c.conn.Close()
	if err := gw.AwaitEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
}

// A subscription that matches nothing must not spin through the data forever.
func TestRepetitionOfNothingIsQuiet(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	empty := sim.RecordsSource(dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaImbalance}, nil)
	c := dial(t, simtest.Gateway(t, sim.Config{Sources: append(sim.SampleSources(), empty), Passes: sim.Forever, Clock: clock}))
	c.login("")
	c.send("schema=imbalance|symbols=ALL_SYMBOLS\n")
	c.begin()
	clock.AwaitTimers(1) // it waits for the next heartbeat
}

func TestEndOfIntervalFollowsEachInterval(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{ohlcvSource(0, 0, 1000, 3000, 3000)}, EndOfInterval: true, AtEnd: sim.CloseAtEnd})
	c := dial(t, gw)
	c.login("|ts_out=1")
	c.send("schema=ohlcv-1s|symbols=X\n")
	c.begin()
	var got []string
	for {
		rec, err := c.next()
		if err != nil {
			break
		}
		got = append(got, fmt.Sprintf("%s %d", rec.RType(), (uint64(rec.Header().TsEvent)-1e18)/1e9))
	}
	want := []string{"ohlcv-1s 0", "ohlcv-1s 0", "system 0", "ohlcv-1s 1", "system 1", "ohlcv-1s 3", "ohlcv-1s 3", "system 3"}
	if diff := cmp.Diff(want, got[2:]); diff != "" {
		t.Error(diff)
	}
}

func TestParsePace(t *testing.T) {
	for _, test := range []struct {
		text string
		want sim.Pace
		ok   bool
	}{
		{"fast", sim.AsFast(), true}, {"1x", sim.RealTime(1), true}, {"0.25x", sim.RealTime(0.25), true},
		{"1000/s", sim.PerSecond(1000), true}, {"", sim.Pace{}, false}, {"0x", sim.Pace{}, false},
		{"-1x", sim.Pace{}, false}, {"NaNx", sim.Pace{}, false}, {"+Infx", sim.Pace{}, false}, {"10", sim.Pace{}, false},
	} {
		got, err := sim.ParsePace(test.text)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("ParsePace(%q) is %v, %v", test.text, got, err)
		}
		if test.ok && got.String() != test.text {
			t.Errorf("%q prints as %q", test.text, got)
		}
	}
}

// A subscription joins the pass that is running: it gets what comes from now on.
func TestALateSubscriptionJoinsWhereTheDataIs(t *testing.T) {
	c, clock := paced(t, sim.Config{Sources: []sim.Source{ohlcvSource(0, 1000, 2000), tradesSource(500, 1500, 1500)}, Pace: sim.RealTime(1)})
	checkSteps(t, c, clock, []stepOf{{0, []int{0}}, {time.Second, []int{1}}})
	c.send("schema=trades|symbols=X|id=2\n")
	if text := describe(c.mustNext()); text != "subscription_ack: Subscription request 2 for trades data succeeded" {
		t.Fatalf("answer %q", text)
	}
	clock.AwaitTimers(1)
	clock.Advance(time.Second)
	var got []string
	for range 3 {
		got = append(got, describe(c.mustNext()))
	}
	if diff := cmp.Diff([]string{"mbp-0 7", "mbp-0 7", "ohlcv-1s 7"}, got); diff != "" {
		t.Error(diff)
	}
}

func tradesSource(milliseconds ...int) sim.Source {
	var trades []dbn.TradeMsg
	for _, ms := range milliseconds {
		ts := dbn.UnixNanos(1e18 + ms*1e6)
		trades = append(trades, dbn.TradeMsg{
			Hd: dbn.RecordHeader{Length: 48 / 4, RType: dbn.RTypeMbp0, InstrumentID: 7, TsEvent: ts}, TsRecv: ts, Size: 1,
		})
	}
	return sim.RecordsSource(dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades}, simtest.RecordBytes(trades))
}
