package sim

import (
	"maps"
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// subscription is an accepted request, prepared for a check of each record.
type subscription struct {
	schema dbn.Schema
	all    bool
	ids    map[uint32]struct{}
	few    []uint32 // the same ids when they are few: faster to look through
	start  uint64   // inclusive, by ReplayTs
	replay bool     // start was given
	// from is where it begins when it came late to a shared market.
	from market.Place
	// active reports whether it takes part in the pass that is running.
	active bool
}

func newSubscription(asked *gateway.Subscription) *subscription {
	sub := &subscription{
		schema: asked.Schema, all: asked.All, ids: asked.IDs, start: uint64(asked.Start), replay: asked.Replay,
	}
	sub.index()
	return sub
}

// selects reports whether the instrument is subscribed.
func (s *subscription) selects(id uint32) bool {
	switch {
	case s.all:
		return true
	case s.few != nil:
		return slices.Contains(s.few, id)
	}
	_, ok := s.ids[id]
	return ok
}

// maxFew is how many ids are looked through rather than looked up.
const maxFew = 8

// index is called when the ids are known, and when they have changed.
func (s *subscription) index() {
	s.few = nil
	if len(s.ids) <= maxFew {
		s.few = slices.Sorted(maps.Keys(s.ids))
	}
}

// covers reports whether every one of the instruments is subscribed.
func (s *subscription) covers(ids map[uint32]struct{}) bool {
	if s.all {
		return true
	}
	for id := range ids {
		if _, ok := s.ids[id]; !ok {
			return false
		}
	}
	return true
}
