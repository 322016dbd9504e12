package sim

import (
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// market is the time that the sessions of a gateway share: it goes on while no client is
// there. It stands at its origin until the first session starts.
type market struct {
	clock  Clock
	pace   Pace
	origin uint64 // the index timestamp at which it opens

	mu      sync.Mutex
	opened  time.Time           // zero before the first session
	reached map[*timeline]block // behind the last record that any session was sent
}

func newMarket(clock Clock, pace Pace, origin uint64) *market {
	return &market{clock: clock, pace: pace, origin: origin, reached: make(map[*timeline]block)}
}

// open opens the market, unless it is open already.
func (m *market) open() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened.IsZero() {
		m.opened = m.clock.Now()
	}
}

// now is the market's time.
func (m *market) now() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at()
}

func (m *market) at() uint64 {
	if m.opened.IsZero() {
		return m.origin
	}
	return m.origin + uint64(scaled(float64(m.clock.Now().Sub(m.opened))*m.pace.factor))
}

// pacer says when a record is due, for every session alike.
func (m *market) pacer() pacer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return pacer{pace: m.pace, begin: m.opened, first: m.origin}
}

// present is where the present begins in the data: before it lies what was due before now,
// and what some session has been sent already although it is due just now.
func (m *market) present(tl *timeline) block {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := tl.seek(m.at())
	if reached := m.reached[tl]; reached.off > at.off {
		return reached
	}
	return at
}

// reach notes that a session was sent everything before a place.
func (m *market) reach(tl *timeline, at block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at.off > m.reached[tl].off {
		m.reached[tl] = at
	}
}

// Present is the index timestamp at which the present begins: Config.LiveFrom, or with
// Config.SharedMarket the market's time at this moment. It is 0 when neither is set. As
// HistoricalConfig.Present it makes history end where live data begins.
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
		origin = undefTimestamp
		for _, tl := range g.timelines {
			origin = min(origin, tl.first)
		}
	}
	g.market = newMarket(g.cfg.Clock, g.cfg.Pace, origin)
}
