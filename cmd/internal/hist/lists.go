package hist

import (
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Datasets lists the datasets that have data in a span of days; an empty day leaves that end open.
func (c *Client) Datasets(start, end dbnloop.Date) (term.Listing, error) {
	list, err := c.client.ListDatasets(c.ctx, start, end)
	return textListing("dataset", list), err
}

// Schemas lists the schemas of a dataset.
func (c *Client) Schemas(dataset string) (term.Listing, error) {
	list, err := c.client.ListSchemas(c.ctx, dataset)
	return textListing("schema", list), err
}

// textListing is a listing of one column.
func textListing(column string, values []string) term.Listing {
	l := term.Listing{Columns: []string{column}}
	for _, v := range values {
		l.Add(v)
		l.Items = append(l.Items, v)
	}
	return l
}

// Fields lists the fields of a schema in an encoding; an empty dataset stands for all.
func (c *Client) Fields(dataset string, schema dbn.Schema, encoding string) (l term.Listing, err error) {
	list, err := c.client.ListDatasetFields(c.ctx, dataset, schema, encoding)
	l.Columns = []string{"name", "type"}
	for _, f := range list {
		l.Add(f.Name, f.Type)
		l.Items = append(l.Items, f)
	}
	return l, err
}

// Publishers lists the publishers of a dataset; an empty dataset stands for all.
func (c *Client) Publishers(dataset string) (l term.Listing, err error) {
	list, err := c.client.ListPublishers(c.ctx)
	l.Columns = []string{"id", "dataset", "venue", "description"}
	for _, v := range list {
		if dataset == "" || v.Dataset == dataset {
			l.Add(term.Grouped(uint64(v.ID)), v.Dataset, v.Venue, v.Description)
			l.Items = append(l.Items, v)
		}
	}
	return l, err
}

// Prices lists the unit prices of a dataset: a row for each schema, a column for each mode.
func (c *Client) Prices(dataset string) (l term.Listing, err error) {
	modes, err := c.client.ListUnitPrices(c.ctx, dataset)
	l.Columns = []string{"schema"}
	schemas := map[string]bool{}
	for _, mode := range modes {
		l.Columns = append(l.Columns, mode.Mode)
		l.Items = append(l.Items, mode)
		for schema := range mode.UnitPrices {
			schemas[schema] = true
		}
	}
	for _, schema := range sortedSchemas(schemas) {
		row := []string{schema}
		for _, mode := range modes {
			price := ""
			if usd, ok := mode.UnitPrices[schema]; ok {
				price = dollars(usd)
			}
			row = append(row, price)
		}
		l.Add(row...)
	}
	return l, err
}

// sortedSchemas are names of schemas in their usual order; those that are not known come
// last.
func sortedSchemas(set map[string]bool) (list []string) {
	for name := range set {
		list = append(list, name)
	}
	usual := dbn.AllSchemas()
	place := func(name string) int {
		if i := slices.IndexFunc(usual, func(s dbn.Schema) bool { return s.String() == name }); i >= 0 {
			return i
		}
		return len(usual)
	}
	slices.SortFunc(list, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return list
}

// Condition lists the condition of a dataset day by day.
func (c *Client) Condition(dataset string, start, end dbnloop.Date) (l term.Listing, err error) {
	list, err := c.client.DatasetCondition(c.ctx, dataset, start, end)
	l.Columns = []string{"date", "condition", "modified"}
	for _, day := range list {
		modified := ""
		if day.LastModified != nil {
			modified = string(*day.LastModified)
		}
		l.Add(string(day.Date), day.Condition, modified)
		l.Items = append(l.Items, day)
	}
	return l, err
}

// Dates lists from when to when there is data, overall and by schema.
func (c *Client) Dates(dataset string) (l term.Listing, err error) {
	r, err := c.client.DatasetRange(c.ctx, dataset)
	if err != nil {
		return l, err
	}
	l.Items = []any{r}
	l.Columns = []string{"schema", "start", "end"}
	l.Add("all", r.Start, r.End)
	schemas := map[string]bool{}
	for schema := range r.RangeBySchema {
		schemas[schema] = true
	}
	for _, schema := range sortedSchemas(schemas) {
		l.Add(schema, r.RangeBySchema[schema].Start, r.RangeBySchema[schema].End)
	}
	return l, nil
}
