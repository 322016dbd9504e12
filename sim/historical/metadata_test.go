package historical_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/internal/simtest"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

func TestMetadataCalls(t *testing.T) {
	h := serve(t, historical.Config{Conditions: map[string]string{"2026-11-16": "missing"}})
	for _, test := range []struct {
		endpoint string
		pairs    []string
		want     string // JSON
	}{
		{"metadata.list_datasets", nil, `["GLBX.MDP3"]`},
		{"metadata.list_datasets", []string{"start_date=2026-11-15"}, `["GLBX.MDP3"]`},
		{"metadata.list_datasets", []string{"start_date=2026-11-16"}, `[]`},
		{"metadata.list_datasets", []string{"end_date=2026-11-15"}, `[]`},
		{"metadata.list_schemas", []string{"dataset=GLBX.MDP3"}, `["mbo","mbp-1","mbp-10","tbbo","trades","ohlcv-1s","ohlcv-1m","definition","statistics","status","bbo-1s"]`},
		{"metadata.list_fields", []string{"schema=ohlcv-1s", "encoding=dbn"}, `[
			{"name":"length","type":"uint8_t"},{"name":"rtype","type":"uint8_t"},{"name":"publisher_id","type":"uint16_t"},
			{"name":"instrument_id","type":"uint32_t"},{"name":"ts_event","type":"uint64_t"},{"name":"open","type":"int64_t"},
			{"name":"high","type":"int64_t"},{"name":"low","type":"int64_t"},{"name":"close","type":"int64_t"},{"name":"volume","type":"uint64_t"}]`},
		{"metadata.get_dataset_condition", []string{"dataset=GLBX.MDP3"}, `[{"date":"2026-11-15","condition":"available","last_modified_date":"2026-11-16"}]`},
		{"metadata.get_dataset_condition", []string{"dataset=GLBX.MDP3", "start_date=2026-11-16"}, `[]`},
		{"metadata.get_dataset_condition", []string{"dataset=GLBX.MDP3", "start_date=2026-11-14", "end_date=2026-11-15"}, `[{"date":"2026-11-15","condition":"available","last_modified_date":"2026-11-16"}]`},
		{"symbology.resolve", []string{"dataset=GLBX.MDP3", "symbols=ESZ6", "stype_in=raw_symbol", "stype_out=instrument_id", "start_date=2026-11-15"}, `{
			"result":{"ESZ6":[{"d0":"2026-11-15","d1":"2026-11-16","s":"4916"}]},"symbols":["ESZ6"],"stype_in":"raw_symbol",
			"stype_out":"instrument_id","start_date":"2026-11-15","end_date":"2026-11-16","partial":[],"not_found":[],"message":"OK","status":0}`},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(fmt.Sprint(method, " ", test.endpoint, test.pairs), func(t *testing.T) {
				var want any
				if err := json.Unmarshal([]byte(test.want), &want); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, asked[any](t, h, method, test.endpoint, test.pairs...)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

func TestMetadataOfTheFiles(t *testing.T) {
	h := serve(t, historical.Config{})
	type publisher struct {
		ID                          uint16 `json:"publisher_id"`
		Dataset, Venue, Description string
	}
	publishers := asked[[]publisher](t, h, http.MethodGet, "metadata.list_publishers")
	for i, p := range publishers {
		if known, ok := dbn.PublisherOf(uint16(i + 1)); !ok || p.ID != known.ID || p.Dataset != known.Dataset || p.Venue != known.Venue || p.Description == "" {
			t.Errorf("publisher %+v", p)
		}
	}
	if _, more := dbn.PublisherOf(uint16(len(publishers) + 1)); more {
		t.Errorf("only %d publishers", len(publishers))
	}

	type dataRange struct {
		Start, End string
		Schema     map[string]struct{ Start, End string }
	}
	period := asked[dataRange](t, h, http.MethodGet, "metadata.get_dataset_range", "dataset=GLBX.MDP3")
	if period.Start != "2026-11-15T00:00:00.000000000Z" || period.End != "2026-11-16T00:00:00.000000000Z" || len(period.Schema) != len(histSchemas) {
		t.Errorf("range %+v", period)
	}

	prices := asked[[]struct {
		Mode   string
		Prices map[string]float64 `json:"unit_prices"`
	}](t, h, http.MethodGet, "metadata.list_unit_prices", "dataset=GLBX.MDP3")
	var modes []string
	for _, p := range prices {
		modes = append(modes, p.Mode)
	}
	if !slices.Equal(modes, []string{"historical", "historical-streaming", "live"}) {
		t.Fatalf("modes %v", modes)
	}
	for _, schema := range histSchemas {
		_, raw := simtest.SampleFile(t, schema)
		cost := asked[float64](t, h, http.MethodPost, "metadata.get_cost", "dataset=GLBX.MDP3", "schema="+schema, "start=2026-11-15")
		if want := float64(len(raw)) / (1 << 30) * prices[0].Prices[schema]; math.Abs(cost-want) > 1e-12 || want == 0 {
			t.Errorf("%s: cost %g, want %g", schema, cost, want)
		}
		for _, encoding := range []string{"dbn", "csv", "json"} {
			fields := asked[[]dbn.FieldInfo](t, h, http.MethodGet, "metadata.list_fields", "schema="+schema, "encoding="+encoding)
			if len(fields) < 5 || slices.ContainsFunc(fields, func(f dbn.FieldInfo) bool { return f.Name == "" || f.Type == "" }) {
				t.Errorf("%s %s: fields %v", schema, encoding, fields)
			}
		}
	}
}

func TestMistakesAreRefused(t *testing.T) {
	h := serve(t, historical.Config{})
	many := make([]string, 2001)
	for i := range many {
		many[i] = fmt.Sprint("S", i)
	}
	good := []string{"dataset=GLBX.MDP3", "schema=trades", "start=2026-11-15"}
	with := func(pairs ...string) []string { return slices.Concat(good, pairs) }
	for _, test := range []struct {
		name, endpoint string
		pairs          []string
		status         int
		kind, text     string
		payload        string // a key of it
	}{
		{"no dataset", "timeseries.get_range", []string{"start=2026-11-15"}, 422, "validation_failed", "`dataset`", ""},
		{"dataset", "timeseries.get_range", with("dataset=NO.SUCH"), 422, "dataset_not_found", "NO.SUCH", "dataset"},
		{"no start", "timeseries.get_range", []string{"dataset=GLBX.MDP3"}, 422, "validation_failed", "`start`", ""},
		{"start", "timeseries.get_range", with("start=yesterday"), 422, "validation_failed", "yesterday", ""},
		{"end", "timeseries.get_range", with("end=soon"), 422, "validation_failed", "soon", ""},
		{"order", "timeseries.get_range", with("end=2026-11-14"), 422, "data_time_range_start_on_or_after_end", "2026-11-14", "start"},
		{"too early", "timeseries.get_range", with("start=2026-11-14", "end=2026-11-16"), 422, "data_start_before_available_start", "2026-11-15", "available_start"},
		{"too late", "timeseries.get_range", with("start=2026-11-17"), 422, "data_start_after_available_end", "2026-11-16", "available_end"},
		{"too long", "timeseries.get_range", with("end=2026-11-17"), 422, "data_end_after_available_end", "2026-11-16", "available_end"},
		{"schema", "timeseries.get_range", with("schema=prices"), 422, "validation_failed", "prices", ""},
		{"absent schema", "timeseries.get_range", with("schema=imbalance"), 422, "data_schema_not_available", "imbalance", "schema"},
		{"stype_in", "timeseries.get_range", with("stype_in=name"), 422, "validation_failed", "name", ""},
		{"stype_out", "timeseries.get_range", with("stype_out=parent"), 422, "symbology_invalid_request", "parent", ""},
		{"limit", "timeseries.get_range", with("limit=0"), 422, "validation_failed", "`limit`", ""},
		{"encoding", "timeseries.get_range", with("encoding=xml"), 422, "validation_failed", "xml", ""},
		{"compression", "timeseries.get_range", with("compression=gzip"), 422, "validation_failed", "gzip", ""},
		{"unknown symbols", "timeseries.get_range", with("symbols=A,B"), 422, "symbology_invalid_request", "None of the symbols", "not_found"},
		{"a symbol that no header holds", "timeseries.get_range", with("symbols=ESZ6,a\x00b"), 422, "symbology_invalid_request", "Invalid symbol", ""},
		{"a symbol that is too long", "timeseries.get_range", with("symbols=ESZ6," + strings.Repeat("A", 71)), 422, "symbology_invalid_request", "at most 70", ""},
		{"a time behind all times", "timeseries.get_range", with("end=18446744073709551615"), 422, "validation_failed", "outside of 1970 to 2261", ""},
		{"a time before all times", "timeseries.get_range", with("start=1970-01-01T00:30+0100"), 422, "validation_failed", "outside of 1970 to 2261", ""},
		{"mixed symbols", "timeseries.get_range", with("symbols=ESZ6,ALL_SYMBOLS"), 422, "symbology_invalid_request", "mixed", ""},
		{"too many symbols", "timeseries.get_range", with("symbols=" + strings.Join(many, ",")), 422, "symbology_too_many_symbols", "2001", "limit"},
		{"as many as may be", "timeseries.get_range", with("symbols=" + strings.Join(many[1:], ",")), 422, "symbology_invalid_request", "None of the symbols", ""},
		{"count", "metadata.get_record_count", with("limit=-1"), 422, "validation_failed", "`limit`", ""},
		{"date", "metadata.list_datasets", []string{"start_date=2026"}, 422, "validation_failed", "`start_date`", ""},
		{"no schema", "metadata.list_fields", []string{"encoding=csv"}, 422, "validation_failed", "`schema`", ""},
		{"no start_date", "symbology.resolve", []string{"dataset=GLBX.MDP3"}, 422, "validation_failed", "`start_date`", ""},
		{"dates", "symbology.resolve", []string{"dataset=GLBX.MDP3", "start_date=2026-11-15", "end_date=2026-11-15"}, 422, "validation_failed", "before", ""},
		{"path", "metadata.list_everything", nil, 404, "", "Not Found", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := ask(t, h, http.MethodPost, test.endpoint, test.pairs...)
			if a.status != test.status || len(a.header.Get("request-id")) != 32 {
				t.Errorf("status %d, headers %v", a.status, a.header)
			}
			var plain struct{ Detail string }
			if test.kind == "" {
				if err := json.Unmarshal(a.body, &plain); err != nil || plain.Detail != test.text {
					t.Errorf("%v: %s", err, a.body)
				}
				return
			}
			var object struct {
				Detail struct {
					Case, Message, Docs string
					Status              int `json:"status_code"`
					Payload             map[string]any
				}
			}
			if err := json.Unmarshal(a.body, &object); err != nil {
				t.Fatalf("%v: %s", err, a.body)
			}
			d := object.Detail
			if d.Case != test.kind || !strings.Contains(d.Message, test.text) || d.Status != test.status || d.Docs == "" {
				t.Errorf("detail %+v", d)
			}
			if _, ok := d.Payload[test.payload]; test.payload != "" && !ok {
				t.Errorf("payload %v", d.Payload)
			}
		})
	}
}

func TestKeysAreChecked(t *testing.T) {
	other := strings.Repeat("k", 32)
	h := serve(t, historical.Config{Keys: []string{other}})
	for _, test := range []struct {
		name, user, password string
		status               int
	}{
		{"the key", other, "", 200},
		{"another", sim.TestKey, "", 401},
		{"a password", other, "x", 401},
		{"none", "", "", 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL()+"/v0/metadata.list_datasets", nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.user != "" {
				request.SetBasicAuth(test.user, test.password)
			}
			response, err := httpClient(t, h).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d", response.StatusCode, test.status)
			}
		})
	}
	for _, r := range h.Requests() {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("the key is remembered: %v", r.Header)
		}
	}
}

