package historical

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/internal/recent"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// jobState is what a job has come to, in the words of the API.
type jobState string

const (
	jobQueued     jobState = "queued"
	jobProcessing jobState = "processing"
	jobDone       jobState = "done"
	jobExpired    jobState = "expired"
)

var jobStates = []jobState{jobQueued, jobProcessing, jobDone, jobExpired}

// jobList are the batch jobs, in the order they came. Their files are in memory: the
// oldest jobs are forgotten when there are too many, or too much in them.
type jobList struct {
	mu   sync.Mutex
	jobs *recent.List[batchJob]
}

// maxJobBytes bounds the files of all jobs together.
const maxJobBytes = 1 << 30

func newJobList() *jobList {
	return &jobList{jobs: recent.New[batchJob](maxJobBytes)}
}

func (j *jobList) add(job *batchJob) {
	j.mu.Lock()
	defer j.mu.Unlock()
	size := 0
	for _, file := range job.files {
		size += len(file.content)
	}
	j.jobs.Add(job, size)
}

func (j *jobList) all() []*batchJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.jobs.All()
}

func (j *jobList) find(id string) *batchJob {
	for _, job := range j.all() {
		if job.id == id {
			return job
		}
	}
	return nil
}

// batchJob is a batch job. It does not change: its state follows from the time, so that
// nothing needs to run for it.
type batchJob struct {
	id            string
	request       *jobRequest
	received      time.Time
	delay         time.Duration
	files         []batchFile
	records, size uint64 // what it is about
	dataSize      int    // of the data files
}

// batchFile is a file of a job, in memory.
type batchFile struct {
	name    string
	content []byte
	hash    string // SHA-256 in hexadecimal
}

func newBatchFile(name string, content []byte) batchFile {
	sum := sha256.Sum256(content)
	return batchFile{name, content, hex.EncodeToString(sum[:])}
}

func newHistJob(r *jobRequest, files []batchFile, now time.Time, delay time.Duration) *batchJob {
	q := r.query
	code, _, _ := strings.Cut(q.data.Dataset, ".")
	job := &batchJob{
		id:      fmt.Sprintf("%s-%s-%s", code, now.UTC().Format("20060102"), rand.Text()[:10]),
		request: r, files: files, received: now, delay: delay,
	}
	job.records, job.size = q.measure()
	for _, file := range files {
		job.dataSize += len(file.content)
	}
	return job
}

// jobLife is how long the files of a job can be fetched.
const jobLife = 30 * 24 * time.Hour

// state is what a job has come to at a time.
func (j *batchJob) state(now time.Time) jobState {
	switch age := now.Sub(j.received); {
	case age >= j.delay+jobLife:
		return jobExpired
	case age >= j.delay:
		return jobDone
	case age >= j.delay/2:
		return jobProcessing
	}
	return jobQueued
}

