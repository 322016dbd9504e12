package hist

import (
	"fmt"
	"strings"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Query is a range of data that is asked for, and what it may cost.
type Query struct {
	dbnloop.HistoricalRequest
	ToEnd bool // End is not known: as far as there is data
	Yes   bool // ask no questions

	MaxCost  *float64 // in US dollars, which also approves what costs less; nil: nothing is approved
	Cap      *float64 // in US dollars, where MaxCost is nil: a limit that approves nothing
	AskAbove float64  // in US dollars: up to that much, no question is asked on a terminal
}

// allSymbols reports whether every symbol of the dataset is wanted.
func (q *Query) allSymbols() bool { return len(q.Symbols) == 1 && q.Symbols[0] == dbn.AllSymbols }

// order is what is asked for, and at what price.
func (q *Query) order(p price) string {
	symbols := shortened(q.Symbols)
	if q.allSymbols() {
		symbols = "every symbol"
	}
	return fmt.Sprintf("%s of %s, %s: %s, %s (%s from %s to %s)", q.Schema, q.Dataset,
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
	end, err := c.endOf(q.Dataset, q.Schema)
	if err != nil {
		return err
	}
	if end <= q.Start {
		return exit.BadUsage("there is no data of %s from %s on: it ends at %s", q.Dataset, term.Time(q.Start), term.Time(end))
	}
	q.End = end
	return nil
}

// endOf is how far the data of a schema goes.
func (c *Client) endOf(dataset string, schema dbn.Schema) (dbn.UnixNanos, error) {
	r, err := c.client.DatasetRange(c.ctx, dataset)
	if err != nil {
		return 0, err
	}
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
