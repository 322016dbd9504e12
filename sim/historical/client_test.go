package historical_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/sim/historical"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// serve runs a server that ends with the test.
func serve(t testing.TB, cfg historical.Config) *historical.Server {
	t.Helper()
	h := simtest.Historical(t, cfg)
	keptClients.Store(h, httpClient(t, h))
	t.Cleanup(func() { keptClients.Delete(h) })
	return h
}

// keptClients are clients that keep their connection, by server: for the many requests that
// are not about connections.
var keptClients sync.Map

// httpClient is an ordinary client that trusts the server's CA. Its timeout only keeps a
// broken server from hanging the test.
func httpClient(t testing.TB, h *historical.Server) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.CertPool()}, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// answer is what came back for a request, as far as it came.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // while reading the body
}

// form makes parameters from "name=value" pairs.
func form(pairs ...string) url.Values {
	values := url.Values{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		values.Set(name, value)
	}
	return values
}

// try sends a request on a connection of its own and reads the answer; the error is that of
// the headers.
func try(t testing.TB, h *historical.Server, method, path string, values url.Values, header http.Header) (answer, error) {
	t.Helper()
	return tryWith(t, httpClient(t, h), h, method, path, values, header)
}

func tryWith(t testing.TB, client *http.Client, h *historical.Server, method, path string, values url.Values, header http.Header) (answer, error) {
	t.Helper()
	target, body := h.URL()+path, io.Reader(nil)
	if method == http.MethodPost {
		body = strings.NewReader(values.Encode())
	} else if len(values) > 0 {
		target += "?" + values.Encode()
	}
	request, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(sim.TestKey, "")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, list := range header {
		request.Header[name] = list
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content, err}, nil
}

// ask is try for a request that must get a whole answer.
func ask(t testing.TB, h *historical.Server, method, endpoint string, pairs ...string) answer {
	t.Helper()
	kept, _ := keptClients.Load(h)
	a, err := tryWith(t, kept.(*http.Client), h, method, "/v0/"+endpoint, form(pairs...), nil)
	if err == nil {
		err = a.err
	}
	if err != nil {
		t.Fatalf("%s: %v", endpoint, err)
	}
	return a
}

// asked is ask for JSON.
func asked[T any](t testing.TB, h *historical.Server, method, endpoint string, pairs ...string) T {
	t.Helper()
	a := ask(t, h, method, endpoint, pairs...)
	var value T
	if err := json.Unmarshal(a.body, &value); err != nil || a.status != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", endpoint, a.status, err, a.body)
	}
	return value
}

// stream decodes a DBN stream as far as it is good.
func stream(t testing.TB, body []byte) (meta dbn.Metadata, records [][]byte, err error) {
	t.Helper()
	d, err := dbn.NewDecoder(bytes.NewReader(body), dbn.WithUpgrade(dbn.AsIs))
	if err != nil {
		return meta, nil, err
	}
	defer d.Close()
	for {
		rec, err := d.Next()
		if errors.Is(err, io.EOF) {
			return *d.Metadata(), records, nil
		}
		if err != nil {
			return *d.Metadata(), records, err
		}
		records = append(records, slices.Clone(rec.Bytes()))
	}
}

// records gets a range that must be whole.
func records(t testing.TB, h *historical.Server, pairs ...string) (dbn.Metadata, [][]byte) {
	t.Helper()
	a := ask(t, h, http.MethodPost, "timeseries.get_range", pairs...)
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	meta, list, err := stream(t, a.body)
	if err != nil {
		t.Fatal(err)
	}
	return meta, list
}
