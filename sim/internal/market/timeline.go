package market

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
)

// blockSize is about how many bytes a block of the timeline has: what one write sends
// when nothing needs to be checked.
const blockSize = 256 << 10

const NumSchemas = int(dbn.SchemaBbo1M) + 1

// Timeline is everything that a server has of one dataset: the records of all its sources
// in the order of their index timestamps, encoded as they go over the wire. It does not
// change once it is made, so that all sessions share it.
type Timeline struct {
	Dataset string
	Version uint8
	data    []byte
	disk    *disk // where the records are instead; nil: in data
	size    int   // of all records, in bytes
	// tags is the schema of each record; nil when all are of the schema uniform. A tag is
	// noTag for a record that belongs to no schema.
	tags    []uint8
	uniform uint8
	// blocks are boundaries between records, about blockSize apart; the first is the
	// beginning and the last is the end.
	blocks []Place
	Offers [NumSchemas]bool // schemas of the sources, even of an empty one
	IDs    [NumSchemas]map[uint32]struct{}
	// untagged means that some records belong to no schema: nobody can subscribe to them.
	Untagged bool
	// first and last are the least and the greatest index timestamp, span what lies between.
	First, Last, Span uint64
	Symbols           *Symbology
}

// Place is a position between two records of a timeline.
type Place struct {
	Off int   // byte offset in data
	Rec int64 // number of records before it
}

const noTag = 0xFF

// End is the position after the last record.
func (t *Timeline) End() Place { return t.blocks[len(t.blocks)-1] }

// Tag is the schema of the record number i.
func (t *Timeline) Tag(i int64, rec []byte) uint8 {
	switch {
	case t.tags != nil:
		return t.tags[i]
	case t.uniform == noTag:
		return schemaTags[RType(rec)]
	}
	return t.uniform
}

// NewTimeline merges sources of one dataset. A version of 0 takes the highest of theirs.
func NewTimeline(sources []*Data, version uint8) (*Timeline, error) {
	t := &Timeline{Dataset: sources[0].Meta.Dataset, Version: version, Symbols: newSymbology()}
	if version == 0 {
		for _, s := range sources {
			t.Version = max(t.Version, s.Meta.Version)
		}
	}
	if err := t.settle(sources); err != nil {
		return nil, err
	}
	for _, s := range sources {
		t.Symbols.addMetadata(&s.Meta)
		t.Symbols.addMappings(s.mappings)
		if err := t.Symbols.addRecords(s.records, s.Meta.Version); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		if s.Meta.Version == t.Version {
			continue
		}
		converted, err := convertRecords(s.records, s.Meta.Version, t.Version)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		s.records = converted
	}
	t.merge(sources)
	if err := t.survey(); err != nil {
		return nil, err
	}
	t.Symbols.finish()
	return t, nil
}

// settle decides whether the records stay on disk. If not, the sources are loaded.
func (t *Timeline) settle(sources []*Data) error {
	for i, s := range sources {
		if s.disk == nil {
			continue
		}
		stays, err := false, error(nil)
		if len(sources) == 1 {
			stays, err = s.fits(t.Version)
		}
		if stays {
			t.disk = s.disk
			continue
		}
		s.disk.file.Close() //nolint:errcheck // it was only read
		if err != nil {
			return err
		}
		loaded, err := s.reload()
		if err != nil {
			return err
		}
		*sources[i] = *loaded
	}
	return nil
}

// Len is the length of all records, in bytes.
func (t *Timeline) Len() int { return t.size }

// sourceTag is the schema of a record: its source's, or what its rtype says in a source of
// mixed schemas.
func sourceTag(s *Data, rec []byte) uint8 {
	if int(s.Meta.Schema) < NumSchemas {
		return uint8(s.Meta.Schema)
	}
	if rec == nil {
		return noTag
	}
	return schemaTags[RType(rec)]
}

// survey notes the blocks, which instruments each schema has, and the time they span.
func (t *Timeline) survey() error {
	t.blocks = []Place{{}}
	var rec int64
	t.First, t.Last = UndefTimestamp, 0
	lastTag, lastID := uint8(noTag), uint32(0)
	reader := t.Reader()
	for off := 0; off < t.size; {
		r := reader.Record(off)
		if r == nil {
			return reader.Err()
		}
		if t.disk != nil { // those in memory are checked before they are converted
			if err := t.Symbols.addRecords(r, t.Version); err != nil {
				return fmt.Errorf("%s: %w", t.disk.name, err)
			}
		}
		if tag, id := t.Tag(rec, r), Instrument(r); tag != lastTag || id != lastID || rec == 0 {
			t.note(tag, id)
			lastTag, lastID = tag, id
		}
		if ts := IndexTs(r); ts != UndefTimestamp {
			t.First, t.Last = min(t.First, ts), max(t.Last, ts)
		}
		off += len(r)
		rec++
		if off-t.blocks[len(t.blocks)-1].Off >= blockSize || off == t.size {
			t.blocks = append(t.blocks, Place{off, rec})
		}
	}
	if t.Last > t.First {
		t.Span = t.Last - t.First
	}
	return nil
}

func (t *Timeline) note(tag uint8, id uint32) {
	if int(tag) >= NumSchemas {
		t.Untagged = true
		return
	}
	t.Offers[tag] = true
	if t.IDs[tag] == nil {
		t.IDs[tag] = make(map[uint32]struct{})
	}
	t.IDs[tag][id] = struct{}{}
}

// Seek is the position of the first record whose index timestamp is at least ts.
func (t *Timeline) Seek(ts uint64) Place { return t.SeekFrom(Place{}, ts) }

// SeekFrom is that of the first such record from a position on.
func (t *Timeline) SeekFrom(at Place, ts uint64) Place {
	reader := t.Reader()
	for at.Off < t.size {
		r := reader.Record(at.Off)
		if r == nil {
			break // whoever reads on from there gets the error
		}
		if its := IndexTs(r); its != UndefTimestamp && its >= ts {
			break
		}
		at.Off += len(r)
		at.Rec++
	}
	return at
}

// BlockEnd is the boundary that follows a position.
func (t *Timeline) BlockEnd(at Place) Place {
	i, _ := slices.BinarySearchFunc(t.blocks, at.Off+1, func(b Place, off int) int {
		return cmp.Compare(b.Off, off)
	})
	return t.blocks[min(i, len(t.blocks)-1)]
}

// Resolve returns the instruments of the dataset that a symbol stands for.
func (t *Timeline) Resolve(stype dbn.SType, symbol string) []Target {
	found := t.Symbols.resolve(stype, symbol)
	if stype != dbn.STypeInstrumentID {
		return found
	}
	return slices.DeleteFunc(slices.Clone(found), func(o Target) bool { return !t.knows(o.ID) })
}

// knows tells whether there is such an instrument.
func (t *Timeline) knows(id uint32) bool {
	if t.Symbols.RawSymbol(id) != "" {
		return true
	}
	for _, ids := range t.IDs {
		if _, ok := ids[id]; ok {
			return true
		}
	}
	return false
}
