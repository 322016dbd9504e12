package hist

import (
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Symbology asks what symbols mean over a span of days.
type Symbology struct {
	Dataset    string
	Symbols    []string
	In, Out    dbn.SType
	Start, End dbnloop.Date // an empty End is the end of the data
}

// resolved is what a symbol means on some days, [Start, End).
type resolved struct {
	Symbol string       `json:"symbol"`
	Start  dbnloop.Date `json:"start_date"`
	End    dbnloop.Date `json:"end_date"`
	Means  string       `json:"resolved"`
}

// Resolve lists what the symbols mean, in the order in which they are given.
func (c *Client) Resolve(q Symbology) (l term.Listing, err error) {
	r, err := c.client.Resolve(c.ctx, q.Dataset, q.Symbols, q.In, q.Out, q.Start, q.End)
	if err != nil {
		return l, err
	}
	l.Columns = []string{"symbol", "from", "to", "is"}
	given := q.Symbols
	if len(given) == 1 && given[0] == dbn.AllSymbols {
		given = nil
		for symbol := range r.Mappings {
			given = append(given, symbol)
		}
		slices.Sort(given)
	}
	for _, symbol := range given {
		for _, m := range r.Mappings[symbol] {
			l.Add(symbol, string(m.StartDate), string(m.EndDate), m.Symbol)
			l.Items = append(l.Items, resolved{symbol, m.StartDate, m.EndDate, m.Symbol})
		}
	}
	if len(r.Partial) > 0 {
		c.log.Warn("resolved on some of the days only: " + strings.Join(r.Partial, ", "))
	}
	if len(r.NotFound) > 0 {
		err = exit.Fail(exit.Failure, "not resolved: %s", strings.Join(r.NotFound, ", "))
	}
	return l, err
}
