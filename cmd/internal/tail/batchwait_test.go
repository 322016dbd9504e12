package tail

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// One command orders a job, waits for it, and leaves its files.
func TestAJobIsAwaitedAndDownloaded(t *testing.T) {
	h := newHistServer(t, simhist.Config{JobDelay: 150 * time.Millisecond})
	dir := filepath.Join(t.TempDir(), "new")
	args := append([]string{"batch", "submit", "-J", "-y", "--wait=0.1", "--dir", dir}, histQuery(dbn.SchemaMbo)...)
	got := h.run(t, args...).want(t, exit.OK, "was submitted")
	var first struct{ Path, SHA256, State string }
	if err := json.Unmarshal([]byte(strings.SplitN(got.stdout, "\n", 2)[0]), &first); err != nil || first.State != "downloaded" {
		t.Fatalf("%v: %s", err, got.stdout)
	}
	id := filepath.Base(filepath.Dir(first.Path))
	files := h.files(t, id)
	wantFiles(t, filepath.Join(dir, id), files)
	wantRecords(t, filepath.Join(dir, id), files)

	// Waiting for it again finds what is there.
	got = h.run(t, "batch", "download", "--wait", "3", "--dir", dir, id).want(t, exit.OK, ": done")
	if n := strings.Count(got.stdout, "there"); n != len(files) {
		t.Errorf("%d of %d files:\n%s", n, len(files), got.stdout)
	}
	submitted := 0
	for _, name := range h.endpoints() {
		if name == "batch.submit_job" {
			submitted++
		}
	}
	if submitted != 1 {
		t.Errorf("%d jobs were ordered", submitted)
	}
}

// details answers a question for the state of a job.
func details(state string) string { return `{"id":"GLBX-1","state":"` + state + `"}` }

func TestAJobIsAwaitedThroughFailuresThatPass(t *testing.T) {
	answers := []func(http.ResponseWriter){
		func(w http.ResponseWriter) { w.Write([]byte(details("queued"))) },
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		func(w http.ResponseWriter) { w.Write([]byte(details("processing"))) },
		func(w http.ResponseWriter) { w.Write([]byte(details("expired"))) },
	}
	var asked atomic.Int64
	s := newStub(t, map[string]http.HandlerFunc{"batch.get_job_details": func(w http.ResponseWriter, _ *http.Request) {
		answers[asked.Add(1)-1](w)
	}})
	s.run(t, "batch", "download", "--wait=0.1", "--retries", "0", "--dir", t.TempDir(), "GLBX-1").want(t, exit.Failure,
		"job GLBX-1: queued", "trying again", "job GLBX-1: processing", "has expired", "batch download --wait --dir")
	if n := int(asked.Load()); n != len(answers) {
		t.Errorf("%d questions were asked, want %d", n, len(answers))
	}
}

func TestAJobThatNobodyKnowsIsNotAwaited(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	h.run(t, "batch", "download", "--wait=0.1", "--dir", t.TempDir(), "NONE").want(t, exit.Failure, "batch_job_not_found")
}

// Nothing is ordered that could not be written, and nothing that makes no sense.
func TestAJobThatCannotBeWrittenIsNotOrdered(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	file := writeFile(t, filepath.Join(t.TempDir(), "file"), nil)
	submit := func(more ...string) []string {
		return append(append([]string{"batch", "submit", "-y"}, more...), histQuery(dbn.SchemaMbo)...)
	}
	h.run(t, submit("--wait", "--dir", file)...).want(t, exit.Failure, "cannot create directory")
	h.run(t, submit("--dir", "x")...).want(t, exit.Usage, "--dir is for the files of a job that is waited for")
	h.run(t, submit("--wait=soon")...).want(t, exit.Usage, "0.1 to 86400")
	if asked := h.endpoints(); len(asked) > 0 {
		t.Errorf("%q", asked)
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("a directory was made")
	}
	h.run(t, submit("--wait", "--dry-run")...).want(t, exit.OK)
}
