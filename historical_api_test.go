package dbnloop_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

func TestHistoricalMetadata(t *testing.T) {
	r := newReactor(t)
	_, opts := historical(t, simhist.Config{})
	c := newHistorical(t, r, opts...)
	ctx := t.Context()
	rng := sampleRange(t, c, dbn.SchemaTrades)
	publishers, err := c.ListPublishers(ctx)
	if err != nil || len(publishers) == 0 || publishers[0].Dataset == "" {
		t.Errorf("publishers %+v: %v", publishers, err)
	}
	schemas, err := c.ListSchemas(ctx, rng.Dataset)
	if err != nil || !slices.Contains(schemas, "trades") {
		t.Errorf("schemas %v: %v", schemas, err)
	}
	fields, err := c.ListFields(ctx, dbn.SchemaTrades, "csv")
	if err != nil || !slices.ContainsFunc(fields, func(f dbnloop.FieldDetail) bool { return f.Name == "price" }) {
		t.Errorf("fields %v: %v", fields, err)
	}
	prices, err := c.ListUnitPrices(ctx, rng.Dataset)
	if err != nil || len(prices) == 0 || len(prices[0].UnitPrices) == 0 {
		t.Errorf("prices %+v: %v", prices, err)
	}
	conditions, err := c.DatasetCondition(ctx, rng.Dataset, "", "")
	if err != nil || len(conditions) == 0 || conditions[0].Condition != "available" {
		t.Errorf("conditions %+v: %v", conditions, err)
	}
	if usd, err := c.Cost(ctx, rng); err != nil || usd <= 0 {
		t.Errorf("cost %v: %v", usd, err)
	}
	day := dbnloop.DateOf(rng.Start.Time())
	resolution, err := c.Resolve(ctx, rng.Dataset, []string{"NOSUCH"}, dbn.STypeRawSymbol, dbn.STypeInstrumentID, day, "")
	if err != nil || !cmp.Equal(resolution.NotFound, []string{"NOSUCH"}) {
		t.Errorf("resolution %+v: %v", resolution, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.ListPublishers(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is over: %v", err)
	}
	r.Post(func() {
		_, err := c.ListPublishers(ctx)
		wantMisuse(t, "a waiting call in a handler", err)
		c.Call(dbnloop.CallGet, "metadata.list_publishers", nil, func(body []byte, err error) {
			if err != nil || !bytes.HasPrefix(body, []byte("[")) {
				t.Errorf("Call: %q, %v", body, err)
			}
			r.Stop()
		})
	})
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
}

// What is no answer of the API must not pass for one: nothing costs $0 that way.
func TestHistoricalAnswersThatAreNone(t *testing.T) {
	r := newReactor(t)
	var answer atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(answer.Load().(string))) //nolint:errcheck // the client notices
	}))
	defer server.Close()
	c := newHistorical(t, r, dbnloop.WithURL(server.URL), dbnloop.WithProxy(""))
	rng := dbnloop.NewHistoricalRequest("GLBX.MDP3", dbn.SchemaTrades, 1, 2, "ES")
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"cost":    func() error { _, err := c.Cost(ctx, rng); return err },
		"count":   func() error { _, err := c.RecordCount(ctx, rng); return err },
		"size":    func() error { _, err := c.BillableSize(ctx, rng); return err },
		"submit":  func() error { _, err := c.SubmitJob(ctx, dbnloop.BatchRequest{Range: rng}); return err },
		"details": func() error { _, err := c.JobDetails(ctx, "J"); return err },
	} {
		for _, text := range []string{"", "null", " null\n", "{}", "[]", `"1"`, "true", "<html>", "{"} {
			answer.Store(text)
			if err := call(); !errors.Is(err, dbnloop.ErrParse) {
				t.Errorf("%s answered with %q: %v", name, text, err)
			}
		}
	}
}

func TestHistoricalCallEndsWithItsContext(t *testing.T) {
	r := newReactor(t)
	h, opts := historical(t, simhist.Config{Faults: []simhist.Fault{
		{Kind: simhist.FaultStallHeaders, Endpoint: "metadata.list_publishers", First: 1, Last: 1},
	}})
	c := newHistorical(t, r, opts...)
	why := errors.New("no patience")
	ctx, cancel := context.WithCancelCause(t.Context())
	watch, err := r.Every(time.Millisecond, func() {
		if len(h.Requests()) > 0 {
			cancel(why)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ListPublishers(ctx); !errors.Is(err, why) {
		t.Errorf("a call whose context ends: %v", err)
	}
	r.Cancel(watch)
	if _, err := c.ListPublishers(t.Context()); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestHistoricalErrorsTellWhetherToTryAgain(t *testing.T) {
	for _, test := range []struct {
		fault     simhist.Fault
		sentinel  error
		retryable bool
		after     time.Duration
	}{
		{simhist.Fault{Kind: simhist.FaultRateLimit, For: 7 * time.Second}, dbnloop.ErrHTTP, true, 7 * time.Second},
		{simhist.Fault{Kind: simhist.FaultUnavailable, For: 3 * time.Second}, dbnloop.ErrHTTP, true, 3 * time.Second},
		{simhist.Fault{Kind: simhist.FaultError, Status: 500}, dbnloop.ErrHTTP, true, -1},
		{simhist.Fault{Kind: simhist.FaultError, Status: 501}, dbnloop.ErrHTTP, false, -1},
		{simhist.Fault{Kind: simhist.FaultError, Status: 422}, dbnloop.ErrHTTP, false, -1},
		{simhist.Fault{Kind: simhist.FaultError, Status: 401}, dbnloop.ErrAuthFailed, false, -1},
		{simhist.Fault{Kind: simhist.FaultCutHeaders, At: 20}, dbnloop.ErrConnectionClosed, true, 0},
		{simhist.Fault{Kind: simhist.FaultCertExpired}, dbnloop.ErrCertificate, false, 0},
		{simhist.Fault{Kind: simhist.FaultRedirect, Text: "https://elsewhere.example.com/"}, dbnloop.ErrHTTP, false, -1},
	} {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			r := newReactor(t)
			_, opts := historical(t, simhist.Config{Faults: []simhist.Fault{test.fault}})
			_, err := newHistorical(t, r, opts...).ListPublishers(t.Context())
			var e *dbnloop.Error
			if !errors.Is(err, test.sentinel) || !errors.As(err, &e) || e.Retryable() != test.retryable {
				t.Fatalf("%v; want %v, retryable %v", err, test.sentinel, test.retryable)
			}
			if (e.HTTP != nil) != (test.after != 0) || e.HTTP != nil && e.HTTP.RetryAfter != test.after {
				t.Errorf("%+v, want Retry-After %v", e.HTTP, test.after)
			}
		})
	}
}
