package sim

import (
	"cmp"
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// snapshotOf is the state of the order books of a subscription at a position of the timeline,
// as MBO records: for each instrument a Clear, then an Add for every resting order, all
// flagged as a snapshot, the last one as the last of the event. The books are built from the
// MBO records before the position.
func snapshotOf(t *market.Timeline, sub *subscription, at market.Place) []byte {
	books := booksAt(t, at)
	var ids []uint32
	for id := range t.IDs[dbn.SchemaMbo] {
		if sub.selects(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var out []byte
	for _, id := range ids {
		out = appendBook(out, id, books[id])
	}
	return out
}

// book is the resting orders of one instrument.
type book struct {
	orders map[uint64]dbn.MboMsg
	last   dbn.MboMsg // the last record seen, for its header and times
}

func booksAt(t *market.Timeline, at market.Place) map[uint32]*book {
	books := make(map[uint32]*book)
	var pos market.Place
	reader := t.Reader()
	for pos.Off < at.Off {
		rec := reader.Record(pos.Off)
		if rec == nil {
			break // the player gets the error
		}
		if t.Tag(pos.Rec, rec) == uint8(dbn.SchemaMbo) && market.RType(rec) == dbn.RTypeMbo {
			m := market.As[dbn.MboMsg](rec)
			b := books[m.Hd.InstrumentID]
			if b == nil {
				b = &book{orders: make(map[uint64]dbn.MboMsg)}
				books[m.Hd.InstrumentID] = b
			}
			b.apply(m)
		}
		pos.Off += len(rec)
		pos.Rec++
	}
	return books
}

// apply changes the book by one record. Trades and fills do not: the cancel or modify that
// follows them does.
func (b *book) apply(m *dbn.MboMsg) {
	b.last = *m
	switch m.Action {
	case dbn.ActionAdd:
		b.orders[m.OrderID] = *m
	case dbn.ActionModify:
		b.orders[m.OrderID] = *m
	case dbn.ActionCancel:
		order, ok := b.orders[m.OrderID]
		if !ok {
			return
		}
		if order.Size <= m.Size {
			delete(b.orders, m.OrderID)
			return
		}
		order.Size -= m.Size
		b.orders[m.OrderID] = order
	case dbn.ActionClear:
		clear(b.orders)
	}
}

func appendBook(out []byte, id uint32, b *book) []byte {
	var orders []dbn.MboMsg
	clearMsg := dbn.MboMsg{
		Hd:     dbn.RecordHeader{RType: dbn.RTypeMbo, InstrumentID: id, TsEvent: dbn.UndefTimestamp},
		TsRecv: dbn.UndefTimestamp, Price: dbn.UndefPrice,
	}
	if b != nil {
		for _, order := range b.orders {
			orders = append(orders, order)
		}
		clearMsg.Hd, clearMsg.ChannelID = b.last.Hd, b.last.ChannelID
		clearMsg.TsRecv, clearMsg.Sequence = b.last.TsRecv, b.last.Sequence
	}
	clearMsg.Action, clearMsg.Side = dbn.ActionClear, dbn.SideNone
	// By price priority: bids from the highest, asks from the lowest, then by time.
	slices.SortFunc(orders, func(a, b dbn.MboMsg) int {
		byPrice := cmp.Compare(a.Price, b.Price)
		if a.Side == dbn.SideBid {
			byPrice = -byPrice
		}
		return cmp.Or(cmp.Compare(b.Side, a.Side), byPrice,
			cmp.Compare(a.TsRecv, b.TsRecv), cmp.Compare(a.OrderID, b.OrderID))
	})
	orders = slices.Insert(orders, 0, clearMsg)
	for i := range orders {
		orders[i].Flags = dbn.FlagSnapshot
		orders[i].Action = dbn.ActionAdd
		if i == 0 {
			orders[i].Action = dbn.ActionClear
		}
		if i == len(orders)-1 {
			orders[i].Flags |= dbn.FlagLast
		}
		out = append(out, wire.Sealed(&orders[i])...)
	}
	return out
}
