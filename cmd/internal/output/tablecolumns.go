package output

import "github.com/dbnloop/dbnloop/dbn"

// The titles of the column of times.
const (
	titleUTC  = "TIME (UTC)"
	titleTime = "TIME"
)

const (
	maxSymbol   = 24 // columns of a terminal
	shortSymbol = 12
	maxText     = 28
)

// timeColumn is the record's time, with microseconds, from a level on with milliseconds, from
// another one on with seconds.
func timeColumn(millis, seconds int) column {
	widths := [...]int{15, 12, 8}
	return column{
		forms:  []form{{0, titleUTC, widths[0], 0}, {millis, titleUTC, widths[1], 0}, {seconds, titleTime, widths[2], 0}},
		always: true,
		write: func(t *table, r dbn.Record, v *value) {
			v.color = colorDim
			t.appendClock(r.IndexTs(), widths[t.columns[0].form])
		},
	}
}

// dateColumn is the record's day.
func dateColumn() column {
	return column{
		forms: []form{{0, "DATE", 10, 0}}, always: true,
		write: func(t *table, r dbn.Record, v *value) {
			v.color = colorDim
			t.appendDate(r.IndexTs())
		},
	}
}

// symbolColumn is the symbol, or the number, of the instrument.
func symbolColumn(narrow, cut int) column {
	return column{
		forms:  []form{{0, "SYMBOL", 6, maxSymbol}, {narrow, "SYM", 4, maxSymbol}, {cut, "SYM", 4, shortSymbol}},
		symbol: true, always: true,
		write: func(t *table, r dbn.Record, _ *value) { t.appendSymbol(r) },
	}
}

// of writes a cell of records of one type.
func of[T any, P interface {
	*T
	HasRType(rtype dbn.RType) bool
}](write func(t *table, m *T)) writeCell {
	return func(t *table, r dbn.Record, _ *value) {
		if m, ok := dbn.As[T, P](r); ok {
			write(t, m)
		}
	}
}

func textColumn(title string, width, gone int, write writeCell) column {
	return column{forms: []form{{0, title, max(width, len(title)), maxText}}, gone: gone, write: write}
}

func numberColumn(title string, width, gone int, write writeCell) column {
	return column{forms: []form{{0, title, max(width, len(title)), 0}}, gone: gone, align: right, write: write}
}

// priceColumn has room for five digits before the point, and for four when room is scarce.
func priceColumn(title string, gone int, write writeCell) column {
	return column{
		forms: []form{{0, title, 8, 0}, {1, title, max(7, len(title)), 0}}, gone: gone,
		align: atPoint, frac: 3, write: write,
	}
}

// detailColumn is the last one, and takes the rest of the row.
func detailColumn(title string, width int, write writeCell) column {
	return column{forms: []form{{0, title, width, 0}}, flexible: true, write: write}
}

// noteColumn are flags that are worth a word, where there is room for the rest.
func noteColumn(write writeCell) column {
	c := detailColumn("NOTE", 4, write)
	c.gone = 1
	return c
}

// venueColumn is the venue of the publisher.
func venueColumn(gone int) column {
	return textColumn("VENUE", 5, gone, func(t *table, r dbn.Record, _ *value) {
		if p, ok := dbn.PublisherOf(r.Header().PublisherID); ok {
			t.text = append(t.text, p.Venue...)
		}
	})
}

// actionColumn is what happened, as a word or as DBN's letter.
func actionColumn(short, gone int) column {
	return column{
		forms: []form{{0, "ACTION", 6, 0}, {short, "A", 1, 0}}, gone: gone,
		write: func(t *table, _ dbn.Record, _ *value) {
			switch {
			case t.level < short:
				t.text = append(t.text, t.row.action...)
			case t.row.letter != 0 && t.row.action != "":
				t.text = append(t.text, t.row.letter)
			}
		},
	}
}

// sideColumn is the side of what happened, as a word or as DBN's letter.
func sideColumn(short, gone int) column {
	return column{
		forms: []form{{0, "SIDE", 4, 0}, {short, "S", 1, 0}}, gone: gone,
		write: func(t *table, _ dbn.Record, v *value) {
			var word string
			v.color, word = sideOf(t.row.side)
			switch {
			case t.level < short:
				t.text = append(t.text, word...)
			case word != "":
				t.text = append(t.text, byte(t.row.side))
			}
		},
	}
}

func sideOf(side dbn.Side) (color, name string) {
	switch side {
	case dbn.SideAsk:
		return colorRed, "ask"
	case dbn.SideBid:
		return colorGreen, "bid"
	}
	return "", ""
}

// eventPrice is the price at which something happened.
func eventPrice(gone int) column {
	return priceColumn("PRICE", gone, func(t *table, _ dbn.Record, v *value) {
		v.color, _ = sideOf(t.row.side)
		t.appendPrice(t.row.price)
	})
}

// eventSize is the quantity to which it happened.
func eventSize(gone int) column {
	return numberColumn("SIZE", 5, gone, func(t *table, _ dbn.Record, v *value) {
		if !t.row.noSize {
			v.color, _ = sideOf(t.row.side)
			t.text = appendUint(t.text, t.row.size)
		}
	})
}

// quotePrice is the best bid or offer.
func quotePrice(title string, price func(q *quote) dbn.Price) column {
	return priceColumn(title, 0, func(t *table, _ dbn.Record, _ *value) {
		if t.quote.there {
			t.appendPrice(price(&t.quote))
		}
	})
}

// quoteSize is its quantity.
func quoteSize(title string, narrow, gone int, size func(q *quote) uint32) column {
	c := numberColumn(title, 5, gone, func(t *table, _ dbn.Record, _ *value) {
		if t.quote.there {
			t.appendSize(size(&t.quote))
		}
	})
	c.forms = append(c.forms, form{narrow, title[:1] + title[3:], 3, 0})
	return c
}
