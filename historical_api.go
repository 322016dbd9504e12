package dbnloop

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// The typed calls of the historical API: metadata, symbology and batch.

// getJSON makes a call and converts its answer.
func getJSON[T any](ctx context.Context, c *HistoricalClient, kind CallKind, endpoint string, params url.Values) (T, error) {
	var result, none T
	err := c.wait(ctx, func(done func(error)) (CallID, error) {
		return c.Call(kind, endpoint, params, func(body []byte, err error) {
			if err == nil {
				err = answer(endpoint, body, &result)
			}
			done(err)
		})
	})
	if err != nil {
		return none, err
	}
	return result, nil
}

// answer converts the body of a typed call into its result. It reads the body in place: a copy
// would double the memory.
func answer(endpoint string, body []byte, into any) error {
	err := readAnswer(body, into)
	if job, ok := into.(*BatchJob); ok && err == nil && job.ID == "" {
		err = &answerError{CodeParseError, "$.id", "a job's id"}
	}
	var problem *answerError
	if !errors.As(err, &problem) {
		return err
	}
	if problem.code == CodeLimitExceeded {
		return newError(problem.code, "%s: the response is too large: %v", endpoint, err)
	}
	return newError(problem.code, "%s: the response is not the JSON that was expected: %v; is it Databento's API?", endpoint, err)
}

func set[T ~string](v url.Values, key string, value T) {
	if value != "" {
		v.Set(key, string(value))
	}
}

// Each call below polls the reactor while it waits for its answer.

// ListPublishers lists all publishers. Inside a handler, and on a second goroutine while another
// one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) ListPublishers(ctx context.Context) ([]PublisherDetail, error) {
	return getJSON[[]PublisherDetail](ctx, c, CallGet, "metadata.list_publishers", nil)
}

// ListDatasets lists the datasets that have data between two days; an empty day means no bound.
// end is exclusive. Inside a handler, and on a second goroutine while another one is inside the
// reactor, it returns ErrInvalidState.
func (c *HistoricalClient) ListDatasets(ctx context.Context, start, end Date) ([]string, error) {
	v := url.Values{}
	set(v, "start_date", start)
	set(v, "end_date", end)
	return getJSON[[]string](ctx, c, CallGet, "metadata.list_datasets", v)
}

// ListSchemas lists the schemas of a dataset. Inside a handler, and on a second goroutine while
// another one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) ListSchemas(ctx context.Context, dataset string) ([]string, error) {
	return getJSON[[]string](ctx, c, CallGet, "metadata.list_schemas", url.Values{"dataset": {dataset}})
}

// ListFields lists the fields of a schema in an encoding ("dbn", "csv" or "json") in the newest
// version of DBN. Inside a handler, and on a second goroutine while another one is inside the
// reactor, it returns ErrInvalidState.
func (c *HistoricalClient) ListFields(ctx context.Context, schema dbn.Schema, encoding string) ([]FieldDetail, error) {
	return c.ListDatasetFields(ctx, "", schema, encoding)
}

// ListDatasetFields lists the fields of a schema in an encoding, for a dataset. With an empty
// dataset it is ListFields. Inside a handler, and on a second goroutine while another one is
// inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) ListDatasetFields(ctx context.Context, dataset string, schema dbn.Schema, encoding string) ([]FieldDetail, error) {
	v := url.Values{"schema": {schema.String()}, "encoding": {encoding}}
	set(v, "dataset", dataset)
	return getJSON[[]FieldDetail](ctx, c, CallGet, "metadata.list_fields", v)
}

// ListUnitPrices lists the unit prices of a dataset, by mode of delivery. Inside a handler, and
// on a second goroutine while another one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) ListUnitPrices(ctx context.Context, dataset string) ([]UnitPricesForMode, error) {
	return getJSON[[]UnitPricesForMode](ctx, c, CallGet, "metadata.list_unit_prices", url.Values{"dataset": {dataset}})
}

// DatasetCondition lists the condition on each day; an empty day means no bound. end is
// inclusive. Inside a handler, and on a second goroutine while another one is inside the
// reactor, it returns ErrInvalidState.
func (c *HistoricalClient) DatasetCondition(ctx context.Context, dataset string, start, end Date) ([]DatasetConditionDetail, error) {
	v := url.Values{"dataset": {dataset}}
	set(v, "start_date", start)
	set(v, "end_date", end)
	return getJSON[[]DatasetConditionDetail](ctx, c, CallGet, "metadata.get_dataset_condition", v)
}

// DatasetRange returns the range of available data of a dataset. Inside a handler, and on a
// second goroutine while another one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) DatasetRange(ctx context.Context, dataset string) (DatasetRange, error) {
	return getJSON[DatasetRange](ctx, c, CallGet, "metadata.get_dataset_range", url.Values{"dataset": {dataset}})
}

func nanos(t dbn.UnixNanos) string { return strconv.FormatUint(uint64(t), 10) }

