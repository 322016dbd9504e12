package historical_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/internal/simtest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// listedFile is a file as batch.list_files lists it.
type listedFile struct {
	Filename string
	Size     int
	Hash     string
	URLs     struct{ HTTPS, FTP string } `json:"urls"`
}

// path is the URL's part that a request needs.
func (f listedFile) path(t testing.TB) string {
	t.Helper()
	parsed, err := url.Parse(f.URLs.HTTPS)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Path
}

// submit makes a job about three days of two instruments.
func submit(t testing.TB, h *historical.Server, pairs ...string) (id string, job map[string]any) {
	t.Helper()
	pairs = slices.Concat([]string{"dataset=GLBX.MDP3", "schema=trades", "start=2026-02-27", "end=2026-03-03", "symbols=AA,BB/1"}, pairs)
	job = asked[map[string]any](t, h, http.MethodPost, "batch.submit_job", pairs...)
	return job["id"].(string), job
}

// threeDays are four trades of two instruments on each of three days, over the end of a
// week and of a month; the days are Friday, Saturday and Sunday.
func threeDays() (sim.Source, []byte) {
	start := simtest.Time("2026-02-27T10:00:00Z")
	var list []dbn.TradeMsg
	for i := range 12 {
		at := start + dbn.UnixNanos(i/4)*24*3600e9 + dbn.UnixNanos(i)
		m := dbn.TradeMsg{Action: dbn.ActionTrade, Side: dbn.SideAsk, Price: 1e9, Size: uint32(i), TsRecv: at}
		m.Hd = dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, PublisherID: 1, InstrumentID: uint32(1 + i%2), TsEvent: at}
		list = append(list, m)
	}
	interval := func(id string) []dbn.MappingInterval {
		return []dbn.MappingInterval{{StartDate: 20260227, EndDate: 20260303, Symbol: id}}
	}
	meta := dbn.Metadata{
		Version: 3, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades, StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
		Start: simtest.Time("2026-02-27T00:00:00Z"), End: simtest.Time("2026-03-03T00:00:00Z"),
		Mappings: []dbn.SymbolMapping{{RawSymbol: "AA", Intervals: interval("1")}, {RawSymbol: "BB/1", Intervals: interval("2")}},
	}
	raw := bytes.Clone(simtest.RecordBytes(list))
	return sim.RecordsSource(meta, raw), raw
}

func TestBatchFiles(t *testing.T) {
	source, raw := threeDays()
	h := serve(t, historical.Config{Sources: []sim.Source{source}})
	for _, test := range []struct {
		pairs []string
		names []string
		count int // of records
	}{
		{nil, []string{"glbx-mdp3-20260227.trades.dbn.zst", "glbx-mdp3-20260228.trades.dbn.zst", "glbx-mdp3-20260301.trades.dbn.zst"}, 12},
		{[]string{"split_duration=week"}, []string{"glbx-mdp3-20260227-20260228.trades.dbn.zst", "glbx-mdp3-20260301-20260302.trades.dbn.zst"}, 12},
		{[]string{"split_duration=month"}, []string{"glbx-mdp3-20260227-20260228.trades.dbn.zst", "glbx-mdp3-20260301-20260302.trades.dbn.zst"}, 12},
		{[]string{"split_duration=year"}, []string{"glbx-mdp3-20260227-20260302.trades.dbn.zst"}, 12},
		{[]string{"split_duration=none", "compression=none"}, []string{"glbx-mdp3-20260227-20260302.trades.dbn"}, 12},
		{[]string{"split_duration=none", "split_symbols=True"}, []string{"glbx-mdp3-20260227-20260302.trades.AA.dbn.zst", "glbx-mdp3-20260227-20260302.trades.BB_1.dbn.zst"}, 12},
		{[]string{"limit=5"}, []string{"glbx-mdp3-20260227.trades.dbn.zst", "glbx-mdp3-20260228.trades.dbn.zst"}, 5},
		{[]string{"end=2026-02-28T10:00:00.000000005"}, []string{"glbx-mdp3-20260227.trades.dbn.zst", "glbx-mdp3-20260228.trades.dbn.zst"}, 5},
	} {
		t.Run(fmt.Sprint(test.pairs), func(t *testing.T) {
			id, _ := submit(t, h, test.pairs...)
			job := asked[map[string]any](t, h, http.MethodGet, "batch.get_job_details", "job_id="+id)
			if job["state"] != "done" || job["record_count"] != float64(test.count) {
				t.Errorf("job %v", job)
			}
			var names []string
			var all [][]byte
			files := asked[[]listedFile](t, h, http.MethodGet, "batch.list_files", "job_id="+id)
			for _, f := range files {
				a, err := try(t, h, http.MethodGet, f.path(t), nil, nil)
				if err != nil || a.err != nil || a.status != 200 || len(a.body) != f.Size || f.Hash != "sha256:"+sha(a.body) {
					t.Fatalf("%s: %v %v, status %d, %d bytes", f.Filename, err, a.err, a.status, len(a.body))
				}
				if strings.HasSuffix(f.Filename, ".json") {
					continue
				}
				names = append(names, f.Filename)
				_, list, err := stream(t, a.body)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, list...)
			}
			if !slices.Equal(names, test.names) {
				t.Errorf("files %v, want %v", names, test.names)
			}
			slices.SortStableFunc(all, func(a, b []byte) int { return int(a[24]) - int(b[24]) }) // by size, which counts them
			if !bytes.Equal(bytes.Join(all, nil), raw[:48*test.count]) {
				t.Errorf("%d records differ from the source's first %d", len(all), test.count)
			}
			checkZip(t, h, id, files)
		})
	}
}

