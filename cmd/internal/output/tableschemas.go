package output

import (
	"math"

	"github.com/dbnloop/dbnloop/dbn"
)

// schemaColumns are the columns of one schema; nil: it has none of its own. What matters least has
// the lowest level at which it goes.
func schemaColumns(schema dbn.Schema) []column {
	switch schema {
	case dbn.SchemaMbo:
		return mboColumns()
	case dbn.SchemaTrades:
		return tradeColumns()
	case dbn.SchemaMbp1, dbn.SchemaTbbo, dbn.SchemaCmbp1, dbn.SchemaTcbbo:
		return quoteColumns()
	case dbn.SchemaMbp10:
		return depthColumns()
	case dbn.SchemaBbo1S, dbn.SchemaBbo1M, dbn.SchemaCbbo1S, dbn.SchemaCbbo1M:
		return intervalColumns()
	case dbn.SchemaOhlcv1D, dbn.SchemaOhlcvEod:
		return barColumns(dateColumn())
	case dbn.SchemaOhlcv1S, dbn.SchemaOhlcv1M, dbn.SchemaOhlcv1H:
		return barColumns(timeColumn(0, 0))
	case dbn.SchemaDefinition:
		return definitionColumns()
	case dbn.SchemaStatistics:
		return statisticColumns()
	case dbn.SchemaStatus:
		status := detailColumn("STATUS", 44, detailsOf)
		status.forms = append(status.forms, form{3, "STATUS", 12, 0})
		return []column{timeColumn(1, 2), symbolColumn(2, 3), status}
	case dbn.SchemaImbalance:
		return imbalanceColumns()
	}
	return nil
}

func mboColumns() []column {
	return []column{
		timeColumn(4, 5), symbolColumn(5, 7), actionColumn(2, 0), sideColumn(2, 0), eventPrice(0), eventSize(0),
		numberColumn("ORDER", 13, 6, of(func(t *table, m *dbn.MboMsg) {
			if m.OrderID != 0 {
				t.text = appendUint(t.text, m.OrderID)
			}
		})),
		numberColumn("SEQUENCE", 8, 3, of(func(t *table, m *dbn.MboMsg) { t.text = appendUint(t.text, uint64(m.Sequence)) })),
		venueColumn(1), noteColumn(of(func(t *table, m *dbn.MboMsg) { t.flags(m.Flags) })),
	}
}

func tradeColumns() []column {
	return []column{
		timeColumn(3, 4), symbolColumn(4, 6), sideColumn(5, 0), eventPrice(0), eventSize(0),
		numberColumn("SEQUENCE", 8, 2, of(func(t *table, m *dbn.TradeMsg) { t.text = appendUint(t.text, uint64(m.Sequence)) })),
		venueColumn(1), noteColumn(of(func(t *table, m *dbn.TradeMsg) { t.flags(m.Flags) })),
	}
}

// quoteColumns show the best bid and offer even where there is no room for what happened.
func quoteColumns() []column {
	return append(quoteFrom(1),
		noteColumn(func(t *table, r dbn.Record, _ *value) { t.flags(t.row.flags) }))
}

// quoteFrom are the columns of quotes that become narrower from a level on.
func quoteFrom(level int) []column {
	return []column{
		timeColumn(level+1, level+2), symbolColumn(level+2, level+5), actionColumn(level, level+3), sideColumn(level, level+3),
		eventPrice(level + 3), eventSize(level + 3),
		quoteSize("BIDSZ", level+2, level+4, func(q *quote) uint32 { return q.bidSize }),
		quotePrice("BID", func(q *quote) dbn.Price { return q.bid }),
		quotePrice("ASK", func(q *quote) dbn.Price { return q.ask }),
		quoteSize("ASKSZ", level+2, level+4, func(q *quote) uint32 { return q.askSize }),
	}
}

