package historical_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/internal/simtest"

	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// aFault parses faults that must be right.
func aFault(t testing.TB, texts ...string) []historical.Fault {
	t.Helper()
	var list []historical.Fault
	for _, text := range texts {
		f, err := historical.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

// tradesOf asks for the trades of the sample.
func tradesOf(t testing.TB, h *historical.Server) (answer, error) {
	t.Helper()
	return try(t, h, http.MethodPost, "/v0/timeseries.get_range", form("dataset=GLBX.MDP3", "schema=trades", "start=2026-11-15"), nil)
}

func TestErrorFaults(t *testing.T) {
	for _, test := range []struct {
		fault  string
		status int
		retry  string
		body   string // a part of it
		object bool   // the detail is an object
	}{
		{"error", 422, "", `"case":"simulated_fault"`, true},
		{"error=500", 500, "", `"status_code":500`, true},
		{"error-text=403", 403, "", `{"detail":"`, false},
		{"error-html", 502, "", "<html>", false},
		{"error-html=504", 504, "", "504 Gateway Timeout", false},
		{"error-empty=500", 500, "", "", false},
		{"rate-limit=1500ms", 429, "2", "Too many", true},
		{"unavailable", 503, "1", "not available", true},
		{"not-json", 200, "", `[{"unfinished": tru`, false},
	} {
		t.Run(test.fault, func(t *testing.T) {
			h := serve(t, historical.Config{Faults: aFault(t, test.fault+",on=1")})
			a, err := tradesOf(t, h)
			if err != nil || a.err != nil || a.status != test.status || a.header.Get("Retry-After") != test.retry || !strings.Contains(string(a.body), test.body) {
				t.Errorf("%v %v, status %d, %v: %s", err, a.err, a.status, a.header, a.body)
			}
			var object struct{ Detail map[string]any }
			if isObject := json.Unmarshal(a.body, &object) == nil; isObject != test.object {
				t.Errorf("body %s", a.body)
			}
			if a, err := tradesOf(t, h); err != nil || a.status != 200 {
				t.Errorf("the second request: %v, status %d", err, a.status)
			}
		})
	}
}

func TestCertificateFaults(t *testing.T) {
	for _, test := range []struct {
		fault string
		want  func(error) bool
	}{
		{"cert-expired", func(err error) bool {
			var invalid x509.CertificateInvalidError
			return errors.As(err, &invalid) && invalid.Reason == x509.Expired
		}},
		{"cert-wrong-host", func(err error) bool { var e x509.HostnameError; return errors.As(err, &e) }},
		{"cert-self-signed", func(err error) bool { var e x509.UnknownAuthorityError; return errors.As(err, &e) }},
		{"cert-unknown-ca", func(err error) bool { var e x509.UnknownAuthorityError; return errors.As(err, &e) }},
		{"handshake-reset", func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		{"no-tls", func(err error) bool { return strings.Contains(err.Error(), "HTTP response to HTTPS client") }},
	} {
		t.Run(test.fault, func(t *testing.T) {
			h := serve(t, historical.Config{Faults: aFault(t, test.fault+",on=1-2")})
			for range 2 {
				if _, err := tradesOf(t, h); err == nil || !test.want(err) {
					t.Errorf("error %v", err)
				}
			}
			if a, err := tradesOf(t, h); err != nil || a.status != 200 {
				t.Errorf("the third connection: %v, status %d", err, a.status)
			}
		})
	}
}

func TestEveryNameOfTheHostIsCertified(t *testing.T) {
	h := serve(t, historical.Config{})
	for _, name := range []string{"127.0.0.1", "localhost", "::1"} {
		conn, err := tls.Dial("tcp", h.Addr(), &tls.Config{RootCAs: h.CertPool(), ServerName: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close()
	}
}

// wire is a connection that keeps what came over it, beneath TLS.
type wire struct {
	net.Conn
	seen []byte
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.seen = append(w.seen, b[:n]...)
	return n, err
}

// saidGoodbye tells whether the last record was an alert: TLS 1.2 shows the types.
func (w *wire) saidGoodbye() bool {
	const header, alert = 5, 21
	last := byte(0)
	for rest := w.seen; len(rest) >= header; {
		last = rest[0]
		rest = rest[min(len(rest), header+int(rest[3])<<8+int(rest[4])):]
	}
	return last == alert
}

// tlsConn is a TLS connection and what is beneath it.
type tlsConn struct {
	*tls.Conn
	wire *wire
}

// rawConn sends a request by hand, to see what is beneath HTTP.
func rawConn(t testing.TB, h *historical.Server) tlsConn {
	t.Helper()
	tcp, err := net.Dial("tcp", h.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	beneath := &wire{Conn: tcp}
	conn := tlsConn{tls.Client(beneath, &tls.Config{RootCAs: h.CertPool(), ServerName: h.Host(), MaxVersion: tls.VersionTLS12}), beneath}
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodGet, h.URL()+"/v0/timeseries.get_range?"+form("dataset=GLBX.MDP3", "schema=trades", "start=2026-11-15").Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(sim.TestKey, "")
	request.Close = true
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	return conn
}

// What the client sees when the connection itself is what goes wrong.
func TestConnectionFaults(t *testing.T) {
	headerLen := func(b []byte) int { return bytes.Index(b, []byte("\r\n\r\n")) + 4 }
	for _, test := range []struct {
		fault string
		cause error // nil: the end, with a goodbye or without
		bye   bool
		check func(got []byte) bool
	}{
		{"cut-headers=30", nil, false, func(b []byte) bool { return len(b) == 30 && bytes.HasPrefix(b, []byte("HTTP/1.1 200")) }},
		{"cut-headers=0", nil, false, func(b []byte) bool { return len(b) == 0 }},
		{"reset-headers=30", syscall.ECONNRESET, false, func(b []byte) bool { return len(b) == 30 }},
		{"cut-body=100", nil, false, func(b []byte) bool { return len(b)-headerLen(b) == len("64\r\n")+100+len("\r\n") }},
		{"reset-body=100", syscall.ECONNRESET, false, func(b []byte) bool { return len(b)-headerLen(b) == len("64\r\n")+100+len("\r\n") }},
		{"cut-body=100000000", nil, false, func(b []byte) bool { return !bytes.HasSuffix(b, []byte("0\r\n\r\n")) }},
		{"bad-chunk=100", nil, true, func(b []byte) bool { return bytes.HasSuffix(b, []byte("chunk?\r\n")) }},
		{"garbage", nil, true, func(b []byte) bool { return len(b) == 4096 && !bytes.Contains(b, []byte("HTTP")) }},
		{"short-body=1000", nil, true, func(b []byte) bool {
			return bytes.Contains(b, []byte(fmt.Sprintf("Content-Length: %d\r\n", 1<<40+1000)))
		}},
		{"warning=nothing", nil, true, func(b []byte) bool { return bytes.HasSuffix(b, []byte("\r\n0\r\n\r\n")) }},
	} {
		t.Run(test.fault, func(t *testing.T) {
			conn := rawConn(t, serve(t, historical.Config{Faults: aFault(t, test.fault)}))
			got, err := io.ReadAll(conn)
			if !errors.Is(err, test.cause) || conn.wire.saidGoodbye() != test.bye || !test.check(got) {
				t.Errorf("%v after %d bytes, goodbye %v: %.200q", err, len(got), conn.wire.saidGoodbye(), got)
			}
		})
	}
}

// Every way to split the answer gives the same answer.
func TestSplitFaults(t *testing.T) {
	_, raw := simtest.SampleFile(t, "trades")
	for _, fault := range []string{"split", "split=7", "slow=5000:1ns", "stall-headers=1ns", "stall-body=100:1ns", "huge-header=100000"} {
		t.Run(fault, func(t *testing.T) {
			h := serve(t, historical.Config{Faults: aFault(t, fault)})
			a, err := tradesOf(t, h)
			if err != nil || a.err != nil {
				t.Fatal(err, a.err)
			}
			if _, list, err := stream(t, a.body); err != nil || !bytes.Equal(bytes.Join(list, nil), raw) {
				t.Errorf("%v, %d records", err, len(list))
			}
		})
	}
	h := serve(t, historical.Config{Faults: aFault(t, "split=3")})
	conn := rawConn(t, h)
	for buf := make([]byte, 100); ; {
		n, err := conn.Read(buf)
		if n > 3 {
			t.Fatalf("%d bytes in one TLS record", n)
		}
		if err != nil {
			break
		}
	}
}

func TestDamagedBodies(t *testing.T) {
	_, raw := simtest.SampleFile(t, "trades")
	for _, fault := range []string{"truncate=3000", "truncate=5", "corrupt=3000", "corrupt=0"} {
		t.Run(fault, func(t *testing.T) {
			h := serve(t, historical.Config{Faults: aFault(t, fault)})
			a, err := tradesOf(t, h)
			if err != nil || a.err != nil || a.status != 200 {
				t.Fatalf("HTTP itself is wrong: %v %v, status %d", err, a.err, a.status)
			}
			_, list, err := stream(t, a.body)
			// A frame's checksum comes last: until then a damaged block may be readable.
			damaged := fault == "corrupt=3000" && len(list) <= len(raw)/len(list[0])
			if got := bytes.Join(list, nil); err == nil || !damaged && !bytes.HasPrefix(raw, got) {
				t.Errorf("error %v after %d records", err, len(list))
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	h := serve(t, historical.Config{})
	away := serve(t, historical.Config{Faults: aFault(t, "redirect="+h.URL()+"/v0/timeseries.get_range"), PlainHTTP: true})
	client := httpClient(t, h)
	request := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, away.URL()+"/v0/timeseries.get_range",
			strings.NewReader(form("dataset=GLBX.MDP3", "schema=trades", "start=2026-11-15").Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(sim.TestKey, "")
		return r
	}
	response, err := client.Do(request())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := h.Requests(); response.StatusCode != 200 && response.StatusCode != 401 || len(got) != 1 || got[0].Params.Get("schema") != "trades" {
		t.Errorf("status %d, requests %+v", response.StatusCode, got)
	}
	endless := serve(t, historical.Config{Faults: aFault(t, "redirect")})
	if _, err := tradesOf(t, endless); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("error %v", err)
	}
}

// What never ends, ends when the client leaves or the server closes.
func TestEndlessFaults(t *testing.T) {
	for _, fault := range []string{"handshake-stall", "stall-headers", "stall-body=100", "endless-headers", "error-endless"} {
		t.Run(fault+" until the client leaves", func(t *testing.T) {
			h := serve(t, historical.Config{Faults: aFault(t, fault)})
			readSome(t, h, fault)
		})
		t.Run(fault+" until the server closes", func(t *testing.T) {
			h := serve(t, historical.Config{Faults: aFault(t, fault)})
			conn := readSome(t, h, fault)
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			_, err := io.Copy(io.Discard, conn) // until the end or a reset
			if late := (net.Error)(nil); errors.As(err, &late) && late.Timeout() {
				t.Error("the connection is still open")
			}
		})
	}
}

// readSome reads until a fault is there.
func readSome(t testing.TB, h *historical.Server, fault string) net.Conn {
	t.Helper()
	if fault == "handshake-stall" {
		conn, err := net.Dial("tcp", h.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "hello?"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	conn := rawConn(t, h)
	want := map[string]int{"stall-headers": 0, "stall-body=100": 250, "endless-headers": 1 << 20, "error-endless": 1 << 20}[fault]
	if _, err := io.CopyN(io.Discard, conn, int64(want)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestDownloadFaults(t *testing.T) {
	source, _ := threeDays()
	h := serve(t, historical.Config{Sources: []sim.Source{source}, Faults: aFault(t,
		"cut-body=50,on=1,endpoint=batch/download", "rate-limit=3s,on=2,endpoint=batch/download",
		"no-range,on=3,endpoint=batch/download", "bad-hash,on=2,endpoint=batch.list_files")})
	id, _ := submit(t, h)
	f := asked[[]listedFile](t, h, http.MethodGet, "batch.list_files", "job_id="+id)[0]
	part := http.Header{"Range": {"bytes=50-"}}
	a, err := try(t, h, http.MethodGet, f.path(t), nil, nil)
	if err != nil || a.err == nil || len(a.body) != 50 {
		t.Errorf("cut: %v %v, %d bytes", err, a.err, len(a.body))
	}
	first := a.body
	if a, err = try(t, h, http.MethodGet, f.path(t), nil, part); err != nil || a.status != 429 || a.header.Get("Retry-After") != "3" {
		t.Errorf("rate limit: %v, status %d", err, a.status)
	}
	if a, err = try(t, h, http.MethodGet, f.path(t), nil, part); err != nil || a.status != 200 || len(a.body) != f.Size {
		t.Errorf("no range: %v, status %d", err, a.status)
	}
	if a, err = try(t, h, http.MethodGet, f.path(t), nil, part); err != nil || a.status != 206 || "sha256:"+sha(append(first, a.body...)) != f.Hash {
		t.Errorf("range: %v, status %d", err, a.status)
	}
	if g := asked[[]listedFile](t, h, http.MethodGet, "batch.list_files", "job_id="+id)[0]; g.Hash == f.Hash || g.Size != f.Size {
		t.Errorf("bad hash: %+v", g)
	}
}

func TestParseHistoricalFault(t *testing.T) {
	for _, help := range historical.FaultHelp() {
		f, err := historical.ParseFault(help[0] + ",on=2-3,endpoint=x.y")
		if err != nil || string(f.Kind) != help[0] || f.First != 2 || f.Last != 3 || f.Endpoint != "x.y" {
			t.Errorf("%s: %+v, %v", help[0], f, err)
		}
		if _, err := historical.ParseFault(help[0] + "=5"); (err != nil) != (help[1] == "" || strings.HasPrefix(help[1], "status") || strings.HasPrefix(help[1], "duration")) {
			t.Errorf("%s=5: %v", help[0], err)
		}
	}
	for _, test := range []struct{ text, want string }{
		{"nonsense", `fault "nonsense" is unknown`},
		{"garbage=1", "fault garbage takes no value"},
		{"error=many", "fault error=many: want an HTTP status"},
		{"error=99", "fault error: status 99 is not within 200 to 599"},
		{"cut-body=x", "fault cut-body=x: want a number of bytes"},
		{"stall-body=5:soon", "want a duration such as 2s"},
		{"split=0", "fault split: pieces of 0 bytes, want 1 or more"},
		{"garbage,on=0", "fault garbage: on=0: want numbers from 1, such as 2, 1-3 or 2-"},
		{"garbage,on=3-2", "fault garbage: the last, 2, is before the first, 3"},
		{"garbage,at=3", `fault garbage: "at=3": want on=FIRST-LAST or endpoint=NAME`},
	} {
		if _, err := historical.ParseFault(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", test.text, err, test.want)
		}
	}
	if _, err := historical.NewServer(historical.Config{Sources: sim.SampleSources(), Faults: []historical.Fault{{Kind: "none"}}}); err == nil {
		t.Error("an unknown kind is accepted")
	}
}

func TestAFaultIsAddedCountedAndRemoved(t *testing.T) {
	h := serve(t, historical.Config{})
	handle, err := h.AddFault(aFault(t, "error=418,on=2-3")[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{200, 418, 418, 200} {
		if a, err := tradesOf(t, h); err != nil || a.status != want {
			t.Errorf("request %d: %v, status %d", i+1, err, a.status)
		}
	}
	if handle.Fired() != 2 {
		t.Errorf("shown %d times, want 2", handle.Fired())
	}
	expired, err := h.AddFault(aFault(t, "cert-expired")[0])
	if err != nil {
		t.Fatal(err)
	}
	var invalid x509.CertificateInvalidError
	if _, err := tradesOf(t, h); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		t.Errorf("the certificate: %v", err)
	}
	expired.Remove()
	if a, err := tradesOf(t, h); err != nil || a.status != 200 || expired.Fired() != 1 {
		t.Errorf("after it was removed: %v, status %d, shown %d times", err, a.status, expired.Fired())
	}
	if _, err := h.AddFault(historical.Fault{Kind: "none"}); err == nil {
		t.Error("an unknown kind is accepted")
	}
}
