package historical

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// The times of requests are read as what they say, whatever their form: the next one is
// later, and a time that is written again is the same.
func FuzzParseInstant(f *testing.F) {
	for _, text := range []string{
		"0", "1795444200000000001", "18446744073709551615", "2026-11-15", "2026-11", "2026-11-15T23", "2026-11-15 23:01",
		"2026-11-15T23:00:30.5+01:00", "1970-01-01T00:00:00-0700", "2261-12-31T23:59:59.999999999Z", "9999-12-31",
		"1970-01+0100",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, next, err := parseInstant(text)
		if err != nil {
			return
		}
		if next <= at {
			t.Errorf("%q is %d, the next time is %d", text, at, next)
		}
		if at <= math.MaxInt64 {
			if again, _, err := parseInstant(market.ISO(at)); err != nil || again != at {
				t.Errorf("%q is %d, written as %s it is %d, %v", text, at, market.ISO(at), again, err)
			}
		}
		if live, err := dbn.ParseTime(text); err == nil && uint64(live) != at {
			t.Errorf("%q is %d in a live request, %d in a historical one", text, live, at)
		}
	})
}

// Faults are texts of a command line: those that are accepted can be shown.
func FuzzParseFault(f *testing.F) {
	for _, text := range []string{"error=500", "rate-limit=2s,on=1-3,endpoint=batch/download", "stall-body=9:1s", "slow=5:2ms,on=2-"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if fault, err := ParseFault(text); err == nil {
			if err := fault.validate(); err != nil || fault.At < 0 || fault.For < 0 {
				t.Errorf("%q is accepted as %+v: %v", text, fault, err)
			}
		}
	})
}

// Any query of any endpoint gets one whole answer: an error has the API's envelope, and
// what is answered does not depend on whether it came as query or as form.
func FuzzRequest(f *testing.F) {
	h, err := NewServer(Config{Sources: market.SampleSources(), PlainHTTP: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { h.Close() })
	endpoints := slices.Sorted(maps.Keys(endpoints))
	at := func(name string) uint8 { return uint8(slices.Index(endpoints, name)) }
	f.Add(at("timeseries.get_range"), "dataset=GLBX.MDP3&start=2026-11-15&symbols=ES.FUT&stype_in=parent&encoding=csv&map_symbols=1")
	f.Add(at("timeseries.get_range"), "dataset=GLBX.MDP3&start=18446744073709551615&end=1&encoding=json&compression=none")
	f.Add(at("batch.submit_job"), "dataset=GLBX.MDP3&start=2026-11-15&symbols=ESZ6,NQZ6&split_symbols=true&split_duration=week")
	f.Add(at("batch.list_jobs"), "states=queued,done&since=2026-11-15T00:00:00.5-07:00")
	f.Add(at("symbology.resolve"), "dataset=GLBX.MDP3&symbols=CL.c.0&stype_in=continuous&stype_out=instrument_id&start_date=2026-11-01&end_date=2026-12-01")
	f.Add(at("metadata.get_dataset_condition"), "dataset=GLBX.MDP3&start_date=0001-01-01&end_date=9999-12-31")
	f.Add(at("metadata.list_fields"), "schema=mbo&encoding=dbn")
	f.Add(at("metadata.list_datasets"), "start_date=2026-02-30")
	f.Add(at("metadata.get_cost"), "dataset=GLBX.MDP3&limit=0;&%zz")
	f.Fuzz(func(t *testing.T, endpoint uint8, query string) {
		name := endpoints[int(endpoint)%len(endpoints)]
		// The first of a parameter counts: answers stay small.
		get, form := &http.Request{Method: "GET"}, &http.Request{Method: "POST", Header: http.Header{}}
		limited := "limit=3&" + query
		get.URL = &url.URL{Path: "/v0/" + name, RawQuery: limited}
		form.URL = &url.URL{Path: "/v0/" + name}
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form.Body = io.NopCloser(strings.NewReader(limited))
		a, b := answerOf(t, h, get), answerOf(t, h, form)
		if name != "batch.submit_job" && (a.Code != b.Code || !bytes.Equal(a.Body.Bytes(), b.Body.Bytes())) {
			t.Errorf("%s?%s: a query gets %d %.200s, a form %d %.200s", name, query, a.Code, a.Body, b.Code, b.Body)
		}
	})
}

// answerOf is what a server without any jobs answers.
func answerOf(t *testing.T, h *Server, r *http.Request) *httptest.ResponseRecorder {
	h.jobs = newJobList()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.SetBasicAuth(sim.TestKey, "")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(t.Context(), connKey{}, &clientConn{server: h})))
	var envelope struct{ Detail any }
	body := w.Body.Bytes()
	switch {
	case w.Code == http.StatusOK:
	case w.Code < 400 || w.Code > 499:
		t.Errorf("%s: status %d", r.URL, w.Code)
	case json.Unmarshal(body, &envelope) != nil || envelope.Detail == nil:
		t.Errorf("%s: an error without the envelope: %q", r.URL, body)
	}
	return w
}
