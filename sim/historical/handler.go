package historical

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/internal/recent"
)

// handler answers one endpoint. Before it has written anything it may return an
// *apiError; any other error ends the connection.
type handler func(h *Server, x *exchange) error

// endpoints are the endpoints of /v0/.
var endpoints = map[string]handler{
	"timeseries.get_range":           (*Server).getRange,
	"metadata.list_publishers":       (*Server).listPublishers,
	"metadata.list_datasets":         (*Server).listDatasets,
	"metadata.list_schemas":          (*Server).listSchemas,
	"metadata.list_fields":           (*Server).listFields,
	"metadata.list_unit_prices":      (*Server).listUnitPrices,
	"metadata.get_dataset_condition": (*Server).getDatasetCondition,
	"metadata.get_dataset_range":     (*Server).getDatasetRange,
	"metadata.get_record_count":      (*Server).getRecordCount,
	"metadata.get_billable_size":     (*Server).getBillableSize,
	"metadata.get_cost":              (*Server).getCost,
	"symbology.resolve":              (*Server).resolveSymbology,
	"batch.submit_job":               (*Server).submitJob,
	"batch.list_jobs":                (*Server).listJobs,
	"batch.get_job_details":          (*Server).getJobDetails,
	"batch.list_files":               (*Server).listFiles,
	"batch.download":                 (*Server).downloadZip,
	fileEndpoint:                     (*Server).downloadFile,
}

// fileEndpoint is the one whose path continues with a job and a file.
const fileEndpoint = "batch/download"

// exchange is one request and its answer.
type exchange struct {
	http.ResponseWriter
	request  *http.Request
	params   *params
	rest     string // of the path, after the endpoint
	warnings []string
	status   int
	noRange  bool // the fault FaultNoRange
	badHash  bool // the fault FaultBadHash
	// authenticated means that the request has a key that is accepted.
	authenticated bool
}

// WriteHeader adds the warnings that have come up.
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 {
		return
	}
	x.status = status
	if len(x.warnings) > 0 && x.Header().Get("X-Warning") == "" {
		text, _ := json.Marshal(x.warnings) // strings always are JSON
		x.Header().Set("X-Warning", string(text))
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(b []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	return x.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// ServeHTTP answers a request. It is for the server's own use.
func (h *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.running.Add(1)
	defer h.running.Done()
	conn := r.Context().Value(connKey{}).(*clientConn)
	conn.split, conn.gap = 0, 0
	endpoint, rest := splitPath(r.URL.Path)
	var id [16]byte
	rand.Read(id[:]) //nolint:errcheck // never fails
	w.Header().Set("request-id", hex.EncodeToString(id[:]))
	x := &exchange{ResponseWriter: w, request: r, rest: rest, warnings: slices.Clone(h.cfg.Warnings)}
	// Before the key is checked, nothing of what a stranger sends is read or remembered.
	x.authenticated = h.authenticated(r)
	x.params = &params{}
	var failure *apiError
	if x.authenticated {
		x.params, failure = readParams(w, r)
	}
	entry := h.note(x, endpoint)
	var err error
	if failure != nil {
		err = failure
	} else {
		err = h.answer(x, conn, endpoint)
	}
	var refusal *apiError
	if errors.As(err, &refusal) && x.status == 0 {
		err = x.refuse(refusal)
	}
	h.finish(entry, x.status)
	h.cfg.Logger.Info("request", "method", r.Method, "endpoint", endpoint, "status", x.status, "error", err)
	if err != nil {
		panic(http.ErrAbortHandler) // cuts the connection: the answer is incomplete
	}
}

// splitPath finds the endpoint in a path, and what follows it.
func splitPath(path string) (endpoint, rest string) {
	path, ok := strings.CutPrefix(path, "/v0/")
	if !ok {
		return "", ""
	}
	if rest, ok := strings.CutPrefix(path, fileEndpoint+"/"); ok {
		return fileEndpoint, rest
	}
	return path, ""
}

// answer shows the faults and calls the handler.
func (h *Server) answer(x *exchange, conn *clientConn, endpoint string) error {
	done, err := h.showFaults(x, conn, endpoint)
	if done || err != nil {
		return err
	}
	handler, ok := endpoints[endpoint]
	switch {
	case !ok:
		return plainError(http.StatusNotFound)
	case x.request.Method != http.MethodGet && x.request.Method != http.MethodPost && x.request.Method != http.MethodHead:
		x.Header().Set("Allow", "GET, POST")
		return plainError(http.StatusMethodNotAllowed)
	case !x.authenticated:
		x.Header().Set("WWW-Authenticate", `Basic realm="dbn-sim"`)
		return &apiError{status: http.StatusUnauthorized, kind: "auth_authentication_failed", message: "Authentication failed."}
	}
	if err := handler(h, x); err != nil {
		return err
	}
	if end, ok := x.ResponseWriter.(*faultyWriter); ok {
		return end.finish()
	}
	return nil
}

// authenticated checks the key: the user of basic authentication, with an empty password.
func (h *Server) authenticated(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && password == "" && slices.ContainsFunc(h.cfg.Keys, func(key string) bool {
		return subtle.ConstantTimeCompare([]byte(key), []byte(user)) == 1
	})
}

// refuse answers with an error.
func (x *exchange) refuse(e *apiError) error {
	if e.status == http.StatusUnprocessableEntity && e.payload == nil {
		e.payload = map[string]any{}
	}
	return writeJSON(x, e.status, e.body())
}

// note remembers a request; finish adds its outcome.
func (h *Server) note(x *exchange, endpoint string) *Request {
	r := x.request
	entry := &Request{
		Method: r.Method, Endpoint: shortened(endpoint), Path: shortened(r.URL.Path), Remote: r.RemoteAddr,
	}
	if x.authenticated {
		entry.Header, entry.Params = r.Header.Clone(), r.Form
		entry.Header.Del("Authorization")
	}
	size := len(entry.Method) + len(entry.Endpoint) + len(entry.Path) + recent.SizeOf(entry.Header) + recent.SizeOf(entry.Params)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests.Add(entry, size)
	return entry
}

// shortened is a copy of a text's beginning.
func shortened(text string) string { return strings.Clone(text[:min(len(text), maxNoted)]) }

// maxNoted is how much of a path is remembered; those of the API are far shorter.
const maxNoted = 512

func (h *Server) finish(entry *Request, status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	entry.Status = status
}