// depthColumns also show the second level of the book, and the quantities of all levels.
func depthColumns() []column {
	sum := func(title string, size func(l *dbn.BidAskPair) uint32) column {
		return numberColumn(title, 6, 2, of(func(t *table, m *dbn.Mbp10Msg) {
			total := uint64(0)
			for i := range m.Levels {
				total += uint64(size(&m.Levels[i]))
			}
			t.text = appendUint(t.text, total)
		}))
	}
	second := func(write func(t *table, l *dbn.BidAskPair)) writeCell {
		return of(func(t *table, m *dbn.Mbp10Msg) { write(t, &m.Levels[1]) })
	}
	return append(quoteFrom(3),
		numberColumn("BIDSZ2", 5, 1, second(func(t *table, l *dbn.BidAskPair) { t.appendSize(l.BidSz) })),
		priceColumn("BID2", 1, second(func(t *table, l *dbn.BidAskPair) { t.appendPrice(l.BidPx) })),
		priceColumn("ASK2", 1, second(func(t *table, l *dbn.BidAskPair) { t.appendPrice(l.AskPx) })),
		numberColumn("ASKSZ2", 5, 1, second(func(t *table, l *dbn.BidAskPair) { t.appendSize(l.AskSz) })),
		sum("BIDS", func(l *dbn.BidAskPair) uint32 { return l.BidSz }), sum("ASKS", func(l *dbn.BidAskPair) uint32 { return l.AskSz }),
		noteColumn(func(t *table, r dbn.Record, _ *value) { t.flags(t.row.flags) }))
}

// intervalColumns show the quote at the end of an interval, and the last trade.
func intervalColumns() []column {
	columns := append(quoteFrom(1)[:2], quoteFrom(1)[6:]...)
	last := eventPrice(4)
	last.forms = []form{{0, "LAST", 8, 0}, {1, "LAST", 7, 0}}
	return append(columns, last, eventSize(4), sideColumn(1, 2))
}

func barColumns(when column) []column {
	price := func(title string, gone int, p func(m *dbn.OhlcvMsg) dbn.Price) column {
		return priceColumn(title, gone, of(func(t *table, m *dbn.OhlcvMsg) { t.appendPrice(p(m)) }))
	}
	return []column{
		when, symbolColumn(1, 5),
		price("OPEN", 2, func(m *dbn.OhlcvMsg) dbn.Price { return m.Open }), price("HIGH", 4, func(m *dbn.OhlcvMsg) dbn.Price { return m.High }),
		price("LOW", 4, func(m *dbn.OhlcvMsg) dbn.Price { return m.Low }), price("CLOSE", 0, func(m *dbn.OhlcvMsg) dbn.Price { return m.Close }),
		numberColumn("VOLUME", 6, 3, of(func(t *table, m *dbn.OhlcvMsg) { t.text = appendUint(t.text, m.Volume) })),
	}
}

func definitionColumns() []column {
	text := func(title string, width, gone int, field func(m *dbn.InstrumentDefMsg) []byte) column {
		return textColumn(title, width, gone, of(func(t *table, m *dbn.InstrumentDefMsg) { t.text = appendSafeText(t.text, field(m)) }))
	}
	return []column{
		timeColumn(1, 2), symbolColumn(4, 9),
		textColumn("CLASS", 6, 8, of(func(t *table, m *dbn.InstrumentDefMsg) { t.text = appendWords(t.text, m.InstrumentClass.String()) })),
		text("ASSET", 5, 6, func(m *dbn.InstrumentDefMsg) []byte { return m.Asset[:] }),
		text("EXCH", 4, 5, func(m *dbn.InstrumentDefMsg) []byte { return m.Exchange[:] }),
		textColumn("EXPIRES", 10, 0, of(func(t *table, m *dbn.InstrumentDefMsg) { t.appendDate(m.Expiration) })),
		priceColumn("STRIKE", 0, of(func(t *table, m *dbn.InstrumentDefMsg) {
			if m.StrikePrice != 0 {
				t.appendPrice(m.StrikePrice)
			}
		})),
		priceColumn("TICK", 7, of(func(t *table, m *dbn.InstrumentDefMsg) { t.appendPrice(m.MinPriceIncrement) })),
		text("CCY", 3, 3, func(m *dbn.InstrumentDefMsg) []byte { return m.Currency[:] }),
	}
}

