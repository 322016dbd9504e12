package top

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// The runs that a market takes. Each is a slice of records in place. sent is when the gateway sent
// the records; 0 means that they do not say, and the time of their capture counts.

func (m *market) mbo(run []dbn.MboMsg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		if r := m.take(&msg.Hd, msg.TsRecv, sent); r != nil && msg.Action == dbn.ActionTrade {
			r.trade(sourceOf(msg.Hd.RType), msg.Price, msg.Size)
		}
	}
}

func (m *market) trades(run []dbn.TradeMsg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		if r := m.take(&msg.Hd, msg.TsRecv, sent); r != nil && msg.Action == dbn.ActionTrade {
			r.trade(sourceOf(msg.Hd.RType), msg.Price, msg.Size)
		}
	}
}

func (m *market) mbp1(run []dbn.Mbp1Msg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		if r := m.take(&msg.Hd, msg.TsRecv, sent); r != nil {
			m.bookEvent(r, &msg.Hd, msg.Action, msg.Price, msg.Size)
			r.book(&msg.Levels[0])
		}
	}
}

func (m *market) mbp10(run []dbn.Mbp10Msg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		if r := m.take(&msg.Hd, msg.TsRecv, sent); r != nil {
			m.bookEvent(r, &msg.Hd, msg.Action, msg.Price, msg.Size)
			r.book(&msg.Levels[0])
		}
	}
}

func (m *market) cmbp1(run []dbn.Cmbp1Msg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		if r := m.take(&msg.Hd, msg.TsRecv, sent); r != nil {
			m.bookEvent(r, &msg.Hd, msg.Action, msg.Price, msg.Size)
			r.consolidated(&msg.Levels[0])
		}
	}
}

func (m *market) bbo(run []dbn.BboMsg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		if r := m.take(&msg.Hd, msg.TsRecv, sent); r != nil {
			r.summary(msg.Price)
			r.book(&msg.Levels[0])
		}
	}
}

func (m *market) cbbo(run []dbn.CbboMsg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		if r := m.take(&msg.Hd, msg.TsRecv, sent); r != nil {
			r.summary(msg.Price)
			r.consolidated(&msg.Levels[0])
		}
	}
}

func (m *market) ohlcv(run []dbn.OhlcvMsg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		// A bar has the time of its beginning, and none of its capture.
		if r := m.take(&msg.Hd, 0, sent); r != nil {
			r.bar(sourceOf(msg.Hd.RType), msg)
		}
	}
}

func (m *market) status(run []dbn.StatusMsg, sent dbn.UnixNanos) {
	for i := range run {
		msg := &run[i]
		if r := m.take(&msg.Hd, msg.TsRecv, sent); r != nil {
			r.mark = markOf(msg.Action, r.mark)
		}
	}
}

// take counts a record, and returns its row, which may be nil.
func (m *market) take(hd *dbn.RecordHeader, received, sent dbn.UnixNanos) *row {
	r := m.touch(hd, received)
	if r == nil {
		return nil
	}
	if sent == 0 {
		sent = received
	}
	m.sent(r, sent)
	if received == 0 {
		received = hd.TsEvent
	}
	m.name(r, received)
	return r
}

// bookEvent takes a trade among the changes of a book.
func (m *market) bookEvent(r *row, hd *dbn.RecordHeader, action dbn.Action, price dbn.Price, size uint32) {
	if action == dbn.ActionTrade {
		r.trade(sourceOf(hd.RType), price, size)
	}
}

func (r *row) book(level *dbn.BidAskPair) {
	r.quote(level.BidPx, level.AskPx, level.BidSz, level.AskSz)
}

func (r *row) consolidated(level *dbn.ConsolidatedBidAskPair) {
	r.quote(level.BidPx, level.AskPx, level.BidSz, level.AskSz)
}

// record takes one record of any type. Those of a type without a run above count as messages of
// their instrument; definitions, and the gateway's own records, do not.
func (m *market) record(r dbn.Record, sent dbn.UnixNanos) {
	switch rtype := r.RType(); rtype {
	case dbn.RTypeMbo:
		one(r, sent, m.mbo)
	case dbn.RTypeMbp0:
		one(r, sent, m.trades)
	case dbn.RTypeMbp1:
		one(r, sent, m.mbp1)
	case dbn.RTypeMbp10:
		one(r, sent, m.mbp10)
	case dbn.RTypeCmbp1, dbn.RTypeTcbbo:
		one(r, sent, m.cmbp1)
	case dbn.RTypeBbo1S, dbn.RTypeBbo1M:
		one(r, sent, m.bbo)
	case dbn.RTypeCbbo1S, dbn.RTypeCbbo1M:
		one(r, sent, m.cbbo)
	case dbn.RTypeStatus:
		one(r, sent, m.status)
	case dbn.RTypeSymbolMapping:
		m.mapping(r)
	default:
		if _, ok := dbn.As[dbn.OhlcvMsg](r); ok {
			one(r, sent, m.ohlcv)
			return
		}
		m.other(r, sent)
	}
}

// one hands over a record as a run of its type, if it has that type's layout.
func one[T any, P interface {
	*T
	HasRType(dbn.RType) bool
}](r dbn.Record, sent dbn.UnixNanos, take func([]T, dbn.UnixNanos)) {
	if msg, ok := dbn.As[T, P](r); ok {
		take(unsafe.Slice(msg, 1), sent)
	}
}

// other takes a record that shows neither a price nor a status.
func (m *market) other(r dbn.Record, sent dbn.UnixNanos) {
	switch rtype := r.RType(); {
	case rtype.IsMessage():
	case rtype == dbn.RTypeInstrumentDef:
		m.records++
	default:
		received := r.IndexTs()
		if received.IsUndef() {
			received = 0
		}
		m.take(r.Header(), received, sent)
	}
}
