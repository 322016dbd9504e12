package dbnloop_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

func TestSessionEventsComeBehindTheirRecords(t *testing.T) {
	config := sim.Config{AtEnd: sim.CloseAtEnd}
	for _, fault := range []string{"slow-warning=5", "skipped=9"} {
		if err := config.Faults.ParseFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	gw := simtest.Gateway(t, config)
	r := newReactor(t)
	c, err := dbnloop.NewLiveClient(r, sim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	id, err := c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "ESZ6", "NOPE9"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Connect(gw.Host(), gw.Port()), c.Start()); err != nil {
		t.Fatal(err)
	}
	var got []dbnloop.SessionEvent
	var told string // by the last message record
	trades := 0
	runUntilError(t, r, c, dbnloop.Handlers{
		Trade:        func(*dbn.TradeMsg) { trades++ },
		System:       func(m *dbn.SystemMsg) { told = m.MsgString() },
		GatewayError: func(m *dbn.ErrorMsg) { told = m.ErrString() },
		SessionEvent: func(e dbnloop.SessionEvent) {
			if e.Message != told {
				t.Errorf("event %q behind the record %q", e.Message, told)
			}
			if e.TsEvent == 0 {
				t.Errorf("%v without a time", e.Kind)
			}
			e.TsEvent, e.Message = 0, ""
			got = append(got, e)
		},
	})
	want := []dbnloop.SessionEvent{
		{Kind: dbnloop.SubscriptionAck, Code: dbn.ErrorCodeUnset, SubscriptionID: id, Schema: dbn.SchemaTrades, HasSchema: true},
		{Kind: dbnloop.SymbolUnresolved, Code: dbn.ErrorCodeSymbolResolutionFailed},
		{Kind: dbnloop.SlowReader, Code: dbn.ErrorCodeUnset},
		{Kind: dbnloop.RecordsSkipped, Code: dbn.ErrorCodeSkippedRecordsAfterSlowReading},
	}
	byKind := cmp.Transformer("byKind", func(events []dbnloop.SessionEvent) map[dbnloop.SessionEventKind]dbnloop.SessionEvent {
		m := map[dbnloop.SessionEventKind]dbnloop.SessionEvent{}
		for _, e := range events {
			m[e.Kind] = e
		}
		return m
	})
	if diff := cmp.Diff(want, got, byKind); diff != "" || len(got) != len(want) {
		t.Errorf("%d events: %s", len(got), diff)
	}
	if trades == 0 {
		t.Error("no trade")
	}
}

// gatewayThatSays accepts one session, whatever its key is, and says those records.
func gatewayThatSays(t *testing.T, records ...dbn.Record) (host string, port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "lsg_version=test\ncram=t7kNhwj4xqR0QYjzFKtBEG2ec2pXJ4FK\n")
		lines := bufio.NewScanner(conn)
		for lines.Scan() && lines.Text() != "start_session" {
			if strings.HasPrefix(lines.Text(), "auth=") {
				fmt.Fprint(conn, "success=1|session_id=7\n")
			}
		}
		metadata := dbn.Metadata{Version: 3, Dataset: dataset, SymbolCstrLen: 71, StypeOut: dbn.STypeInstrumentID}
		stream, err := dbn.NewEncoder(conn, &metadata)
		for _, record := range records {
			err = errors.Join(err, stream.Write(record))
		}
		if err = errors.Join(err, stream.Close()); err != nil {
			t.Error(err)
		}
		for lines.Scan() { // until the client has left
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-served
	})
	return "127.0.0.1", listener.Addr().(*net.TCPAddr).Port
}

func systemSays(code dbn.SystemCode, text string) dbn.Record {
	m := &dbn.SystemMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeSystem, TsEvent: 42}, Code: code}
	m.Hd.Length = uint8(unsafe.Sizeof(*m) / 4)
	copy(m.Msg[:], text)
	return dbn.Ref(&m.Hd)
}

