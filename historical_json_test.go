package dbnloop_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/race"
)

// answering is a client of a server that answers everything with one body.
func answering(t *testing.T, body []byte) *dbnloop.HistoricalClient {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) }))
	t.Cleanup(server.Close)
	return newHistorical(t, newReactor(t), dbnloop.WithURL(server.URL), dbnloop.WithProxy(""))
}

func TestAnswersAreReadAsEncodingJSONReadsThem(t *testing.T) {
	for _, text := range []string{
		`[{"id":"J","state":"done","ts_received":"2026-11-20T00:00:00Z"},{"id":"K","dataset":null,"progress":null,"symbols":"A,B","cost_usd":1.5}]`,
		`[ { "id" : "\"\\\/\b\f\n\r\té€😀\ud83d\ude00\ud83dx" , "unknown" : [ {"id":[1]} , null ] , "limit" : 18446744073709551615 } ]`,
	} {
		var got, want []dbnloop.BatchJob
		if err := dbnloop.ReadAnswer([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	var r dbnloop.SymbologyResolution
	if err := dbnloop.ReadAnswer([]byte(`{"result":{"ES":[{"d0":"a","d1":"b","s":"5"}]},"partial":["P"],"not_found":[]}`), &r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dbnloop.SymbologyResolution{
		Mappings: map[string][]dbnloop.SymbolInterval{"ES": {{StartDate: "a", EndDate: "b", Symbol: "5"}}}, Partial: []string{"P"}, NotFound: []string{},
	}, r); diff != "" {
		t.Error(diff)
	}
	var d dbnloop.DatasetRange
	if err := dbnloop.ReadAnswer([]byte(`{"start":"a","end":"b","schema":{"mbo":{"start":"c","end":"d"}}}`), &d); err != nil || d.Start != "a" || d.RangeBySchema["mbo"].End != "d" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestAnswersOfAWrongTypeAreRefusedWhereTheyBegin(t *testing.T) {
	for _, c := range []struct {
		text string
		into any
		want string
	}{
		{"", new([]dbnloop.BatchJob), "it is not JSON"},
		{"[1", new([]dbnloop.BatchJob), "it is not JSON"},
		{"null", new(float64), "want a value at $"},
		{"{}", new([]dbnloop.BatchJob), "want a list at $"},
		{"[{},5]", new([]dbnloop.BatchJob), "want an object at $[1]"},
		{`[{"id":5}]`, new([]dbnloop.BatchJob), "want a string at $[0].id"},
		{`[{"symbols":["A",{}]}]`, new([]dbnloop.BatchJob), "want a symbol at $[0].symbols[1]"},
		{`{"result":{"A":[{"d0":[]}]}}`, new(dbnloop.SymbologyResolution), "want a string at $.result{0}[0].d0"},
		{`[{"publisher_id":70000}]`, new([]dbnloop.PublisherDetail), "want a whole number in range at $[0].publisher_id"},
		{`[{"mode":"m","unit_prices":{"mbo":"1"}}]`, new([]dbnloop.UnitPricesForMode), "want a finite number of 0 or more at $[0].unit_prices{0}"},
		{"-0.5", new(float64), "want a finite number of 0 or more at $"},
		{"1e999", new(float64), "want a finite number of 0 or more at $"},
		{"-1", new(uint64), "want a whole number in range at $"},
		{strings.Repeat("[", 65) + strings.Repeat("]", 65), new([]string), "it is nested deeper than 64"},
	} {
		if err := dbnloop.ReadAnswer([]byte(c.text), c.into); err == nil || err.Error() != c.want {
			t.Errorf("%s into %T: %v, want %s", c.text, c.into, err, c.want)
		}
	}
}

// flat is an answer of 16 MiB that holds an item as often as it can.
func flat(begin, item, end string) []byte {
	const size = 16 << 20
	var b bytes.Buffer
	b.Grow(size)
	b.WriteString(begin + item)
	for b.Len()+len(item)+len(end)+1 < size {
		b.WriteString("," + item)
	}
	b.WriteString(strings.Repeat(" ", size-b.Len()-len(end)) + end)
	return b.Bytes()
}

// TotalAlloc counts what was freed again, too: nothing is made to be thrown away.
func TestAFlatAnswerCostsThreeTimesItsTextAtMost(t *testing.T) {
	race.SkipOneGoroutine(t)
	for _, c := range []struct {
		name, begin, item, end string
		into                   any
		want                   dbnloop.ErrorCode
	}{
		{"zeros as jobs", "[", "0", "]", new([]dbnloop.BatchJob), dbnloop.CodeParseError},
		{"zeros as texts", "[", "0", "]", new([]string), dbnloop.CodeParseError},
		{"zeros in an id", `[{"id":[`, "0", "]}]", new([]dbnloop.BatchJob), dbnloop.CodeParseError},
		{"zeros as a new member", `[{"new":[`, "0", "]}]", new([]dbnloop.BatchJob), 0},
		{"zeros as symbols", `[{"symbols":[`, "0", "]}]", new([]dbnloop.BatchJob), dbnloop.CodeLimitExceeded},
		{"commas as symbols", `[{"symbols":"`, ",,,,,,,,", `"}]`, new([]dbnloop.BatchJob), dbnloop.CodeLimitExceeded},
		{"empty texts", "[", `""`, "]", new([]string), dbnloop.CodeLimitExceeded},
		{"escaped texts", "[", `"\n\u0041\u00e9"`, "]", new([]string), 0},
		{"objects", "[", "{}", "]", new([]dbnloop.BatchJob), dbnloop.CodeLimitExceeded},
		{"lists as mappings", `{"result":{"A":[`, "[]", "]}}", new(dbnloop.SymbologyResolution), dbnloop.CodeParseError},
		{"mappings", `{"result":{"A":[`, "{}", "]}}", new(dbnloop.SymbologyResolution), dbnloop.CodeLimitExceeded},
		{"prices", `[{"unit_prices":{`, `"a":1`, "}}]", new([]dbnloop.UnitPricesForMode), dbnloop.CodeLimitExceeded},
		{"URLs", `[{"urls":{`, `"a":""`, "}}]", new([]dbnloop.BatchFile), dbnloop.CodeLimitExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := flat(c.begin, c.item, c.end)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := dbnloop.ReadAnswer(text, c.into)
			runtime.ReadMemStats(&after)
			made := after.TotalAlloc - before.TotalAlloc
			if limit := uint64(3 * len(text)); made > limit {
				t.Errorf("%d bytes were allocated, %.1f times the text", made, float64(made)/float64(len(text)))
			}
			if c.want == dbnloop.CodeParseError && made > 1<<20 {
				t.Errorf("%d bytes were allocated before it ended at the wrong type", made)
			}
			if (err == nil) != (c.want == 0) {
				t.Errorf("%v", err)
			}
		})
	}
}

// The same through a call: the body is read where it lies.
func TestATypedCallDoesNotCopyItsAnswer(t *testing.T) {
	race.SkipOneGoroutine(t)
	text := flat("[", "0", "]")
	c := answering(t, text)
	if _, err := c.ListDatasets(t.Context(), "", ""); err == nil {
		t.Fatal("zeros are datasets") // and what is made once is there
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := c.ListJobs(t.Context(), time.Time{})
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 4<<20 {
		t.Errorf("%d bytes were allocated for an answer of %d", made, len(text))
	}
	if !errors.Is(err, dbnloop.ErrParse) || !strings.Contains(err.Error(), "want an object at $[0]") {
		t.Error(err)
	}
	c = answering(t, flat("[", `""`, "]"))
	if _, err := c.ListDatasets(t.Context(), "", ""); !errors.Is(err, dbnloop.ErrLimitExceeded) {
		t.Error(err)
	}
}

func TestAnswersAsTheServiceGivesThemAreRead(t *testing.T) {
	race.SkipOneGoroutine(t)
	const n = 50_000
	var jobs, symbols []string
	for i := range n {
		jobs = append(jobs, fmt.Sprintf(`{"id":"GLBX-20261120-%06d","state":"done","ts_received":"2026-11-20T14:30:00.000000+00:00"}`, i))
		symbols = append(symbols, fmt.Sprintf(`"SPY   261218C00%06d":[{"d0":"2026-11-20","d1":"2026-11-21","s":"1241%06d"}]`, i, i))
	}
	var list []dbnloop.BatchJob
	if err := dbnloop.ReadAnswer([]byte("["+strings.Join(jobs, ",")+"]"), &list); err != nil || len(list) != n {
		t.Errorf("%d jobs: %v", len(list), err)
	}
	var r dbnloop.SymbologyResolution
	if err := dbnloop.ReadAnswer([]byte(`{"result":{`+strings.Join(symbols, ",")+`},"partial":[],"not_found":[]}`), &r); err != nil || len(r.Mappings) != n {
		t.Errorf("%d symbols: %v", len(r.Mappings), err)
	}
}

func TestJobsInTheirShortForm(t *testing.T) {
	c := answering(t, []byte(`[{"id":"J-1","state":"done","ts_received":"2026-01-03"}]`))
	jobs, err := c.ListJobs(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dbnloop.BatchJob{{ID: "J-1", State: "done", Received: "2026-01-03"}}, jobs); diff != "" {
		t.Error(diff)
	}
}

// sent is the query or the form of a call's request.
func sent(t *testing.T, answer string, call func(*dbnloop.HistoricalClient) error) (got map[string][]string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		got = r.Form
		w.Write([]byte(answer))
	}))
	defer server.Close()
	c := newHistorical(t, newReactor(t), dbnloop.WithURL(server.URL), dbnloop.WithProxy(""))
	if err := call(c); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestFieldsOfADataset(t *testing.T) {
	form := sent(t, "[]", func(c *dbnloop.HistoricalClient) error {
		_, err := c.ListDatasetFields(t.Context(), "GLBX.MDP3", dbn.SchemaMbo, "csv")
		return err
	})
	if want := map[string][]string{"dataset": {"GLBX.MDP3"}, "schema": {"mbo"}, "encoding": {"csv"}}; !reflect.DeepEqual(form, want) {
		t.Errorf("%v", form)
	}
	form = sent(t, "[]", func(c *dbnloop.HistoricalClient) error {
		_, err := c.ListFields(t.Context(), dbn.SchemaMbo, "csv")
		return err
	})
	if _, ok := form["dataset"]; ok {
		t.Errorf("%v", form)
	}
}

func TestSymbolsAreInTextUnlessTheyAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		job  dbnloop.BatchRequest
		want string
	}{
		{dbnloop.BatchRequest{}, "false"}, {dbnloop.BatchRequest{Encoding: "dbn"}, "false"}, {dbnloop.BatchRequest{Encoding: "dbn", MapSymbols: true}, "true"},
		{dbnloop.BatchRequest{Encoding: "csv"}, "true"}, {dbnloop.BatchRequest{Encoding: "json"}, "true"}, {dbnloop.BatchRequest{Encoding: "json", OmitSymbols: true}, "false"},
	} {
		c.job.Range = dbnloop.NewHistoricalRequest("GLBX.MDP3", dbn.SchemaTrades, 1, 2, "ES")
		form := sent(t, `{"id":"J"}`, func(client *dbnloop.HistoricalClient) error {
			_, err := client.SubmitJob(t.Context(), c.job)
			return err
		})
		if got := form["map_symbols"]; len(got) != 1 || got[0] != c.want {
			t.Errorf("%+v: %v, want %s", c.job, got, c.want)
		}
	}
}

