package sim_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// heap is how much memory is in use.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// The same for the live gateway: 300 authentication lines with 60 kB of small fields.
func TestAuthenticationsDoNotFillTheMemory(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	before := heap()
	var fields strings.Builder
	for i := 0; fields.Len() < 60_000; i++ {
		fmt.Fprintf(&fields, "|%x", i)
	}
	for i := range 300 {
		c := dial(t, gw)
		auth := reply(c.challenge(), strings.Repeat("x", 32))
		line := fmt.Sprintf("auth=%s|dataset=GLBX.MDP3|client=%s\n", auth, strings.Repeat("x", 60_000))
		want := "Authentication failed."
		if i%2 == 0 {
			line, want = "auth="+auth+fields.String()+"\n", "more than 64 pairs"
		}
		c.send("%s", line)
		if answer := c.line(); !strings.Contains(answer, want) {
			t.Fatalf("answer %q", answer)
		}
		c.conn.Close()
	}
	if err := gw.AwaitEnded(t.Context(), 300); err != nil {
		t.Fatal(err)
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("strangers have taken %d MiB", grown>>20)
	}
	if list := gw.Sessions(); len(list) != 300 || list[0].Auth != nil || list[1].Auth != nil {
		t.Errorf("%d sessions are remembered, such as %+v", len(list), list[1])
	}
}

// What a session shows of its subscriptions is bounded; the latest lines stay.
func TestSubscriptionLinesAreBounded(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = fmt.Sprintf("schema=none|symbols=%s|id=%d", strings.Repeat("x", 4000), i)
	}
	last := "schema=definition|symbols=ESZ6|id=7"
	own, data := run(t, gw, "", append(lines, last)...)
	if len(own) != len(lines)+2 || len(data) != 1 {
		t.Errorf("%d messages, %d records", len(own), len(data))
	}
	shown, bytes := gw.Sessions()[0].Subscriptions, 0
	for _, line := range shown {
		bytes += len(line)
	}
	if bytes > 1<<20 || bytes < 256<<10 || shown[len(shown)-1] != last || shown[len(shown)-2] != lines[999] {
		t.Errorf("%d lines of %d bytes are shown", len(shown), bytes)
	}
}

func TestASessionThatAsksForTooMuchEnds(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	c := dial(t, gw)
	c.login("")
	line := []byte("schema=trades|symbols=" + strings.Repeat("x", 60_000) + "\n")
	for range 1200 { // 72 MB
		if _, err := c.conn.Write(line); err != nil {
			break // the gateway has closed the connection
		}
	}
	if err := gw.AwaitEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
}

func TestUnfinishedSubscriptionsAreBounded(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	var lines []string
	for i := range 1005 {
		lines = append(lines, fmt.Sprintf("schema=trades|symbols=ESZ6|id=%d|is_last=0", i))
	}
	own, data := run(t, gw, "", append(lines, "schema=definition|symbols=ESZ6|id=5000")...)
	refused := 0
	for _, text := range describeAll(own) {
		if strings.Contains(text, "1000 subscriptions are waiting for their last chunk, more are not possible") {
			refused++
		}
	}
	if refused != 5 || len(data) != 1 {
		t.Errorf("%d of 5 refused, %d records", refused, len(data))
	}
}

// A line holds 500 symbols at most, as the official clients send them.
func TestALineHoldsFiveHundredSymbols(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	for _, n := range []int{500, 501} {
		symbols := strings.Repeat("ESZ6,", n-1) + "ESZ6"
		own, data := run(t, gw, "", "schema=trades|symbols="+symbols+"|id=1", "schema=definition|symbols=ESZ6|id=2")
		trades := 0
		for _, rec := range data {
			if rec.RType() == dbn.RTypeMbp0 {
				trades++
			}
		}
		refused := strings.Contains(describe(own[0]), "more than 500 symbols: send them in chunks")
		if refused != (n > 500) || (trades == 0) != refused {
			t.Errorf("%d symbols: %s, %d trades", n, describe(own[0]), trades)
		}
	}
}
