package hist

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Query is a range of data that is asked for, and what it may cost.
type Query struct {
	dbnloop.HistoricalRequest
	More  []dbn.Schema // that are wanted as well as Schema, by a request for each
	ToEnd bool         // End is not known: as far as there is data
	Yes   bool         // ask no questions

	MaxCost  *float64 // in US dollars, which also approves what costs less; nil: nothing is approved
	Cap      *float64 // in US dollars, where MaxCost is nil: a limit that approves nothing
	AskAbove float64  // in US dollars: up to that much, no question is asked on a terminal

	ends []dbn.UnixNanos // of each schema, where they may differ
}

// schemas are all that are wanted.
func (q *Query) schemas() []dbn.Schema { return append([]dbn.Schema{q.Schema}, q.More...) }

// requests are those that the query takes: one for each schema.
func (q *Query) requests() []dbnloop.HistoricalRequest {
	var list []dbnloop.HistoricalRequest
	for i, schema := range q.schemas() {
		r := q.HistoricalRequest
		r.Schema = schema
		if q.ends != nil {
			r.End = q.ends[i]
		}
		list = append(list, r)
	}
	return list
}

// allSymbols reports whether every symbol of the dataset is wanted.
func (q *Query) allSymbols() bool { return len(q.Symbols) == 1 && q.Symbols[0] == dbn.AllSymbols }

// order is what is asked for, and at what price.
func (q *Query) order(p price) string {
	symbols := shortened(q.Symbols)
	if q.allSymbols() {
		symbols = "every symbol"
	}
	return fmt.Sprintf("%s of %s, %s: %s, %s (%s from %s to %s)", p.Schema, q.Dataset,
		dollars(p.CostUSD), term.Plural(p.Records, "record"), term.Quantity(p.Bytes), symbols, p.Start, p.End)
}

// shortened names a few symbols and how many more there are.
func shortened(symbols []string) string {
	const most = 3
	if len(symbols) <= most {
		return strings.Join(symbols, ",")
	}
	return fmt.Sprintf("%s,… (%d)", strings.Join(symbols[:most], ","), len(symbols))
}

// settle finds out what the command line left open.
func (c *Client) settle(q *Query) error {
	if !q.ToEnd {
		return nil
	}
	r, err := c.client.DatasetRange(c.ctx, q.Dataset)
	if err != nil {
		return err
	}
	q.ends = nil
	for _, schema := range q.schemas() {
		end, err := endOf(&r, q.Dataset, schema)
		if err != nil {
			return err
		}
		if end <= q.Start {
			return exit.BadUsage("there is no data of %s from %s on: %s ends at %s", q.Dataset, term.Time(q.Start), schema, term.Time(end))
		}
		q.ends = append(q.ends, end)
	}
	q.End = slices.Max(q.ends)
	return nil
}

// endOf is how far the data of a schema goes.
func endOf(r *dbnloop.DatasetRange, dataset string, schema dbn.Schema) (dbn.UnixNanos, error) {
	text := r.End
	if of, ok := r.RangeBySchema[schema.String()]; ok {
		text = of.End
	}
	end, err := term.ParseTime(text)
	if err != nil {
		return 0, exit.Fail(exit.Failure, "the server's end of %s: %w", dataset, err)
	}
	return end, nil
}
