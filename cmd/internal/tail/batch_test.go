package tail

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// submit orders a job of mbo records, one file for each of two symbols.
func (h *histServer) submit(t testing.TB, more ...string) dbnloop.BatchJob {
	t.Helper()
	args := append([]string{"batch", "submit", "-J", "-y", "--split-symbols"}, histQuery(dbn.SchemaMbo, more...)...)
	got := h.run(t, args...).want(t, exit.OK, "ordering mbo of GLBX.MDP3, $0.")
	var job dbnloop.BatchJob
	if err := json.Unmarshal([]byte(got.stdout), &job); err != nil {
		t.Fatalf("%v: %s", err, got.stdout)
	}
	return job
}

// files are what the server lists of a job.
func (h *histServer) files(t testing.TB, id string) (files []dbnloop.BatchFile) {
	t.Helper()
	for line := range strings.Lines(h.run(t, "batch", "files", "-J", id).want(t, exit.OK).stdout) {
		var f dbnloop.BatchFile
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		files = append(files, f)
	}
	return files
}

// wantFiles checks that a directory has the files of a job and no other.
func wantFiles(t testing.TB, dir string, files []dbnloop.BatchFile) {
	t.Helper()
	var want []string
	for _, f := range files {
		want = append(want, f.Name)
		sum := sha256.Sum256(readFile(t, filepath.Join(dir, f.Name)))
		if got := "sha256:" + hex.EncodeToString(sum[:]); got != f.Hash {
			t.Errorf("%s: %s, want %s", f.Name, got, f.Hash)
		}
	}
	got := filesIn(t, dir)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBatch(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	job := h.submit(t, "--compression", "none")
	if list := h.run(t, "batch", "list").want(t, exit.OK).stdout; !strings.Contains(list, job.ID+"  done") {
		t.Errorf("list: %s", list)
	}
	if list := h.run(t, "batch", "list", "--state", "queued", "-J").want(t, exit.OK).stdout; list != "" {
		t.Errorf("queued jobs: %s", list)
	}
	if list := h.run(t, "batch", "list", "--since", "1h", "-J").want(t, exit.OK).stdout; strings.Count(list, "\n") != 1 {
		t.Errorf("jobs of the last hour: %s", list)
	}
	show := h.run(t, "batch", "show", job.ID).want(t, exit.OK).stdout
	for _, row := range []string{"job            " + job.ID, "state          done", "split symbols  true"} {
		if !strings.Contains(show, row+"\n") {
			t.Errorf("no %q in\n%s", row, show)
		}
	}
	h.run(t, "batch", "show", "NONE").want(t, exit.Failure, "batch_job_not_found")
	dir := t.TempDir()
	files := h.files(t, job.ID)
	got := h.run(t, "batch", "download", "--dir", dir, job.ID).want(t, exit.OK).stdout
	if n := strings.Count(got, "downloaded"); n != len(files) || n < 3 {
		t.Errorf("%d of %d files:\n%s", n, len(files), got)
	}
	folder := filepath.Join(dir, job.ID)
	wantFiles(t, folder, files)
	wantRecords(t, folder, files)

	got = h.run(t, "batch", "download", "--dir", dir, job.ID).want(t, exit.OK).stdout
	if n := strings.Count(got, "there"); n != len(files) {
		t.Errorf("again, %d of %d files:\n%s", n, len(files), got)
	}
	name := files[len(files)-1].Name
	if err := os.WriteFile(filepath.Join(folder, name), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.run(t, "batch", "download", "--dir", dir, job.ID, name).want(t, exit.Failure, "give --force")
	h.run(t, "batch", "download", "--dir", dir, "--force", job.ID, name).want(t, exit.OK)
	wantFiles(t, folder, files)
	h.run(t, "batch", "download", "--dir", dir, job.ID, "none").want(t, exit.Usage, "has no file")
}

// wantRecords checks that the files of both symbols have the records of the sample data.
func wantRecords(t testing.TB, dir string, files []dbnloop.BatchFile) {
	t.Helper()
	want := len(recordsOf(t, readFile(t, sampleFile(t, dbn.SchemaMbo))))
	got := 0
	for _, f := range files {
		if kind, _, _ := output.FormatOf(f.Name); kind == output.DBN {
			got += len(recordsOf(t, readFile(t, filepath.Join(dir, f.Name))))
		}
	}
	if got != want {
		t.Errorf("%d bytes of records, want %d", got, want)
	}
}

func TestBatchNotDone(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC))
	h := newHistServer(t, simhist.Config{JobDelay: time.Hour, Clock: clock})
	job := h.submit(t)
	h.run(t, "batch", "download", "--dir", t.TempDir(), job.ID).want(t, exit.Failure, "has no files; it is queued")
}