func errorSays(code dbn.ErrorCode, text string) dbn.Record {
	m := &dbn.ErrorMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeError, TsEvent: 42}, Code: code}
	m.Hd.Length = uint8(unsafe.Sizeof(*m) / 4)
	copy(m.Err[:], text)
	return dbn.Ref(&m.Hd)
}

func TestEverySessionEventKindIsTold(t *testing.T) {
	host, port := gatewayThatSays(t,
		systemSays(dbn.SystemCodeHeartbeat, "Heartbeat"), // is none
		systemSays(dbn.SystemCodeSubscriptionAck, "Subscription request 1 for mbo data succeeded"),
		errorSays(dbn.ErrorCodeInternalError, "Internal error"),
		errorSays(dbn.ErrorCodeSymbolResolutionFailed, "Failed to resolve symbol NOPE"),
		systemSays(dbn.SystemCodeSlowReaderWarning, "slow"),
		errorSays(dbn.ErrorCodeSkippedRecordsAfterSlowReading, "skipped"),
		systemSays(dbn.SystemCodeReplayCompleted, "Finished mbo replay"),
		systemSays(dbn.SystemCodeEndOfInterval, "End of interval for ohlcv-1s"),
		systemSays(dbn.SystemCodeUnset, "The exchange is closed"),
		systemSays(dbn.SystemCodeUnsubscribeAck, "Unsubscribe request for mbo data succeeded"),
	)
	r := newReactor(t)
	c, err := dbnloop.NewLiveClient(r, sim.TestKey, dbnloop.WithAckTimeout(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 { // the second is never answered
		if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaMbo, "ESZ6")); err != nil {
			t.Fatal(err)
		}
	}
	// The first is answered, the second is not.
	for _, symbol := range []string{"ESZ6", "NQZ6"} {
		if err := c.Unsubscribe(dbnloop.NewUnsubscription(dataset, dbn.SchemaMbo, symbol)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(c.Connect(host, port), c.Start()); err != nil {
		t.Fatal(err)
	}
	got := map[dbnloop.SessionEventKind]dbnloop.SessionEvent{}
	c.Handle(dbnloop.Handlers{
		SessionEvent: func(e dbnloop.SessionEvent) {
			if e.Kind != dbnloop.SubscriptionOverdue && e.Kind != dbnloop.UnsubscribeOverdue && e.TsEvent != 42 {
				t.Errorf("%v at %v", e.Kind, e.TsEvent)
			}
			if e.Kind == dbnloop.SubscriptionOverdue && e.SubscriptionID == 1 {
				return // the answer may have been slower than a millisecond
			}
			_, twice := got[e.Kind]
			if twice && e.Kind == dbnloop.UnsubscribeOverdue {
				return // likewise
			}
			if twice || e.Message == "" {
				t.Errorf("%+v", e)
			}
			e.TsEvent, e.Message = 0, ""
			if got[e.Kind] = e; len(got) == 11 {
				r.Stop()
			}
		},
		Error: func(err error) { t.Error(err); r.Stop() },
	})
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[dbnloop.SessionEventKind]dbnloop.SessionEvent{}
	for _, e := range []dbnloop.SessionEvent{
		{Kind: dbnloop.SubscriptionAck, Code: dbn.ErrorCodeUnset, SubscriptionID: 1, Schema: dbn.SchemaMbo, HasSchema: true},
		{Kind: dbnloop.SubscriptionOverdue, Code: dbn.ErrorCodeUnset, SubscriptionID: 2},
		{Kind: dbnloop.GatewayError, Code: dbn.ErrorCodeInternalError, Fatal: true},
		{Kind: dbnloop.SymbolUnresolved, Code: dbn.ErrorCodeSymbolResolutionFailed},
		{Kind: dbnloop.SlowReader, Code: dbn.ErrorCodeUnset},
		{Kind: dbnloop.RecordsSkipped, Code: dbn.ErrorCodeSkippedRecordsAfterSlowReading},
		{Kind: dbnloop.ReplayCompleted, Code: dbn.ErrorCodeUnset, Schema: dbn.SchemaMbo, HasSchema: true},
		{Kind: dbnloop.EndOfInterval, Code: dbn.ErrorCodeUnset, Schema: dbn.SchemaOhlcv1S, HasSchema: true},
		{Kind: dbnloop.Notice, Code: dbn.ErrorCodeUnset},
		{Kind: dbnloop.UnsubscribeAck, Code: dbn.ErrorCodeUnset, Schema: dbn.SchemaMbo, HasSchema: true},
		{Kind: dbnloop.UnsubscribeOverdue, Code: dbn.ErrorCodeUnset, Schema: dbn.SchemaMbo, HasSchema: true},
	} {
		want[e.Kind] = e
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSessionEventHandlersMayPauseAndClose(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaTrades)
	closed := false
	records := 0
	c.Handle(dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) {
			if closed {
				t.Error("a record after Close")
			}
			records++
		},
		SessionEvent: func(dbnloop.SessionEvent) {
			c.Pause()
			if _, err := r.AfterFunc(time.Millisecond, func() {
				if records > 0 {
					t.Error("a record while paused")
				}
				closed = true
				c.Close()
				r.Stop()
			}); err != nil {
				t.Error(err)
			}
		},
		Error: func(err error) { t.Error(err) },
	})
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !closed {
		t.Error("no session event came")
	}
}

func TestSessionEventKindsHaveNames(t *testing.T) {
	for k := dbnloop.SubscriptionAck; k <= dbnloop.UnsubscribeOverdue; k++ {
		if strings.Contains(k.String(), "?") {
			t.Errorf("%d: %v", k, k)
		}
	}
	for _, k := range []dbnloop.SessionEventKind{0, 12, 1 << 31} {
		if k.String() != "SessionEventKind(?)" {
			t.Errorf("%d: %v", k, k)
		}
	}
}

func TestStatsCountWhatHandlersGot(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo, dbnloop.WithTsOut())
	var records [256]uint64
	var size uint64
	runUntilError(t, r, c, dbnloop.Handlers{Record: func(rec dbn.Record) {
		records[rec.RType()]++
		size += uint64(rec.Size())
	}})
	s := c.Stats()
	if diff := cmp.Diff(records, s.Records); diff != "" || s.Bytes != size {
		t.Errorf("%d bytes, want %d; %s", s.Bytes, size, diff)
	}
	if s.Count(dbn.RTypeMbo) != records[dbn.RTypeMbo] || s.Count() < s.Count(dbn.RTypeMbo, dbn.RTypeSystem) {
		t.Errorf("%d records", s.Count())
	}
	if s.BytesRead <= s.Bytes || s.Reads == 0 || s.Batches == 0 || s.Polls == 0 || s.Buffered != 0 || s.Pauses != 0 {
		t.Errorf("%+v", s)
	}
	if n := s.GatewayToClient.Count(); n != s.Batches || s.VenueToGateway.Count() == 0 || s.VenueToGateway.Count() > n {
		t.Errorf("%d and %d latencies of %d batches", n, s.VenueToGateway.Count(), s.Batches)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Count() != 0 {
		t.Errorf("after Close: %+v", s)
	}
}

func TestStatsTellOfPauses(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaTrades)
	c.Pause()
	if _, err := r.Poll(0); err != nil {
		t.Fatal(err)
	}
	first := c.Stats()
	c.Resume()
	c.Pause()
	if s := c.Stats(); first.Pauses != 1 || s.Pauses != 2 || s.Paused < first.Paused {
		t.Errorf("%+v, then %+v", first, s)
	}
}

func TestLatencyHistogramBounds(t *testing.T) {
	var h dbnloop.LatencyHistogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 {
		t.Error("an empty one has values")
	}
	h[0], h[10], h[63] = 1, 98, 1
	for q, want := range map[float64]time.Duration{0: 0, 0.01: 0, 0.5: 1023, 0.99: 1023, 1: 1<<63 - 1, 5: 1<<63 - 1, -1: 0} {
		if got := h.Quantile(q); got != want {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
}
