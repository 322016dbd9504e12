package stream

import "github.com/dbnloop/dbnloop/dbn"

// carried are the symbol mappings that an output of DBN still lacks: those that came among
// records that it leaves out. Each is written before the first record that needs it, so that
// symbols resolve in the output as they do in the input.
type carried map[uint32][]uint64 // by instrument

// add takes in a mapping that is not written. It replaces an older one of its instrument.
func (c carried) add(r dbn.Record) {
	id := r.Header().InstrumentID
	c[id] = CopyRecord(c[id], r)
}

// forget drops the mapping of an instrument of which a newer one is written.
func (c carried) forget(r dbn.Record) { delete(c, r.Header().InstrumentID) }

// need writes the mapping that a record needs, if the output lacks it.
func (c carried) need(r dbn.Record, write func(dbn.Record) error) error {
	if len(c) == 0 {
		return nil
	}
	words, lacking := c[r.Header().InstrumentID]
	if !lacking {
		return nil
	}
	delete(c, r.Header().InstrumentID)
	return write(RecordIn(words))
}
