package sim_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

const ack1 = "subscription_ack: Subscription request 1 for trades data succeeded"

// Each bad line is answered by one error record; the session continues and serves the good
// subscription that follows.
func TestBadSubscriptionsAreAnsweredAndTheSessionGoesOn(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	for _, test := range []struct{ name, line, error string }{
		{"unknown schema", "schema=mbp-5|symbols=ESZ6|id=3", `subscription 3: unknown schema "mbp-5"`},
		{"no schema", "symbols=ESZ6|id=3", "subscription 3: schema is missing"},
		{"schema not here", "schema=imbalance|symbols=ESZ6|id=3", "subscription 3: dataset GLBX.MDP3 has no schema imbalance here"},
		{"unknown stype_in", "schema=trades|stype_in=ticker|symbols=ESZ6|id=3", `subscription 3: unknown stype_in "ticker"`},
		{"no symbols", "schema=trades|id=3", "subscription 3: symbols is missing"},
		{"empty symbols", "schema=trades|symbols=|id=3", "subscription 3: symbols is empty or has an empty symbol"},
		{"empty symbol", "schema=trades|symbols=ESZ6,,NQZ6|id=3", "subscription 3: symbols is empty or has an empty symbol"},
		{"all and more", "schema=trades|symbols=ALL_SYMBOLS,ESZ6|id=3", "subscription 3: ALL_SYMBOLS stands alone, without other symbols"},
		{"snapshot of trades", "schema=trades|symbols=ESZ6|snapshot=1|id=3", "subscription 3: snapshot is for schema mbo only, not for trades"},
		{"snapshot and start", "schema=mbo|symbols=ESZ6|snapshot=1|start=0|id=3", "subscription 3: snapshot and start exclude each other"},
		{"snapshot value", "schema=mbo|symbols=ESZ6|snapshot=yes|id=3", `subscription 3: snapshot is "yes", want 0 or 1`},
		{"is_last value", "schema=mbo|symbols=ESZ6|is_last=2|id=3", `subscription 3: is_last is "2", want 0 or 1`},
		{"start value", "schema=trades|symbols=ESZ6|start=yesterday|id=3",
			`subscription 3: start: invalid time "yesterday": want ISO 8601, such as 2026-11-20T14:30Z or 2026-11-20, or nanoseconds since 1970`},
		{"start in seconds", "schema=trades|symbols=ESZ6|start=1794700800|id=3",
			`subscription 3: start: time "1794700800" is a number of nanoseconds, but looks like seconds: write 1794700800000000000, or 2026-11-15T00:00:00.000000000Z`},
		{"id value", "schema=trades|symbols=ESZ6|id=4294967296", `subscription without id: id "4294967296" is not a 32-bit number`},
		{"repeated key", "schema=trades|symbols=ESZ6|symbols=NQZ6|id=3", `subscription without id: key "symbols" occurs twice`},
		{"no pairs", "hello", "subscription without id: schema is missing"},
		{"empty line", "", "subscription without id: schema is missing"},
		{"unfinished", "schema=trades|symbols=ESZ6|is_last=0|id=3", "subscription 3 has no chunk with is_last=1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			own, data := run(t, gw, "", test.line, "schema=trades|symbols=NQZ6|id=1")
			want := "invalid_subscription last=1: Invalid subscription: " + test.error
			texts := describeAll(own)
			if !strings.Contains(strings.Join(texts, "\n"), want) || len(texts) != 3 {
				t.Errorf("have\n%s\nwant one\n%s", strings.Join(texts, "\n"), want)
			}
			if len(data) == 0 {
				t.Error("the good subscription got nothing")
			}
		})
	}
}

