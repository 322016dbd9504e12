package main

import (
	"math/bits"
	"math/rand/v2"

	"github.com/dbnloop/dbnloop/dbn"
)

// observer sees every event of the simulated exchange in the order of receive times: the
// MBO records of one change; the last one carries the LAST flag.
type observer func(in *instrument, event []dbn.MboMsg)

// dice throws numbers that are the same on every machine and with every Go version.
type dice struct{ source *rand.PCG }

// below returns 0 <= n < limit.
func (d dice) below(limit int) int {
	n, _ := bits.Mul64(d.source.Uint64(), uint64(limit))
	return int(n)
}

// steps returns 0, 1, 2 … up to most: another one with so many percent each time.
func (d dice) steps(percent, most int) int {
	n := 0
	for n < most && d.below(100) < percent {
		n++
	}
	return n
}

// side is one of the two, bid with so many percent.
func (d dice) side(percentBid int) dbn.Side {
	if d.below(100) < percentBid {
		return dbn.SideBid
	}
	return dbn.SideAsk
}

// flow is the order flow of one instrument.
type flow struct {
	*instrument
	book      book
	dice      dice
	sequence  uint32
	lastOrder uint64
	next      dbn.UnixNanos // time of the next event
	trend     int           // percent by which buyers are more eager than sellers
	event     []dbn.MboMsg
	ts, recv  dbn.UnixNanos
	inDelta   int32
}

// simulate runs the session.
func simulate(see observer) {
	var flows []*flow
	recv := sessionStart
	for i := range instruments {
		f := newFlow(i)
		flows = append(flows, f)
		f.ts, f.recv = sessionStart, recv
		f.openingBook()
		see(f.instrument, f.event)
	}
	for {
		f := flows[0]
		for _, other := range flows[1:] {
			if other.next < f.next {
				f = other
			}
		}
		if f.next >= sessionEnd-second/2 { // the last event is received before the end
			return
		}
		recv = f.begin(recv)
		f.act()
		f.event[len(f.event)-1].Flags |= dbn.FlagLast
		see(f.instrument, f.event)
	}
}

func newFlow(i int) *flow {
	in := &instruments[i]
	return &flow{
		instrument: in,
		dice:       dice{rand.NewPCG(20261115, uint64(in.id))},
		sequence:   uint32(180_000 + 31_000*i),
		lastOrder:  6_869_000_000_000 + uint64(in.id)*1_000_000,
		next:       sessionStart + dbn.UnixNanos(i+1)*40e6,
	}
}

// openingBook is the state at the session's beginning: a Clear, then an Add for each order.
func (f *flow) openingBook() {
	f.emit(dbn.ActionClear, dbn.SideNone, order{price: dbn.UndefPrice})
	for _, side := range []dbn.Side{dbn.SideBid, dbn.SideAsk} {
		for range f.depth {
			distance := dbn.Price(1 + f.dice.steps(83, 14))
			f.add(side, f.opening+away(side)*distance*f.tick)
		}
	}
	for i := range f.event {
		f.event[i].Flags = dbn.FlagSnapshot
	}
	f.event[len(f.event)-1].Flags |= dbn.FlagLast
}

// begin starts an event: its times and its sequence. Receive times never go back.
func (f *flow) begin(recv dbn.UnixNanos) dbn.UnixNanos {
	f.ts = f.next
	f.recv = max(recv+900, f.ts+dbn.UnixNanos(95_000+f.dice.below(140_000)))
	f.inDelta = int32(13_000 + f.dice.below(16_000))
	f.next = f.ts + f.pause/8 + dbn.UnixNanos(f.dice.below(int(f.pause)*7/4))
	if f.dice.below(3) == 0 { // events come in clusters
		f.next = f.ts + dbn.UnixNanos(250_000+f.dice.below(3_000_000))
	}
	f.sequence += uint32(1 + f.dice.below(4))
	f.event = f.event[:0]
	return f.recv
}

