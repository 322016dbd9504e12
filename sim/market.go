package sim

import (
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// sharedMarket is the time that the sessions of a gateway share: it continues while no client is
// there. It stands at its origin until the first session starts.
type sharedMarket struct {
	clock  Clock
	pace   Pace
	origin uint64 // the index timestamp at which it opens

	mu      sync.Mutex
	opened  time.Time                         // zero before the first session
	reached map[*market.Timeline]market.Place // after the last record that any session was sent
}

func newSharedMarket(clock Clock, pace Pace, origin uint64) *sharedMarket {
	return &sharedMarket{clock: clock, pace: pace, origin: origin, reached: make(map[*market.Timeline]market.Place)}
}

// open opens the market, unless it is open already.
func (m *sharedMarket) open() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened.IsZero() {
		m.opened = m.clock.Now()
	}
}

// now is the market's time.
func (m *sharedMarket) now() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at()
}

func (m *sharedMarket) at() uint64 {
	if m.opened.IsZero() {
		return m.origin
	}
	return m.origin + uint64(scaled(float64(m.clock.Now().Sub(m.opened))*m.pace.factor))
}

// pacer says when a record is due, for every session alike.
func (m *sharedMarket) pacer() pacer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return pacer{pace: m.pace, begin: m.opened, first: m.origin}
}

// present is where the present begins in the data: before it lies what was due before now,
// and what some session has been sent already although it is due just now.
func (m *sharedMarket) present(tl *market.Timeline) market.Place {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := tl.Seek(m.at())
	if reached := m.reached[tl]; reached.Off > at.Off {
		return reached
	}
	return at
}

// reach notes that a session was sent everything before a place.
func (m *sharedMarket) reach(tl *market.Timeline, at market.Place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at.Off > m.reached[tl].Off {
		m.reached[tl] = at
	}
}

// Present is the index timestamp at which the present begins: Config.LiveFrom, or with
// Config.SharedMarket the market's time at this moment. It is 0 when neither is set. As
// historical.Config.Present it makes history end where live data begins.
func (g *Gateway) Present() dbn.UnixNanos {
	if g.market != nil {
		return dbn.UnixNanos(g.market.now())
	}
	return g.cfg.LiveFrom
}

// openMarket makes the market that the sessions share, when that was asked for. It opens at
// LiveFrom, or else where the data of all datasets begins.
func (g *Gateway) openMarket() {
	if !g.cfg.SharedMarket {
		return
	}
	origin := uint64(g.cfg.LiveFrom)
	if origin == 0 {
		origin = market.UndefTimestamp
		for _, tl := range g.timelines {
			origin = min(origin, tl.First)
		}
	}
	g.market = newSharedMarket(g.cfg.Clock, g.cfg.Pace, origin)
}
