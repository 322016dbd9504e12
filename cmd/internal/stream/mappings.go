package stream

import (
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
)

// HoldsMappings reports whether every interval of a header's mappings lies within one of
// another's.
func HoldsMappings(all, some *dbn.Metadata) bool {
	intervals := make(map[string][]dbn.MappingInterval, len(all.Mappings))
	for _, mapping := range all.Mappings {
		intervals[mapping.RawSymbol] = mapping.Intervals
	}
	for _, mapping := range some.Mappings {
		for _, i := range mapping.Intervals {
			if !slices.ContainsFunc(intervals[mapping.RawSymbol], func(has dbn.MappingInterval) bool {
				return has.Symbol == i.Symbol && has.StartDate <= i.StartDate && i.EndDate <= has.EndDate
			}) {
				return false
			}
		}
	}
	return true
}
