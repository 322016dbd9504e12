package sim

import (
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// skipsByDefault tells the schemas whose records the gateway skips for a client that reads
// too slowly and has not said which behavior it wants. Each of their records says
// everything again, so that the next one makes good for those before. In all other schemas
// the client is warned.
func skipsByDefault(schema dbn.Schema) bool {
	switch schema {
	case dbn.SchemaMbp1, dbn.SchemaMbp10, dbn.SchemaCmbp1,
		dbn.SchemaBbo1S, dbn.SchemaBbo1M, dbn.SchemaCbbo1S, dbn.SchemaCbbo1M:
		return true
	}
	return false
}

const slowReaderSkip = "skip"

// skips reports whether a session's records of a schema may be skipped.
func skips(s *gateway.Session, schema dbn.Schema) bool {
	if asked := s.SlowReader(); asked != "" {
		return asked == slowReaderSkip
	}
	return skipsByDefault(schema)
}

// slowReader acts as if the client had read too slowly: of each schema that is skipped the
// next n records are left out, and then an error says so; when there is another schema, the
// client is warned.
func (m *misbehaviour) slowReader(s *gateway.Session, n int64) error {
	warned := false
	for _, schema := range m.play.schemas() {
		if !skips(s, schema) {
			warned = true
			continue
		}
		m.play.skip(schema, n)
	}
	if warned {
		if err := s.Control(s.Messages().SlowWarning(s.Now())); err != nil {
			return err
		}
	}
	return nil
}

// schemas are those that are subscribed, in the order of their numbers.
func (p *player) schemas() []dbn.Schema {
	var list []dbn.Schema
	for _, sub := range p.subs {
		if !slices.Contains(list, sub.schema) {
			list = append(list, sub.schema)
		}
	}
	slices.Sort(list)
	return list
}

// skip leaves the next n records of a schema out.
func (p *player) skip(schema dbn.Schema, n int64) {
	p.skipping[schema] += n
	p.skipped[schema] = true
	p.refilter()
}

// leavesOut tells whether a wanted record is one to skip.
func (p *player) leavesOut(tag uint8) bool {
	if p.skipping[tag] == 0 {
		return false
	}
	if p.skipping[tag]--; p.skipping[tag] == 0 {
		p.refilter()
	}
	return true
}

// endSkips reports what was left out, once everything is that was to be.
func (p *player) endSkips() error {
	schemas := 0
	for i := range p.skipped {
		if p.skipping[i] > 0 {
			return nil
		}
		if p.skipped[i] {
			schemas++
		}
	}
	if schemas == 0 {
		return nil
	}
	p.skipped = [market.NumSchemas]bool{}
	return p.announceSkipped(schemas)
}
