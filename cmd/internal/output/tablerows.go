package output

import (
	"strconv"

	"github.com/dbnloop/dbnloop/dbn"
)

func appendUint(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }

// row is what a record type fills in; unset values leave their column empty.
type row struct {
	action string
	letter byte // of the action, as DBN has it
	side   dbn.Side
	price  dbn.Price
	size   uint64
	noSize bool
	flags  dbn.FlagSet
	color  string // of the schema's name
}

// isEmpty reports whether nothing happened.
func (r *row) isEmpty() bool {
	return r.action == "" && r.noSize && r.price.IsUndef() && (r.side == 0 || r.side == dbn.SideNone)
}

// describe fills in the cells of a record, and its details. Nothing in it allocates.
func (t *table) describe(r dbn.Record) row {
	cells := row{price: dbn.UndefPrice, noSize: true}
	t.quote, t.detail = quote{}, t.detail[:0]
	if m, ok := dbn.As[dbn.MboMsg](r); ok {
		t.mbo(m, &cells)
	} else if m, ok := dbn.As[dbn.TradeMsg](r); ok {
		cells = row{action: actionOf(m.Action), letter: byte(m.Action), flags: m.Flags, side: m.Side, price: m.Price, size: uint64(m.Size), color: colorYellow}
		if !t.brief {
			t.sequence(m.Sequence)
			t.flags(m.Flags)
		}
	} else if m, ok := dbn.As[dbn.Mbp1Msg](r); ok {
		cells = row{action: actionOf(m.Action), letter: byte(m.Action), flags: m.Flags, side: m.Side, price: m.Price, size: uint64(m.Size)}
		t.quote = quoteOf(m.Levels[0].BidPx, m.Levels[0].BidSz, m.Levels[0].AskPx, m.Levels[0].AskSz)
		if !t.brief {
			t.flags(m.Flags)
		}
	} else if m, ok := dbn.As[dbn.Mbp10Msg](r); ok {
		t.mbp10(m, &cells)
	} else if m, ok := dbn.As[dbn.BboMsg](r); ok {
		cells = row{side: m.Side, price: m.Price, size: uint64(m.Size), noSize: m.Price.IsUndef()}
		t.quote = quoteOf(m.Levels[0].BidPx, m.Levels[0].BidSz, m.Levels[0].AskPx, m.Levels[0].AskSz)
	} else if m, ok := dbn.As[dbn.Cmbp1Msg](r); ok {
		cells = row{action: actionOf(m.Action), letter: byte(m.Action), flags: m.Flags, side: m.Side, price: m.Price, size: uint64(m.Size)}
		t.quote = quoteOf(m.Levels[0].BidPx, m.Levels[0].BidSz, m.Levels[0].AskPx, m.Levels[0].AskSz)
		if !t.brief {
			t.flags(m.Flags)
		}
	} else if m, ok := dbn.As[dbn.CbboMsg](r); ok {
		cells = row{side: m.Side, price: m.Price, size: uint64(m.Size), noSize: m.Price.IsUndef()}
		t.quote = quoteOf(m.Levels[0].BidPx, m.Levels[0].BidSz, m.Levels[0].AskPx, m.Levels[0].AskSz)
	} else if m, ok := dbn.As[dbn.OhlcvMsg](r); ok {
		t.bar(m, &cells)
	} else {
		t.describeRare(r, &cells)
	}
	return cells
}

// describeRare is the second half of describe: types that come seldom.
func (t *table) describeRare(r dbn.Record, cells *row) {
	if m, ok := dbn.As[dbn.StatusMsg](r); ok {
		t.status(m, cells)
	} else if m, ok := dbn.As[dbn.InstrumentDefMsg](r); ok {
		t.definition(m, cells)
	} else if m, ok := dbn.As[dbn.StatMsg](r); ok {
		t.statistic(m, cells)
	} else if m, ok := dbn.As[dbn.ImbalanceMsg](r); ok {
		t.imbalance(m, cells)
	} else if m, ok := dbn.As[dbn.SymbolMappingMsg](r); ok {
		cells.color = colorDim
		t.detail = appendSafeText(t.detail, m.StypeInSymbol[:])
		t.detail = append(t.detail, " is "...)
		t.detail = appendSafeText(t.detail, m.StypeOutSymbol[:])
	} else if m, ok := dbn.As[dbn.SystemMsg](r); ok {
		cells.color = colorDim
		t.detail = appendSafeText(t.detail, m.Msg[:])
	} else if m, ok := dbn.As[dbn.ErrorMsg](r); ok {
		cells.color = colorRed
		t.detail = appendSafeText(t.detail, m.Err[:])
	} else {
		t.other(r, cells)
	}
}

