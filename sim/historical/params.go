package historical

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// maxSymbols is how many symbols one request may name.
const maxSymbols = 2000

// params are the parameters of a request, from its query or its form. The first mistake
// is kept, so that a handler reads all it needs and then looks once.
type params struct {
	values url.Values
	err    *apiError
}

func (p *params) fail(err *apiError) {
	if p.err == nil {
		p.err = err
	}
}

// required is a parameter that must be there.
func (p *params) required(name string) string {
	value := p.values.Get(name)
	if value == "" {
		p.fail(invalid("validation_failed", "The `%s` parameter is required.", name))
	}
	return value
}

// parseParam reads an enum; an empty otherwise makes it required.
func parseParam[T any](p *params, name, otherwise string, parse func(string) (T, error)) T {
	text := p.values.Get(name)
	if text == "" {
		if text = otherwise; text == "" {
			text = p.required(name)
		}
	}
	value, err := parse(text)
	if err != nil && p.err == nil {
		p.fail(invalid("validation_failed", "The `%s` parameter is not valid: '%s'.", name, text))
	}
	return value
}

// parseOneOf accepts one of some words.
func parseOneOf[T ~string](words ...T) func(string) (T, error) {
	return func(text string) (T, error) {
		if i := slices.Index(words, T(text)); i >= 0 {
			return words[i], nil
		}
		return "", fmt.Errorf("%q is not one of %v", text, words)
	}
}

// flag reads a boolean in the spelling of any client.
func (p *params) flag(name string, otherwise bool) bool {
	switch text := strings.ToLower(p.values.Get(name)); text {
	case "":
		return otherwise
	case "1", "true":
		return true
	case "0", "false":
		return false
	default:
		p.fail(invalid("validation_failed", "The `%s` parameter must be true or false, not '%s'.", name, text))
		return otherwise
	}
}

// number reads an optional number of at least `least`; 0 when it is not given.
func (p *params) number(name string, least, most uint64) uint64 {
	text := p.values.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < least || n > most {
		p.fail(invalid("validation_failed", "The `%s` parameter must be a number from %d to %d, not '%s'.", name, least, most, text))
	}
	return n
}

// symbols reads the list of symbols. It may be given several times.
func (p *params) symbols() []string {
	var list []string
	for _, value := range p.values["symbols"] {
		for symbol := range strings.SplitSeq(value, ",") {
			if symbol = strings.TrimSpace(symbol); symbol != "" {
				list = append(list, symbol)
			}
		}
	}
	switch {
	case len(list) == 0:
		return []string{dbn.AllSymbols}
	case len(list) > maxSymbols:
		err := invalid("symbology_too_many_symbols", "The request has %d symbols, more than the limit of %d.", len(list), maxSymbols)
		err.payload = map[string]any{"symbols": len(list), "limit": maxSymbols}
		p.fail(err)
	case len(list) > 1 && slices.Contains(list, dbn.AllSymbols):
		p.fail(invalid("symbology_invalid_request", "`%s` cannot be mixed with other symbols.", dbn.AllSymbols))
	}
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(s string) bool {
		repeated := seen[s]
		seen[s] = true
		return repeated
	})
}

// checkSymbols refuses what the header of an answer in this DBN version could not hold.
func checkSymbols(symbols []string, version uint8) error {
	most := 70
	if version == 1 {
		most = 21
	}
	for _, s := range symbols {
		if len(s) > most || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			return invalid("symbology_invalid_request", "Invalid symbol '%s': symbols are printable ASCII of at most %d characters.", s, most)
		}
	}
	return nil
}

// date reads an optional YYYY-MM-DD as a number of days since 1970.
func (p *params) date(name string) (day int64, ok bool) {
	text := p.values.Get(name)
	if text == "" {
		return 0, false
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		p.fail(invalid("validation_failed", "The `%s` parameter must be a date YYYY-MM-DD, not '%s'.", name, text))
		return 0, false
	}
	return dayOf(t), true
}

// timeRange is [start, end) in nanoseconds since 1970.
type timeRange struct{ start, end uint64 }

// days are the UTC days that the range touches, [first, end).
func (r timeRange) days() (first, end int64) {
	return int64(r.start / nanosPerDay), int64((r.end + nanosPerDay - 1) / nanosPerDay)
}

// timeRange reads start and end. A missing end follows from the resolution of start.
func (p *params) timeRange() (r timeRange, endGiven bool) {
	start, filled, err := parseInstant(p.required("start"))
	if err != nil {
		p.fail(invalid("validation_failed", "The `start` parameter is not valid: %v.", err))
		return r, false
	}
	r = timeRange{start, filled}
	if text := p.values.Get("end"); text != "" {
		endGiven = true
		if r.end, _, err = parseInstant(text); err != nil {
			p.fail(invalid("validation_failed", "The `end` parameter is not valid: %v.", err))
			return r, true
		}
	}
	if r.start >= r.end {
		e := invalid("data_time_range_start_on_or_after_end", "The `start` of the time range (%s) must be before its `end` (%s).",
			market.ISO(r.start), market.ISO(r.end))
		e.payload = map[string]any{"start": market.ISO(r.start), "end": market.ISO(r.end)}
		p.fail(e)
	}
	return r, endGiven
}

// parseInstant reads a time; next is the same time one unit of its own precision later.
func parseInstant(text string) (at, next uint64, err error) {
	start, end, err := dbn.ParsePeriod(text)
	if err != nil {
		return 0, 0, errors.New(strings.TrimPrefix(err.Error(), "dbn: "))
	}
	return uint64(start), uint64(end), nil
}

// dayOf is the number of a UTC date since 1970.
func dayOf(t time.Time) int64 { return t.Unix() / secondsPerDay }

const (
	secondsPerDay = 24 * 60 * 60
	nanosPerDay   = secondsPerDay * uint64(time.Second)
)

// dayTime is the midnight that a day begins with.
func dayTime(day int64) time.Time { return time.Unix(day*secondsPerDay, 0).UTC() }

func isoDate(day int64) string { return dayTime(day).Format(time.DateOnly) }

// numericDate is the date as yyyymmdd.
func numericDate(day int64) uint32 {
	t := dayTime(day)
	return uint32(t.Year()*10000 + int(t.Month())*100 + t.Day())
}

// maxForm bounds a request's body: 2000 symbols of 70 characters are 140 KB.
const maxForm = 1 << 20

// readParams reads a GET's query and a POST's form alike.
func readParams(w http.ResponseWriter, r *http.Request) (*params, *apiError) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &params{}, plainError(http.StatusBadRequest)
	}
	return &params{values: r.Form}, nil
}
