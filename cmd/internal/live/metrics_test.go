package live

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// scrape asks for the metrics of a session as take tells it.
func scrape(t *testing.T, take func(context.Context) (snapshot, error)) (status int, text string) {
	t.Helper()
	m, err := serveMetrics("127.0.0.1:0", take)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(m.url())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestMetricsAreTheStatistics(t *testing.T) {
	s := snapshot{streaming: true}
	s.stats = dbnloop.Stats{BytesRead: 1000, Reads: 3, Bytes: 2000, Batches: 4, Polls: 5, Buffered: 6, Silence: 7e9}
	s.stats.Records[dbn.RTypeMbo] = 30
	s.stats.Records[dbn.RTypeMbp0] = 2
	s.stats.Records[200] = 1
	s.stats.GatewayToClient[0] = 1  // took no time
	s.stats.GatewayToClient[11] = 2 // 1,024 to 2,047 ns
	s.stats.GatewayToClient[50] = 4 // days
	status, text := scrape(t, func(context.Context) (snapshot, error) { return s, nil })
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	for _, want := range []string{
		"dbnloop_streaming 1",
		`dbnloop_records_total{rtype="mbo"} 30`,
		`dbnloop_records_total{rtype="trades"} 2`,
		`dbnloop_records_total{rtype="` + dbn.RType(200).String() + `"} 1`,
		"dbnloop_read_bytes_total 1000",
		"dbnloop_reads_total 3",
		"dbnloop_record_bytes_total 2000",
		"dbnloop_batches_total 4",
		"dbnloop_polls_total 5",
		"dbnloop_buffered_bytes 6",
		"dbnloop_silence_seconds 7",
		`dbnloop_gateway_to_client_seconds_bucket{le="1.024e-06"} 1`,
		`dbnloop_gateway_to_client_seconds_bucket{le="2.048e-06"} 3`,
		`dbnloop_gateway_to_client_seconds_bucket{le="68.719476736"} 3`,
		`dbnloop_gateway_to_client_seconds_bucket{le="+Inf"} 7`,
		"dbnloop_gateway_to_client_seconds_count 7",
		"dbnloop_venue_to_gateway_seconds_count 0",
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("%q is missing", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestABusySessionIsAnErrorOfTheScrape(t *testing.T) {
	status, text := scrape(t, func(context.Context) (snapshot, error) { return snapshot{}, errors.New("busy writing") })
	if status != http.StatusInternalServerError || !strings.Contains(text, "busy writing") {
		t.Errorf("status %d: %s", status, text)
	}
}

func TestTheEndOfTheMetricsEndsScrapesThatWait(t *testing.T) {
	asked, over := make(chan struct{}), make(chan struct{})
	m, err := serveMetrics("127.0.0.1:0", func(ctx context.Context) (snapshot, error) {
		close(asked)
		<-ctx.Done()
		close(over)
		return snapshot{}, ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if response, err := client.Get(m.url()); err == nil {
			response.Body.Close()
		}
	}()
	<-asked
	m.close()
	<-over
	<-answered
}

func TestAddressesOfMetrics(t *testing.T) {
	taken, err := serveMetrics("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.close()
	for addr, code := range map[string]int{
		"9090":                         exit.Usage, // no host
		"":                             exit.Usage,
		taken.listener.Addr().String(): exit.Failure, // in use
	} {
		m, err := serveMetrics(addr, nil)
		if err == nil {
			m.close()
		}
		if exit.FromError(err) != code {
			t.Errorf("%q: %v, exit code %d, want %d", addr, err, exit.FromError(err), code)
		}
	}
}

func TestScrapesOfABlockedSessionDoNotPileUp(t *testing.T) {
	var waiting, most atomic.Int32
	waits, release := make(chan struct{}, 1000), make(chan struct{})
	m, err := serveMetrics("127.0.0.1:0", func(context.Context) (snapshot, error) {
		n := waiting.Add(1)
		defer waiting.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		waits <- struct{}{}
		<-release
		return snapshot{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func() int {
		response, err := client.Get(m.url())
		if err != nil {
			t.Error(err)
			return 0
		}
		defer response.Body.Close()
		io.Copy(io.Discard, response.Body) //nolint:errcheck // only the status counts
		return response.StatusCode
	}
	answered := make(chan int, maxScrapes)
	for range maxScrapes {
		go func() { answered <- get() }()
		<-waits
	}
	for range 100 {
		if status := get(); status != http.StatusServiceUnavailable {
			t.Fatalf("status %d, want 503", status)
		}
	}
	close(release)
	for range maxScrapes {
		if status := <-answered; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if n := most.Load(); n > maxScrapes {
		t.Errorf("%d scrapes at once", n)
	}
}

func TestABlockedSessionIsAskedOnce(t *testing.T) {
	var posted []func()
	var s sharedSnapshot
	post := func(f func()) { posted = append(posted, f) }
	take := func() snapshot { return snapshot{streaming: true} }
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if _, err := s.wait(gone, post, take); err == nil || !strings.Contains(err.Error(), "blocked") {
			t.Fatal(err)
		}
	}
	if len(posted) != 1 {
		t.Fatalf("asked %d times", len(posted))
	}
	p := s.ask(post, take)
	posted[0]()
	<-p.ready
	if !p.got.streaming {
		t.Errorf("%v", p.got)
	}
	if s.ask(post, take); len(posted) != 2 {
		t.Errorf("asked %d times", len(posted))
	}
}

func TestConnectionsOfTheMetricsAreLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limitConnections(inner, 2)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	for range 3 {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first, second := <-accepted, <-accepted
	if len(l.free) != 2 {
		t.Errorf("%d are counted", len(l.free))
	}
	if err := errors.Join(first.Close(), first.Close()); err == nil {
		t.Error("closed twice without an error")
	}
	third := <-accepted // now there is room
	if err := errors.Join(second.Close(), third.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	<-accepted // it has ended
}

func TestTheMetricsServerHasTimeouts(t *testing.T) {
	m, err := serveMetrics("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	s := m.server
	if s.ReadTimeout <= 0 || s.ReadHeaderTimeout <= 0 || s.IdleTimeout <= 0 || s.WriteTimeout <= scrapeTimeout {
		t.Errorf("read %v, head %v, write %v, idle %v", s.ReadTimeout, s.ReadHeaderTimeout, s.WriteTimeout, s.IdleTimeout)
	}
}
