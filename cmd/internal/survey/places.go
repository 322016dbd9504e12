package survey

import (
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// places says where records of an rtype have what orders them.
type places struct {
	sequenceAt, flagsAt, actionAt, least uint8 // least: the size of a record that has them; 0: none has
}

func (p *places) sequence(r dbn.Record) uint32 {
	return *(*uint32)(unsafe.Add(r.Pointer(), p.sequenceAt))
}

func (p *places) flags(r dbn.Record) dbn.FlagSet {
	return *(*dbn.FlagSet)(unsafe.Add(r.Pointer(), p.flagsAt))
}

func (p *places) action(r dbn.Record) dbn.Action {
	return *(*dbn.Action)(unsafe.Add(r.Pointer(), p.actionAt))
}

// placesOf holds the rtypes of which each record has the sequence number of the message that it
// stands for. Intervals and statistics have other numbers, or none. Trades and books of all depths
// begin alike.
var placesOf = func() (all [256]places) {
	var mbo dbn.MboMsg
	all[dbn.RTypeMbo] = places{
		uint8(unsafe.Offsetof(mbo.Sequence)), uint8(unsafe.Offsetof(mbo.Flags)), uint8(unsafe.Offsetof(mbo.Action)), uint8(unsafe.Sizeof(mbo)),
	}
	var trade dbn.TradeMsg
	like := places{
		uint8(unsafe.Offsetof(trade.Sequence)), uint8(unsafe.Offsetof(trade.Flags)), uint8(unsafe.Offsetof(trade.Action)), uint8(unsafe.Sizeof(trade)),
	}
	all[dbn.RTypeMbp0], all[dbn.RTypeMbp1], all[dbn.RTypeMbp10] = like, like, like
	return all
}()
