package serve

import (
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
)

// slowness is what becomes of a consumer that reads too slowly: one whose place has left the hub's memory. By
// default it is warned, and reads the log, which loses nothing. In the schemas of which it wants records to be
// skipped it continues with the present.
type slowness struct {
	warned  bool // until it has caught up
	skipTo  uint64
	skipped map[string]bool
}

// skipsByDefault are the schemas in which the service skips records for a slow consumer that has not said what it
// wants: each of their records says everything again.
func skipsByDefault(schema dbn.Schema) bool {
	switch schema {
	case dbn.SchemaMbp1, dbn.SchemaMbp10, dbn.SchemaCmbp1,
		dbn.SchemaBbo1S, dbn.SchemaBbo1M, dbn.SchemaCbbo1S, dbn.SchemaCbbo1M:
		return true
	}
	return false
}

// fellBack is called while the place is not in the hub's memory.
func (s *slowness) fellBack(r *replayer) error {
	if s.warned {
		return nil
	}
	s.warned = true
	behavior := r.session.SlowReader()
	warn := false
	for name, of := range r.subs {
		if behavior == "skip" || behavior == "" && skipsByDefault(of.schema) {
			if s.skipped == nil {
				s.skipped = map[string]bool{}
			}
			s.skipped[name] = true
			continue
		}
		warn = true
	}
	if len(s.skipped) > 0 {
		s.skipTo = r.d.hub.end()
		if !warn {
			r.next = s.skipTo // nothing is read that would be skipped
		}
	}
	r.session.Logger().Warn("the consumer reads too slowly", "skipped_schemas", len(s.skipped), "behavior", behavior)
	if !warn {
		return nil
	}
	return r.session.Control(r.session.Messages().SlowWarning(r.session.Now()))
}

// skips reports whether a message is left out.
func (s *slowness) skips(m *log.Message) bool { return m.Sequence < s.skipTo && s.skipped[m.Schema] }

// endSkip reports what was left out, once it lies before the place.
func (s *slowness) endSkip(r *replayer, place uint64) error {
	if len(s.skipped) == 0 || place < s.skipTo {
		return nil
	}
	n := len(s.skipped)
	s.skipped = nil
	return r.session.Control(r.session.Messages().Skipped(r.session.Now(), n))
}
