package tail

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop"
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
	s := snapshot{state: dbnloop.Streaming}
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
		"9090":                         ExitUsage, // no host
		"":                             ExitUsage,
		taken.listener.Addr().String(): ExitFailure, // in use
	} {
		m, err := serveMetrics(addr, nil)
		if err == nil {
			m.close()
		}
		if exitCode(err) != code {
			t.Errorf("%q: %v, exit code %d, want %d", addr, err, exitCode(err), code)
		}
	}
}
