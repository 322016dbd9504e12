package ops

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/service"
)

// stub is a relay in a state of the test's.
type stub struct {
	status service.Status
	ready  error
}

func (s *stub) Status(context.Context) service.Status { return s.status }
func (s *stub) Ready() error                          { return s.ready }

func TestOperatorsAreAnswered(t *testing.T) {
	relay := &stub{ready: errors.New("dataset GLBX.MDP3 is not live")}
	server, err := Serve("127.0.0.1:0", relay)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // nothing is lost with it
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) (int, string) {
		t.Helper()
		response, err := client.Get("http://" + server.Addr() + path)
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
	for _, path := range []string{healthPath, readyPath} {
		if code, body := get(path); code != http.StatusServiceUnavailable || !strings.Contains(body, "not") {
			t.Errorf("%s: %d, %q", path, code, body)
		}
	}
	relay.status = service.Status{NATS: true, Datasets: []service.DatasetStatus{{Dataset: "GLBX.MDP3", Live: true, Records: 42}}}
	relay.ready = nil
	for _, path := range []string{healthPath, readyPath} {
		if code, body := get(path); code != http.StatusOK || body != "ok\n" {
			t.Errorf("%s: %d, %q", path, code, body)
		}
	}
	_, body := get(metricsPath)
	for _, want := range []string{"dbn_relay_nats_connected 1", `dbn_relay_live{dataset="GLBX.MDP3"} 1`, `dbn_relay_records_total{dataset="GLBX.MDP3"} 42`, "dbn_relay_consumers 0"} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
	var status service.Status
	if _, body := get(StatusPath); json.Unmarshal([]byte(body), &status) != nil || status.Datasets[0].Records != 42 {
		t.Errorf("status: %s", body)
	}
}
