package sim_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
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

// storm sends requests with many small headers over one connection and reads the answers.
func storm(t *testing.T, h *sim.Historical, requests int, key string) (status int) {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var request bytes.Buffer
	request.WriteString("GET /v0/metadata.list_datasets?a=1&b=2 HTTP/1.1\r\nHost: x\r\n")
	if key != "" {
		fmt.Fprintf(&request, "Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString([]byte(key+":")))
	}
	for i := range 3000 {
		fmt.Fprintf(&request, "h%d:\r\n", i)
	}
	request.WriteString("\r\n")
	answers := bufio.NewReader(conn)
	for range requests {
		if _, err := conn.Write(request.Bytes()); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body) //nolint:errcheck // only the status counts
		response.Body.Close()
		status = response.StatusCode
	}
	return status
}

// Strangers, and clients with a key, cannot fill the memory with requests: 1,200 of them with
// 21 MB of headers once took 1.5 GB.
func TestRequestsDoNotFillTheMemory(t *testing.T) {
	const limit = 64 << 20
	h := historical(t, sim.HistoricalConfig{PlainHTTP: true})
	before := heap()
	if status := storm(t, h, 1200, ""); status != http.StatusUnauthorized {
		t.Fatalf("status %d", status)
	}
	if grown := heap() - before; grown > limit {
		t.Errorf("strangers have taken %d MiB", grown>>20)
	}
	list := h.Requests()
	if len(list) != 1000 || list[0].Header != nil || list[0].Params != nil || list[0].Status != http.StatusUnauthorized ||
		list[0].Endpoint != "metadata.list_datasets" {
		t.Errorf("%d requests are remembered, such as %+v", len(list), list[0])
	}
	if status := storm(t, h, 300, sim.TestKey); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if grown := heap() - before; grown > limit {
		t.Errorf("clients have taken %d MiB", grown>>20)
	}
	list = h.Requests()
	latest := list[len(list)-1]
	if len(list) > 300 || len(latest.Header) != 3000 || latest.Params.Get("a") != "1" || latest.Header.Get("Authorization") != "" {
		t.Errorf("%d requests are remembered, the latest with %d headers", len(list), len(latest.Header))
	}
}

func TestALongPathIsNotRemembered(t *testing.T) {
	h := historical(t, sim.HistoricalConfig{})
	a, err := try(t, h, http.MethodGet, "/v0/"+strings.Repeat("x", 100_000), nil, nil)
	if err != nil || a.status != http.StatusNotFound {
		t.Fatalf("%v, status %d", err, a.status)
	}
	if r := h.Requests()[0]; len(r.Path) > 1000 || len(r.Endpoint) > 1000 {
		t.Errorf("a path of %d bytes is remembered", len(r.Path))
	}
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
