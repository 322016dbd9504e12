package dbnloop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dbnloop/dbnloop/dbn"
)

// The typed calls of the historical API: metadata, symbology and batch.

// Date is a day, "2026-11-23", as the API writes it. An empty Date means no bound.
type Date string

// DateOf returns the UTC day of a time.
func DateOf(t time.Time) Date { return Date(t.UTC().Format(time.DateOnly)) }

// Publisher is a venue's feed within a dataset.
type Publisher struct {
	ID          uint16 `json:"publisher_id"`
	Dataset     string `json:"dataset"`
	Venue       string `json:"venue"`
	Description string `json:"description"`
}

// Field is a column of a schema in an encoding.
type Field struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// UnitPrices holds prices in US dollars per GB, by schema, for a mode of delivery.
type UnitPrices struct {
	Mode   string             `json:"mode"`
	Prices map[string]float64 `json:"unit_prices"`
}

// Condition is the condition of a dataset on a day: "available", "degraded", "pending" or
// "missing".
type Condition struct {
	Date         Date   `json:"date"`
	Condition    string `json:"condition"`
	LastModified *Date  `json:"last_modified_date"`
}

// Interval is a range of times, ISO 8601 in UTC; End is exclusive.
type Interval struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// DatasetRange is the range of available data, of the dataset and of each schema.
type DatasetRange struct {
	Interval
	Schemas map[string]Interval `json:"schema"`
}

// Resolution is what symbols resolve to over a range of days.
type Resolution struct {
	// Mappings holds, by input symbol, what it resolved to, in order.
	Mappings map[string][]Mapping `json:"result"`
	Partial  []string             `json:"partial"`   // resolved on some days only
	NotFound []string             `json:"not_found"` // resolved on no day
}

// Mapping is one symbol from day Start to day End, exclusive.
type Mapping struct {
	Start  Date   `json:"d0"`
	End    Date   `json:"d1"`
	Symbol string `json:"s"`
}

// Job is a batch job. For the jobs of a list the service sends only ID, State and Received; the
// other fields are zero unless the server sends them. JobDetails returns all.
type Job struct {
	ID            string     `json:"id"`
	State         string     `json:"state"` // queued, processing, done, expired
	CostUSD       *float64   `json:"cost_usd"`
	Dataset       string     `json:"dataset"`
	Symbols       SymbolList `json:"symbols"`
	StypeIn       string     `json:"stype_in"`
	StypeOut      string     `json:"stype_out"`
	Schema        string     `json:"schema"`
	Start         string     `json:"start"`
	End           string     `json:"end"`
	Limit         *uint64    `json:"limit"`
	Encoding      string     `json:"encoding"`
	Compression   *string    `json:"compression"`
	SplitDuration *string    `json:"split_duration"`
	SplitSize     *uint64    `json:"split_size"`
	SplitSymbols  bool       `json:"split_symbols"`
	Delivery      string     `json:"delivery"`
	RecordCount   *uint64    `json:"record_count"`
	BilledSize    *uint64    `json:"billed_size"`
	ActualSize    *uint64    `json:"actual_size"`
	PackageSize   *uint64    `json:"package_size"`
	Received      string     `json:"ts_received"`
	Queued        *string    `json:"ts_queued"`
	ProcessStart  *string    `json:"ts_process_start"`
	ProcessDone   *string    `json:"ts_process_done"`
	Expiration    *string    `json:"ts_expiration"`
	Progress      *int       `json:"progress"` // per cent
}

// SymbolList is a list that the API writes as one string, or as strings or numbers.
type SymbolList []string

// UnmarshalJSON reads each form. An empty string and null give an empty list.
func (l *SymbolList) UnmarshalJSON(data []byte) error {
	*l = nil
	if string(data) == "null" {
		return nil
	}
	return readAnswer(data, l)
}

// JobFile is a file of a batch job.
type JobFile struct {
	Name string            `json:"filename"`
	Size int64             `json:"size"`
	Hash string            `json:"hash"` // "sha256:" and hexadecimal digits; see Downloaded.Verified
	URLs map[string]string `json:"urls"` // by protocol
}

// JobRequest is the request of a batch job. Its zero values stand for the API's defaults: DBN,
// zstd, split by day.
type JobRequest struct {
	Range
	Encoding     string // "dbn", "csv", "json"
	Compression  string // "none", "zstd"
	PrettyPrices bool   // decimal prices; text encodings only
	PrettyTimes  bool   // ISO 8601 times; text encodings only
	// MapSymbols writes the symbol into every record, in any encoding. The text encodings
	// contain it by default, as the service does; OmitSymbols leaves it out.
	MapSymbols    bool
	OmitSymbols   bool
	SplitSymbols  bool   // one file per symbol; not with dbn.AllSymbols
	SplitDuration string // "day", "week", "month", "year", "none"
	SplitSize     uint64 // bytes, 1e9 to 10e9; 0: no split by size
}

