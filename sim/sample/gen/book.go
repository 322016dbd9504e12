package main

import (
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
)

// order is one resting order.
type order struct {
	id    uint64
	price dbn.Price
	size  uint32
}

// level is the orders at one price, by priority.
type level struct {
	price  dbn.Price
	orders []order
}

func (l *level) size() (total uint32) {
	for _, o := range l.orders {
		total += o.size
	}
	return total
}

// book is an order book: the levels of both sides, best price first.
type book struct{ bids, asks []level }

func (b *book) side(s dbn.Side) *[]level {
	if s == dbn.SideBid {
		return &b.bids
	}
	return &b.asks
}

func opposite(s dbn.Side) dbn.Side {
	if s == dbn.SideBid {
		return dbn.SideAsk
	}
	return dbn.SideBid
}

// away is the direction in which prices of a side get worse.
func away(s dbn.Side) dbn.Price {
	if s == dbn.SideBid {
		return -1
	}
	return 1
}

// best is the best price of a side; UndefPrice when it is empty.
func (b *book) best(s dbn.Side) dbn.Price {
	if levels := *b.side(s); len(levels) > 0 {
		return levels[0].price
	}
	return dbn.UndefPrice
}

// count is how many orders rest on a side.
func (b *book) count(s dbn.Side) (n int) {
	for _, l := range *b.side(s) {
		n += len(l.orders)
	}
	return n
}

// nth is the order number n of a side, by priority.
func (b *book) nth(s dbn.Side, n int) order {
	for _, l := range *b.side(s) {
		if n < len(l.orders) {
			return l.orders[n]
		}
		n -= len(l.orders)
	}
	panic("no such order")
}

// find is the place of a price among the levels of a side, and whether it is there.
func (b *book) find(s dbn.Side, price dbn.Price) (int, bool) {
	return slices.BinarySearchFunc(*b.side(s), price, func(l level, p dbn.Price) int {
		return int(min(max((l.price-p)*away(s), -1), 1))
	})
}

// apply changes the book as an MBO record says and returns the depth of the level that it
// touched. Trades and fills change nothing.
func (b *book) apply(m *dbn.MboMsg) (depth int) {
	if m.Action == dbn.ActionClear {
		b.bids, b.asks = nil, nil
		return 0
	}
	o := order{m.OrderID, m.Price, m.Size}
	switch m.Action {
	case dbn.ActionAdd:
		return b.add(m.Side, o)
	case dbn.ActionCancel:
		return b.reduce(m.Side, o)
	case dbn.ActionModify:
		return b.modify(m.Side, o)
	}
	depth, _ = b.find(m.Side, m.Price)
	return depth
}

func (b *book) add(s dbn.Side, o order) int {
	levels := b.side(s)
	i, ok := b.find(s, o.price)
	if !ok {
		*levels = slices.Insert(*levels, i, level{price: o.price})
	}
	(*levels)[i].orders = append((*levels)[i].orders, o)
	return i
}

// reduce takes a size off an order, and the order away when nothing is left.
func (b *book) reduce(s dbn.Side, o order) int {
	levels := b.side(s)
	i, _ := b.find(s, o.price)
	l := &(*levels)[i]
	k := slices.IndexFunc(l.orders, func(x order) bool { return x.id == o.id })
	if l.orders[k].size -= o.size; l.orders[k].size > 0 {
		return i
	}
	if l.orders = slices.Delete(l.orders, k, k+1); len(l.orders) == 0 {
		*levels = slices.Delete(*levels, i, i+1)
	}
	return i
}

// modify gives an order a new price or size. It keeps its priority only when it becomes
// smaller at the same price.
func (b *book) modify(s dbn.Side, o order) int {
	for _, l := range *b.side(s) {
		k := slices.IndexFunc(l.orders, func(x order) bool { return x.id == o.id })
		if k < 0 {
			continue
		}
		if old := &l.orders[k]; l.price == o.price && o.size <= old.size {
			old.size = o.size
			i, _ := b.find(s, o.price)
			return i
		}
		b.reduce(s, l.orders[k])
		return b.add(s, o)
	}
	panic("modify of an order that does not rest")
}

// pair is the level number i of both sides as market-by-price records show it.
func (b *book) pair(i int) dbn.BidAskPair {
	p := dbn.BidAskPair{BidPx: dbn.UndefPrice, AskPx: dbn.UndefPrice}
	if i < len(b.bids) {
		p.BidPx, p.BidSz, p.BidCt = b.bids[i].price, b.bids[i].size(), uint32(len(b.bids[i].orders))
	}
	if i < len(b.asks) {
		p.AskPx, p.AskSz, p.AskCt = b.asks[i].price, b.asks[i].size(), uint32(len(b.asks[i].orders))
	}
	return p
}
