package sim_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// byHand is a gateway whose market moves only when the test moves it.
func byHand(t *testing.T, cfg sim.Config) *sim.Gateway {
	t.Helper()
	cfg.SharedMarket = true
	return simtest.Gateway(t, cfg)
}

// advance moves the market past that many records.
func advance(t *testing.T, gw *sim.Gateway, n int) {
	t.Helper()
	if moved, err := gw.Advance(n); moved != n || err != nil {
		t.Fatalf("moved past %d records, want %d (%v)", moved, n, err)
	}
}

// subscribed is a session that has been answered to its lines.
func subscribed(t *testing.T, gw *sim.Gateway, lines ...string) *client {
	t.Helper()
	c := dial(t, gw)
	c.login("")
	for _, line := range lines {
		c.send("%s\n", line)
	}
	c.begin()
	for acks := 0; acks < len(lines); {
		if m, ok := dbn.As[dbn.SystemMsg](c.mustNext()); ok && m.Code == dbn.SystemCodeSubscriptionAck {
			acks++
		}
	}
	return c
}

// takes reads records, which must be those given, back to back.
func (c *client) takes(want []byte) {
	c.t.Helper()
	for len(want) > 0 {
		rec := c.mustNext()
		size := int(want[0]) * 4
		if !bytes.Equal(rec.Bytes(), want[:size]) {
			c.t.Fatalf("%s, %d bytes before the end of what is wanted", describe(rec), len(want))
		}
		want = want[size:]
	}
}

// says reads a record of the gateway's own.
func (c *client) says(want string) {
	c.t.Helper()
	if got := describe(c.mustNext()); got != want {
		c.t.Fatalf("%q, want %q", got, want)
	}
}

// boundaries are the offsets of all records, and the end.
func boundaries(records []byte) []int {
	list := []int{0}
	for off := 0; off < len(records); list = append(list, off) {
		off += int(records[off]) * 4
	}
	return list
}

const tradesReplayed = "replay_completed: Finished trades replay"

