package main

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// views derives every schema from the MBO records alone.
type views struct {
	records map[dbn.Schema][]byte
	counts  map[dbn.Schema]int
	markets map[uint32]*market
	now     dbn.UnixNanos // the next second that ends
}

// market is what is known of one instrument so far.
type market struct {
	in    *instrument
	book  book
	last  *dbn.TradeMsg // last trade
	seq   uint32
	event dbn.UnixNanos
	bars  map[dbn.Schema]*dbn.OhlcvMsg
	high  dbn.Price
	low   dbn.Price
}

func newViews() *views {
	v := &views{
		records: make(map[dbn.Schema][]byte),
		counts:  make(map[dbn.Schema]int),
		markets: make(map[uint32]*market),
		now:     sessionStart + second,
	}
	for i := range instruments {
		in := &instruments[i]
		v.markets[in.id] = &market{in: in, bars: make(map[dbn.Schema]*dbn.OhlcvMsg)}
		v.define(in)
		v.status(in, sessionStart, dbn.StatusActionPreOpen, dbn.TriStateNo)
		v.priorDay(in)
	}
	return v
}

// write appends a record to its schema's file.
func write[T any](v *views, schema dbn.Schema, m *T) {
	rec := unsafe.Slice((*byte)(unsafe.Pointer(m)), unsafe.Sizeof(*m))
	rec[0] = uint8(len(rec) / 4)
	v.records[schema] = append(v.records[schema], rec...)
	v.counts[schema]++
}

// observe takes one event of one instrument.
func (v *views) observe(in *instrument, event []dbn.MboMsg) {
	for event[0].TsRecv >= v.now {
		v.endSecond()
	}
	m := v.markets[in.id]
	var quotes []dbn.Mbp10Msg // of this event
	var tops []dbn.Mbp1Msg
	for i := range event {
		r := &event[i]
		write(v, dbn.SchemaMbo, r)
		if r.Action == dbn.ActionTrade {
			v.trade(m, r)
		}
		if r.Action == dbn.ActionFill {
			continue
		}
		before := m.levels()
		depth := m.book.apply(r)
		after := m.levels()
		if r.Flags&dbn.FlagSnapshot != 0 && r.Flags&dbn.FlagLast == 0 {
			continue // market by price shows the opening book once it is whole
		}
		if r.Action == dbn.ActionTrade || after != before {
			quotes = append(quotes, m.quote(r, depth, after))
		}
		if r.Action == dbn.ActionTrade || after[0] != before[0] {
			tops = append(tops, m.top(r, depth, after[0]))
		}
		m.seq, m.event = r.Sequence, r.Hd.TsEvent
	}
	if n := len(quotes); n > 0 {
		quotes[n-1].Flags |= dbn.FlagLast
	}
	if n := len(tops); n > 0 {
		tops[n-1].Flags |= dbn.FlagLast
	}
	for i := range quotes {
		write(v, dbn.SchemaMbp10, &quotes[i])
	}
	for i := range tops {
		write(v, dbn.SchemaMbp1, &tops[i])
	}
}

// finish ends the seconds that are left.
func (v *views) finish() {
	for v.now <= sessionEnd {
		v.endSecond()
	}
}

func (m *market) levels() (levels [10]dbn.BidAskPair) {
	for i := range levels {
		levels[i] = m.book.pair(i)
	}
	return levels
}

func (m *market) quote(r *dbn.MboMsg, depth int, levels [10]dbn.BidAskPair) dbn.Mbp10Msg {
	return dbn.Mbp10Msg{
		Hd: header(dbn.RTypeMbp10, m.in.id, r.Hd.TsEvent), Price: r.Price, Size: r.Size,
		Action: r.Action, Side: r.Side, Flags: r.Flags &^ dbn.FlagLast, Depth: uint8(depth),
		TsRecv: r.TsRecv, TsInDelta: r.TsInDelta, Sequence: r.Sequence, Levels: levels,
	}
}

