package dbnloop

import (
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// HistoricalRequest is a range of records to stream or download, as the API's
// timeseries.get_range takes it.
type HistoricalRequest struct {
	Dataset string
	Schema  dbn.Schema
	Symbols []string      // 1 to 2,000, see StypeIn; dbn.AllSymbols alone selects every one
	Start   dbn.UnixNanos // inclusive; by ts_recv if the schema has it
	End     dbn.UnixNanos // exclusive; a range needs one, see DayRange
	// StypeIn is the symbology of Symbols. Its zero value is dbn.STypeInstrumentID (numbers);
	// NewHistoricalRequest sets the usual dbn.STypeRawSymbol.
	StypeIn  dbn.SType
	StypeOut dbn.SType // the symbology that Symbols are mapped to
	Limit    uint64    // number of records; 0: no limit
}

// NewHistoricalRequest returns a range of raw symbols, mapped to instrument ids.
func NewHistoricalRequest(dataset string, schema dbn.Schema, start, end dbn.UnixNanos, symbols ...string) HistoricalRequest {
	return HistoricalRequest{
		Dataset: dataset, Schema: schema, Symbols: symbols, Start: start, End: end,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
	}
}

// DayRange returns the range of the UTC day that contains a time, for raw symbols that are
// mapped to instrument ids.
func DayRange(dataset string, schema dbn.Schema, day time.Time, symbols ...string) HistoricalRequest {
	start := day.UTC().Truncate(24 * time.Hour)
	return NewHistoricalRequest(dataset, schema, dbn.UnixNanosOf(start), dbn.UnixNanosOf(start.AddDate(0, 0, 1)), symbols...)
}

// checkTimes refuses a range without an end, because the server would take its start alone for
// a range of one nanosecond.
func (r HistoricalRequest) checkTimes() error {
	if r.End == 0 {
		return newError(CodeInvalidArgument, "the range has no end: without one the server would answer for the nanosecond %d alone; set End, or use DayRange for a day", uint64(r.Start))
	}
	if r.End <= r.Start {
		return newError(CodeInvalidArgument, "the end must be after the start (it is exclusive): %d to %d ns", uint64(r.Start), uint64(r.End))
	}
	return nil
}

// joinSymbols is symbolList for a request, which may have 2,000 symbols.
func joinSymbols(stype dbn.SType, symbols []string) (string, error) {
	const most = 2000
	if len(symbols) > most {
		return "", newError(CodeInvalidArgument, "a request may have %d symbols, this one has %d; make several requests, or ask for ALL_SYMBOLS", most, len(symbols))
	}
	return symbolList(stype, symbols)
}

func (r HistoricalRequest) forC() (bindings.Range, error) {
	symbols, err := joinSymbols(r.StypeIn, r.Symbols)
	if err != nil {
		return bindings.Range{}, err
	}
	if err := r.checkTimes(); err != nil {
		return bindings.Range{}, err
	}
	return bindings.Range{
		Dataset: r.Dataset, Symbols: symbols,
		Schema: uint32(r.Schema), StypeIn: uint32(r.StypeIn), StypeOut: uint32(r.StypeOut),
		HasEnd: true, Start: uint64(r.Start), End: uint64(r.End), Limit: r.Limit,
	}, nil
}