// At every place of the data: a session has what came before it, one that begins there gets what
// comes after it, and a replay has all of it, once.
func TestAMarketIsMovedByHand(t *testing.T) {
	all := sampleRecords(t, dbn.SchemaTrades)
	source := sim.RecordsSource(dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades}, all)
	ends := boundaries(all)
	const line = "schema=trades|stype_in=instrument_id|symbols=ALL_SYMBOLS"
	for n, at := range ends {
		gw := byHand(t, sim.Config{Sources: []sim.Source{source}, AtEnd: sim.CloseAtEnd})
		early := subscribed(t, gw, line)
		advance(t, gw, n)
		early.takes(all[:at])
		early.conn.Close()
		later := n + (len(ends)-1-n)/2
		missed, replayed := subscribed(t, gw, line), subscribed(t, gw, line+"|start=0")
		for _, c := range []*client{missed, replayed} {
			if c.meta.Start != gw.Present() {
				t.Errorf("%d: the session began at %s, the present is %s", n, c.meta.Start, gw.Present())
			}
		}
		advance(t, gw, later-n)
		replayed.takes(all[:at])
		replayed.says(tradesReplayed)
		replayed.takes(all[at:ends[later]])
		missed.takes(all[at:ends[later]])
		advance(t, gw, len(ends)-1-later)
		for _, c := range []*client{missed, replayed} {
			if _, rest := c.rest(); !bytes.Equal(join(rest), all[ends[later]:]) {
				t.Errorf("%d: %d records at the end", n, len(rest))
			}
			c.conn.Close()
		}
		if more, err := gw.Advance(1); more != 0 || err != nil {
			t.Errorf("%d: moved past %d records after the end (%v)", n, more, err)
		}
		if err := gw.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What has the same time as the record before is still to come when the market stands between
// them; and a time is the first that has not come yet.
func TestTheMarketStandsBetweenRecordsOfOneTime(t *testing.T) {
	gw := byHand(t, sim.Config{Sources: []sim.Source{ohlcvSource(0, 1000, 1000, 1000, 2000)}})
	const start = dbn.UnixNanos(1e18)
	c := joinMarket(t, gw, "")
	for _, step := range []struct {
		move    func() error
		codes   []int
		present dbn.UnixNanos
	}{
		{func() error { _, err := gw.Advance(0); return err }, nil, start},
		{func() error { return gw.AdvanceTo(start) }, nil, start},
		{func() error { _, err := gw.Advance(1); return err }, []int{0}, start + 1},
		{func() error { _, err := gw.Advance(2); return err }, []int{1, 2}, start + 1e9},
		{func() error { return gw.AdvanceTo(start + 1e9) }, nil, start + 1e9},
		{func() error { return gw.AdvanceTo(start + 1e9 + 1) }, []int{3}, start + 1e9 + 1},
		{func() error { return gw.AdvanceTo(start + 15e8) }, nil, start + 15e8},
		{func() error { _, err := gw.Advance(5); return err }, []int{4}, start + 2e9 + 1},
		{func() error { return gw.AdvanceTo(start + 9e9) }, nil, start + 9e9},
	} {
		if err := step.move(); err != nil {
			t.Fatal(err)
		}
		for _, want := range step.codes {
			if got := code(c.mustNext()); got != want {
				t.Fatalf("record %d, want %d", got, want)
			}
		}
		if at := gw.Present(); at != step.present {
			t.Errorf("the present is %d, want %d", at, step.present)
		}
	}
	if err := gw.AdvanceTo(start); err == nil || !strings.Contains(err.Error(), "it cannot go back to 2001-09-09T01:46:40") {
		t.Errorf("back: %v", err)
	}
	alone := simtest.Gateway(t, sim.Config{})
	if _, err := alone.Advance(1); err == nil {
		t.Error("a market that nobody shares was moved")
	}
	if err := alone.AdvanceTo(start); err == nil {
		t.Error("a market that nobody shares was moved to a time")
	}
}

// A market that follows the clock can be moved, too, and continues from there.
func TestAMarketThatFollowsTheClockIsMoved(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	gw := byHand(t, sim.Config{
		Sources: []sim.Source{ohlcvSource(0, 1000, 2000, 3000, 4000, 9000)}, Pace: sim.RealTime(2), Clock: clock,
	})
	if err := gw.AdvanceTo(1e18 + 5e8); err != nil {
		t.Fatal(err)
	}
	c := joinMarket(t, gw, "")
	checkSteps(t, c, clock, []stepOf{{500 * time.Millisecond, []int{1}}})
	clock.AwaitTimers(1)
	advance(t, gw, 2)
	for want := 2; want < 4; want++ {
		if got := code(c.mustNext()); got != want {
			t.Errorf("record %d, want %d", got, want)
		}
	}
	if late := joinMarket(t, gw, ""); gw.Present() != 1e18+3e9+1 || late.meta.Start != gw.Present() {
		t.Errorf("the present is %s, a session began at %s", gw.Present(), late.meta.Start)
	}
	clock.AwaitTimers(2)
	clock.Advance(500 * time.Millisecond)
	if got := code(c.mustNext()); got != 4 {
		t.Errorf("record %d after the move, want 4", got)
	}
}

// Who subscribes while the session runs gets what comes from then on, whatever the session has
// left to do.
func TestALateSubscriptionBeginsAtThePresentOfTheMarket(t *testing.T) {
	gw := byHand(t, sim.Config{})
	none := dial(t, gw)
	none.login("")
	none.begin()
	quotes := subscribed(t, gw, "schema=definition|symbols=ESZ6|id=1")
	busy := subscribed(t, gw, "schema=mbo|symbols=ALL_SYMBOLS|id=1|start=0", "schema=mbp-10|symbols=ALL_SYMBOLS|id=2")
	all := sampleRecords(t, dbn.SchemaTrades)
	if err := gw.AdvanceTo(simtest.Time("2026-11-15T23:01:00Z")); err != nil {
		t.Fatal(err)
	}
	want := simtest.Pick(all, func(r dbn.Record) bool { return r.IndexTs() >= gw.Present() })
	for _, c := range []*client{none, quotes, busy} {
		c.send("schema=trades|symbols=ALL_SYMBOLS|id=9\n")
	}
	if err := gw.AwaitSubscribed(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	for more := 1; more > 0; {
		var err error
		if more, err = gw.Advance(1000); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*client{none, quotes, busy} {
		var got []byte
		for len(got) < len(want) {
			if rec := c.mustNext(); rec.RType() == dbn.RTypeMbp0 {
				got = append(got, rec.Bytes()...)
			}
		}
		if !bytes.Equal(got, want) {
			t.Error("the trades differ from those that came after the subscription")
		}
	}
}

// History grows with the market: what it has and what is live from its end on is all there is.
func TestHistoryGrowsWithTheMarket(t *testing.T) {
	gw := byHand(t, sim.Config{AtEnd: sim.CloseAtEnd})
	h := simtest.Historical(t, historical.Config{Present: gw.Present, PlainHTTP: true})
	all := sampleRecords(t, dbn.SchemaBbo1S)
	for _, at := range []string{"2026-11-15T23:00:20.5Z", "2026-11-15T23:01:00Z", "2026-11-15T23:01:40.123456789Z"} {
		present := simtest.Time(at)
		if err := gw.AdvanceTo(present); err != nil {
			t.Fatal(err)
		}
		var available struct {
			End    string
			Schema map[string]struct{ End string }
		}
		if err := json.Unmarshal(asked(t, h, "metadata.get_dataset_range?dataset=GLBX.MDP3"), &available); err != nil {
			t.Fatal(err)
		}
		if want := iso(present); available.End != want || available.Schema["bbo-1s"].End != want {
			t.Errorf("history ends at %s, %s for bbo-1s, want %s", available.End, available.Schema["bbo-1s"].End, want)
		}
		_, past := simtest.Decode(t, asked(t, h, "timeseries.get_range?dataset=GLBX.MDP3&schema=bbo-1s&start=2026-11-15"))
		c := subscribed(t, gw, "schema=bbo-1s|symbols=ALL_SYMBOLS|id=1|start=0")
		c.takes(past)
		c.says("replay_completed: Finished bbo-1s replay")
		if len(past) == 0 || !bytes.Equal(past, all[:len(past)]) {
			t.Errorf("%d bytes of history", len(past))
		}
		c.conn.Close()
	}
}

// With the metadata before the start, the present is that of the metadata.
func TestThePresentOfEarlyMetadata(t *testing.T) {
	gw, c := faulty(t, sim.Config{SharedMarket: true}, "coalesce")
	all := sampleRecords(t, dbn.SchemaTrades)
	if err := gw.AdvanceTo(simtest.Time("2026-11-15T23:01:00Z")); err != nil {
		t.Fatal(err)
	}
	began := gw.Present()
	c.login("")
	c.readMetadata()
	if c.meta.Start != began {
		t.Errorf("the session began at %s, want %s", c.meta.Start, began)
	}
	if err := gw.AdvanceTo(simtest.Time("2026-11-15T23:02:00Z")); err != nil {
		t.Fatal(err)
	}
	c.send("schema=trades|symbols=ALL_SYMBOLS|id=1\nstart_session\n")
	var got []byte
	want := simtest.Pick(all, func(r dbn.Record) bool { return r.IndexTs() >= began && r.IndexTs() < gw.Present() })
	for len(got) < len(want) {
		if rec := c.mustNext(); !isOwn(rec) {
			got = append(got, rec.Bytes()...)
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("the records are not those from the metadata's start on")
	}
}

// A session of the past says so.
func TestMetadataStartsAtLiveFrom(t *testing.T) {
	present := simtest.Time("2026-11-15T23:01:00Z")
	gw := simtest.Gateway(t, sim.Config{LiveFrom: present})
	if c := subscribed(t, gw, "schema=trades|symbols=ESZ6"); c.meta.Start != present {
		t.Errorf("the session began at %s, want %s", c.meta.Start, present)
	}
}

// Unsubscribing stops the records of those symbols from the acknowledgement on.
func TestUnsubscribeWhileTheSessionRuns(t *testing.T) {
	gw := byHand(t, sim.Config{AtEnd: sim.CloseAtEnd})
	all := sampleRecords(t, dbn.SchemaTrades)
	part := func(from, to dbn.UnixNanos, without ...uint32) []byte {
		return simtest.Pick(all, func(r dbn.Record) bool {
			at := r.IndexTs()
			for _, id := range without {
				if r.Header().InstrumentID == id {
					return false
				}
			}
			return at >= from && at < to
		})
	}
	times := []dbn.UnixNanos{0}
	for _, text := range []string{"2026-11-15T23:00:30Z", "2026-11-15T23:01:00Z", "2026-11-15T23:01:30Z", "2026-11-15T23:02:00Z"} {
		times = append(times, simtest.Time(text))
	}
	times = append(times, dbn.UndefTimestamp)
	c := subscribed(t, gw, "schema=trades|symbols=ALL_SYMBOLS|id=1", "schema=definition|symbols=ESZ6|id=2")
	c.trades(gw, times[1], part(times[0], times[1]))
	const done = "unsubscribe_ack: Unsubscribe request for trades data succeeded"
	unknown := strings.TrimSuffix(strings.Repeat("X,", 499), ",")
	c.send("unsubscribe|schema=trades|stype_in=raw_symbol|symbols=%s,NQZ6|is_last=0\n", unknown)
	c.send("unsubscribe|schema=trades|stype_in=raw_symbol|symbols=CLF7|is_last=1\n")
	c.says(done)
	c.trades(gw, times[2], part(times[1], times[2], idNQ, idCL))
	c.send("schema=trades|symbols=NQZ6|id=3\n")
	c.says("subscription_ack: Subscription request 3 for trades data succeeded")
	c.trades(gw, times[3], part(times[2], times[3], idCL))
	c.send("unsubscribe|schema=trades|stype_in=parent|symbols=ALL_SYMBOLS|is_last=1\n")
	c.says(done)
	if err := gw.AdvanceTo(times[4]); err != nil {
		t.Fatal(err)
	}
	c.send("unsubscribe|schema=trades|symbols=%s,X,Y|is_last=1\n", unknown)
	c.says("invalid_subscription last=1: Invalid subscription: unsubscribe: more than 500 symbols: send them in chunks, each a line with the same id")
	c.send("schema=trades|symbols=ESZ6,GCG7|id=4\n")
	c.says("subscription_ack: Subscription request 4 for trades data succeeded")
	if _, err := gw.Advance(1 << 30); err != nil {
		t.Fatal(err)
	}
	if _, rest := c.rest(); !bytes.Equal(join(rest), part(times[4], times[5], idNQ, idCL)) {
		t.Errorf("%d records at the end", len(rest))
	}
	lines := gw.Sessions()[0].Subscriptions
	if len(lines) != 8 || !strings.HasPrefix(lines[2], "unsubscribe|schema=trades|stype_in=raw_symbol|symbols=X,") ||
		lines[5] != "unsubscribe|schema=trades|stype_in=parent|symbols=ALL_SYMBOLS|is_last=1" {
		t.Errorf("%d lines, among them %.80s and %s", len(lines), lines[2], lines[5])
	}
}

// trades moves the market and reads the trades that come, which must be those given; the one
// definition comes with them.
func (c *client) trades(gw *sim.Gateway, to dbn.UnixNanos, want []byte) {
	c.t.Helper()
	if err := gw.AdvanceTo(to); err != nil {
		c.t.Fatal(err)
	}
	var got []byte
	for len(got) < len(want) {
		if rec := c.mustNext(); rec.RType() == dbn.RTypeMbp0 {
			got = append(got, rec.Bytes()...)
		}
	}
	if !bytes.Equal(got, want) {
		c.t.Fatalf("%d bytes until %s differ", len(got), to)
	}
}

// A fault of replays is counted in each replay that it changes, and in no other session.
func TestFaultsOfReplaysAreCountedAndRemoved(t *testing.T) {
	gw := byHand(t, sim.Config{})
	all := sampleRecords(t, dbn.SchemaTrades)
	ends := boundaries(all)
	if err := gw.AdvanceTo(simtest.Time("2026-11-15T23:59:00Z")); err != nil {
		t.Fatal(err)
	}
	omit, err := gw.AddFault("replay-omit-at=2")
	if err != nil {
		t.Fatal(err)
	}
	early, err := gw.AddFault("replay-complete=4,on=3")
	if err != nil {
		t.Fatal(err)
	}
	far, err := gw.AddFault("replay-omit-at=1000000")
	if err != nil {
		t.Fatal(err)
	}
	const line = "schema=trades|symbols=ALL_SYMBOLS|id=1|start=0"
	for i, want := range [][]byte{
		append(bytes.Clone(all[:ends[1]]), all[ends[2]:]...),
		append(bytes.Clone(all[:ends[1]]), all[ends[2]:]...),
		append(bytes.Clone(all[:ends[1]]), all[ends[2]:ends[4]]...),
		all,
	} {
		if i == 3 {
			omit.Remove()
		}
		c := subscribed(t, gw, line)
		c.takes(want)
		c.says(tradesReplayed)
		c.conn.Close()
	}
	subscribed(t, gw, "schema=trades|symbols=ALL_SYMBOLS|id=1")
	if omit.Fired() != 3 || early.Fired() != 1 || far.Fired() != 0 {
		t.Errorf("shown %d, %d and %d times, want 3, 1 and 0", omit.Fired(), early.Fired(), far.Fired())
	}
}

// What is kept for replays can be bounded by hand; a replay that has begun is not concerned.
func TestWhatIsKeptIsBoundedByHand(t *testing.T) {
	gw := byHand(t, sim.Config{Retention: sim.KeepAll})
	kept := simtest.Time("2026-11-15T23:01:00Z")
	if err := gw.AdvanceTo(simtest.Time("2026-11-15T23:02:00Z")); err != nil {
		t.Fatal(err)
	}
	from := func(start dbn.UnixNanos) []byte {
		return simtest.Pick(sampleRecords(t, dbn.SchemaTrades), func(r dbn.Record) bool {
			return r.Header().TsEvent >= start && r.IndexTs() < gw.Present()
		})
	}
	const line = "schema=trades|stype_in=instrument_id|symbols=4916,5122,73214,81640|id=1|start="
	c := subscribed(t, gw, line+"2026-11-15T23:00")
	gw.KeepFrom(kept)
	c.takes(from(0))
	c.says(tradesReplayed)
	c = dial(t, gw)
	c.login("")
	c.send("%s\n%s\n", line+"2026-11-15T23:00:59.999999999", line+"2026-11-15T23:01")
	c.begin()
	c.says("replay_data_aged_out last=1: Replay of subscription 1 (trades): start 2026-11-15T23:00:59.999999999Z is before 2026-11-15T23:01:00.000000000Z, where the data that is kept for replays begins")
	for rec := c.mustNext(); rec.RType() != dbn.RTypeSystem; { // mappings, then the acknowledgement
		rec = c.mustNext()
	}
	c.takes(from(kept))
	c.says(tradesReplayed)
	gw.KeepFrom(0)
	c = subscribed(t, gw, line+"0")
	c.takes(from(0))
}

// What the gateway says of itself has the market's time, and so has ts_out.
func TestAGatewaySpeaksInTheTimeOfItsMarket(t *testing.T) {
	gw := byHand(t, sim.Config{})
	present := simtest.Time("2026-11-15T23:01:00Z")
	if err := gw.AdvanceTo(present); err != nil {
		t.Fatal(err)
	}
	c := dial(t, gw)
	c.login("|ts_out=1")
	c.send("schema=trades|symbols=ALL_SYMBOLS|id=1|start=2026-11-15T23:00\n")
	c.begin()
	replayed := 0
	for completed := false; !completed; {
		rec := c.mustNext()
		raw := rec.Bytes()
		if out := dbn.UnixNanos(binary.LittleEndian.Uint64(raw[len(raw)-8:])); out != present {
			t.Fatalf("%s was sent at %s, want %s", describe(rec), out, present)
		}
		if !isOwn(rec) {
			replayed++
			continue
		}
		if at := rec.Header().TsEvent; at != present {
			t.Errorf("%s is of %s, want %s", describe(rec), at, present)
		}
		m, ok := dbn.As[dbn.SystemMsg](rec)
		completed = ok && m.Code == dbn.SystemCodeReplayCompleted
	}
	if replayed == 0 {
		t.Error("nothing was replayed")
	}
}
