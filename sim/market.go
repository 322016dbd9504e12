package sim

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// sharedMarket is the time that the sessions of a gateway share: it continues while no client is
// there. It follows the clock from the moment at which the first session starts, or is moved by
// hand.
type sharedMarket struct {
	clock Clock
	pace  Pace // AsFast: moved by hand

	mu     sync.Mutex
	opened time.Time // zero before the first session
	origin uint64    // the market's time when it opened, or was last moved
	tapes  []*tape   // of all timelines
}

// tape is how far a timeline has been played.
type tape struct {
	tl     *market.Timeline
	reader *market.Reader
	// at is after the last record that any session was sent; in a market that is moved by
	// hand, after the last one that may be sent.
	at market.Place
}

// next is the index timestamp of the record at a place; false at the end. A record without
// one counts as that of a time.
func (t *tape) next(now uint64) (rec []byte, ts uint64, ok bool) {
	if t.at.Off >= t.tl.Len() {
		return nil, 0, false
	}
	if rec = t.reader.Record(t.at.Off); rec == nil {
		return nil, 0, false // the sessions get the error
	}
	if ts = market.IndexTs(rec); ts == market.UndefTimestamp {
		ts = now
	}
	return rec, ts, true
}

func newSharedMarket(clock Clock, pace Pace, origin uint64, timelines []*market.Timeline) *sharedMarket {
	m := &sharedMarket{clock: clock, pace: pace, origin: origin}
	for _, tl := range timelines {
		t := &tape{tl: tl, reader: tl.Reader()}
		if m.byHand() {
			t.at = tl.Seek(origin)
		}
		m.tapes = append(m.tapes, t)
	}
	return m
}

// byHand reports whether only Advance and AdvanceTo move the market.
func (m *sharedMarket) byHand() bool { return m.pace.isFast() }

// now is the market's time.
func (m *sharedMarket) now() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at()
}

func (m *sharedMarket) at() uint64 {
	if m.opened.IsZero() || m.byHand() {
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

// open opens the market, unless it is open already, and returns its present.
func (m *sharedMarket) open(tl *market.Timeline) (market.Place, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened.IsZero() {
		m.opened = m.clock.Now()
	}
	return m.place(m.tape(tl)), m.at()
}

// present is where the present begins in the data: before it lies what was due before now,
// and what some session has been sent already although it is due just now.
func (m *sharedMarket) present(tl *market.Timeline) market.Place {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.place(m.tape(tl))
}

func (m *sharedMarket) place(t *tape) market.Place {
	if m.byHand() {
		return t.at
	}
	return t.tl.SeekFrom(t.at, m.at())
}

func (m *sharedMarket) tape(tl *market.Timeline) *tape {
	for _, t := range m.tapes {
		if t.tl == tl {
			return t
		}
	}
	panic("sim: a timeline that is not in the market")
}

// reach notes that a session was sent everything before a place.
func (m *sharedMarket) reach(tl *market.Timeline, at market.Place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tape(tl); at.Off > t.at.Off {
		t.at = at
	}
}

// advanceTo moves the market to a time.
func (m *sharedMarket) advanceTo(ts uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.at(); ts < now {
		return fmt.Errorf("the market is at %s already, it cannot go back to %s", market.ISO(now), market.ISO(ts))
	}
	m.moveTo(ts)
	if m.byHand() {
		for _, t := range m.tapes {
			t.at = t.tl.SeekFrom(t.at, ts)
		}
	}
	return nil
}

func (m *sharedMarket) moveTo(ts uint64) {
	m.origin = ts
	if !m.opened.IsZero() {
		m.opened = m.clock.Now()
	}
}

// advance moves the market past the next n records, those of all timelines in the order of
// their time, and says how many there were.
func (m *sharedMarket) advance(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tapes {
		t.at = m.place(t)
	}
	now := m.at()
	done := 0
	for ; done < n; done++ {
		t, ts := m.nextTape(now)
		if t == nil {
			break
		}
		rec := t.reader.Record(t.at.Off)
		t.at = market.Place{Off: t.at.Off + len(rec), Rec: t.at.Rec + 1}
		now = max(now, ts)
	}
	// The present is after the last record, unless another one has the same time.
	if t, ts := m.nextTape(now); done > 0 && (t == nil || ts > now) {
		now++
	}
	m.moveTo(now)
	return done
}

// nextTape is the timeline whose record is next, and its time; nil when all have ended.
func (m *sharedMarket) nextTape(now uint64) (first *tape, at uint64) {
	for _, t := range m.tapes {
		if _, ts, ok := t.next(now); ok && (first == nil || ts < at) {
			first, at = t, ts
		}
	}
	return first, at
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

// Advance moves the market of Config.SharedMarket past the next records, as many as it says or
// all that are left, and returns their number. They are counted in all datasets, in the order
// of their index timestamps and whether somebody has subscribed to them or not. A market that
// is moved by hand can so stop between two records of the same time; one that follows the
// clock sends both. The sessions send what has come within reach; Advance does not wait for
// them.
func (g *Gateway) Advance(records int) (int, error) {
	if g.market == nil {
		return 0, errNoMarket
	}
	n := g.market.advance(records)
	g.Wake()
	return n, nil
}

// AdvanceTo moves the market of Config.SharedMarket to a time, which must not be before
// Gateway.Present. In a market that is moved by hand the sessions send the records whose
// index timestamp is before that time; one that follows the clock continues from there.
// AdvanceTo does not wait for the sessions.
func (g *Gateway) AdvanceTo(at dbn.UnixNanos) error {
	if g.market == nil {
		return errNoMarket
	}
	if err := g.market.advanceTo(uint64(at)); err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	g.Wake()
	return nil
}

var errNoMarket = errors.New("sim: there is no market to move: set Config.SharedMarket")

// openMarket makes the market that the sessions share, when that was asked for. It opens at
// LiveFrom, or else where the data of all datasets begins.
func (g *Gateway) openMarket() {
	if !g.cfg.SharedMarket {
		return
	}
	origin := uint64(g.cfg.LiveFrom)
	var timelines []*market.Timeline
	for _, name := range g.Datasets() {
		timelines = append(timelines, g.timelines[name])
	}
	if origin == 0 {
		origin = market.UndefTimestamp
		for _, tl := range timelines {
			origin = min(origin, tl.First)
		}
	}
	g.market = newSharedMarket(g.cfg.Clock, g.cfg.Pace, origin, timelines)
}