func TestARangeNeedsAnEndOrNamesADay(t *testing.T) {
	c := answering(t, []byte("1"))
	open := dbnloop.NewHistoricalRequest("GLBX.MDP3", dbn.SchemaTrades, 5, 0, "ES")
	_, cost := c.Cost(t.Context(), open)
	_, count := c.RecordCount(t.Context(), open)
	_, size := c.BillableSize(t.Context(), open)
	_, job := c.SubmitJob(t.Context(), dbnloop.BatchRequest{Range: open})
	_, download := c.StartDownload(dbnloop.DownloadRequest{Range: open, Path: t.TempDir() + "/f"}, func(dbnloop.DownloadResult, error) {})
	for what, err := range map[string]error{"cost": cost, "count": count, "size": size, "job": job, "download": download, "request": c.Request(open)} {
		if !errors.Is(err, dbnloop.ErrInvalidArgument) || !strings.Contains(err.Error(), "the range has no end") {
			t.Errorf("%s: %v", what, err)
		}
	}
	open.End = 5
	if err := c.Request(open); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Error(err)
	}
	day := dbnloop.DayRange("GLBX.MDP3", dbn.SchemaTrades, time.Date(2026, 11, 20, 23, 30, 0, 0, time.FixedZone("", 3600)), "ES")
	if day.Start != 1795132800e9 || day.End != 1795219200e9 {
		t.Errorf("%+v", day)
	}
	if err := c.Request(day); err != nil {
		t.Error(err)
	}
}

func TestARefusalSaysWhereTheDataBegins(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(422)
		w.Write([]byte(`{"detail":{"case":"data_start_before_available_start","message":"no","payload":{"dataset":"GLBX.MDP3","available_start":"2010-06-06T00:00:00Z","available_end":"2026-11-20T00:00:00Z"}}}`))
	}))
	defer server.Close()
	c := newHistorical(t, newReactor(t), dbnloop.WithURL(server.URL), dbnloop.WithProxy(""))
	_, err := c.ListDatasets(t.Context(), "", "")
	var e *dbnloop.Error
	if !errors.As(err, &e) || e.HTTP == nil {
		t.Fatal(err)
	}
	if h := e.HTTP; h.AvailableStart != "2010-06-06T00:00:00Z" || h.AvailableEnd != "2026-11-20T00:00:00Z" || !json.Valid([]byte(h.Payload)) {
		t.Errorf("%+v", h)
	}
	if !strings.Contains(err.Error(), "the data begins at 2010-06-06T00:00:00Z and ends at 2026-11-20T00:00:00Z") {
		t.Error(err)
	}
}
