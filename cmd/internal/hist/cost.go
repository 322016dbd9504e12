package hist

import (
	"cmp"
	"encoding/csv"
	"io"
	"math"
	"strconv"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// price is what a range costs.
type price struct {
	Dataset string  `json:"dataset"`
	Schema  string  `json:"schema"`
	Start   string  `json:"start"`
	End     string  `json:"end"`
	CostUSD float64 `json:"cost_usd"`
	Bytes   uint64  `json:"billable_size"` // of uncompressed records
	Records uint64  `json:"record_count"`
}

// price asks what a range costs; that is free.
func (c *Client) price(r *dbnloop.HistoricalRequest) (p price, err error) {
	p = price{Dataset: r.Dataset, Schema: r.Schema.String(), Start: term.Time(r.Start), End: term.Time(r.End)}
	if p.CostUSD, err = c.cost(r); err != nil {
		return p, err
	}
	if p.Bytes, err = c.client.BillableSize(c.ctx, *r); err != nil {
		return p, err
	}
	p.Records, err = c.client.RecordCount(c.ctx, *r)
	return p, err
}

// prices asks what each schema of a query costs.
func (c *Client) prices(q *Query) (list prices, err error) {
	for _, r := range q.requests() {
		p, err := c.price(&r)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// prices are those of several schemas.
type prices []price

// total is what they cost together.
func (list prices) total() price {
	sum := list[0]
	for _, p := range list[1:] {
		sum.Schema += ", " + p.Schema
		sum.End = max(sum.End, p.End)
		sum.CostUSD += p.CostUSD
		sum.Bytes += p.Bytes
		sum.Records += p.Records
	}
	return sum
}

// listing shows each schema, and what they cost together.
func (list prices) listing() term.Listing {
	if len(list) == 1 {
		return list[0].listing()
	}
	l := term.Listing{Columns: []string{"schema", "cost", "size", "records"}}
	row := func(name string, p price) {
		l.Add(name, dollars(p.CostUSD), term.Quantity(p.Bytes), term.Grouped(p.Records))
	}
	for _, p := range list {
		row(p.Schema, p)
		l.Items = append(l.Items, p)
	}
	row("together", list.total())
	return l
}

// cost asks what a range costs. A number that is not a price would pass every limit.
func (c *Client) cost(r *dbnloop.HistoricalRequest) (float64, error) {
	usd, err := c.client.Cost(c.ctx, *r)
	if err == nil && (!(usd >= 0) || math.IsInf(usd, 1)) {
		err = exit.Fail(exit.Failure, "the server's cost, %v US dollars, is not a price: nothing was requested", usd)
	}
	return usd, err
}

// checkCost refuses what costs more than it may. Nothing is asked without a limit.
func (c *Client) checkCost(q *Query) error {
	if q.MaxCost == nil && q.Cap == nil {
		return nil
	}
	cost := 0.0
	for _, r := range q.requests() {
		usd, err := c.cost(&r)
		if err != nil {
			return err
		}
		cost += usd
	}
	c.log.Debug("the cost is " + dollars(cost))
	return q.allows(cost)
}

// allows refuses a cost above the limit.
func (q *Query) allows(cost float64) error {
	limit, name := q.MaxCost, "--max-cost"
	if limit == nil {
		limit, name = q.Cap, "max_cost of the profile"
	}
	if limit == nil || cost <= *limit {
		return nil
	}
	return exit.BadUsage("this costs %s, more than %s allows (%s): nothing was requested", dollars(cost), name, dollars(*limit))
}

// Cost lists what a query costs.
func (c *Client) Cost(q Query) (l term.Listing, err error) {
	if err = c.settle(&q); err != nil {
		return l, err
	}
	list, err := c.prices(&q)
	if err != nil {
		return l, err
	}
	return list.listing(), nil
}

// dryRun prints what the range costs: a table, unless another form was asked for.
func (c *Client) dryRun(q *Query, o *output.Settings) error {
	list, err := c.prices(q)
	if err != nil {
		return err
	}
	if o.Asked && (o.Format == output.CSV || o.Format == output.TSV) {
		err = list.printSeparated(c.Stdout, o)
	} else {
		err = list.listing().Print(output.StandardOutput(c.Stdout), term.ListingForm{JSON: o.Asked && o.Format == output.JSON})
	}
	return cmp.Or(err, q.allows(list.total().CostUSD))
}

// printSeparated writes a row of what the JSON form has for each schema, under a header.
func (list prices) printSeparated(stdout io.Writer, o *output.Settings) error {
	w := csv.NewWriter(output.StandardOutput(stdout))
	if o.Format == output.TSV {
		w.Comma = '\t'
	}
	rows := [][]string{{"dataset", "schema", "start", "end", "cost_usd", "billable_size", "record_count"}}
	for _, p := range list {
		rows = append(rows, []string{
			p.Dataset, p.Schema, p.Start, p.End, strconv.FormatFloat(p.CostUSD, 'f', -1, 64),
			strconv.FormatUint(p.Bytes, 10), strconv.FormatUint(p.Records, 10),
		})
	}
	if o.OmitHeader {
		rows = rows[1:]
	}
	return w.WriteAll(rows)
}

func (p price) listing() term.Listing {
	l := term.Listing{Items: []any{p}}
	l.Add("dataset", p.Dataset)
	l.Add("schema", p.Schema)
	l.Add("start", p.Start)
	l.Add("end", p.End)
	l.Add("cost", dollars(p.CostUSD))
	l.Add("size", term.Quantity(p.Bytes))
	l.Add("records", term.Grouped(p.Records))
	return l
}

// dollars writes an amount with cents, and small ones with the digits that they have.
func dollars(usd float64) string {
	text := strconv.FormatFloat(usd, 'f', 2, 64)
	if usd != 0 && math.Abs(usd) < 1 {
		digits := 1 - int(math.Floor(math.Log10(math.Abs(usd))))
		text = strconv.FormatFloat(usd, 'f', max(digits, 2), 64)
	}
	return "$" + text
}