// other describes a layout of an older version, or a record of which nothing is known,
// through its text columns.
func (t *table) other(r dbn.Record, cells *row) {
	cells.color = colorDim
	columns := dbn.ColumnsOf(r)
	if columns == nil {
		t.detail = appendUint(t.detail, uint64(r.Size()))
		t.detail = append(t.detail, " bytes of an unknown type"...)
		return
	}
	var buf [512]byte
	for i := range columns {
		switch columns[i].Name {
		case "ts_recv", "ts_event", "rtype", "publisher_id", "instrument_id":
			continue
		}
		t.separate(" ")
		t.detail = append(t.detail, columns[i].Name...)
		t.detail = append(t.detail, '=')
		t.detail = appendSafeText(t.detail, columns[i].Append(buf[:0], r, true))
	}
}

func actionOf(action dbn.Action) string {
	switch action {
	case dbn.ActionAdd:
		return "add"
	case dbn.ActionCancel:
		return "cancel"
	case dbn.ActionModify:
		return "modify"
	case dbn.ActionTrade:
		return "trade"
	case dbn.ActionFill:
		return "fill"
	case dbn.ActionClear:
		return "clear"
	}
	return ""
}

func (t *table) mbo(m *dbn.MboMsg, cells *row) {
	*cells = row{action: actionOf(m.Action), letter: byte(m.Action), flags: m.Flags, side: m.Side, price: m.Price, size: uint64(m.Size), noSize: m.Price.IsUndef()}
	if t.brief {
		return
	}
	t.detail = appendUint(append(t.detail, "order "...), m.OrderID)
	t.sequence(m.Sequence)
	t.flags(m.Flags)
}

func (t *table) mbp10(m *dbn.Mbp10Msg, cells *row) {
	*cells = row{action: actionOf(m.Action), letter: byte(m.Action), flags: m.Flags, side: m.Side, price: m.Price, size: uint64(m.Size)}
	t.quote = quoteOf(m.Levels[0].BidPx, m.Levels[0].BidSz, m.Levels[0].AskPx, m.Levels[0].AskSz)
	if t.brief {
		return
	}
	var bids, asks uint64
	for i := range m.Levels {
		bids += uint64(m.Levels[i].BidSz)
		asks += uint64(m.Levels[i].AskSz)
	}
	t.detail = appendUint(append(t.detail, "10 levels "...), bids)
	t.detail = appendUint(append(t.detail, '|'), asks)
	t.flags(m.Flags)
}

func (t *table) bar(m *dbn.OhlcvMsg, cells *row) {
	*cells = row{action: "close", price: m.Close, size: m.Volume, color: colorBlue}
	if t.brief {
		return
	}
	t.price("open ", m.Open)
	t.price(" high ", m.High)
	t.price(" low ", m.Low)
}

func (t *table) status(m *dbn.StatusMsg, cells *row) {
	cells.color = colorBlue
	t.detail = appendWords(t.detail, m.Action.String())
	if m.Reason != 0 {
		t.detail = appendWords(append(t.detail, ", "...), m.Reason.String())
	}
	if m.TradingEvent != 0 {
		t.detail = appendWords(append(t.detail, ", "...), m.TradingEvent.String())
	}
	t.tri(", trading ", m.IsTrading)
	t.tri(", quoting ", m.IsQuoting)
}

// tri shows a statement that is true or false, and nothing when it is not known.
func (t *table) tri(what string, state dbn.TriState) {
	switch state {
	case dbn.TriStateYes:
		t.detail = append(append(t.detail, what...), "yes"...)
	case dbn.TriStateNo:
		t.detail = append(append(t.detail, what...), "no"...)
	}
}

