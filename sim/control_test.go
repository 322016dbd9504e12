package sim_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// trades reads trades until the stream ends.
func tradesOf(t *testing.T, gw *sim.Gateway) (data []dbn.Record, err error) {
	t.Helper()
	c := dial(t, gw)
	c.login("")
	c.send("schema=trades|symbols=ALL_SYMBOLS\n")
	c.begin()
	for {
		rec, err := c.next()
		if err != nil {
			return data, err
		}
		if !isOwn(rec) {
			data = append(data, rec)
		}
	}
}

func TestAFaultIsAddedCountedAndRemoved(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	all, err := tradesOf(t, gw)
	if err != io.EOF || len(all) == 0 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	handle, err := gw.AddFault("reset=3")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if data, err := tradesOf(t, gw); !errors.Is(err, syscall.ECONNRESET) || len(data) != 3 {
			t.Errorf("%d records, %v", len(data), err)
		}
	}
	if handle.Fired() != 2 {
		t.Errorf("shown %d times, want 2", handle.Fired())
	}
	handle.Remove()
	if data, err := tradesOf(t, gw); err != io.EOF || !bytes.Equal(join(data), join(all)) {
		t.Errorf("after it was removed: %d records, %v", len(data), err)
	}
	if handle.Fired() != 2 {
		t.Errorf("shown %d times after it was removed", handle.Fired())
	}
	if _, err := gw.AddFault("nonsense"); err == nil || !strings.Contains(err.Error(), `fault "nonsense" is unknown`) {
		t.Errorf("error %v", err)
	}
}

// The numbers of connections are read alike at both servers, and count from when the fault is
// there.
func TestAFaultOfSomeConnections(t *testing.T) {
	cfg := sim.Config{AtEnd: sim.CloseAtEnd}
	if err := cfg.Faults.ParseFault("close=2,on=2"); err != nil {
		t.Fatal(err)
	}
	gw := simtest.Gateway(t, cfg)
	counts := func(n int) (list []int) {
		for range n {
			data, _ := tradesOf(t, gw)
			list = append(list, len(data))
		}
		return list
	}
	got := counts(3)
	if got[0] < 10 || got[1] != 2 || got[2] != got[0] {
		t.Errorf("connections get %v records", got)
	}
	handle, err := gw.AddFault("close=5,on=2-3")
	if err != nil {
		t.Fatal(err)
	}
	if added := counts(4); added[0] != got[0] || added[1] != 5 || added[2] != 5 || added[3] != got[0] || handle.Fired() != 2 {
		t.Errorf("connections get %v records, shown %d times", added, handle.Fired())
	}
	var f sim.Faults
	for text, want := range map[string]string{
		"close=5,for=x":            "for=x: want a duration, such as 2s",
		"close=5,for=-1s":          "for=-1s: want a duration",
		"sessions=5,for=1s":        "takes no on=FIRST-LAST or for=DURATION",
		"stall=5,2s,for=1s,for=1s": `"2s,for=1s" is not a duration`,
		"close=5,on=0":             "want numbers from 1",
		"close=5,on=3-2":           "the last, 2, is before the first, 3",
		"sessions=5,on=3":          "takes no on=",
		"nonsense,on=1":            `fault "nonsense" is unknown`,
		"close=5,on=1,on=2":        "takes only a position",
	} {
		if err := f.ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// quiet is a client whose session has nothing more to get.
func quiet(t *testing.T, gw *sim.Gateway) *client {
	t.Helper()
	c := dial(t, gw)
	c.login("")
	c.send("schema=trades|symbols=ALL_SYMBOLS\n")
	c.begin()
	for range sampleTrades(t) {
		for isOwn(c.mustNext()) {
		}
	}
	return c
}

func sampleTrades(t *testing.T) int {
	return len(sampleRecords(t, dbn.SchemaTrades)) / int(sampleRecords(t, dbn.SchemaTrades)[0]) / 4
}

func TestAFaultReachesASessionThatRuns(t *testing.T) {
	for _, fault := range []string{"error-close=0", "error-close=end", "error-close"} {
		t.Run(fault, func(t *testing.T) {
			gw := simtest.Gateway(t, sim.Config{})
			c := quiet(t, gw)
			handle, err := gw.AddFault(fault)
			if err != nil {
				t.Fatal(err)
			}
			if rec := c.mustNext(); rec.RType() != dbn.RTypeError {
				t.Errorf("%s", describe(rec))
			}
			if _, err := c.next(); err != io.EOF || handle.Fired() != 1 {
				t.Errorf("%v, shown %d times", err, handle.Fired())
			}
		})
	}
}

func TestRecordsArePushed(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	c := quiet(t, gw)
	bars := []dbn.OhlcvMsg{bar(7, 1, 100), bar(8, 2, 200)}
	for i := range bars {
		bars[i].Hd.Length = 56 / 4
	}
	records := simtest.RecordBytes(bars)
	if n, err := gw.Push(records); n != 1 || err != nil {
		t.Fatalf("%d sessions, %v", n, err)
	}
	if got := append(bytes.Clone(c.mustNext().Bytes()), c.mustNext().Bytes()...); !bytes.Equal(got, records) {
		t.Errorf("%d bytes", len(got))
	}
	for _, bad := range [][]byte{{0}, make([]byte, 16), records[:60]} {
		if _, err := gw.Push(bad); err == nil {
			t.Errorf("%d bytes are accepted", len(bad))
		}
	}
}

func TestSessionsAreResetAndSubscriptionsAwaited(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	a, b := quiet(t, gw), quiet(t, gw)
	if err := gw.AwaitSubscribed(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if n := gw.Reset(); n != 2 {
		t.Errorf("%d connections are reset", n)
	}
	for _, c := range []*client{a, b} {
		if _, err := c.next(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%v", err)
		}
	}
	if err := gw.AwaitEnded(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if n := gw.Reset(); n != 0 {
		t.Errorf("%d connections are open", n)
	}
}

// A fault of a time is shown to the connections that come while it lasts.
func TestAFaultLastsForATime(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	cfg := sim.Config{AtEnd: sim.CloseAtEnd, Clock: clock}
	if err := cfg.Faults.ParseFault("close=answer,for=2s"); err != nil {
		t.Fatal(err)
	}
	gw := simtest.Gateway(t, cfg)
	served := func() bool {
		lines, err := handshake(dial(t, gw))
		return err == nil && len(lines) == 4
	}
	if served() {
		t.Error("served from the beginning")
	}
	clock.Advance(2*time.Second - 1)
	if served() {
		t.Error("served too soon")
	}
	clock.Advance(1)
	if !served() {
		t.Error("not served when the time was over")
	}
	handle, err := gw.AddFault("auth-refused=Too many requests,on=2-,for=1s")
	if err != nil {
		t.Fatal(err)
	}
	if !served() || served() || served() || handle.Fired() != 2 {
		t.Errorf("refused %d times, want the second and the third", handle.Fired())
	}
	clock.Advance(time.Second)
	if !served() || handle.Fired() != 2 {
		t.Errorf("refused %d times", handle.Fired())
	}
}