func (m *market) top(r *dbn.MboMsg, depth int, pair dbn.BidAskPair) dbn.Mbp1Msg {
	return dbn.Mbp1Msg{
		Hd: header(dbn.RTypeMbp1, m.in.id, r.Hd.TsEvent), Price: r.Price, Size: r.Size,
		Action: r.Action, Side: r.Side, Flags: r.Flags &^ dbn.FlagLast, Depth: uint8(depth),
		TsRecv: r.TsRecv, TsInDelta: r.TsInDelta, Sequence: r.Sequence,
		Levels: [1]dbn.BidAskPair{pair},
	}
}

// trade writes the trade schemas. The book of tbbo is the one just before the trade.
func (v *views) trade(m *market, r *dbn.MboMsg) {
	t := &dbn.TradeMsg{
		Hd: header(dbn.RTypeMbp0, m.in.id, r.Hd.TsEvent), Price: r.Price, Size: r.Size,
		Action: r.Action, Side: r.Side, Flags: r.Flags | dbn.FlagLast,
		TsRecv: r.TsRecv, TsInDelta: r.TsInDelta, Sequence: r.Sequence,
	}
	write(v, dbn.SchemaTrades, t)
	best := m.top(r, 0, m.book.pair(0))
	best.Flags |= dbn.FlagLast
	write(v, dbn.SchemaTbbo, &best)
	if m.last == nil {
		v.statistic(m.in, r, dbn.StatTypeOpeningPrice, r.Price)
		m.high, m.low = r.Price-1, r.Price+1
	}
	m.last = t
	if r.Price > m.high {
		m.high = r.Price
		v.statistic(m.in, r, dbn.StatTypeTradingSessionHighPrice, r.Price)
	}
	if r.Price < m.low {
		m.low = r.Price
		v.statistic(m.in, r, dbn.StatTypeTradingSessionLowPrice, r.Price)
	}
	for _, schema := range []dbn.Schema{dbn.SchemaOhlcv1S, dbn.SchemaOhlcv1M} {
		m.bar(schema, r)
	}
}

// interval is the length of a schema's bars.
func interval(schema dbn.Schema) dbn.UnixNanos {
	if schema == dbn.SchemaOhlcv1M {
		return 60 * second
	}
	return second
}

// bar adds a trade to the bar of its time. A trade belongs to the bar in which it was
// received, so that every record of a bar's time is in it.
func (m *market) bar(schema dbn.Schema, r *dbn.MboMsg) {
	b := m.bars[schema]
	if b == nil {
		rtype, _ := dbn.RTypeOf(schema)
		start := r.TsRecv - r.TsRecv%interval(schema)
		b = &dbn.OhlcvMsg{Hd: header(rtype, m.in.id, start), Open: r.Price, High: r.Price, Low: r.Price}
		m.bars[schema] = b
	}
	b.High, b.Low, b.Close = max(b.High, r.Price), min(b.Low, r.Price), r.Price
	b.Volume += uint64(r.Size)
}

// endSecond writes what a second's end brings.
func (v *views) endSecond() {
	for i := range instruments {
		m := v.markets[instruments[i].id]
		if v.now == tradingStart {
			v.status(m.in, tradingStart, dbn.StatusActionTrading, dbn.TriStateYes)
		}
		v.bbo(m)
		for _, schema := range []dbn.Schema{dbn.SchemaOhlcv1S, dbn.SchemaOhlcv1M} {
			if b := m.bars[schema]; b != nil && v.now%interval(schema) == 0 {
				write(v, schema, b)
				m.bars[schema] = nil
			}
		}
	}
	v.now += second
}

// bbo is the best bid and offer at the end of a second, with the last trade.
func (v *views) bbo(m *market) {
	b := dbn.BboMsg{
		Hd: header(dbn.RTypeBbo1S, m.in.id, m.event), Price: dbn.UndefPrice, Side: dbn.SideNone,
		Flags: dbn.FlagLast, TsRecv: v.now, Sequence: m.seq,
		Levels: [1]dbn.BidAskPair{m.book.pair(0)},
	}
	if m.last != nil {
		b.Price, b.Size, b.Side = m.last.Price, m.last.Size, m.last.Side
	}
	write(v, dbn.SchemaBbo1S, &b)
}
