package sim

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
)

// blockSize is about how many bytes a block of the timeline has: what one write sends
// when nothing needs to be looked at.
const blockSize = 256 << 10

const numSchemas = int(dbn.SchemaBbo1M) + 1

// timeline is everything that a gateway has of one dataset: the records of all its sources
// in the order of their index timestamps, encoded as they go over the wire. It does not
// change once it is made, so that all sessions share it.
type timeline struct {
	dataset string
	version uint8
	data    []byte
	// tags is the schema of each record; nil when all are of the schema uniform. A tag is
	// noTag for a record that belongs to no schema.
	tags    []uint8
	uniform uint8
	// blocks are borders between records, about blockSize apart; the first is the
	// beginning and the last is the end.
	blocks []block
	offers [numSchemas]bool // schemas of the sources, even of an empty one
	ids    [numSchemas]map[uint32]struct{}
	// untagged tells that some records belong to no schema: nobody can subscribe to them.
	untagged bool
	// first and last are the least and the greatest index timestamp, span what lies between.
	first, last, span uint64
	symbols           *symbology
}

type block struct {
	off int   // byte offset in data
	rec int64 // number of records before it
}

const noTag = 0xFF

// end is the position behind the last record.
func (t *timeline) end() block { return t.blocks[len(t.blocks)-1] }

// tag is the schema of the record number i.
func (t *timeline) tag(i int64) uint8 {
	if t.tags == nil {
		return t.uniform
	}
	return t.tags[i]
}

// newTimeline merges sources of one dataset. A version of 0 takes the highest of theirs.
func newTimeline(sources []*sourceData, version uint8) (*timeline, error) {
	t := &timeline{dataset: sources[0].meta.Dataset, version: version, symbols: newSymbology()}
	if version == 0 {
		for _, s := range sources {
			t.version = max(t.version, s.meta.Version)
		}
	}
	for _, s := range sources {
		t.symbols.addMetadata(&s.meta)
		t.symbols.addMappings(s.mappings)
		if err := t.symbols.addRecords(s.records, s.meta.Version); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		if s.meta.Version == t.version {
			continue
		}
		converted, err := convertRecords(s.records, s.meta.Version, t.version)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		s.records = converted
	}
	t.merge(sources)
	t.survey()
	t.symbols.finish()
	return t, nil
}

// merge orders the records of all sources by index timestamp. Within one source the order
// stays; equal timestamps keep the order of the sources.
func (t *timeline) merge(sources []*sourceData) {
	for _, s := range sources {
		if int(s.meta.Schema) < numSchemas {
			t.offers[s.meta.Schema] = true
		}
	}
	if len(sources) == 1 && sources[0].meta.Schema != dbn.SchemaNone {
		t.data, t.uniform = sources[0].records, sourceTag(sources[0], nil)
		return
	}
	total := 0
	for _, s := range sources {
		total += len(s.records)
	}
	t.data = make([]byte, 0, total)
	heads := make([]*mergeHead, 0, len(sources))
	for i, s := range sources {
		if h := (&mergeHead{order: i, source: s, rest: s.records}); h.load() {
			heads = append(heads, h)
		}
	}
	for len(heads) > 0 {
		h := slices.MinFunc(heads, func(a, b *mergeHead) int {
			return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.order, b.order))
		})
		size := recLen(h.rest)
		t.tags = append(t.tags, sourceTag(h.source, h.rest))
		t.data = append(t.data, h.rest[:size]...)
		h.rest = h.rest[size:]
		if !h.load() {
			heads = slices.DeleteFunc(heads, func(o *mergeHead) bool { return o == h })
		}
	}
}

type mergeHead struct {
	order  int
	source *sourceData
	rest   []byte
	ts     uint64
}

// load takes the timestamp of the next record. It never goes backwards within a source,
// and an undefined one counts as the one before.
func (h *mergeHead) load() bool {
	if len(h.rest) == 0 {
		return false
	}
	if ts := indexTs(h.rest); ts != undefTimestamp {
		h.ts = max(h.ts, ts)
	}
	return true
}

// sourceTag is the schema of a record: its source's, or what its rtype says in a source of
// mixed schemas.
func sourceTag(s *sourceData, rec []byte) uint8 {
	if int(s.meta.Schema) < numSchemas {
		return uint8(s.meta.Schema)
	}
	if rec == nil {
		return noTag
	}
	return schemaTags[recRType(rec)]
}

// survey notes the blocks, which instruments each schema has, and the time they span.
func (t *timeline) survey() {
	t.blocks = []block{{}}
	var rec int64
	t.first, t.last = undefTimestamp, 0
	lastTag, lastID := uint8(noTag), uint32(0)
	for off := 0; off < len(t.data); {
		r := t.data[off:]
		if tag, id := t.tag(rec), recInstrument(r); tag != lastTag || id != lastID || rec == 0 {
			t.note(tag, id)
			lastTag, lastID = tag, id
		}
		if ts := indexTs(r); ts != undefTimestamp {
			t.first, t.last = min(t.first, ts), max(t.last, ts)
		}
		off += recLen(r)
		rec++
		if off-t.blocks[len(t.blocks)-1].off >= blockSize || off == len(t.data) {
			t.blocks = append(t.blocks, block{off, rec})
		}
	}
	if t.last > t.first {
		t.span = t.last - t.first
	}
}

func (t *timeline) note(tag uint8, id uint32) {
	if int(tag) >= numSchemas {
		t.untagged = true
		return
	}
	t.offers[tag] = true
	if t.ids[tag] == nil {
		t.ids[tag] = make(map[uint32]struct{})
	}
	t.ids[tag][id] = struct{}{}
}

// seek is the position of the first record whose index timestamp is at least ts.
func (t *timeline) seek(ts uint64) block {
	var at block
	for at.off < len(t.data) {
		r := t.data[at.off:]
		if its := indexTs(r); its != undefTimestamp && its >= ts {
			break
		}
		at.off += recLen(r)
		at.rec++
	}
	return at
}

// blockEnd is the border that follows a position.
func (t *timeline) blockEnd(at block) block {
	i, _ := slices.BinarySearchFunc(t.blocks, at.off+1, func(b block, off int) int {
		return cmp.Compare(b.off, off)
	})
	return t.blocks[min(i, len(t.blocks)-1)]
}

// resolve returns the instruments of the dataset that a symbol stands for.
func (t *timeline) resolve(stype dbn.SType, symbol string) []target {
	found := t.symbols.resolve(stype, symbol)
	if stype != dbn.STypeInstrumentID {
		return found
	}
	return slices.DeleteFunc(slices.Clone(found), func(o target) bool { return !t.knows(o.id) })
}

// knows tells whether there is such an instrument.
func (t *timeline) knows(id uint32) bool {
	if t.symbols.rawSymbol(id) != "" {
		return true
	}
	for _, ids := range t.ids {
		if _, ok := ids[id]; ok {
			return true
		}
	}
	return false
}
