package historical

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// query is a request for records.
type query struct {
	selection
	stypeIn  dbn.SType
	stypeOut dbn.SType
	resolved resolution
	symbols  []string
}

// dataset reads the dataset.
func (h *Server) dataset(p *params) *dataset {
	name := p.required("dataset")
	d := h.known(name)
	if d == nil {
		err := invalid("dataset_not_found", "The dataset '%s' does not exist; there is %s.", name, strings.Join(h.Datasets(), ", "))
		err.payload = map[string]any{"dataset": name}
		p.fail(err)
	}
	return d
}

// query reads what all requests for records have in common.
func (h *Server) query(x *exchange, rangeRequired bool) (*query, error) {
	p := x.params
	q := &query{symbols: p.symbols()}
	q.data = h.dataset(p)
	q.schema = parseParam(p, "schema", "trades", dbn.ParseSchema)
	q.stypeIn = parseParam(p, "stype_in", "raw_symbol", dbn.ParseSType)
	q.stypeOut = parseParam(p, "stype_out", "instrument_id", dbn.ParseSType)
	q.limit = p.number("limit", 1, 1<<63)
	if p.err != nil {
		return nil, p.err
	}
	if err := checkConversion(q.stypeIn, q.stypeOut); err != nil {
		return nil, err
	}
	if err := checkSymbols(q.symbols, q.data.Version); err != nil {
		return nil, err
	}
	if int(q.schema) >= market.NumSchemas || !q.data.Offers[q.schema] {
		err := invalid("data_schema_not_available", "The schema %s is not available in the dataset %s.", q.schema, q.data.Dataset)
		err.payload = map[string]any{"dataset": q.data.Dataset, "schema": q.schema.String()}
		return nil, err
	}
	if err := q.readPeriod(p, rangeRequired); err != nil {
		return nil, err
	}
	return q, q.resolve(h, x)
}

// readPeriod reads the time range, which must be within what there is.
func (q *query) readPeriod(p *params, required bool) error {
	if !required && p.values.Get("start") == "" && p.values.Get("end") == "" {
		q.period = q.data.available
		return nil
	}
	period, endGiven := p.timeRange()
	if p.err != nil {
		return p.err
	}
	available := q.data.available
	if !endGiven {
		period.end = min(period.end, max(available.end, period.start))
	}
	fail := func(kind, what string, at, limit uint64) error {
		err := invalid(kind, "The dataset %s has data from %s to %s: the %s of the query (%s) is outside of that.",
			q.data.Dataset, market.ISO(available.start), market.ISO(available.end), what, market.ISO(at))
		err.payload = map[string]any{
			"dataset": q.data.Dataset, "start": market.ISO(period.start), "end": market.ISO(period.end),
			"available_start": market.ISO(available.start), "available_end": market.ISO(available.end),
		}
		return err
	}
	switch {
	case period.start < available.start:
		return fail("data_start_before_available_start", "start", period.start, available.start)
	case period.start >= available.end:
		return fail("data_start_after_available_end", "start", period.start, available.end)
	case period.end > available.end:
		return fail("data_end_after_available_end", "end", period.end, available.end)
	}
	q.period = period
	return nil
}

// resolve finds the instruments of the symbols, and warns of those there are not.
func (q *query) resolve(h *Server, x *exchange) error {
	if slices.Equal(q.symbols, []string{dbn.AllSymbols}) {
		q.warnConditions(h, x)
		return nil
	}
	from, to := q.period.days()
	q.resolved = q.data.resolveAll(q.stypeIn, q.stypeOut, q.symbols, from, to)
	q.ids = q.resolved.periods()
	switch missing := q.resolved.notFound; {
	case len(missing) == len(q.symbols):
		err := invalid("symbology_invalid_request", "None of the symbols could be resolved.")
		err.payload = map[string]any{"dataset": q.data.Dataset, "not_found": missing}
		return err
	case len(missing) > 0:
		x.warnings = append(x.warnings, fmt.Sprintf("Warning: %d symbols did not resolve: %s", len(missing), strings.Join(missing[:min(len(missing), 10)], ", ")))
	}
	if partial := q.resolved.partial; len(partial) > 0 {
		x.warnings = append(x.warnings, fmt.Sprintf("Warning: %d symbols resolved on some of the days only: %s", len(partial), strings.Join(partial[:min(len(partial), 10)], ", ")))
	}
	q.warnConditions(h, x)
	return nil
}

// warnConditions warns of days that are not as they should be.
func (q *query) warnConditions(h *Server, x *exchange) {
	var bad []string
	for day, condition := range h.cfg.Conditions {
		at, _, err := parseInstant(day)
		if err == nil && condition != "available" && at+nanosPerDay > q.period.start && at < q.period.end {
			bad = append(bad, fmt.Sprintf("%s (%s)", day, condition))
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		x.warnings = append(x.warnings, "Warning: the data is of reduced quality on "+strings.Join(bad, ", "))
	}
}

// metadata is the header of the answer.
func (q *query) metadata() dbn.Metadata {
	return dbn.Metadata{
		Version: q.data.Version, Dataset: q.data.Dataset, Schema: q.schema,
		Start: dbn.UnixNanos(q.period.start), End: dbn.UnixNanos(q.period.end), Limit: q.limit,
		StypeIn: q.stypeIn, StypeOut: q.stypeOut,
		Symbols: q.symbols, Partial: q.resolved.partial, NotFound: q.resolved.notFound,
		Mappings: q.resolved.mappings(),
	}
}

// getRange answers with the records as they are, made while they are sent.
func (h *Server) getRange(x *exchange) error {
	q, err := h.query(x, true)
	if err != nil {
		return err
	}
	encoding := parseParam(x.params, "encoding", "dbn", dbn.ParseEncoding)
	compression := parseParam(x.params, "compression", "zstd", dbn.ParseCompression)
	format := x.params.textFormat(encoding)
	if x.params.err != nil {
		return x.params.err
	}
	x.Header().Set("Content-Type", "application/octet-stream")
	x.WriteHeader(http.StatusOK)
	if x.request.Method == http.MethodHead {
		return nil
	}
	return q.encode(x, format, compression, encodeOptions{h.cfg.RepeatBytes, h.cfg.Stored})
}

// encodeOptions are those of the server.
type encodeOptions struct {
	repeat int64 // the least number of bytes of records
	raw    bool  // zstd without compression
}

// encode writes the selected records, with a header where the format has one.
func (q *query) encode(w io.Writer, format textFormat, compression dbn.Compression, o encodeOptions) (err error) {
	var out io.WriteCloser = nopCloser{w}
	switch {
	case compression == dbn.CompressionZstd && o.raw:
		out = newRawZstd(w)
	case compression == dbn.CompressionZstd:
		if out, err = zstd.NewWriter(w, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1)); err != nil {
			return err
		}
	}
	buffered := bufio.NewWriterSize(out, 64<<10)
	if err := q.write(buffered, format, o.repeat); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return out.Close()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// write encodes the selected records, repeated until they have this many bytes.
func (q *query) write(w io.Writer, format textFormat, repeat int64) error {
	encode, err := format.begin(w, q)
	if err != nil {
		return err
	}
	var records uint64
	var bytes int64
	for {
		before := bytes
		for rec := range q.records() {
			if err := encode(rec); err != nil {
				return err
			}
			records++
			if bytes += int64(len(rec)); records == q.limit {
				return nil
			}
		}
		if q.failed != nil {
			return q.failed
		}
		if bytes >= repeat || bytes == before {
			return nil
		}
	}
}
