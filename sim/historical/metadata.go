package historical

import (
	"net/http"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// reply answers with JSON, unless a parameter was wrong.
func (x *exchange) reply(value any) error {
	if x.params.err != nil {
		return x.params.err
	}
	return writeJSON(x, http.StatusOK, value)
}

func (h *Server) listPublishers(x *exchange) error {
	type publisher struct {
		ID          uint16 `json:"publisher_id"`
		Dataset     string `json:"dataset"`
		Venue       string `json:"venue"`
		Description string `json:"description"`
	}
	var list []publisher
	for id := uint16(1); ; id++ {
		p, ok := dbn.PublisherOf(id)
		if !ok {
			return x.reply(list)
		}
		list = append(list, publisher{id, p.Dataset, p.Venue, "Venue " + p.Venue + " of dataset " + p.Dataset})
	}
}

func (h *Server) listDatasets(x *exchange) error {
	from, hasFrom := x.params.date("start_date")
	to, hasTo := x.params.date("end_date")
	list := []string{}
	for _, name := range h.Datasets() {
		first, end := h.known(name).dayRange()
		if (hasFrom && end <= from) || (hasTo && first >= to) {
			continue
		}
		list = append(list, name)
	}
	return x.reply(list)
}

// dayRange is the time there is data for, [first, end) in days since 1970.
func (d *dataset) dayRange() (first, end int64) { return d.available.days() }

func (h *Server) listSchemas(x *exchange) error {
	d := h.dataset(x.params)
	if x.params.err != nil {
		return x.params.err
	}
	return x.reply(d.schemaNames())
}

func (h *Server) listFields(x *exchange) error {
	p := x.params
	schema := parseParam(p, "schema", "", dbn.ParseSchema)
	encoding := parseParam(p, "encoding", "", dbn.ParseEncoding)
	version := uint8(dbn.Version)
	if p.values.Get("dataset") != "" {
		if d := h.dataset(p); d != nil {
			version = d.Version
		}
	}
	if p.err != nil {
		return p.err
	}
	rtype, _ := dbn.RTypeOf(schema)
	return x.reply(dbn.FieldsOf(rtype, version, encoding))
}

// unitPrices are made-up prices in USD per GB (2^30 bytes) of uncompressed DBN.
var unitPrices = map[dbn.Schema]float64{
	dbn.SchemaMbo: 1.8, dbn.SchemaMbp1: 2.4, dbn.SchemaMbp10: 1.2, dbn.SchemaTbbo: 16, dbn.SchemaTrades: 28,
	dbn.SchemaBbo1S: 6, dbn.SchemaBbo1M: 20, dbn.SchemaCmbp1: 2.4, dbn.SchemaTcbbo: 16, dbn.SchemaCbbo1S: 6,
	dbn.SchemaCbbo1M: 20, dbn.SchemaOhlcv1S: 280, dbn.SchemaOhlcv1M: 280, dbn.SchemaOhlcv1H: 600,
	dbn.SchemaOhlcv1D: 600, dbn.SchemaOhlcvEod: 600, dbn.SchemaDefinition: 5, dbn.SchemaStatistics: 11,
	dbn.SchemaStatus: 5, dbn.SchemaImbalance: 5,
}

// priceUnit is what unitPrices are for.
const priceUnit = 1 << 30

func (h *Server) listUnitPrices(x *exchange) error {
	type mode struct {
		Mode   string             `json:"mode"`
		Prices map[string]float64 `json:"unit_prices"`
	}
	d := h.dataset(x.params)
	if x.params.err != nil {
		return x.params.err
	}
	var list []mode
	for i, name := range []string{"historical", "historical-streaming", "live"} {
		m := mode{name, make(map[string]float64)}
		for schema, price := range unitPrices {
			if d.Offers[schema] {
				m.Prices[schema.String()] = price * (1 + float64(i)/5)
			}
		}
		list = append(list, m)
	}
	return x.reply(list)
}

// dayCondition is the state of the data of a day.
type dayCondition struct {
	Date      string  `json:"date"`
	Condition string  `json:"condition"`
	Modified  *string `json:"last_modified_date"`
}

func (h *Server) getDatasetCondition(x *exchange) error {
	d := h.dataset(x.params)
	from, hasFrom := x.params.date("start_date")
	last, hasLast := x.params.date("end_date")
	if x.params.err != nil {
		return x.params.err
	}
	first, end := d.dayRange()
	if hasFrom {
		first = max(first, from)
	}
	if hasLast {
		end = min(end, last+1)
	}
	return x.reply(h.conditions(d, first, end))
}

// conditions are those of the days [first, end) that have data or should.
func (h *Server) conditions(d *dataset, first, end int64) []dayCondition {
	list := []dayCondition{}
	for day := first; day < end; day++ {
		c := dayCondition{Date: isoDate(day), Condition: h.cfg.Conditions[isoDate(day)]}
		switch {
		case c.Condition == "" && !d.days[day]:
			continue // no trading that day
		case c.Condition == "":
			c.Condition = "available"
		}
		if c.Condition != "missing" {
			modified := isoDate(day + 1)
			c.Modified = &modified
		}
		list = append(list, c)
	}
	return list
}

func (h *Server) getDatasetRange(x *exchange) error {
	type period struct {
		Start string `json:"start"`
		End   string `json:"end"`
	}
	d := h.dataset(x.params)
	if x.params.err != nil {
		return x.params.err
	}
	schemas := make(map[string]period)
	for i, r := range d.schemas {
		if r.end != 0 {
			schemas[dbn.Schema(i).String()] = period{market.ISO(r.start), market.ISO(r.end)}
		}
	}
	return x.reply(map[string]any{
		"start": market.ISO(d.available.start), "end": market.ISO(d.available.end), "schema": schemas,
	})
}

// measured answers a query with something about the records it selects.
func (h *Server) measured(x *exchange, value func(q *query, records, bytes uint64) any) error {
	q, err := h.query(x, false)
	if err != nil {
		return err
	}
	records, bytes := q.measure()
	if q.failed != nil {
		return q.failed
	}
	return x.reply(value(q, records, bytes))
}

func (h *Server) getRecordCount(x *exchange) error {
	return h.measured(x, func(_ *query, records, _ uint64) any { return records })
}

func (h *Server) getBillableSize(x *exchange) error {
	return h.measured(x, func(_ *query, _, bytes uint64) any { return bytes })
}

func (h *Server) getCost(x *exchange) error {
	return h.measured(x, func(q *query, _, bytes uint64) any { return costOf(q.schema, bytes) })
}

// costOf is the price of records in USD.
func costOf(schema dbn.Schema, bytes uint64) float64 {
	return unitPrices[schema] * float64(bytes) / priceUnit
}
