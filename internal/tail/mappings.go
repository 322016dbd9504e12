package tail

import (
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
)

// mappingSet are the symbol mappings of a header, by the symbol that was asked for.
type mappingSet map[string][]dbn.MappingInterval

func newMappingSet(m *dbn.Metadata) mappingSet {
	set := make(mappingSet, len(m.Mappings))
	for _, mapping := range m.Mappings {
		set[mapping.RawSymbol] = mapping.Intervals
	}
	return set
}

// holds reports whether every interval of the mappings lies within one of the set's.
func (set mappingSet) holds(mappings []dbn.SymbolMapping) bool {
	for _, mapping := range mappings {
		for _, i := range mapping.Intervals {
			if !slices.ContainsFunc(set[mapping.RawSymbol], func(has dbn.MappingInterval) bool {
				return has.Symbol == i.Symbol && has.StartDate <= i.StartDate && i.EndDate <= has.EndDate
			}) {
				return false
			}
		}
	}
	return true
}
