package survey

import (
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// names knows the symbols of instruments: those that a gateway named in the stream, and those of
// the headers.
type names struct {
	naming uint64 // raised when a symbol may have changed
	live   *dbn.PitSymbolMap
	dated  *dbn.TsSymbolMap
}

const (
	day  = dbn.UnixNanos(24 * time.Hour)
	ever = dbn.UndefTimestamp
)

// header takes in the mappings of a header. Those that cannot be read name nothing.
func (n *names) header(m *dbn.Metadata) {
	if len(m.Mappings) == 0 {
		return
	}
	if n.dated == nil {
		n.dated = dbn.NewTsSymbolMap()
	}
	n.dated.Add(m) //nolint:errcheck // their instruments keep their ids
	n.naming++
}

// mapping takes in a symbol that a gateway names.
func (n *names) mapping(r dbn.Record) {
	if n.live == nil {
		n.live = dbn.NewPitSymbolMap()
	}
	id := r.Header().InstrumentID
	before, known := n.live.Symbol(id)
	if !known && n.live.Len() >= maxFlows {
		return
	}
	n.live.OnRecord(r)
	if after, _ := n.live.Symbol(id); after != before {
		n.naming++
	}
}

// at is the symbol of an instrument at a time, and until when it stays valid if no other one is
// named.
func (n *names) at(id uint32, ts dbn.UnixNanos) (symbol string, from, span dbn.UnixNanos) {
	if n.live != nil {
		if symbol, ok := n.live.Symbol(id); ok {
			return symbol, 0, ever
		}
	}
	if n.dated == nil {
		return "", 0, ever
	}
	symbol, _ = n.dated.Symbol(id, dbn.DateOf(ts))
	return symbol, ts - ts%day, day
}