func (t *table) definition(m *dbn.InstrumentDefMsg, cells *row) {
	cells.color = colorBlue
	if t.brief {
		return
	}
	t.detail = appendWords(t.detail, m.InstrumentClass.String())
	t.word(" ", m.Asset[:])
	t.word(" on ", m.Exchange[:])
	if !m.Expiration.IsUndef() {
		var buf [40]byte
		t.detail = append(append(t.detail, ", expires "...), m.Expiration.Append(buf[:0])[:10]...)
	}
	if !m.StrikePrice.IsUndef() && m.StrikePrice != 0 {
		t.price(", strike ", m.StrikePrice)
	}
	t.price(", tick ", m.MinPriceIncrement)
	t.word(" ", m.Currency[:])
}

func (t *table) statistic(m *dbn.StatMsg, cells *row) {
	*cells = row{price: m.Price, color: colorBlue, noSize: m.Quantity == dbn.UndefStatQuantity || m.Quantity < 0}
	if !cells.noSize {
		cells.size = uint64(m.Quantity)
	}
	if t.brief {
		return
	}
	t.detail = appendWords(t.detail, m.StatType.String())
	if !m.TsRef.IsUndef() && m.TsRef != 0 {
		var buf [40]byte
		t.detail = append(append(t.detail, ", of "...), m.TsRef.Append(buf[:0])[:10]...)
	}
}

func (t *table) imbalance(m *dbn.ImbalanceMsg, cells *row) {
	*cells = row{side: m.Side, price: m.RefPrice, size: uint64(m.PairedQty), color: colorBlue}
	if t.brief {
		return
	}
	t.detail = appendUint(append(t.detail, "imbalance "...), uint64(m.TotalImbalanceQty))
	if !m.IndMatchPrice.IsUndef() {
		t.price(", indicative ", m.IndMatchPrice)
	}
}

// quote is the best bid and offer in the details of a mix.
type quote struct {
	there            bool
	bid, ask         dbn.Price
	bidSize, askSize uint32
}

func quoteOf(bid dbn.Price, bidSize uint32, ask dbn.Price, askSize uint32) quote {
	return quote{true, bid, ask, bidSize, askSize}
}

// append writes the quote, the sizes outside: with spaces if there is room for them, and without
// the sizes if there is not even room for those.
func (q *quote) append(dst []byte, width, at int) []byte {
	start := len(dst)
	for _, form := range [][3]string{{" x ", " | ", " x "}, {"x", "|", "x"}, {"", "|", ""}} {
		dst = dst[:start]
		if form[0] != "" {
			dst = append(appendUint(dst, uint64(q.bidSize)), form[0]...)
		}
		dst = appendShortPrice(dst, q.bid)
		dst = append(dst, form[1]...)
		dst = appendShortPrice(dst, q.ask)
		if form[2] != "" {
			dst = appendUint(append(dst, form[2]...), uint64(q.askSize))
		}
		if room := width - at; width == 0 || len(dst)-start <= room {
			return dst
		}
	}
	return appendCut(dst[:start], dst[start:], width-at)
}

// width is how wide the quote is with all that belongs to it.
func (q *quote) width() int {
	var buf [96]byte
	return len(q.append(buf[:0], 0, 0))
}

func (t *table) price(label string, p dbn.Price) {
	t.detail = appendShortPrice(append(t.detail, label...), p)
}

func (t *table) word(label string, field []byte) {
	if field[0] != 0 {
		t.detail = appendSafeText(append(t.detail, label...), field)
	}
}

func (t *table) separate(by string) {
	if len(t.detail) > 0 {
		t.detail = append(t.detail, by...)
	}
}

func (t *table) sequence(n uint32) {
	t.separate("  ")
	t.detail = appendUint(append(t.detail, "seq "...), uint64(n))
}

// flagNames are the flags worth a word; that a record is the last of its event is not.
var flagNames = []struct {
	flag dbn.FlagSet
	name string
}{
	{dbn.FlagSnapshot, "snapshot"}, {dbn.FlagBadTsRecv, "bad-ts-recv"}, {dbn.FlagMaybeBadBook, "maybe-bad-book"},
}

func (t *table) flags(flags dbn.FlagSet) {
	for _, f := range flagNames {
		if flags&f.flag != 0 {
			t.separate("  ")
			t.detail = append(t.detail, f.name...)
		}
	}
}

// appendWords writes "PreOpen" as "pre-open".
func appendWords(dst []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				dst = append(dst, '-')
			}
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