// document is the job as the API describes it. What is not known yet is null.
func (j *batchJob) document(now time.Time) map[string]any {
	r, q := j.request, j.request.query
	state := j.state(now)
	when := func(known bool, at time.Time) any {
		if !known {
			return nil
		}
		return market.ISO(uint64(at.UnixNano()))
	}
	number := func(known bool, n uint64) any {
		if !known {
			return nil
		}
		return n
	}
	unlessNone := func(text string) any { // the API says null for none
		if text == "none" {
			return nil
		}
		return text
	}
	begun, done := state != jobQueued, state == jobDone || state == jobExpired
	progress := 100
	if !done {
		progress = int(100 * now.Sub(j.received) / j.delay)
	}
	var cost any
	if done {
		cost = costOf(q.schema, j.size)
	}
	var package_ int
	for _, f := range j.files {
		package_ += len(f.content)
	}
	return map[string]any{
		"id": j.id, "user_id": userID, "cost_usd": cost,
		"dataset": q.data.Dataset, "symbols": strings.Join(q.symbols, ","),
		"stype_in": q.stypeIn.String(), "stype_out": q.stypeOut.String(), "schema": q.schema.String(),
		"start": market.ISO(q.period.start), "end": market.ISO(q.period.end), "limit": number(q.limit > 0, q.limit),
		"encoding": r.format.encoding.String(), "compression": unlessNone(r.compression.String()),
		"pretty_px": r.prettyPx, "pretty_ts": r.prettyTs, "map_symbols": r.format.mapSymbol,
		"split_symbols": r.splitSymbols, "split_duration": unlessNone(string(r.splitDuration)),
		"split_size": number(r.splitSize > 0, r.splitSize), "packaging": nil, "delivery": "download",
		"record_count": number(done, j.records), "billed_size": number(done, j.size),
		"actual_size": number(done, uint64(j.dataSize)), "package_size": number(done, uint64(package_)),
		"state": string(state), "progress": progress,
		"ts_received": when(true, j.received), "ts_queued": when(true, j.received),
		"ts_process_start": when(begun, j.received.Add(j.delay/2)), "ts_process_done": when(done, j.received.Add(j.delay)),
		"ts_expiration": when(done, j.received.Add(j.delay+jobLife)),
	}
}

// submitted is the job as the answer to its submission describes it: it has just been
// queued, however soon it will be done.
func (j *batchJob) submitted() map[string]any {
	queued := *j
	queued.delay = max(j.delay, time.Second)
	document := queued.document(j.received)
	delete(document, "progress")
	return document
}

// short is the job as the list of jobs has it.
func (j *batchJob) short(now time.Time) map[string]any {
	return pickKeys(j.document(now), []string{"id", "state", "ts_received"})
}

// fileList is the files as the API lists them.
func (j *batchJob) fileList(base string) []map[string]any {
	list := []map[string]any{}
	for _, f := range j.files {
		path := userID + "/" + j.id + "/" + f.name
		list = append(list, map[string]any{
			"filename": f.name, "size": len(f.content), "hash": "sha256:" + f.hash,
			"urls": map[string]string{
				"https": base + "/v0/" + fileEndpoint + "/" + path, "ftp": "ftp://ftp.invalid/" + path,
			},
		})
	}
	return list
}

// addDocuments adds the files that describe the data; the manifest lists all others.
func (j *batchJob) addDocuments(h *Server, base string) error {
	q := j.request.query
	from, to := q.period.days()
	resolved := q.data.resolveAll(q.stypeIn, q.stypeOut, q.symbols, from, to)
	add := func(name string, value any) error {
		content, err := json.MarshalIndent(value, "", "    ")
		if err != nil {
			return err
		}
		j.files = append(j.files, newBatchFile(name, append(content, '\n')))
		return nil
	}
	job := j.document(j.received.Add(j.delay))
	for _, document := range []struct {
		name  string
		value func() any
	}{
		{"metadata.json", func() any {
			return map[string]any{"version": 1, "job_id": j.id, "query": pickKeys(job, queryKeys), "customizations": pickKeys(job, customKeys)}
		}},
		{"condition.json", func() any { return h.conditions(q.data, from, to) }},
		{"symbology.json", func() any { return resolved.document(q.stypeIn, q.stypeOut, from, to) }},
		{"manifest.json", func() any { return map[string]any{"job_id": j.id, "files": j.fileList(base)} }},
	} {
		if err := add(document.name, document.value()); err != nil {
			return err
		}
	}
	return nil
}

var (
	queryKeys  = []string{"dataset", "schema", "symbols", "stype_in", "stype_out", "start", "end", "limit", "encoding", "compression"}
	customKeys = []string{"pretty_px", "pretty_ts", "map_symbols", "split_symbols", "split_duration", "split_size"}
)

func pickKeys(from map[string]any, keys []string) map[string]any {
	picked := make(map[string]any, len(keys))
	for _, key := range keys {
		picked[key] = from[key]
	}
	return picked
}
