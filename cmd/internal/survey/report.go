package survey

import (
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Report is what a file holds, for people, for programs, and for manifests. Its JSON is the same
// in all places.
type Report struct {
	Path        string  `json:"path,omitempty"`
	Complete    bool    `json:"complete"`
	Fault       *Fault  `json:"fault,omitempty"`
	Bytes       int64   `json:"bytes"` // of the file
	SHA256      string  `json:"sha256,omitempty"`
	Compression string  `json:"compression,omitempty"`
	DBNBytes    int64   `json:"dbn_bytes"` // decompressed, up to the end of the last complete record
	Header      *Header `json:"header,omitempty"`

	Records  uint64 `json:"records"`  // of market data
	Messages uint64 `json:"messages"` // the gateway's own
	Errors   uint64 `json:"errors,omitempty"`
	Skips    uint64 `json:"skips,omitempty"`
	Untimed  uint64 `json:"untimed,omitempty"`
	First    *Time  `json:"first,omitempty"` // the least index timestamp
	Last     *Time  `json:"last,omitempty"`  // the greatest one

	OrderBreaks    uint64 `json:"order_breaks"`           // of a schema, publisher and instrument
	SequenceBreaks uint64 `json:"sequence_breaks"`        // the same
	Unsorted       uint64 `json:"unsorted"`               // records earlier than the one before, of whatever instrument
	LargestStep    int64  `json:"largest_step,omitempty"` // back in time, in ns

	LongestSilence *Gap   `json:"longest_silence,omitempty"`
	SilenceCount   uint64 `json:"silence_count,omitempty"` // longer than a threshold
	Silences       []Gap  `json:"silences,omitempty"`

	Schemas []Group `json:"schemas"` // those with the most records first
	Symbols []Group `json:"symbols"` // the same
}

// Fault is why a file is not complete.
type Fault struct {
	Kind string `json:"kind"` // truncated, corrupt or unreadable
	Text string `json:"text"`
	Err  error  `json:"-"` // nil in a report that was read
}

// The kinds of faults.
const (
	Truncated  = "truncated"
	Corrupt    = "corrupt"
	Unreadable = "unreadable"
)

// Header is what a file says of itself.
type Header struct {
	Version  uint8  `json:"version"`
	Dataset  string `json:"dataset"`
	Schema   string `json:"schema"` // empty: several
	Start    *Time  `json:"start,omitempty"`
	End      *Time  `json:"end,omitempty"`
	Limit    uint64 `json:"limit,omitempty"`
	StypeIn  string `json:"stype_in"` // empty: several
	StypeOut string `json:"stype_out"`
	TsOut    bool   `json:"ts_out"`
	Symbols  int    `json:"symbols"` // that were asked for
	Partial  int    `json:"partial,omitempty"`
	NotFound int    `json:"not_found,omitempty"`
	Mappings int    `json:"mappings"`
	Headers  int    `json:"headers"` // DBN streams that follow each other
}

// Group is what there is of a schema or of a symbol.
type Group struct {
	Name           string `json:"name"`                    // empty: the symbol is not known
	ID             uint32 `json:"instrument_id,omitempty"` // of an instrument without a symbol
	Records        uint64 `json:"records"`
	First          *Time  `json:"first,omitempty"`
	Last           *Time  `json:"last,omitempty"`
	OrderBreaks    uint64 `json:"order_breaks,omitempty"`
	SequenceBreaks uint64 `json:"sequence_breaks,omitempty"`
	Schemas        []Part `json:"schemas,omitempty"` // of a symbol
}

// Part is a number of records of a schema.
type Part struct {
	Name    string `json:"name"`
	Records uint64 `json:"records"`
}

// Gap is a stretch of time.
type Gap struct {
	From Time  `json:"from"`
	Span int64 `json:"ns"`
}

// Time is a time that is ISO 8601 in JSON.
type Time dbn.UnixNanos

// MarshalText writes ISO 8601 in UTC, with nanoseconds.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads ISO 8601.
func (t *Time) UnmarshalText(text []byte) error {
	at, err := term.ParseTime(string(text))
	*t = Time(at)
	return err
}

// String is the time in ISO 8601.
func (t Time) String() string { return term.Time(dbn.UnixNanos(t)) }

// TimeOf is a time for a report; nil if it is not defined.
func TimeOf(t dbn.UnixNanos) *Time {
	if t.IsUndef() {
		return nil
	}
	return (*Time)(&t)
}

// Report writes down what was found.
func (f *File) Report(path string) *Report {
	c := f.Counter
	r := &Report{
		Path: path, Complete: f.Fault == nil, Bytes: f.Bytes, SHA256: hex.EncodeToString(f.SHA256), Compression: "none",
		DBNBytes: f.Complete, Records: c.Records, Messages: c.Messages, Errors: c.Errors, Skips: c.Skips, Untimed: c.Untimed,
		Unsorted: c.Steps.Count, LargestStep: int64(c.Steps.Largest), SilenceCount: c.Silences.Count,
	}
	if f.Compressed {
		r.Compression = "zstd"
	}
	if f.Fault != nil {
		r.Fault = faultOf(f.Fault)
	}
	if f.Metadata != nil {
		r.Header = f.header()
	}
	if longest := c.Silences.Longest; longest.Span > 0 {
		r.LongestSilence = &Gap{Time(longest.From), int64(longest.Span)}
	}
	for _, silence := range c.Silences.List {
		r.Silences = append(r.Silences, Gap{Time(silence.From), int64(silence.Span)})
	}
	f.group(r)
	return r
}

func (f *File) header() *Header {
	m := f.Metadata
	h := &Header{
		Version: f.Version, Dataset: m.Dataset, Limit: m.Limit, StypeOut: m.StypeOut.String(), TsOut: m.TsOut,
		Symbols: len(m.Symbols), Partial: len(m.Partial), NotFound: len(m.NotFound), Mappings: len(m.Mappings), Headers: f.Headers,
	}
	if m.Schema != dbn.SchemaNone {
		h.Schema = m.Schema.String()
	}
	if m.StypeIn != dbn.STypeNone {
		h.StypeIn = m.StypeIn.String()
	}
	if m.Start != 0 {
		h.Start = TimeOf(m.Start)
	}
	if m.End != 0 {
		h.End = TimeOf(m.End)
	}
	return h
}

// faultOf says what kind of a fault an error of reading is.
func faultOf(err error) *Fault {
	return &Fault{Kind: KindOf(err), Text: strings.TrimPrefix(err.Error(), "dbn: "), Err: err}
}

// KindOf is the kind of a File's Fault.
func KindOf(fault error) string {
	var read *ReadError
	var size *dbn.MetadataSizeError
	switch {
	case errors.As(fault, &read), errors.As(fault, &size):
		return Unreadable
	case errors.Is(fault, io.ErrUnexpectedEOF):
		return Truncated
	}
	return Corrupt
}

// group counts by schema and by symbol.
func (f *File) group(r *Report) {
	schemas, symbols := make(groups), make(groups)
	first, last := dbn.UndefTimestamp, dbn.UnixNanos(0)
	for _, g := range f.Counter.groups {
		name := f.schemaName(g.rtype)
		schemas.add(groupName{name, 0}, g)
		symbols.add(groupName{g.symbol, g.id}, g).addSchema(name, g.records)
		first, last = min(first, g.first), max(last, g.last)
		r.OrderBreaks += g.disordered
		r.SequenceBreaks += g.regressed
	}
	if !first.IsUndef() {
		r.First, r.Last = TimeOf(first), TimeOf(last)
	}
	r.Schemas, r.Symbols = schemas.sorted(), symbols.sorted()
}

// schemaName is the schema of an rtype's records. The header decides where several schemas share
// an rtype.
func (f *File) schemaName(rtype dbn.RType) string {
	if f.Metadata != nil {
		if of, ok := dbn.RTypeOf(f.Metadata.Schema); ok && of == rtype {
			return f.Metadata.Schema.String()
		}
	}
	return SchemaName(rtype)
}

// SchemaName is the name of the schema whose records are of an rtype.
func SchemaName(rtype dbn.RType) string {
	if schema := output.SchemaOf(rtype); schema != dbn.SchemaNone {
		return schema.String()
	}
	return rtype.String()
}