func sha(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// checkZip compares the archive of a job with its list of files.
func checkZip(t *testing.T, h *historical.Server, id string, files []listedFile) {
	t.Helper()
	a := ask(t, h, http.MethodGet, "batch.download", "job_id="+id)
	archive, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	if err != nil || len(archive.File) != len(files) {
		t.Fatalf("archive: %v", err)
	}
	for i, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || f.Name != files[i].Filename || "sha256:"+sha(content) != files[i].Hash {
			t.Errorf("%s in the archive: %v, %d bytes", f.Name, err, len(content))
		}
	}
}

func TestBatchText(t *testing.T) {
	source, _ := threeDays()
	h := serve(t, historical.Config{Sources: []sim.Source{source}})
	for _, test := range []struct {
		pairs []string
		want  string // the first lines
	}{
		{[]string{"encoding=csv", "limit=1"}, "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol\n" +
			"1772186400000000000,1772186400000000000,0,1,1,T,A,0,1000000000,0,0,0,0,AA\n"},
		{[]string{"encoding=json", "limit=2", "map_symbols=false", "symbols=BB/1", "pretty_px=true"},
			`{"ts_recv":"2026-02-27T10:00:00.000000001Z","hd":{"ts_event":"2026-02-27T10:00:00.000000001Z","rtype":0,"publisher_id":1,"instrument_id":2},` +
				`"action":"T","side":"A","depth":0,"price":"1.000000000","size":1,"flags":0,"ts_in_delta":0,"sequence":0}` + "\n"},
	} {
		id, _ := submit(t, h, test.pairs...)
		f := asked[[]listedFile](t, h, http.MethodGet, "batch.list_files", "job_id="+id)[0]
		a, err := try(t, h, http.MethodGet, f.path(t), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := zstd.NewReader(bytes.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(d)
		d.Close()
		if err != nil || !strings.HasPrefix(string(text), test.want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", f.Filename, err, text, test.want)
		}
	}
}

func TestRanges(t *testing.T) {
	source, _ := threeDays()
	h := serve(t, historical.Config{Sources: []sim.Source{source}})
	id, _ := submit(t, h)
	f := asked[[]listedFile](t, h, http.MethodGet, "batch.list_files", "job_id="+id)[0]
	whole, err := try(t, h, http.MethodGet, f.path(t), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		asked   string
		status  int
		content []byte
		given   string
	}{
		{"bytes=10-", 206, whole.body[10:], fmt.Sprintf("bytes 10-%d/%d", f.Size-1, f.Size)},
		{fmt.Sprintf("bytes=10-%d", f.Size-1), 206, whole.body[10:], fmt.Sprintf("bytes 10-%d/%d", f.Size-1, f.Size)},
		{"bytes=0-0", 206, whole.body[:1], fmt.Sprintf("bytes 0-0/%d", f.Size)},
		{fmt.Sprintf("bytes=%d-", f.Size), 416, nil, fmt.Sprintf("bytes */%d", f.Size)},
	} {
		t.Run(test.asked, func(t *testing.T) {
			a, err := try(t, h, http.MethodGet, f.path(t), nil, http.Header{"Range": {test.asked}})
			if err != nil || a.err != nil || a.status != test.status || a.header.Get("Content-Range") != test.given {
				t.Fatalf("%v %v, status %d, %v", err, a.err, a.status, a.header)
			}
			if test.content != nil && !bytes.Equal(a.body, test.content) {
				t.Errorf("%d bytes, want %d", len(a.body), len(test.content))
			}
		})
	}
	for _, path := range []string{"/v0/batch/download/x/" + id + "/" + f.Filename, "/v0/batch/download/SIMULATOR/" + id + "/none", "/v0/batch/download/SIMULATOR/none/" + f.Filename, "/v0/batch/download/"} {
		if a, err := try(t, h, http.MethodGet, path, nil, nil); err != nil || a.status != http.StatusNotFound {
			t.Errorf("%s: %v, status %d", path, err, a.status)
		}
	}
}

func TestJobStates(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	source, _ := threeDays()
	h := serve(t, historical.Config{Sources: []sim.Source{source}, JobDelay: 10 * time.Second, Clock: clock})
	id, _ := submit(t, h)
	list := func(pairs ...string) int {
		return len(asked[[]map[string]any](t, h, http.MethodGet, "batch.list_jobs", pairs...))
	}
	for _, step := range []struct {
		wait     time.Duration
		state    string
		progress float64
		files    int
		download int // status
		listed   int // by default
	}{
		{0, "queued", 0, 0, 404, 1},
		{4 * time.Second, "queued", 40, 0, 404, 1},
		{2 * time.Second, "processing", 60, 0, 404, 1},
		{4 * time.Second, "done", 100, 7, 200, 1},
		{31 * 24 * time.Hour, "expired", 100, 0, 404, 0},
	} {
		clock.Advance(step.wait)
		job := asked[map[string]any](t, h, http.MethodGet, "batch.get_job_details", "job_id="+id)
		if job["state"] != step.state || job["progress"] != step.progress || (job["ts_process_done"] != nil) != (step.progress == 100) {
			t.Errorf("job %v, want %+v", job, step)
		}
		if n := len(asked[[]listedFile](t, h, http.MethodGet, "batch.list_files", "job_id="+id)); n != step.files {
			t.Errorf("%s: %d files, want %d", step.state, n, step.files)
		}
		if a := ask(t, h, http.MethodGet, "batch.download", "job_id="+id); a.status != step.download {
			t.Errorf("%s: download has status %d", step.state, a.status)
		}
		if n := list(); n != step.listed {
			t.Errorf("%s: %d jobs listed", step.state, n)
		}
		if list("states="+step.state) != 1 || list("states=queued,processing,done,expired", "since=2026-11-23T12:00:01") != 0 {
			t.Errorf("%s: the list is not filtered", step.state)
		}
	}
}

// The list has three fields of each job; the rest is in the details.
func TestJobsAreListedInShort(t *testing.T) {
	source, _ := threeDays()
	for _, test := range []struct {
		long  bool
		pairs []string
		keys  []string // nil: those of the details
	}{
		{false, nil, []string{"id", "state", "ts_received"}},
		{false, []string{"short=False"}, []string{"id", "state", "ts_received"}}, // a parameter of the past
		{false, []string{"short=True"}, []string{"id", "state", "ts_received"}},
		{true, nil, nil},
	} {
		h := serve(t, historical.Config{Sources: []sim.Source{source}, LongJobs: test.long})
		id, _ := submit(t, h)
		details := asked[map[string]any](t, h, http.MethodGet, "batch.get_job_details", "job_id="+id)
		list := asked[[]map[string]any](t, h, http.MethodGet, "batch.list_jobs", test.pairs...)
		if len(list) != 1 {
			t.Fatalf("%d jobs", len(list))
		}
		keys := slices.Sorted(maps.Keys(list[0]))
		want := test.keys
		if want == nil {
			want = slices.Sorted(maps.Keys(details))
		}
		if !slices.Equal(keys, want) {
			t.Errorf("%v: keys %v, want %v", test.pairs, keys, want)
		}
		for key, value := range list[0] {
			if !cmp.Equal(value, details[key]) {
				t.Errorf("%s is %v in the list and %v in the details", key, value, details[key])
			}
		}
	}
}

// What is submitted is queued, and its cost and size are not known yet; none is null.
func TestASubmittedJobIsQueued(t *testing.T) {
	source, _ := threeDays()
	h := serve(t, historical.Config{Sources: []sim.Source{source}})
	id, job := submit(t, h, "compression=none", "split_duration=none", "encoding=csv")
	if _, ok := job["progress"]; ok || job["state"] != "queued" {
		t.Errorf("submitted as %v", job)
	}
	unknown := []string{"cost_usd", "record_count", "billed_size", "actual_size", "package_size", "ts_process_start", "ts_process_done", "ts_expiration"}
	details := asked[map[string]any](t, h, http.MethodGet, "batch.get_job_details", "job_id="+id)
	for _, key := range unknown {
		if job[key] != nil || details[key] == nil {
			t.Errorf("%s is %v when submitted and %v when done", key, job[key], details[key])
		}
	}
	if details["state"] != "done" || details["compression"] != nil || details["split_duration"] != nil {
		t.Errorf("details %v", details)
	}
}

// Text has symbols unless the request says otherwise; DBN has none.
func TestJobsOfTextMapSymbolsByDefault(t *testing.T) {
	source, _ := threeDays()
	h := serve(t, historical.Config{Sources: []sim.Source{source}})
	for _, test := range []struct {
		pairs []string
		want  bool
	}{
		{[]string{"encoding=csv"}, true}, {[]string{"encoding=json"}, true}, {[]string{"encoding=dbn"}, false}, {nil, false},
		{[]string{"encoding=csv", "map_symbols=false"}, false}, {[]string{"encoding=json", "map_symbols=0"}, false},
	} {
		if _, job := submit(t, h, test.pairs...); job["map_symbols"] != test.want {
			t.Errorf("%v: map_symbols is %v", test.pairs, job["map_symbols"])
		}
	}
}

func TestBatchMistakes(t *testing.T) {
	source, _ := threeDays()
	h := serve(t, historical.Config{Sources: []sim.Source{source}})
	good := []string{"dataset=GLBX.MDP3", "schema=trades", "start=2026-02-27", "symbols=AA"}
	for _, test := range []struct {
		method, endpoint string
		pairs            []string
		status           int
	}{
		{"GET", "batch.submit_job", good, 405},
		{"POST", "batch.submit_job", append(good, "split_duration=hour"), 422},
		{"POST", "batch.submit_job", append(good, "split_size=5"), 422},
		{"POST", "batch.submit_job", append(good, "delivery=s3"), 422},
		{"POST", "batch.submit_job", append(good, "pretty_px=maybe"), 422},
		{"POST", "batch.submit_job", append(good, "pretty_px=true"), 422},
		{"POST", "batch.submit_job", append(good, "symbols=ALL_SYMBOLS", "split_symbols=1"), 422},
		{"GET", "batch.list_jobs", []string{"states=lost"}, 422},
		{"GET", "batch.list_jobs", []string{"since=then"}, 422},
		{"GET", "batch.list_files", nil, 422},
		{"GET", "batch.list_files", []string{"job_id=none"}, 404},
		{"GET", "batch.get_job_details", []string{"job_id=none"}, 404},
		{"GET", "batch.download", []string{"job_id=none"}, 404},
	} {
		if a := ask(t, h, test.method, test.endpoint, test.pairs...); a.status != test.status {
			t.Errorf("%s %v: status %d, want %d: %s", test.endpoint, test.pairs, a.status, test.status, a.body)
		}
	}
}
