package historical

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
)

// userID is whose jobs all are.
const userID = "SIMULATOR"

// The sizes that a batch may be split at, in bytes.
const (
	minSplitSize = 1_000_000_000
	maxSplitSize = 10_000_000_000
)

// jobRequest is what a batch job is asked to make.
type jobRequest struct {
	query         *query
	format        textFormat
	compression   dbn.Compression
	prettyPx      bool
	prettyTs      bool
	splitSymbols  bool
	splitDuration splitDuration
	splitSize     uint64
}

// submitJob makes a job and its files.
func (h *Server) submitJob(x *exchange) error {
	if x.request.Method != http.MethodPost {
		x.Header().Set("Allow", "POST")
		return plainError(http.StatusMethodNotAllowed)
	}
	r, err := h.jobRequest(x)
	if err != nil {
		return err
	}
	files, err := h.makeFiles(r)
	if err != nil {
		return err
	}
	job := newHistJob(r, files, h.cfg.Clock.Now(), h.cfg.JobDelay)
	if err := job.addDocuments(h, x.base()); err != nil {
		return err
	}
	h.jobs.add(job)
	return x.reply(job.submitted())
}

func (h *Server) jobRequest(x *exchange) (*jobRequest, error) {
	p := x.params
	q, err := h.query(x, true)
	if err != nil {
		return nil, err
	}
	r := &jobRequest{
		query:         q,
		compression:   parseParam(p, "compression", "zstd", dbn.ParseCompression),
		prettyPx:      p.flag("pretty_px", false),
		prettyTs:      p.flag("pretty_ts", false),
		splitSymbols:  p.flag("split_symbols", false),
		splitDuration: parseParam(p, "split_duration", "day", parseOneOf(splitDurations...)),
		splitSize:     p.number("split_size", minSplitSize, maxSplitSize),
	}
	encoding := parseParam(p, "encoding", "dbn", dbn.ParseEncoding)
	text := encoding != dbn.EncodingDbn
	r.format = textFormat{encoding, r.prettyPx || r.prettyTs, p.flag("map_symbols", text)}
	parseParam(p, "delivery", "download", parseOneOf("download"))
	switch {
	case p.err != nil:
		return nil, p.err
	case r.splitSymbols && slices.Contains(q.symbols, dbn.AllSymbols):
		return nil, invalid("batch_invalid_request", "`split_symbols` cannot be used with `%s`.", dbn.AllSymbols)
	case !text && (r.prettyPx || r.prettyTs || r.format.mapSymbol):
		return nil, invalid("batch_invalid_request", "`pretty_px`, `pretty_ts` and `map_symbols` are for text encodings, not for dbn.")
	}
	return r, nil
}

// base is the server's URL as the client knows it.
func (x *exchange) base() string {
	scheme := "https://"
	if x.request.Context().Value(connKey{}).(*clientConn).server.cfg.PlainHTTP {
		scheme = "http://"
	}
	return scheme + x.request.Host
}

// job reads the job_id.
func (h *Server) job(x *exchange) (*batchJob, error) {
	id := x.params.required("job_id")
	if x.params.err != nil {
		return nil, x.params.err
	}
	return h.findJob(id)
}

func (h *Server) findJob(id string) (*batchJob, error) {
	job := h.jobs.find(id)
	if job == nil {
		return nil, &apiError{
			status: http.StatusNotFound, kind: "batch_job_not_found",
			message: fmt.Sprintf("The batch job '%s' does not exist.", id), payload: map[string]any{"job_id": id},
		}
	}
	return job, nil
}

func (h *Server) getJobDetails(x *exchange) error {
	job, err := h.job(x)
	if err != nil {
		return err
	}
	return x.reply(job.document(h.cfg.Clock.Now()))
}

// listJobs answers in the short form, as the service does; batch.get_job_details has the
// rest.
func (h *Server) listJobs(x *exchange) error {
	p := x.params
	var states []jobState
	text := p.values.Get("states")
	if text == "" {
		text = "queued,processing,done"
	}
	for name := range strings.SplitSeq(text, ",") {
		state, err := parseOneOf(jobStates...)(strings.TrimSpace(name))
		if err != nil {
			return invalid("validation_failed", "The `states` parameter has an unknown state: '%s'.", name)
		}
		states = append(states, state)
	}
	var since uint64
	if text := p.values.Get("since"); text != "" {
		at, _, err := parseInstant(text)
		if err != nil {
			return invalid("validation_failed", "The `since` parameter is not valid: %v.", err)
		}
		since = at
	}
	now := h.cfg.Clock.Now()
	describe := (*batchJob).short
	if h.cfg.LongJobs {
		describe = (*batchJob).document
	}
	list := []map[string]any{}
	for _, job := range h.jobs.all() {
		if uint64(job.received.UnixNano()) >= since && slices.Contains(states, job.state(now)) {
			list = append(list, describe(job, now))
		}
	}
	return x.reply(list)
}

func (h *Server) listFiles(x *exchange) error {
	job, err := h.job(x)
	if err != nil {
		return err
	}
	list := []map[string]any{}
	if job.state(h.cfg.Clock.Now()) == jobDone {
		list = job.fileList(x.base())
	}
	if x.badHash {
		for _, file := range list {
			file["hash"] = "sha256:" + strings.Repeat("0", 64)
		}
	}
	return x.reply(list)
}

// finished is an error while a job's files are not there.
func (h *Server) finished(job *batchJob) error {
	if state := job.state(h.cfg.Clock.Now()); state != jobDone {
		return &apiError{
			status: http.StatusNotFound, kind: "batch_job_not_done",
			message: fmt.Sprintf("The batch job '%s' is %s.", job.id, state), payload: map[string]any{"job_id": job.id},
		}
	}
	return nil
}

// downloadZip sends all files in one archive, made while it is sent.
func (h *Server) downloadZip(x *exchange) error {
	job, err := h.job(x)
	if err == nil {
		err = h.finished(job)
	}
	if err != nil {
		return err
	}
	x.Header().Set("Content-Type", "application/zip")
	x.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", job.id+".zip"))
	archive := zip.NewWriter(x)
	for _, file := range job.files {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: file.name, Method: zip.Store, Modified: job.received})
		if err == nil {
			_, err = w.Write(file.content)
		}
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

// downloadFile sends a file, or the part that a Range header asks for.
func (h *Server) downloadFile(x *exchange) error {
	parts := strings.Split(x.rest, "/")
	if len(parts) != 3 || parts[0] != userID {
		return plainError(http.StatusNotFound)
	}
	job, err := h.findJob(parts[1])
	if err == nil {
		err = h.finished(job)
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(job.files, func(f batchFile) bool { return f.name == parts[2] })
	if i < 0 {
		return plainError(http.StatusNotFound)
	}
	if x.noRange {
		x.request.Header.Del("Range")
	}
	file := job.files[i]
	x.Header().Set("Content-Type", "application/octet-stream")
	x.Header().Set("ETag", `"`+file.hash+`"`)
	http.ServeContent(x, x.request, "", job.received, bytes.NewReader(file.content))
	return nil
}
