package historical_test

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

	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// heap is how much memory is in use.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// storm sends requests with many small headers over one connection and reads the answers.
func storm(t *testing.T, h *historical.Server, requests int, key string) (status int) {
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
	h := serve(t, historical.Config{PlainHTTP: true})
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
	h := serve(t, historical.Config{})
	a, err := try(t, h, http.MethodGet, "/v0/"+strings.Repeat("x", 100_000), nil, nil)
	if err != nil || a.status != http.StatusNotFound {
		t.Fatalf("%v, status %d", err, a.status)
	}
	if r := h.Requests()[0]; len(r.Path) > 1000 || len(r.Endpoint) > 1000 {
		t.Errorf("a path of %d bytes is remembered", len(r.Path))
	}
}
