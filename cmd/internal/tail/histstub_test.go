package tail

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
)

// stubServer answers each endpoint of the historical API as a test says, where the
// simulator is too well-behaved.
type stubServer struct {
	*histServer
	mu    sync.Mutex
	asked []string
}

func newStub(t testing.TB, answers map[string]http.HandlerFunc) *stubServer {
	t.Helper()
	s := new(stubServer)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		endpoint := strings.TrimPrefix(r.URL.Path, "/v0/")
		s.mu.Lock()
		s.asked = append(s.asked, endpoint)
		s.mu.Unlock()
		if answer := answers[endpoint]; answer != nil {
			answer(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	s.histServer = &histServer{flags: []string{"--hist-url", server.URL, "--ca-file", ca}, ca: ca}
	return s
}

// wasAsked reports whether a request for the endpoint came.
func (s *stubServer) wasAsked(endpoint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.asked, endpoint)
}

// text answers with a body.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) } //nolint:errcheck // the client sees it
}

// rangeBody is what the server sends of the range that histQuery asks for.
func rangeBody(t testing.TB, schema dbn.Schema) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(readFile(t, sampleFile(t, schema))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rangeServer sends the range, and does something else at the moment that it is asked for.
func rangeServer(t testing.TB, schema dbn.Schema, meanwhile func()) *stubServer {
	body := rangeBody(t, schema)
	return newStub(t, map[string]http.HandlerFunc{
		"timeseries.get_range": func(w http.ResponseWriter, _ *http.Request) {
			meanwhile()
			w.Write(body) //nolint:errcheck // the client sees it
		},
	})
}
