package ingest

import (
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/dbn"
)

// buffers gather records by schema until they are published.
type buffers struct {
	by    [256]buffer // by rtype
	order []*buffer   // those that hold something, in the order of their first record
	size  int         // bytes of all
	tbbo  bool        // records of mbp-1 are those of tbbo
}

type buffer struct {
	schema  string
	records []byte
}

// add copies records of one rtype, and reports whether they belong into a log.
func (b *buffers) add(rtype dbn.RType, records []byte) bool {
	to := &b.by[rtype]
	if len(to.records) == 0 {
		if to.schema == "" {
			if to.schema = batch.SchemaOf(rtype); to.schema == "" {
				return false
			}
			if rtype == dbn.RTypeMbp1 && b.tbbo {
				to.schema = dbn.SchemaTbbo.String()
			}
		}
		b.order = append(b.order, to)
	}
	to.records = append(to.records, records...)
	b.size += len(records)
	return true
}

// flush empties the buffers: it calls publish with complete records, at most about batch.Target bytes of
// them, and with cut at the last call.
func (b *buffers) flush(publish func(schema string, records []byte, cut bool) error) error {
	for i, from := range b.order {
		for rest := from.records; len(rest) > 0; {
			n := complete(rest)
			cut := i == len(b.order)-1 && n == len(rest)
			if err := publish(from.schema, rest[:n], cut); err != nil {
				return err
			}
			rest = rest[n:]
		}
	}
	for _, from := range b.order {
		from.records = from.records[:0]
	}
	b.order, b.size = b.order[:0], 0
	return nil
}

// complete is the size of the records that fit into a batch.
func complete(records []byte) int {
	if len(records) <= batch.Target {
		return len(records)
	}
	n := 0
	for {
		size := batch.SizeAt(records[n:])
		if n > 0 && n+size > batch.Target {
			return n
		}
		n += size
	}
}

// residue are records that the log holds after its last cut: they come again. Each is counted, because equal
// records are natural.
type residue map[string]int

func newResidue(records []byte) residue {
	r := residue{}
	batch.Each(records, func(record []byte) { r[string(record)]++ })
	return r
}

// drop reports whether a record is one of them, which is then used up.
func (r residue) drop(record []byte) bool {
	n := r[string(record)]
	switch n {
	case 0:
		return false
	case 1:
		delete(r, string(record))
	default:
		r[string(record)] = n - 1
	}
	return true
}

// clear forgets what did not come again, and returns its number.
func (r residue) clear() (n int) {
	for record, count := range r {
		n += count
		delete(r, record)
	}
	return n
}

func wantsTbbo(subscriptions []dbnloop.Subscription) bool {
	for _, s := range subscriptions {
		if s.Schema == dbn.SchemaTbbo {
			return true
		}
	}
	return false
}

// handlers take records in runs, with one copy and nothing per record.
func (l *life) handlers() dbnloop.Handlers {
	return dbnloop.Handlers{
		MboRun: runs[dbn.MboMsg](l), TradeRun: runs[dbn.TradeMsg](l), Mbp1Run: runs[dbn.Mbp1Msg](l),
		Mbp10Run: runs[dbn.Mbp10Msg](l), BboRun: runs[dbn.BboMsg](l), Cmbp1Run: runs[dbn.Cmbp1Msg](l),
		CbboRun: runs[dbn.CbboMsg](l), OhlcvRun: runs[dbn.OhlcvMsg](l), StatusRun: runs[dbn.StatusMsg](l),
		InstrumentDefRun: runs[dbn.InstrumentDefMsg](l), ImbalanceRun: runs[dbn.ImbalanceMsg](l),
		StatRun: runs[dbn.StatMsg](l), SymbolMappingRun: runs[dbn.SymbolMappingMsg](l),
		Metadata: l.onMetadata, Continuity: l.onContinuity, StreamState: l.onState,
		Error: func(err error) { l.ended, l.err = true, err },
	}
}

// A record that is longer than its struct comes as a run of its own, whose memory is as long as the record says.
func runs[T any](l *life) func([]T) {
	return func(run []T) {
		size := dbn.RecordAt(unsafe.Pointer(&run[0])).Size()
		l.take(unsafe.Slice((*byte)(unsafe.Pointer(&run[0])), len(run)*size), size)
	}
}

// take gathers records of one rtype and size.
func (l *life) take(records []byte, size int) {
	rtype := batch.RTypeAt(records)
	count := &l.Counters.Records
	if len(l.residue) == 0 {
		if l.pending.add(rtype, records) {
			count.Add(int64(len(records) / size))
		}
		return
	}
	for ; len(records) > 0; records = records[size:] {
		if l.residue.drop(records[:size]) {
			l.Counters.Repeats.Add(1)
		} else if l.pending.add(rtype, records[:size]) {
			count.Add(1)
		}
	}
}