// params is the query that timeseries, costs and jobs have in common.
func (r HistoricalRequest) params() (url.Values, error) {
	symbols, err := joinSymbols(r.StypeIn, r.Symbols)
	if err != nil {
		return nil, err
	}
	if err := r.checkTimes(); err != nil {
		return nil, err
	}
	v := url.Values{
		"dataset": {r.Dataset}, "symbols": {symbols},
		"schema": {r.Schema.String()}, "start": {nanos(r.Start)}, "end": {nanos(r.End)},
		"stype_in": {r.StypeIn.String()},
	}
	if r.Limit != 0 {
		v.Set("limit", strconv.FormatUint(r.Limit, 10))
	}
	return v, nil
}

// measure asks for one number about a range.
func measure[T uint64 | float64](ctx context.Context, c *HistoricalClient, endpoint string, r HistoricalRequest) (T, error) {
	v, err := r.params()
	if err != nil {
		return 0, err
	}
	return getJSON[T](ctx, c, CallPostIdempotent, endpoint, v)
}

// RecordCount returns the number of records in a range. Inside a handler, and on a second
// goroutine while another one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) RecordCount(ctx context.Context, r HistoricalRequest) (uint64, error) {
	return measure[uint64](ctx, c, "metadata.get_record_count", r)
}

// BillableSize returns the billable size of a range, in bytes of uncompressed records. Inside a
// handler, and on a second goroutine while another one is inside the reactor, it returns
// ErrInvalidState.
func (c *HistoricalClient) BillableSize(ctx context.Context, r HistoricalRequest) (bytes uint64, err error) {
	return measure[uint64](ctx, c, "metadata.get_billable_size", r)
}

// Cost returns the cost of streaming or downloading a range, in US dollars. Inside a handler,
// and on a second goroutine while another one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) Cost(ctx context.Context, r HistoricalRequest) (usd float64, err error) {
	return measure[float64](ctx, c, "metadata.get_cost", r)
}

// Resolve resolves 1 to 2,000 symbols. end is exclusive; if it is empty, one day is resolved.
// Inside a handler, and on a second goroutine while another one is inside the reactor, it
// returns ErrInvalidState.
func (c *HistoricalClient) Resolve(ctx context.Context, dataset string, symbols []string, in, out dbn.SType, start, end Date) (SymbologyResolution, error) {
	list, err := joinSymbols(in, symbols)
	if err != nil {
		return SymbologyResolution{}, err
	}
	v := url.Values{
		"dataset": {dataset}, "symbols": {list},
		"stype_in": {in.String()}, "stype_out": {out.String()}, "start_date": {string(start)},
	}
	set(v, "end_date", end)
	return getJSON[SymbologyResolution](ctx, c, CallPostIdempotent, "symbology.resolve", v)
}

// SubmitJob submits a batch job, which costs money. The request is repeated only if the server
// refused it and said when to retry, and WithRetries allows it. Inside a handler, and on a
// second goroutine while another one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) SubmitJob(ctx context.Context, j BatchRequest) (BatchJob, error) {
	v, err := j.Range.params()
	if err != nil {
		return BatchJob{}, err
	}
	encoding := cmp.Or(j.Encoding, "dbn")
	v.Set("stype_out", j.Range.StypeOut.String())
	v.Set("encoding", encoding)
	v.Set("compression", cmp.Or(j.Compression, "zstd"))
	v.Set("split_duration", cmp.Or(j.SplitDuration, "day"))
	v.Set("delivery", "download")
	for key, value := range map[string]bool{
		"pretty_px": j.PrettyPrices, "pretty_ts": j.PrettyTimes,
		"map_symbols": (j.MapSymbols || encoding != "dbn") && !j.OmitSymbols, "split_symbols": j.SplitSymbols,
	} {
		v.Set(key, strconv.FormatBool(value))
	}
	if j.SplitSize != 0 {
		v.Set("split_size", strconv.FormatUint(j.SplitSize, 10))
	}
	return getJSON[BatchJob](ctx, c, CallPostNonIdempotent, "batch.submit_job", v)
}

// ListJobs lists jobs in the order in which they were received, each with ID, State and
// Received. Without states it lists all except expired ones; a zero since means no bound. Inside
// a handler, and on a second goroutine while another one is inside the reactor, it returns
// ErrInvalidState.
func (c *HistoricalClient) ListJobs(ctx context.Context, since time.Time, states ...string) ([]BatchJob, error) {
	v := url.Values{}
	set(v, "states", strings.Join(states, ","))
	if !since.IsZero() {
		v.Set("since", nanos(dbn.UnixNanosOf(since)))
	}
	return getJSON[[]BatchJob](ctx, c, CallGet, "batch.list_jobs", v)
}

// JobDetails returns the details of a job. Inside a handler, and on a second goroutine while
// another one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) JobDetails(ctx context.Context, id string) (BatchJob, error) {
	return getJSON[BatchJob](ctx, c, CallGet, "batch.get_job_details", url.Values{"job_id": {id}})
}

// ListFiles lists the files of a job. Inside a handler, and on a second goroutine while another
// one is inside the reactor, it returns ErrInvalidState.
func (c *HistoricalClient) ListFiles(ctx context.Context, jobID string) ([]BatchFile, error) {
	return getJSON[[]BatchFile](ctx, c, CallGet, "batch.list_files", url.Values{"job_id": {jobID}})
}
