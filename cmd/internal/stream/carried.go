package stream

import (
	"maps"

	"github.com/dbnloop/dbnloop/dbn"
)

// carried are the symbol mappings that a file of DBN still lacks: those that came among records that
// the output leaves out, and those that only the file before it has. Each is written before the first
// record that needs it, so that symbols resolve in the output as they do in the input.
type carried struct {
	lacking mappings
	written mappings // the latest of each instrument; nil: no other file follows
}

// mappings are copies of symbol mappings, by instrument.
type mappings map[uint32][]uint64

// add takes in a mapping. It replaces an older one of its instrument.
func (m mappings) add(r dbn.Record) {
	id := r.Header().InstrumentID
	m[id] = CopyRecord(m[id], r)
}

// leftOut takes in a mapping that is not written.
func (c *carried) leftOut(r dbn.Record) {
	if c.lacking != nil {
		c.lacking.add(r)
	}
}

// wrote takes in a mapping that is written. It replaces one that the output lacks.
func (c *carried) wrote(r dbn.Record) {
	delete(c.lacking, r.Header().InstrumentID)
	if c.written != nil {
		c.written.add(r)
	}
}

// need writes the mapping that a record needs, if the output lacks it.
func (c *carried) need(r dbn.Record, write func(dbn.Record) error) error {
	if len(c.lacking) == 0 {
		return nil
	}
	id := r.Header().InstrumentID
	words, lacks := c.lacking[id]
	if !lacks {
		return nil
	}
	delete(c.lacking, id)
	if c.written != nil {
		c.written[id] = words
	}
	return write(RecordIn(words))
}

// again makes the output a file that has no mapping yet. Text never lacks one.
func (c *carried) again() {
	if c.written == nil {
		return
	}
	maps.Copy(c.written, c.lacking) // they are newer
	c.lacking, c.written = c.written, make(mappings)
}
