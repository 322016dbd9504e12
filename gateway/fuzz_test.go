package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// Whatever a client sends, a subscription that is accepted is one that can be served.
func FuzzParseRequest(f *testing.F) {
	for _, line := range []string{
		"schema=mbo|stype_in=raw_symbol|symbols=ESZ6,NQZ6|snapshot=1|id=1|is_last=1",
		"schema=trades|symbols=ALL_SYMBOLS|start=2026-11-15T23:00:00.5+01:00|id=4294967295|is_last=0|",
		"schema=ohlcv-1s|symbols=,|start=18446744073709551615", "a=b|a=c", "|=|", "start_session",
		"schema=trades|stype_in=raw_symbol|symbols=ALL_SYMBOLS|is_last=1", "schema=mbo|stype_in=parent|symbols=ES.FUT,NQ.FUT|is_last=0",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, err := parseRequest(line)
		if err != nil {
			return
		}
		if len(r.symbols) == 0 || slices.Contains(r.symbols, "") || (r.snapshot && (r.hasStart || r.schema != dbn.SchemaMbo)) {
			t.Errorf("%q is accepted as %+v", line, r)
		}
	})
}

// A line is never longer than its bound, however the input is made.
func FuzzReadLine(f *testing.F) {
	f.Add("a=1|b=2\r\nrest", 16)
	f.Add(strings.Repeat("x", 5000), 4096)
	f.Fuzz(func(t *testing.T, input string, limit int) {
		limit = min(max(limit, 16), 1<<16)
		r := newLineReader(strings.NewReader(input), limit)
		line, err := readLine(r, limit)
		if err != nil {
			return
		}
		if len(line) > limit || strings.Contains(line, "\n") || !strings.HasPrefix(input, line) {
			t.Errorf("line %q of %q", line, input)
		}
	})
}