// act makes one thing happen in the market.
func (f *flow) act() {
	if f.dice.below(40) == 0 {
		f.trend = f.dice.below(41) - 20
	}
	side := f.dice.side(50)
	orders := f.book.count(side)
	chance := f.dice.below(100)
	switch {
	case orders < f.depth*3/4, chance < 44:
		f.quote(side)
	case chance < 74, orders > f.depth*2:
		f.cancelOne(side)
	case chance < 85, f.ts < tradingStart:
		f.modifyOne(side)
	default:
		f.take(f.dice.side(50 + f.trend))
	}
}

// quote adds an order near the best price of its side, or inside the spread.
func (f *flow) quote(side dbn.Side) {
	f.add(side, f.quotePrice(side))
}

func (f *flow) quotePrice(side dbn.Side) dbn.Price {
	step, best := away(side)*f.tick, f.book.best(side)
	if inside := best - step; inside != f.book.best(opposite(side)) && f.dice.below(100) < 30 {
		return inside
	}
	return best + dbn.Price(f.dice.steps(62, 12))*step
}

// cancelOne takes a whole order away, or a part of it.
func (f *flow) cancelOne(side dbn.Side) {
	o := f.pick(side)
	if o.size > 2 && f.dice.below(8) == 0 {
		o.size /= 2
	}
	f.emit(dbn.ActionCancel, side, o)
}

// modifyOne changes an order's size or price.
func (f *flow) modifyOne(side dbn.Side) {
	o := f.pick(side)
	if f.dice.below(2) == 0 {
		o.size = f.newSize()
	} else {
		o.price = f.quotePrice(side)
	}
	f.emit(dbn.ActionModify, side, o)
}

// pick chooses an order; those near the best price change most.
func (f *flow) pick(side dbn.Side) order {
	orders := f.book.count(side)
	return f.book.nth(side, min(f.dice.below(orders), f.dice.below(orders)))
}

// take trades against the other side. For each price there is one Trade by the aggressor
// and a Fill for each resting order; the Cancel or Modify that follows takes the filled
// quantity off the book.
func (f *flow) take(aggressor dbn.Side) {
	resting := opposite(aggressor)
	left := f.newSize() + f.newSize()
	if f.dice.below(12) == 0 {
		left *= 4
	}
	for left > 0 && f.book.count(resting) > f.depth/3 {
		var fills []order
		var total uint32
		for _, o := range (*f.book.side(resting))[0].orders {
			if total == left {
				break
			}
			o.size = min(o.size, left-total)
			total += o.size
			fills = append(fills, o)
		}
		left -= total
		f.emit(dbn.ActionTrade, aggressor, order{price: fills[0].price, size: total})
		for _, fill := range fills {
			f.emit(dbn.ActionFill, resting, fill)
		}
		for _, fill := range fills {
			f.emit(dbn.ActionCancel, resting, fill)
		}
	}
	if len(f.event) == 0 { // the book was too thin to trade
		f.quote(resting)
	}
}

func (f *flow) newSize() uint32 {
	if f.dice.below(3) == 0 {
		return 1
	}
	return uint32(1 + f.dice.below(f.lot))
}

func (f *flow) add(side dbn.Side, price dbn.Price) {
	f.lastOrder += uint64(1 + f.dice.below(9))
	f.emit(dbn.ActionAdd, side, order{f.lastOrder, price, f.newSize()})
}

// emit appends a record to the event and applies it to the book.
func (f *flow) emit(action dbn.Action, side dbn.Side, o order) {
	m := dbn.MboMsg{
		Hd:      header(dbn.RTypeMbo, f.id, f.ts),
		OrderID: o.id, Price: o.price, Size: o.size, ChannelID: f.channel,
		Action: action, Side: side, TsRecv: f.recv, TsInDelta: f.inDelta, Sequence: f.sequence,
	}
	f.book.apply(&m)
	f.event = append(f.event, m)
}

func header(rtype dbn.RType, id uint32, ts dbn.UnixNanos) dbn.RecordHeader {
	return dbn.RecordHeader{RType: rtype, PublisherID: publisher, InstrumentID: id, TsEvent: ts}
}
