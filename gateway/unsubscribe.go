package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
)

// unsubscribe takes the symbols of a request away from what the session gets of its schema;
// those that it does not get are passed over. A chunk acts at once, the last one is
// acknowledged.
func (s *Session) unsubscribe(line string) error {
	r, err := parseRequest(line)
	if err != nil {
		return s.invalid(fmt.Sprintf("unsubscribe: %v", err))
	}
	all := slices.Contains(r.symbols, dbn.AllSymbols)
	if err := s.removable(&r, all); err != nil {
		return s.invalid(fmt.Sprintf("unsubscribe: %v", err))
	}
	gone := func(uint32) bool { return true }
	if !all {
		ids := make(map[uint32]bool)
		for _, symbol := range r.symbols {
			for _, t := range s.feed.Symbols.Resolve(r.stypeIn, symbol) {
				ids[t.ID] = true
			}
		}
		gone = func(id uint32) bool { return ids[id] }
	}
	s.feed.Records.Unsubscribe(r.schema, gone)
	if !r.last {
		return nil
	}
	return s.Control(s.messages.unsubscribed(s.Now(), r.schema))
}

// byName are the symbologies that an unsubscription can use.
var byName = []dbn.SType{dbn.STypeRawSymbol, dbn.STypeParent, dbn.STypeInstrumentID}

// subscribedBy is how a session has subscribed to a schema so far.
type subscribedBy struct {
	stypes []dbn.SType // each once, in the order of their first use
	any    bool        // also in a way that every symbology of byName can take back
}

// noteSubscribed remembers how a schema was subscribed.
func (s *Session) noteSubscribed(r *request) {
	by := s.subscribed[r.schema]
	if by == nil {
		by = new(subscribedBy)
		s.subscribed[r.schema] = by
	}
	if !slices.Contains(by.stypes, r.stypeIn) {
		by.stypes = append(by.stypes, r.stypeIn)
	}
	by.any = by.any || slices.Contains(r.symbols, dbn.AllSymbols) || !slices.Contains(byName, r.stypeIn)
}

// removable refuses to unsubscribe from a schema that was never subscribed, or by a symbology
// that does not fit the subscriptions to it. ALL_SYMBOLS fits every one.
func (s *Session) removable(r *request, all bool) error {
	by := s.subscribed[r.schema]
	switch {
	case !slices.Contains(byName, r.stypeIn):
		return fmt.Errorf("stype_in %s is not possible, want raw_symbol, parent or instrument_id", r.stypeIn)
	case by == nil:
		return fmt.Errorf("this session has not subscribed to schema %s", r.schema)
	case all, by.any, slices.Contains(by.stypes, r.stypeIn):
		return nil
	}
	names := make([]string, 0, len(by.stypes))
	for _, stype := range by.stypes {
		names = append(names, stype.String())
	}
	return fmt.Errorf("schema %s is subscribed by %s, not by %s", r.schema, strings.Join(names, " and "), r.stypeIn)
}