func TestEachUnknownSymbolHasItsError(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	own, data := run(t, gw, "", "schema=trades|symbols=AAA,ESZ6,BBB|id=1", "schema=status|symbols=NQZ6|id=2")
	want := []string{
		"raw_symbol ESZ6 -> 4916 ESZ6",
		"symbol_resolution_failed last=0: Failed to resolve symbol AAA of subscription request 1 (raw_symbol)",
		"symbol_resolution_failed last=1: Failed to resolve symbol BBB of subscription request 1 (raw_symbol)",
		ack1,
		"raw_symbol NQZ6 -> 5122 NQZ6",
		"subscription_ack: Subscription request 2 for status data succeeded",
	}
	if diff := cmp.Diff(want, describeAll(own)); diff != "" {
		t.Error(diff)
	}
	if len(data) == 0 {
		t.Error("no data")
	}
}

func TestWithoutAnyKnownSymbolThereIsNoAck(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	own, data := run(t, gw, "", "schema=trades|stype_in=parent|symbols=ZZ.FUT|id=1", "schema=definition|symbols=ESZ6|id=2")
	want := []string{
		"symbol_resolution_failed last=1: Failed to resolve symbol ZZ.FUT of subscription request 1 (parent)",
		"raw_symbol ESZ6 -> 4916 ESZ6",
		"subscription_ack: Subscription request 2 for definition data succeeded",
	}
	if diff := cmp.Diff(want, describeAll(own)); diff != "" || len(data) != 1 {
		t.Errorf("%d records, %s", len(data), diff)
	}
}

func TestChunksOfOneIdAreOneSubscription(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	chunk := func(schema string, symbols []string, last int) string {
		return fmt.Sprintf("schema=%s|stype_in=raw_symbol|symbols=%s|snapshot=0|id=1|is_last=%d", schema, strings.Join(symbols, ","), last)
	}
	many := make([]string, 500)
	for i := range many {
		many[i] = fmt.Sprintf("X%d", i)
	}
	own, data := run(t, gw, "", chunk("trades", many, 0), chunk("trades", []string{"ESZ6"}, 0), chunk("trades", []string{"NQZ6"}, 1))
	acks, errors, last := 0, 0, 0
	for _, text := range describeAll(own) {
		switch {
		case text == ack1:
			acks++
		case strings.HasPrefix(text, "symbol_resolution_failed last=0"):
			errors++
		case strings.HasPrefix(text, "symbol_resolution_failed last=1"):
			last++
		}
	}
	if acks != 1 || errors != 499 || last != 1 {
		t.Errorf("%d acks, %d errors and %d last ones", acks, errors, last)
	}
	want := simtest.Pick(sampleRecords(t, dbn.SchemaTrades), func(r dbn.Record) bool {
		return r.Header().InstrumentID == idES || r.Header().InstrumentID == idNQ
	})
	if !bytes.Equal(join(data), want) {
		t.Error("the records are not those of both chunks")
	}

	own, _ = run(t, gw, "", chunk("trades", []string{"ESZ6"}, 0), chunk("mbo", []string{"NQZ6"}, 1), "schema=status|symbols=ESZ6|id=5")
	if text := describe(own[0]); !strings.Contains(text, "subscription 1: chunks differ in more than their symbols") {
		t.Errorf("answer %q", text)
	}
}

func TestSubscriptionsAfterTheStart(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	c := dial(t, gw)
	c.login("")
	c.begin()
	c.send("schema=trades|symbols=ESZ6|id=1\n")
	expectData(t, c, simtest.Pick(sampleRecords(t, dbn.SchemaTrades), func(r dbn.Record) bool { return r.Header().InstrumentID == idES }), 2)
	// The data has ended for the first one; a second subscription gets its own from the
	// beginning, and nothing is repeated.
	c.send("schema=ohlcv-1m|symbols=ALL_SYMBOLS|id=2\n")
	expectData(t, c, sampleRecords(t, dbn.SchemaOhlcv1M), 4)
	c.send("schema=mbo|symbols=ESZ6|start=0|id=3\n")
	if text := describe(c.mustNext()); !strings.Contains(text, "subscription 3: start is not possible after the session has started") {
		t.Errorf("answer %q", text)
	}
	c.send("start_session\n")
	if text := describe(c.mustNext()); !strings.Contains(text, "the session has started already") {
		t.Errorf("answer %q", text)
	}
	c.send("schema=status|symbols=ESZ6|id=4\n")
	expectData(t, c, simtest.Pick(sampleRecords(t, dbn.SchemaStatus), func(r dbn.Record) bool { return r.Header().InstrumentID == idES }), 1)
}