func TestBatchDryRun(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	h.run(t, append([]string{"batch", "submit", "--dry-run"}, histQuery(dbn.SchemaMbo)...)...).want(t, exit.OK)
	for _, name := range h.endpoints() {
		if !strings.HasPrefix(name, "metadata.") {
			t.Errorf("%s was asked", name)
		}
	}
}

// Each run is cut somewhere; each resumes where the one before ended.
func TestBatchResumes(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		var faults []simhist.Fault
		const cuts = 12
		for i := 1; i <= cuts; i++ {
			kind := simhist.FaultCutBody
			if random.IntN(3) == 0 {
				kind = simhist.FaultResetBody
			}
			faults = append(faults, simhist.Fault{
				Kind: kind, At: random.Int64N(30_000), Endpoint: "batch/download", First: i, Last: i,
			})
		}
		h := newHistServer(t, simhist.Config{Faults: faults})
		job := h.submit(t, "--compression", "none")
		files := h.files(t, job.ID)
		dir := t.TempDir()
		failures, resumed := 0, 0
		for {
			got := h.run(t, "batch", "download", "--dir", dir, "--retries", "0", job.ID)
			resumed += strings.Count(got.stdout, "resumed")
			if got.code == exit.OK {
				break
			}
			kept := strings.Contains(got.stderr, "the same command resumes from there")
			if got.code == exit.Partial != kept || got.code != exit.Partial && got.code != exit.Failure {
				t.Fatalf("seed %d: exit code %d: %s", seed, got.code, got.stderr)
			}
			if failures++; failures > cuts {
				t.Fatalf("seed %d: %d runs failed, the last with %s", seed, failures, got.stderr)
			}
		}
		wantFiles(t, filepath.Join(dir, job.ID), files)
		wantRecords(t, filepath.Join(dir, job.ID), files)
		ranges := 0
		for _, r := range h.Requests() {
			if r.Header.Get("Range") != "" {
				ranges++
			}
		}
		if failures == 0 || resumed == 0 || ranges == 0 {
			t.Errorf("seed %d: %d failures, %d files resumed, %d requests of a rest", seed, failures, resumed, ranges)
		}
	}
}

func TestBatchRetries(t *testing.T) {
	busy, err := simhist.ParseFault("unavailable=0s,endpoint=batch/download,on=1-3")
	if err != nil {
		t.Fatal(err)
	}
	cut := simhist.Fault{Kind: simhist.FaultCutBody, At: 5_000, Endpoint: "batch/download", First: 6, Last: 6}
	h := newHistServer(t, simhist.Config{Faults: []simhist.Fault{busy, cut}})
	job := h.submit(t, "--compression", "none")
	dir := t.TempDir()
	h.run(t, "batch", "download", "--dir", dir, "--retries", "1", job.ID).want(t, exit.Failure, "503")
	h.run(t, "batch", "download", "--dir", dir, job.ID).want(t, exit.OK) // 5 by default
	wantFiles(t, filepath.Join(dir, job.ID), h.files(t, job.ID))
}

