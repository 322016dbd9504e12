package dbnloop_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

// historical starts a simulated server over TLS.
func historical(t *testing.T, config simhist.Config) (*simhist.Server, []dbnloop.HistoricalOption) {
	t.Helper()
	h := simtest.Historical(t, config)
	return h, []dbnloop.HistoricalOption{
		dbnloop.WithURL(h.URL()), dbnloop.WithCAFile(simtest.CAFile(t, h)), dbnloop.WithProxy(""),
	}
}

func newHistorical(t *testing.T, r *dbnloop.Reactor, opts ...dbnloop.HistoricalOption) *dbnloop.HistoricalClient {
	t.Helper()
	c, err := dbnloop.NewHistoricalClient(r, sim.TestKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// sampleRange is all that the sample data has of a schema.
func sampleRange(t *testing.T, c *dbnloop.HistoricalClient, schema dbn.Schema) dbnloop.HistoricalRequest {
	t.Helper()
	datasets, err := c.ListDatasets(t.Context(), "", "")
	if err != nil || len(datasets) == 0 {
		t.Fatalf("datasets %v: %v", datasets, err)
	}
	span, err := c.DatasetRange(t.Context(), datasets[0])
	if err != nil {
		t.Fatal(err)
	}
	start, err := time.Parse(time.RFC3339Nano, span.Start)
	if err != nil {
		t.Fatal(err)
	}
	end, err := time.Parse(time.RFC3339Nano, span.End)
	if err != nil {
		t.Fatal(err)
	}
	return dbnloop.NewHistoricalRequest(datasets[0], schema, dbn.UnixNanosOf(start), dbn.UnixNanosOf(end), dbn.AllSymbols)
}

// collect streams a range and returns the bytes of its records.
func collect(t *testing.T, c *dbnloop.HistoricalClient, r dbnloop.HistoricalRequest) (records []byte) {
	t.Helper()
	if err := c.Request(r); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for b, err := range c.Batches(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, b.Bytes()...)
	}
	return records
}

func TestHistoricalStream(t *testing.T) {
	r := newReactor(t)
	_, opts := historical(t, simhist.Config{})
	c := newHistorical(t, r, opts...)
	for _, schema := range []dbn.Schema{dbn.SchemaMbo, dbn.SchemaTrades, dbn.SchemaMbp10, dbn.SchemaOhlcv1S, dbn.SchemaDefinition} {
		want := sampleRange(t, c, schema)
		c.Handle(dbnloop.Handlers{})
		records := collect(t, c, want)
		count, err := c.RecordCount(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		size, err := c.BillableSize(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 || uint64(len(records)) != size {
			t.Errorf("%v: %d bytes of %d records, the server bills %d", schema, len(records), count, size)
		}
		want.Limit = 3
		var times []dbn.UnixNanos
		complete := 0
		c.Handle(dbnloop.Handlers{
			Record:   func(rec dbn.Record) { times = append(times, rec.Header().TsEvent) },
			Complete: func() { complete++; r.Stop() },
			Error:    func(err error) { t.Error(err); r.Stop() },
		})
		if err := errors.Join(c.Request(want), c.Start(), r.Run(t.Context())); err != nil {
			t.Fatal(err)
		}
		if len(times) != 3 || complete != 1 {
			t.Errorf("%v with limit 3: %d records, complete %d times", schema, len(times), complete)
		}
	}
}

func TestHistoricalRefusals(t *testing.T) {
	r := newReactor(t)
	_, opts := historical(t, simhist.Config{})
	c := newHistorical(t, r, opts...)
	wantMisuse(t, "Start without Request", c.Start())
	good := sampleRange(t, c, dbn.SchemaTrades)
	for name, change := range map[string]func(*dbnloop.HistoricalRequest){
		"no symbol":    func(r *dbnloop.HistoricalRequest) { r.Symbols = nil },
		"comma":        func(r *dbnloop.HistoricalRequest) { r.Symbols = []string{"a,b"} },
		"2001 symbols": func(r *dbnloop.HistoricalRequest) { r.Symbols = slices.Repeat([]string{"A"}, 2001) },
		"dataset":      func(r *dbnloop.HistoricalRequest) { r.Dataset = "" },
		"schema":       func(r *dbnloop.HistoricalRequest) { r.Schema = 77 },
		"end":          func(r *dbnloop.HistoricalRequest) { r.End = r.Start },
	} {
		bad := good
		change(&bad)
		if err := c.Request(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	tooMany := good
	tooMany.Symbols = slices.Repeat([]string{"A"}, 2001)
	if _, err := c.SubmitJob(t.Context(), dbnloop.BatchRequest{Range: tooMany}); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Errorf("a job of 2001 symbols: %v", err)
	}
	if _, err := c.Resolve(t.Context(), "GLBX.MDP3", nil, dbn.STypeRawSymbol, dbn.STypeInstrumentID, "2026-11-15", ""); !errors.Is(err, dbnloop.ErrInvalidSymbol) {
		t.Errorf("no symbol resolved: %v", err)
	}
	if _, err := c.Call(dbnloop.CallGet, "metadata.list_datasets", nil, nil); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Errorf("Call without a function: %v", err)
	}
	if _, err := c.StartDownload(dbnloop.DownloadRequest{Range: good, Path: t.TempDir() + "/f"}, nil); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Errorf("StartDownload without a function: %v", err)
	}
	// What the server refuses comes with its envelope.
	bad := good
	bad.Dataset = "NO.SUCH"
	if err := errors.Join(c.Request(bad), c.Start()); err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Records(t.Context()) {
		var e *dbnloop.Error
		if !errors.As(err, &e) || !errors.Is(err, dbnloop.ErrHTTP) || e.HTTP == nil || e.HTTP.Status/100 != 4 ||
			e.HTTP.Message == "" || e.HTTP.RequestID == "" || e.Retryable() {
			t.Errorf("an unknown dataset: %v, %+v", err, e)
		}
	}
	wrongKey, err := dbnloop.NewHistoricalClient(r, strings.Replace(sim.TestKey, "S", "T", 1), opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer wrongKey.Close()
	if _, err := wrongKey.ListPublishers(t.Context()); !errors.Is(err, dbnloop.ErrAuthFailed) {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestHistoricalPauseKeepsMemoryFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("moves much data")
	}
	const want = 256 << 20
	r := newReactor(t)
	_, opts := historical(t, simhist.Config{RepeatBytes: want, Stored: true})
	c := newHistorical(t, r, opts...)
	rng := sampleRange(t, c, dbn.SchemaMbp10)
	if err := errors.Join(c.Request(rng), c.Start()); err != nil {
		t.Fatal(err)
	}
	var got, pauses int
	nextPause := 16 << 20
	var before int
	take := func(b []dbn.Mbp10Msg) {
		got += len(b) * 368
		if got > nextPause {
			nextPause += 48 << 20
			pauses++
			c.Pause()
			if before == 0 {
				before = rssBytes(t)
			}
			if _, err := r.AfterFunc(100*time.Millisecond, c.Resume); err != nil {
				t.Error(err)
			}
		}
	}
	c.Handle(dbnloop.Handlers{
		Mbp10Run: take,
		Complete: r.Stop,
		Error:    func(err error) { t.Error(err); r.Stop() },
	})
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	if got < want || pauses < 4 {
		t.Errorf("%d bytes with %d pauses", got, pauses)
	}
	// The simulator is in this process: what it buffers counts too.
	if grown := rssBytes(t) - before; grown > 64<<20 {
		t.Errorf("RSS grew by %d MiB", grown>>20)
	}
	t.Logf("%d MiB, %d pauses, RSS %d MiB, then %d MiB", got>>20, pauses, before>>20, rssBytes(t)>>20)
}

func rssBytes(t *testing.T) int {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func TestHistoricalTenAtOnce(t *testing.T) {
	r := newReactor(t)
	_, opts := historical(t, simhist.Config{RepeatBytes: 8 << 20, Stored: true})
	first := newHistorical(t, r, opts...)
	rng := sampleRange(t, first, dbn.SchemaMbo)
	var order []int
	complete := 0
	sizes := make([]int, 10)
	for i := range 10 {
		c := newHistorical(t, r, opts...)
		c.Handle(dbnloop.Handlers{
			MboRun: func(m []dbn.MboMsg) {
				sizes[i] += len(m)
				if len(order) == 0 || order[len(order)-1] != i {
					order = append(order, i)
				}
			},
			Complete: func() {
				if complete++; complete == 10 {
					r.Stop()
				}
			},
			Error: func(err error) { t.Error(err); r.Stop() },
		})
		if err := errors.Join(c.Request(rng), c.Start()); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if slices.Min(sizes) != slices.Max(sizes) || sizes[0] == 0 {
		t.Errorf("sizes differ: %v", sizes)
	}
	if len(order) < 50 {
		t.Errorf("they came one after the other: %d changes", len(order))
	}
}

func TestHistoricalWarnings(t *testing.T) {
	r := newReactor(t)
	_, opts := historical(t, simhist.Config{Warnings: []string{"Warning: careful"}})
	c := newHistorical(t, r, opts...)
	var warnings []string
	c.Handle(dbnloop.Handlers{
		Warning:  func(text string) { warnings = append(warnings, text) },
		Complete: r.Stop,
		Error:    func(err error) { t.Error(err); r.Stop() },
	})
	rng := sampleRange(t, c, dbn.SchemaTrades) // two calls
	if err := errors.Join(c.Request(rng), c.Start(), r.Run(t.Context())); err != nil {
		t.Fatal(err)
	}
	if want := slices.Repeat([]string{"Warning: careful"}, 3); !cmp.Equal(warnings, want) {
		t.Errorf("warnings %q, want %q", warnings, want)
	}
}

// Each handler and function may stop or close the client, or panic; the reactor goes on.
func TestHistoricalEndsInsideEachHandler(t *testing.T) {
	for _, where := range []string{"metadata", "record", "complete", "error", "warning", "call", "progress", "download"} {
		for _, act := range []string{"close", "stop", "panic"} {
			t.Run(where+" "+act, func(t *testing.T) {
				r := newReactor(t)
				config := simhist.Config{Warnings: []string{"w"}}
				if where == "error" {
					config.Faults = []simhist.Fault{{Kind: simhist.FaultError, Status: 500}}
				}
				_, opts := historical(t, config)
				c := newHistorical(t, r, opts...)
				acted := 0
				at := func(name string) {
					if name != where || acted > 0 {
						return
					}
					acted++
					switch act {
					case "close":
						c.Close()
					case "stop":
						c.Stop()
					case "panic":
						panic("on purpose")
					}
				}
				c.Handle(dbnloop.Handlers{
					Metadata: func(*dbn.Metadata) { at("metadata") },
					Record:   func(dbn.Record) { at("record") },
					Complete: func() { at("complete") },
					Error:    func(error) { at("error") },
					Warning:  func(string) { at("warning") },
				})
				rng := dbnloop.NewHistoricalRequest("GLBX.MDP3", dbn.SchemaTrades, 1794700800e9, 1794787200e9, dbn.AllSymbols)
				if _, err := c.Call(dbnloop.CallGet, "metadata.list_publishers", nil, func([]byte, error) { at("call") }); err != nil {
					t.Fatal(err)
				}
				if _, err := c.StartDownload(dbnloop.DownloadRequest{
					Range: rng, Path: filepath.Join(t.TempDir(), "f"), Progress: func(dbnloop.DownloadProgress) { at("progress") },
				}, func(dbnloop.DownloadResult, error) { at("download") }); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(c.Request(rng), c.Start()); err != nil {
					t.Fatal(err)
				}
				panicked := false
				for acted == 0 && t.Context().Err() == nil {
					func() {
						defer func() { panicked = recover() != nil || panicked }()
						if _, err := r.Poll(time.Second); err != nil {
							t.Fatal(err)
						}
					}()
				}
				if panicked != (act == "panic") {
					t.Errorf("panicked: %v", panicked)
				}
				again := newHistorical(t, r, opts...)
				if _, err := again.ListPublishers(t.Context()); (err != nil) != (where == "error") {
					t.Errorf("another client on the reactor: %v", err)
				}
			})
		}
	}
}