// expectData reads that many records of the gateway's own and exactly this data.
func expectData(t *testing.T, c *client, want []byte, own int) {
	t.Helper()
	var data []byte
	for len(data) < len(want) || own > 0 {
		rec := c.mustNext()
		if isOwn(rec) {
			own--
			continue
		}
		data = append(data, rec.Bytes()...)
	}
	if !bytes.Equal(data, want) || own != 0 {
		t.Errorf("%d bytes of data differ from the %d expected (own records left: %d)", len(data), len(want), own)
	}
}

// The present begins at a time; what was before it is replayed on request.
func TestStartReplaysThePast(t *testing.T) {
	present := simtest.Time("2026-11-15T23:01:00Z")
	trades := sampleRecords(t, dbn.SchemaTrades)
	after := func(ts dbn.UnixNanos) func(dbn.Record) bool {
		return func(r dbn.Record) bool { return r.Header().TsEvent >= ts || r.IndexTs() >= present }
	}
	begin := simtest.Time("2026-11-15T23:00:30Z")
	for _, test := range []struct {
		name, start string
		liveFrom    dbn.UnixNanos
		want        []byte
		system      []string
	}{
		{"no start", "", present, simtest.Pick(trades, after(present)), nil},
		{"nanoseconds", fmt.Sprintf("|start=%d", uint64(begin)), present, simtest.Pick(trades, after(begin)), []string{"replay_completed: Finished trades replay"}},
		{"ISO 8601", "|start=2026-11-15T23:00:30", present, simtest.Pick(trades, after(begin)), []string{"replay_completed: Finished trades replay"}},
		{"zone", "|start=2026-11-15T18:00:30.000-05:00", present, simtest.Pick(trades, after(begin)), []string{"replay_completed: Finished trades replay"}},
		{"zone without seconds", "|start=2026-11-15 18:00:30-0500", present, simtest.Pick(trades, after(begin)), []string{"replay_completed: Finished trades replay"}},
		{"everything", "|start=0", present, trades, []string{"replay_completed: Finished trades replay"}},
		{"no present", fmt.Sprintf("|start=%d", uint64(begin)), 0, simtest.Pick(trades, after(begin)), []string{"replay_completed: Finished trades replay"}},
		{"a date", "|start=2026-11-15", 0, trades, []string{"replay_completed: Finished trades replay"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd, LiveFrom: test.liveFrom})
			own, data := run(t, gw, "", "schema=trades|symbols=ALL_SYMBOLS|id=1"+test.start)
			if len(test.want) == 0 || !bytes.Equal(join(data), test.want) {
				t.Errorf("%d records, want %d", len(data), len(test.want)/48)
			}
			if diff := cmp.Diff(append([]string{ack1}, test.system...), describeAll(own[4:])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A replay filters on ts_event, inclusively, but the BBO and CBBO schemas on ts_recv; whoever
// resumes at the last ts_recv loses records with the service, and so here.
func TestAReplayFiltersOnTheDocumentedClock(t *testing.T) {
	const ms = 1_000_000
	at := func(n int) dbn.UnixNanos { return dbn.UnixNanos(1e18 + n*ms) }
	head := func(rtype dbn.RType, size, event int) dbn.RecordHeader {
		return dbn.RecordHeader{Length: uint8(size / 4), RType: rtype, InstrumentID: 7, TsEvent: at(event)}
	}
	var trades []dbn.TradeMsg
	var quotes []dbn.BboMsg
	var consolidated []dbn.CbboMsg
	var books []dbn.Cmbp1Msg
	// The first and the third are received after the start, but only the third happened
	// after it; the last one's clock runs ahead of the receiver's.
	for i, ts := range []struct{ event, recv int }{{8, 11}, {10, 12}, {11, 13}, {15, 14}} {
		trades = append(trades, dbn.TradeMsg{Hd: head(dbn.RTypeMbp0, 48, ts.event), TsRecv: at(ts.recv), Sequence: uint32(i)})
		quotes = append(quotes, dbn.BboMsg{Hd: head(dbn.RTypeBbo1S, 80, ts.event), TsRecv: at(ts.recv), Sequence: uint32(i)})
		consolidated = append(consolidated, dbn.CbboMsg{Hd: head(dbn.RTypeCbbo1M, 80, ts.event), TsRecv: at(ts.recv), Size: uint32(i)})
		books = append(books, dbn.Cmbp1Msg{Hd: head(dbn.RTypeCmbp1, 80, ts.event), TsRecv: at(ts.recv), Size: uint32(i)})
	}
	source := func(schema dbn.Schema, records []byte) sim.Source {
		return sim.RecordsSource(dbn.Metadata{
			Version: 3, Dataset: "GLBX.MDP3", Schema: schema, StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
		}, records)
	}
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd, Sources: []sim.Source{
		source(dbn.SchemaTrades, simtest.RecordBytes(trades)), source(dbn.SchemaBbo1S, simtest.RecordBytes(quotes)),
		source(dbn.SchemaCbbo1M, simtest.RecordBytes(consolidated)), source(dbn.SchemaCmbp1, simtest.RecordBytes(books)),
	}})
	for _, test := range []struct {
		schema string
		start  int
		all    []byte
		from   []int // the records that the replay has
	}{
		{"trades", 10, simtest.RecordBytes(trades), []int{1, 2, 3}},
		{"trades", 11, simtest.RecordBytes(trades), []int{2, 3}},
		{"trades", 15, simtest.RecordBytes(trades), []int{3}},
		{"cmbp-1", 11, simtest.RecordBytes(books), []int{2, 3}},
		{"bbo-1s", 11, simtest.RecordBytes(quotes), []int{0, 1, 2, 3}},
		{"bbo-1s", 14, simtest.RecordBytes(quotes), []int{3}},
		{"cbbo-1m", 12, simtest.RecordBytes(consolidated), []int{1, 2, 3}},
	} {
		t.Run(fmt.Sprint(test.schema, " from ", test.start), func(t *testing.T) {
			_, data := run(t, gw, "", fmt.Sprintf("schema=%s|symbols=ALL_SYMBOLS|id=1|start=%d", test.schema, at(test.start)))
			size := int(test.all[0]) * 4
			var want []byte
			for _, i := range test.from {
				want = append(want, test.all[i*size:][:size]...)
			}
			if !bytes.Equal(join(data), want) {
				t.Errorf("%d records, want %v", len(data), test.from)
			}
		})
	}
}

// Several replays of one schema, each from its own start, end with one message.
func TestEachReplayedSchemaEndsOnce(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	own, data := run(t, gw, "",
		fmt.Sprintf("schema=trades|symbols=ESZ6|id=1|start=%d", simtest.Time("2026-11-15T23:01:00Z")),
		"schema=trades|symbols=NQZ6|id=2|start=0", "schema=status|symbols=NQZ6|id=3|start=0")
	texts := describeAll(own)
	want := []string{"replay_completed: Finished trades replay", "replay_completed: Finished status replay"}
	if diff := cmp.Diff(want, texts[len(texts)-2:]); diff != "" || strings.Count(strings.Join(texts, "\n"), "replay_completed") != 2 {
		t.Error(diff, texts)
	}
	expected := simtest.Pick(sampleRecords(t, dbn.SchemaTrades), func(r dbn.Record) bool {
		return r.Header().InstrumentID == idNQ || r.Header().InstrumentID == idES && r.Header().TsEvent >= simtest.Time("2026-11-15T23:01:00Z")
	})
	got := slices.DeleteFunc(data, func(r dbn.Record) bool { return r.RType() != dbn.RTypeMbp0 })
	if !bytes.Equal(join(got), expected) {
		t.Errorf("%d records of trades are not those of both starts", len(got))
	}
}

func TestReplayEndsWhereThePresentBegins(t *testing.T) {
	present := simtest.Time("2026-11-15T23:02:00Z")
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd, LiveFrom: present})
	c := dial(t, gw)
	c.login("")
	c.send("schema=trades|symbols=ESZ6|start=0|id=1\nschema=mbo|symbols=ESZ6|id=2\n")
	c.begin()
	replayed := false
	for {
		rec, err := c.next()
		if err != nil {
			break
		}
		if m, ok := dbn.As[dbn.SystemMsg](rec); ok {
			replayed = replayed || m.Code == dbn.SystemCodeReplayCompleted
			continue
		}
		if isOwn(rec) {
			continue
		}
		if (rec.IndexTs() >= present) != replayed {
			t.Fatalf("a record of %s, replayed %t", rec.IndexTs(), replayed)
		}
		if !replayed && rec.RType() != dbn.RTypeMbp0 {
			t.Fatalf("%s in the replay", rec.RType())
		}
	}
	if !replayed {
		t.Error("no ReplayCompleted")
	}
}