func TestWarnings(t *testing.T) {
	h := serve(t, historical.Config{
		Warnings:   []string{"DeprecationWarning: old"},
		Conditions: map[string]string{"2026-11-15": "degraded"},
	})
	a := ask(t, h, http.MethodPost, "timeseries.get_range", "dataset=GLBX.MDP3", "schema=trades", "start=2026-11-15", "symbols=ESZ6,NONE")
	var got []string
	if err := json.Unmarshal([]byte(a.header.Get("X-Warning")), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"DeprecationWarning: old", "Warning: 1 symbols did not resolve: NONE",
		"Warning: the data is of reduced quality on 2026-11-15 (degraded)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRequestsAreRemembered(t *testing.T) {
	h := serve(t, historical.Config{PlainHTTP: true})
	if !strings.HasPrefix(h.URL(), "http://127.0.0.1:") || !strings.HasSuffix(h.URL(), fmt.Sprint(h.Port())) {
		t.Errorf("URL %s", h.URL())
	}
	ask(t, h, http.MethodPost, "metadata.get_record_count", "dataset=GLBX.MDP3", "schema=mbo", "start=2026-11-15")
	ask(t, h, http.MethodGet, "metadata.list_schemas", "dataset=NONE")
	got := h.Requests()
	if len(got) != 2 || got[0].Endpoint != "metadata.get_record_count" || got[0].Params.Get("schema") != "mbo" ||
		got[0].Status != 200 || got[1].Method != "GET" || got[1].Status != 422 {
		t.Errorf("requests %+v", got)
	}
}

func TestCAFile(t *testing.T) {
	h := serve(t, historical.Config{})
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := h.WriteCA(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != string(h.CAPEM()) || !strings.HasPrefix(string(content), "-----BEGIN CERTIFICATE-----") {
		t.Errorf("%v: %s", err, content)
	}
	if err := h.WriteCA(filepath.Join(path, "in a file")); err == nil {
		t.Error("no error for a path that cannot be")
	}
}