func TestBatchWrongHash(t *testing.T) {
	h := newHistServer(t, simhist.Config{Faults: []simhist.Fault{{Kind: simhist.FaultCorrupt, At: 50, Endpoint: "batch/download"}}})
	job := h.submit(t)
	dir := t.TempDir()
	h.run(t, "batch", "download", "--dir", dir, job.ID).want(t, exit.Corrupt, "SHA-256", "the partial file was deleted")
	if left := filesIn(t, filepath.Join(dir, job.ID)); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// jobServer serves the files of a job J by name, in this order. A hash that is "" is the
// right one.
func jobServer(t testing.TB, names []string, contents map[string]string, hash func(name string) string) *stubServer {
	answers := map[string]http.HandlerFunc{}
	list := []dbnloop.BatchFile{}
	for _, name := range names {
		content := contents[name]
		f := dbnloop.BatchFile{Name: name, Size: int64(len(content)), Hash: hash(name), URLs: map[string]string{"https": "https://elsewhere/v0/files/" + name}}
		if f.Hash == "" {
			f.Hash = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content)))
		}
		list = append(list, f)
		answers["files/"+name] = func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
		}
	}
	answers["batch.list_files"] = func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(list) //nolint:errcheck // the client sees it
	}
	return newStub(t, answers)
}

// A file of a job may have the name that another one's part would have.
func TestBatchTakesNoFileForThePartOfAnother(t *testing.T) {
	contents := map[string]string{"a": "first", "a.part": "the second", "a.part.2": "the third one", "a.part.part": "the fourth of them"}
	orders := [][]string{
		{"a.part", "a"}, {"a", "a.part"}, {"a.part", "a.part.2", "a"}, {"a.part.part", "a.part", "a.part.2", "a"},
	}
	for _, names := range orders {
		s := jobServer(t, names, contents, func(string) string { return "" })
		check := func(dir string) {
			t.Helper()
			for _, name := range names {
				if got := string(readFile(t, filepath.Join(dir, "J", name))); got != contents[name] {
					t.Errorf("%v: %s holds %q", names, name, got)
				}
			}
			if left := filesIn(t, filepath.Join(dir, "J")); len(left) != len(names) {
				t.Errorf("%v: %v", names, left)
			}
		}
		dir := t.TempDir()
		s.run(t, "batch", "download", "--dir", dir, "J").want(t, exit.OK)
		check(dir)
		// One by one, and the one that is missing beside the others.
		dir = t.TempDir()
		for _, name := range names {
			s.run(t, "batch", "download", "--dir", dir, "J", name).want(t, exit.OK)
		}
		check(dir)
		if err := os.Remove(filepath.Join(dir, "J", "a")); err != nil {
			t.Fatal(err)
		}
		s.run(t, "batch", "download", "--dir", dir, "J").want(t, exit.OK)
		check(dir)
	}
}

func TestBatchSaysWhatIsNotChecked(t *testing.T) {
	contents := map[string]string{"a": "content", "b": "content too"}
	for _, hash := range []string{
		"md5:9a0364b9e99bb480dd25e1f0284c8555", "sha512:" + strings.Repeat("0", 128), "none", "sha256:", "sha256:xyz",
		"sha256:" + strings.Repeat("0", 63), strings.Repeat("0", 64),
	} {
		s := jobServer(t, []string{"a", "b"}, contents, func(name string) string {
			return map[string]string{"a": hash}[name]
		})
		dir := t.TempDir()
		warning := "warning: a: the server lists the hash " + strconv.Quote(hash)
		for _, state := range []string{"downloaded", "there"} {
			got := s.run(t, "batch", "download", "--dir", dir, "J").want(t, exit.OK, warning)
			lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
			if len(lines) != 3 || !strings.HasSuffix(lines[1], state+", unchecked") || !strings.HasSuffix(lines[2], state) ||
				strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("%s: %s%s", hash, got.stdout, got.stderr)
			}
		}
		s.run(t, "batch", "files", "J").want(t, exit.OK, warning)
	}
	upper := func(name string) string {
		return strings.ToUpper(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(contents[name]))))
	}
	s := jobServer(t, []string{"a", "b"}, contents, upper)
	s.run(t, "batch", "download", "--dir", t.TempDir(), "J").want(t, exit.OK)
}

// atOnce is how many requests for details of jobs are in flight at most.
const atOnce = 8