// statisticColumns have a price and a quantity, and where there is only room for one of them, the
// one that is defined.
func statisticColumns() []column {
	when, value := timeColumn(1, 2), priceColumn("VALUE", 0, func(t *table, _ dbn.Record, _ *value) {
		if t.row.noSize || !t.row.price.IsUndef() {
			t.appendPrice(t.row.price)
		} else {
			t.text = appendUint(t.text, t.row.size)
		}
	})
	when.gone, value.comes = 5, 4
	return []column{
		when, symbolColumn(3, 6),
		textColumn("STATISTIC", 16, 0, of(func(t *table, m *dbn.StatMsg) { t.text = appendWords(t.text, m.StatType.String()) })),
		eventPrice(4), eventSize(4), value,
		textColumn("OF", 10, 3, of(func(t *table, m *dbn.StatMsg) { t.appendDate(m.TsRef) })),
	}
}

func imbalanceColumns() []column {
	return []column{
		timeColumn(3, 4), symbolColumn(4, 6), sideColumn(2, 0),
		numberColumn("IMBAL", 6, 0, of(func(t *table, m *dbn.ImbalanceMsg) { t.appendSize(m.TotalImbalanceQty) })),
		numberColumn("PAIRED", 6, 5, of(func(t *table, m *dbn.ImbalanceMsg) { t.appendSize(m.PairedQty) })),
		priceColumn("REF", 0, of(func(t *table, m *dbn.ImbalanceMsg) { t.appendPrice(m.RefPrice) })),
		priceColumn("MATCH", 5, of(func(t *table, m *dbn.ImbalanceMsg) { t.appendPrice(m.IndMatchPrice) })),
		priceColumn("CLEARING", 1, of(func(t *table, m *dbn.ImbalanceMsg) { t.appendPrice(m.ContBookClrPrice) })),
	}
}

// mixedColumns are what the schemas of a mix share. The rest is in the details, which have room
// for a quote.
func mixedColumns() []column {
	schema := column{
		forms: []form{{0, "SCHEMA", 10, 0}, {1, "SCHEMA", 6, 6}},
		write: func(t *table, r dbn.Record, v *value) {
			v.color = t.row.color
			t.text = append(t.text, t.nameOf(r.RType())...)
		},
	}
	when := timeColumn(2, 3)
	when.gone = 6
	detail := detailColumn("DETAIL", quoteRoom, detailsOf)
	detail.forms = append(detail.forms, form{4, "DETAIL", 0, 0}) // a quote takes the room of what happened
	columns := []column{
		when, schema, symbolColumn(3, 5), actionColumn(1, 0), sideColumn(1, 0), eventPrice(0), eventSize(0), detail,
	}
	for i := 3; i < 7; i++ {
		columns[i].event = true
	}
	return columns
}

// quoteRoom is for a best bid and offer, with four digits more than usual.
const quoteRoom = 33

// detailsOf leaves the details as describe gave them.
func detailsOf(*table, dbn.Record, *value) {}

// nameOf is the schema's name, a short one where the column is narrow.
func (t *table) nameOf(rtype dbn.RType) string {
	if t.level > 0 {
		if short, ok := shortNames[rtype]; ok {
			return short
		}
	}
	return t.names[rtype]
}

// shortNames are for schemas whose name is longer than a narrow column.
var shortNames = map[dbn.RType]string{
	dbn.RTypeInstrumentDef: "defn", dbn.RTypeStatistics: "stats", dbn.RTypeImbalance: "imbal", dbn.RTypeSymbolMapping: "map",
	dbn.RTypeOhlcv1S: "1s bar", dbn.RTypeOhlcv1M: "1m bar", dbn.RTypeOhlcv1H: "1h bar", dbn.RTypeOhlcv1D: "1d bar",
	dbn.RTypeOhlcvEod: "eod", dbn.RTypeOhlcvDeprecated: "ohlcv", dbn.RTypeCbbo1S: "cbbo1s", dbn.RTypeCbbo1M: "cbbo1m",
}

// appendSize writes a quantity, and nothing for one that is undefined.
func (t *table) appendSize(n uint32) {
	if n != math.MaxUint32 {
		t.text = appendUint(t.text, uint64(n))
	}
}
