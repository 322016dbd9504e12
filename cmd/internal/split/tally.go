package split

import (
	"maps"

	"github.com/dbnloop/dbnloop/dbn"
)

// tally counts the records of a file, for Finished.
type tally struct {
	file   File
	counts map[Count]*uint64
	recent [64]recentCount // of the instruments that came last, by their ids
	// earlier finds the symbol of a record in what another run wrote to the file; nil: nothing.
	earlier func(dbn.Record) string
}

type recentCount struct {
	instrument uint32
	rtype      dbn.RType
	symbol     string
	n          *uint64 // nil: none yet
}

func newTally() *tally {
	return &tally{
		file:   File{First: dbn.UndefTimestamp, Last: dbn.UndefTimestamp},
		counts: make(map[Count]*uint64),
	}
}

// record counts a data record. What has no symbol in the stream may have one in the file.
func (t *tally) record(r dbn.Record, symbol string) {
	if symbol == "" && t.earlier != nil {
		symbol = t.earlier(r)
	}
	t.file.Records++
	if ts := r.IndexTs(); !ts.IsUndef() {
		t.file.First = min(t.file.First, ts)
		if t.file.Last.IsUndef() || ts > t.file.Last {
			t.file.Last = ts
		}
	}
	instrument, rtype := r.Header().InstrumentID, r.RType()
	recent := &t.recent[instrument%uint32(len(t.recent))]
	if recent.n == nil || recent.instrument != instrument || recent.rtype != rtype || recent.symbol != symbol {
		key := Count{rtype, symbol}
		n := t.counts[key]
		if n == nil {
			n = new(uint64)
			t.counts[key] = n
		}
		*recent = recentCount{instrument, rtype, symbol, n}
	}
	*recent.n++
}

// result is what was counted.
func (t *tally) result() *File {
	t.file.Counts = make(map[Count]uint64, len(t.counts))
	for key, n := range maps.All(t.counts) {
		t.file.Counts[key] = *n
	}
	return &t.file
}