func TestASnapshotIsTheBookOfThePresent(t *testing.T) {
	present := simtest.Time("2026-11-15T23:01:30Z")
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd, LiveFrom: present})
	own, data := run(t, gw, "", "schema=mbo|symbols=ESZ6,NQZ6|snapshot=1|id=1")
	if text := describe(own[len(own)-1]); text != "subscription_ack: Subscription request 1 for mbo data succeeded" {
		t.Errorf("answer %q", text)
	}
	// Playing the records before the present by hand gives the same orders.
	want := make(map[uint64]dbn.MboMsg)
	simtest.Pick(sampleRecords(t, dbn.SchemaMbo), func(r dbn.Record) bool {
		m, _ := dbn.As[dbn.MboMsg](r)
		if m.TsRecv < present && (m.Hd.InstrumentID == idES || m.Hd.InstrumentID == idNQ) {
			applyTo(want, m)
		}
		return false
	})
	have := make(map[uint64]dbn.MboMsg)
	clears, lasts := 0, 0
	var rest []byte
	for _, rec := range data {
		m, _ := dbn.As[dbn.MboMsg](rec)
		if m.Flags&dbn.FlagSnapshot == 0 {
			rest = append(rest, rec.Bytes()...)
			continue
		}
		if m.Action == dbn.ActionClear {
			clears++
		} else {
			have[m.OrderID] = *m
		}
		if m.Flags&dbn.FlagLast != 0 {
			lasts++
		}
	}
	if clears != 2 || lasts != 2 || len(have) < 50 || len(have) != len(want) {
		t.Fatalf("%d clears, %d last records, %d orders, want %d", clears, lasts, len(have), len(want))
	}
	for id, order := range want {
		if got := have[id]; got.Price != order.Price || got.Size != order.Size || got.Side != order.Side || got.Action != dbn.ActionAdd {
			t.Errorf("order %d is %+v, want %+v", id, got, order)
		}
	}
	live := simtest.Pick(sampleRecords(t, dbn.SchemaMbo), func(r dbn.Record) bool {
		id := r.Header().InstrumentID
		return r.IndexTs() >= present && (id == idES || id == idNQ)
	})
	if !bytes.Equal(rest, live) {
		t.Error("the live records after the snapshot differ from the file's")
	}
}