// listServer lists 40 jobs and gives the details of each, when enough of them are asked for
// at once. With long, the list has the details as well.
func listServer(t testing.TB, long bool, fault func(w http.ResponseWriter, id string) bool) (s *stubServer, most func() int) {
	var mu sync.Mutex
	var waiting, peak, asked int
	gate := make(chan struct{}, 1000)
	details := func(id string) map[string]any {
		return map[string]any{
			"id": id, "state": "done", "ts_received": "2026-11-16T00:00:00Z", "dataset": "GLBX.MDP3", "schema": "mbo",
			"symbols": "ESZ6", "stype_in": "raw_symbol", "stype_out": "instrument_id", "start": "2026-11-15T00:00:00Z",
			"end": "2026-11-16T00:00:00Z", "encoding": "dbn", "cost_usd": 1.5, "record_count": 1234,
		}
	}
	s = newStub(t, map[string]http.HandlerFunc{
		"batch.list_jobs": func(w http.ResponseWriter, _ *http.Request) {
			var jobs []map[string]any
			for i := range 40 {
				job := details(fmt.Sprintf("JOB-%02d", i))
				if !long {
					job = map[string]any{"id": job["id"], "state": job["state"], "ts_received": job["ts_received"]}
				}
				jobs = append(jobs, job)
			}
			json.NewEncoder(w).Encode(jobs) //nolint:errcheck // the client sees it
		},
		"batch.get_job_details": func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			waiting, asked = waiting+1, asked+1
			peak = max(peak, waiting)
			if waiting == atOnce || asked == 40 { // as many as come at once
				for range waiting {
					gate <- struct{}{}
				}
			}
			mu.Unlock()
			<-gate
			mu.Lock()
			waiting--
			mu.Unlock()
			id := r.URL.Query().Get("job_id")
			if fault == nil || !fault(w, id) {
				json.NewEncoder(w).Encode(details(id)) //nolint:errcheck // the client sees it
			}
		},
	})
	return s, func() int {
		mu.Lock()
		defer mu.Unlock()
		return peak
	}
}

func TestBatchListAsksForDetailsAFewAtATime(t *testing.T) {
	for _, long := range []bool{false, true} {
		s, most := listServer(t, long, nil)
		got := s.run(t, "batch", "list").want(t, exit.OK).stdout
		lines := strings.Split(strings.TrimSpace(got), "\n")
		if len(lines) != 41 || most() != atOnce {
			t.Fatalf("%d lines, %d requests at once:\n%s", len(lines), most(), got)
		}
		for i, line := range lines[1:] {
			want := fmt.Sprintf("JOB-%02d done GLBX.MDP3 mbo ESZ6 2026-11-15T00:00:00Z 2026-11-16T00:00:00Z 1,234 $1.50 2026-11-16T00:00:00Z", i)
			if strings.Join(strings.Fields(line), " ") != want {
				t.Errorf("line %d: %s", i, line)
			}
		}
		s, _ = listServer(t, long, nil)
		got = s.run(t, "batch", "list", "--short", "-J").want(t, exit.OK).stdout
		if first, _, _ := strings.Cut(got, "\n"); first != `{"id":"JOB-00","state":"done","ts_received":"2026-11-16T00:00:00Z"}` ||
			strings.Count(got, "\n") != 40 || s.wasAsked("batch.get_job_details") {
			t.Errorf("--short: %s", got)
		}
	}
}

func TestBatchListShowsWhatItGot(t *testing.T) {
	s, _ := listServer(t, false, func(w http.ResponseWriter, id string) bool {
		if id == "JOB-03" {
			http.Error(w, `{"detail":{"case":"batch_job_not_found","message":"gone","status_code":404}}`, http.StatusNotFound)
		}
		return id == "JOB-03"
	})
	got := s.run(t, "batch", "list").want(t, exit.Failure, "details of job JOB-03: ", "batch_job_not_found")
	if n := strings.Count(got.stdout, "$1.50"); n != 39 || !strings.Contains(got.stdout, "\nJOB-03  done   -  ") || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("%d with details: %s%s", n, got.stdout, got.stderr)
	}
}

// The text encodings have a symbol column unless it is turned off, as with the service.
func TestBatchAsksForSymbolsInText(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	for flags, want := range map[string]string{
		"": "false", "--encoding csv": "true", "--encoding json --map-symbols": "true", "--encoding csv --map-symbols=false": "false",
	} {
		h.submit(t, strings.Fields(flags)...)
		requests := h.Requests()
		if got := requests[len(requests)-1].Params.Get("map_symbols"); got != want {
			t.Errorf("%q: map_symbols is %q, want %q", flags, got, want)
		}
	}
}