func (c *HistoricalClient) get(ctx context.Context, endpoint string, params url.Values, into any) error {
	return c.decode(ctx, Get, endpoint, params, into)
}

func (c *HistoricalClient) decode(ctx context.Context, kind CallKind, endpoint string, params url.Values, into any) error {
	return c.wait(ctx, func(done func(error)) (CallID, error) {
		return c.Call(kind, endpoint, params, func(body []byte, err error) {
			if err == nil {
				err = answer(endpoint, body, into)
			}
			done(err)
		})
	})
}

// answer converts the body of a typed call into its result. It reads the body in place: a copy
// would double the memory.
func answer(endpoint string, body []byte, into any) error {
	err := readAnswer(body, into)
	if job, ok := into.(*Job); ok && err == nil && job.ID == "" {
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

// ListPublishers lists all publishers.
func (c *HistoricalClient) ListPublishers(ctx context.Context) (p []Publisher, err error) {
	return p, c.get(ctx, "metadata.list_publishers", nil, &p)
}

// ListDatasets lists the datasets that have data between two days; an empty day means no bound.
// end is exclusive.
func (c *HistoricalClient) ListDatasets(ctx context.Context, start, end Date) (d []string, err error) {
	v := url.Values{}
	set(v, "start_date", start)
	set(v, "end_date", end)
	return d, c.get(ctx, "metadata.list_datasets", v, &d)
}

// ListSchemas lists the schemas of a dataset.
func (c *HistoricalClient) ListSchemas(ctx context.Context, dataset string) (s []string, err error) {
	return s, c.get(ctx, "metadata.list_schemas", url.Values{"dataset": {dataset}}, &s)
}

// ListFields lists the fields of a schema in an encoding ("dbn", "csv" or "json") in the newest
// version of DBN.
func (c *HistoricalClient) ListFields(ctx context.Context, schema dbn.Schema, encoding string) (f []Field, err error) {
	return c.ListDatasetFields(ctx, "", schema, encoding)
}

// ListDatasetFields lists the fields of a schema in an encoding, for a dataset. With an empty
// dataset it is ListFields.
func (c *HistoricalClient) ListDatasetFields(ctx context.Context, dataset string, schema dbn.Schema, encoding string) (f []Field, err error) {
	v := url.Values{"schema": {schema.String()}, "encoding": {encoding}}
	set(v, "dataset", dataset)
	return f, c.get(ctx, "metadata.list_fields", v, &f)
}

// ListUnitPrices lists the unit prices of a dataset, by mode of delivery.
func (c *HistoricalClient) ListUnitPrices(ctx context.Context, dataset string) (p []UnitPrices, err error) {
	return p, c.get(ctx, "metadata.list_unit_prices", url.Values{"dataset": {dataset}}, &p)
}

// DatasetCondition lists the condition on each day; an empty day means no bound. end is
// inclusive.
func (c *HistoricalClient) DatasetCondition(ctx context.Context, dataset string, start, end Date) (d []Condition, err error) {
	v := url.Values{"dataset": {dataset}}
	set(v, "start_date", start)
	set(v, "end_date", end)
	return d, c.get(ctx, "metadata.get_dataset_condition", v, &d)
}

// DatasetRange returns the range of available data of a dataset.
func (c *HistoricalClient) DatasetRange(ctx context.Context, dataset string) (r DatasetRange, err error) {
	return r, c.get(ctx, "metadata.get_dataset_range", url.Values{"dataset": {dataset}}, &r)
}

func nanos(t dbn.UnixNanos) string { return strconv.FormatUint(uint64(t), 10) }

// params is the query that timeseries, costs and jobs have in common.
func (r Range) params() (url.Values, error) {
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

func (c *HistoricalClient) measure(ctx context.Context, endpoint string, r Range, into any) error {
	v, err := r.params()
	if err != nil {
		return err
	}
	return c.decode(ctx, PostReads, endpoint, v, into)
}

// RecordCount returns the number of records in a range.
func (c *HistoricalClient) RecordCount(ctx context.Context, r Range) (n uint64, err error) {
	return n, c.measure(ctx, "metadata.get_record_count", r, &n)
}

// BillableSize returns the billable size of a range, in bytes of uncompressed records.
func (c *HistoricalClient) BillableSize(ctx context.Context, r Range) (bytes uint64, err error) {
	return bytes, c.measure(ctx, "metadata.get_billable_size", r, &bytes)
}

// Cost returns the cost of streaming or downloading a range, in US dollars.
func (c *HistoricalClient) Cost(ctx context.Context, r Range) (usd float64, err error) {
	return usd, c.measure(ctx, "metadata.get_cost", r, &usd)
}

// Resolve resolves 1 to 2,000 symbols. end is exclusive; if it is empty, one day is resolved.
func (c *HistoricalClient) Resolve(ctx context.Context, dataset string, symbols []string, in, out dbn.SType, start, end Date) (r Resolution, err error) {
	list, err := joinSymbols(in, symbols)
	if err != nil {
		return r, err
	}
	v := url.Values{
		"dataset": {dataset}, "symbols": {list},
		"stype_in": {in.String()}, "stype_out": {out.String()}, "start_date": {string(start)},
	}
	set(v, "end_date", end)
	return r, c.decode(ctx, PostReads, "symbology.resolve", v, &r)
}

// SubmitJob submits a batch job, which costs money. The request is repeated only if the server
// refused it and said when to retry, and WithRetries allows it.
func (c *HistoricalClient) SubmitJob(ctx context.Context, j JobRequest) (job Job, err error) {
	v, err := j.params()
	if err != nil {
		return job, err
	}
	or := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	v.Set("stype_out", j.StypeOut.String())
	v.Set("encoding", or(j.Encoding, "dbn"))
	v.Set("compression", or(j.Compression, "zstd"))
	v.Set("split_duration", or(j.SplitDuration, "day"))
	v.Set("delivery", "download")
	isText := v.Get("encoding") != "dbn"
	for key, value := range map[string]bool{
		"pretty_px": j.PrettyPrices, "pretty_ts": j.PrettyTimes,
		"map_symbols": (j.MapSymbols || isText) && !j.OmitSymbols, "split_symbols": j.SplitSymbols,
	} {
		v.Set(key, strconv.FormatBool(value))
	}
	if j.SplitSize != 0 {
		v.Set("split_size", strconv.FormatUint(j.SplitSize, 10))
	}
	return job, c.decode(ctx, PostBills, "batch.submit_job", v, &job)
}

// ListJobs lists jobs in the order in which they were received, each with ID, State and
// Received. Without states it lists all except expired ones; a zero since means no bound.
func (c *HistoricalClient) ListJobs(ctx context.Context, since time.Time, states ...string) (jobs []Job, err error) {
	v := url.Values{}
	set(v, "states", strings.Join(states, ","))
	if !since.IsZero() {
		v.Set("since", nanos(dbn.UnixNanosOf(since)))
	}
	return jobs, c.get(ctx, "batch.list_jobs", v, &jobs)
}

// JobDetails returns the details of a job.
func (c *HistoricalClient) JobDetails(ctx context.Context, id string) (job Job, err error) {
	return job, c.get(ctx, "batch.get_job_details", url.Values{"job_id": {id}}, &job)
}

// ListFiles lists the files of a job.
func (c *HistoricalClient) ListFiles(ctx context.Context, jobID string) (files []JobFile, err error) {
	return files, c.get(ctx, "batch.list_files", url.Values{"job_id": {jobID}}, &files)
}

// FileDownload returns the Download of one file of a job into dir, which must exist. Only the
// path of the file's URL is used, on the client's own server. SHA256 is empty, and therefore
// not compared, when the server's hash is not a SHA-256.
func FileDownload(f JobFile, dir string) (Download, error) {
	u, err := url.Parse(f.URLs["https"])
	if err != nil || !strings.HasPrefix(u.Path, "/") || strings.Contains(u.RawQuery, " ") {
		return Download{}, newError(CodeHTTPError, "file %q has no https URL", f.Name)
	}
	// The name comes from the server and must not lead out of dir. A name that cannot be
	// shown unchanged would appear as a different one in every message.
	foreign := func(r rune) bool { return r == '/' || r == utf8.RuneError || !strconv.IsPrint(r) }
	if f.Name == "" || f.Name == "." || f.Name == ".." || strings.ContainsFunc(f.Name, foreign) {
		return Download{}, newError(CodeHTTPError, "the server's file name %q is not a plain name", f.Name)
	}
	d := Download{URLPath: u.RequestURI(), Path: path.Join(dir, f.Name), Size: f.Size}
	// Another kind of hash cannot be checked: Downloaded.Verified says so.
	kind, digest, _ := strings.Cut(f.Hash, ":")
	if raw, err := hex.DecodeString(digest); err == nil && len(raw) == sha256.Size && strings.EqualFold(kind, "sha256") {
		d.SHA256 = digest
	}
	return d, nil
}