// applyTo keeps the resting orders.
func applyTo(orders map[uint64]dbn.MboMsg, m *dbn.MboMsg) {
	switch m.Action {
	case dbn.ActionAdd, dbn.ActionModify:
		orders[m.OrderID] = *m
	case dbn.ActionCancel:
		o := orders[m.OrderID]
		if o.Size -= m.Size; o.Size == 0 {
			delete(orders, m.OrderID)
			return
		}
		orders[m.OrderID] = o
	}
}

func TestASnapshotWithoutAPastIsAClear(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	_, data := run(t, gw, "", "schema=mbo|symbols=ESZ6|snapshot=1|id=1")
	m, ok := dbn.As[dbn.MboMsg](data[0])
	if !ok || m.Action != dbn.ActionClear || m.Flags != dbn.FlagSnapshot|dbn.FlagLast || m.Hd.InstrumentID != idES {
		t.Errorf("first record %+v", m)
	}
}

// The newest official client (Rust) can unsubscribe; such a line was once taken for one more
// subscription.
func TestUnsubscribe(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	const (
		done    = "unsubscribe_ack: Unsubscribe request for trades data succeeded"
		refused = "invalid_subscription last=1: Invalid subscription: unsubscribe: "
	)
	trades := sampleRecords(t, dbn.SchemaTrades)
	without := func(ids ...uint32) []byte {
		return simtest.Pick(trades, func(r dbn.Record) bool { return !slices.Contains(ids, r.Header().InstrumentID) })
	}
	both := "schema=trades|symbols=ESZ6,NQZ6|id=1"
	all := "schema=trades|symbols=ALL_SYMBOLS|id=1"
	// A session without subscriptions would stay.
	other := "schema=definition|symbols=ESZ6|id=2\n"
	definition := simtest.Pick(sampleRecords(t, dbn.SchemaDefinition), func(r dbn.Record) bool { return r.Header().InstrumentID == idES })
	for _, test := range []struct {
		name, line, unsubscribe, answer string
		want                            []byte
	}{
		{"one of two", both, "schema=trades|stype_in=raw_symbol|symbols=NQZ6|is_last=1", done, without(idNQ, idCL, idGC)},
		{"one of all", all, "schema=trades|symbols=NQZ6", done, without(idNQ)},
		{"by id and by parent", all, "schema=trades|stype_in=instrument_id|symbols=4916|is_last=0\nunsubscribe|schema=trades|stype_in=parent|symbols=NQ.FUT|is_last=1", done, without(idES, idNQ)},
		{"all of two", other + both, "schema=trades|symbols=ALL_SYMBOLS", done, definition},
		{"all of all", other + all, "schema=trades|symbols=ALL_SYMBOLS", done, definition},
		{"what is not subscribed", all, "schema=trades|symbols=XXX", done, trades},
		{"another schema", all, "schema=mbo|symbols=ALL_SYMBOLS", refused + "this session has not subscribed to schema mbo", trades},
		{"another stype", both, "schema=trades|stype_in=instrument_id|symbols=5122", refused + "schema trades is subscribed by raw_symbol, not by instrument_id", without(idCL, idGC)},
		{"all of another stype", other + both, "schema=trades|stype_in=parent|symbols=ALL_SYMBOLS", done, definition},
		{"an stype that cannot be used itself", "schema=trades|stype_in=continuous|symbols=ES.c.0,NQ.c.0|id=1", "schema=trades|symbols=NQZ6", done, without(idNQ, idCL, idGC)},
		{"an stype that cannot be", all, "schema=trades|stype_in=continuous|symbols=CL.c.0",
			refused + "stype_in continuous is not possible, want raw_symbol, parent or instrument_id", trades},
		{"no symbols", all, "schema=trades", refused + "symbols is missing", trades},
	} {
		t.Run(test.name, func(t *testing.T) {
			own, data := run(t, gw, "", test.line, "unsubscribe|"+test.unsubscribe)
			if texts := describeAll(own); texts[len(texts)-1] != test.answer || slices.Index(texts, ack1) != len(texts)-2 {
				t.Errorf("answers\n%s\nwant, behind one ack,\n%s", strings.Join(texts, "\n"), test.answer)
			}
			if !bytes.Equal(join(data), test.want) {
				t.Errorf("%d records are not those that are still subscribed", len(data))
			}
		})
	}
}
