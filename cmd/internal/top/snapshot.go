package top

import (
	"math"
	"sync"

	"github.com/dbnloop/dbnloop/dbn"
)

// minutePoints are the heights that a line has of its last minute.
const minutePoints = 20

// Line is what is shown of an instrument. Prices that are not known are dbn.UndefPrice, and times
// that are not known are NaN.
type Line struct {
	Symbol           string // as text that may reach a terminal
	Instrument       uint32
	Mark             Mark
	Direction        int8 // of the last change of Last: -1, 0 or 1
	Decimals         uint8
	Last, Bid, Ask   dbn.Price
	BidSize, AskSize uint32
	Volume           uint64
	Trades, Messages float64 // a second
	Gateway, Venue   float64 // lag, in ns
	Minute           [minutePoints]uint8
	Change           float64 // of the price in the last minute, as a part of it; NaN: not known
}

// Spread is the ask minus the bid; NaN unless both are known.
func (l *Line) Spread() float64 {
	if l.Bid.IsUndef() || l.Ask.IsUndef() {
		return math.NaN()
	}
	return (float64(l.Ask) - float64(l.Bid)) / dbn.PriceScale
}

// Snapshot is a market at one moment. Whoever holds it may read it until it is given back.
type Snapshot struct {
	Lines   []Line
	Now     dbn.UnixNanos
	State   string  // of the source, for people
	Records uint64  // of data, that came so far
	Rate    float64 // records a second
	Gateway float64 // lag, in ns; NaN: not known
	Hidden  uint64  // records of instruments that are not shown
}

// snapshot copies the market into s, whose memory is used again.
func (m *market) snapshot(s *Snapshot) {
	s.Lines = s.Lines[:0]
	span := m.span()
	for i := range m.rows {
		r := &m.rows[i]
		r.advance(m.second)
		var total counts
		for _, c := range r.counts {
			total.messages += c.messages
			total.trades += c.trades
		}
		r.decimals = max(r.decimals, decimalsOf(r.last), decimalsOf(r.bid), decimalsOf(r.ask))
		s.Lines = append(s.Lines, Line{
			Symbol: r.symbol, Instrument: r.instrument, Mark: r.mark, Direction: r.direction, Decimals: r.decimals,
			Last: r.last, Bid: r.bid, Ask: r.ask, BidSize: r.bidSize, AskSize: r.askSize, Volume: r.volume,
			Trades: float64(total.trades) / span, Messages: float64(total.messages) / span,
			Gateway: r.gateway.take(), Venue: r.venue.take(),
		})
		line := &s.Lines[len(s.Lines)-1]
		line.Change = r.levels(line.Minute[:])
	}
	s.Now, s.Records, s.Hidden, s.Gateway = m.now, m.records, m.hidden, m.gateway.take()
	var total uint64
	for _, n := range m.counts {
		total += n
	}
	s.Rate = float64(total) / span
}

// span is how many seconds the counts of a rate are of: the last complete ones and the present
// one, or as long as there have been records, but at least one second.
func (m *market) span() float64 {
	span := rateSeconds + float64(uint64(m.now)%nanosPerSecond)/nanosPerSecond
	if m.began != 0 {
		span = min(span, float64(m.now-m.began)/nanosPerSecond)
	}
	return max(span, 1)
}

// exchange hands snapshots from the goroutine of the feed to that of the screen, neither of which
// waits for the other. There are at most three: one being made, one made, and one on the screen.
type exchange struct {
	fresh chan struct{} // holds one when a snapshot was made

	mu   sync.Mutex // for no longer than it takes to move a pointer
	made *Snapshot  // and not taken; may be nil
	free []*Snapshot
}

func newExchange() *exchange { return &exchange{fresh: make(chan struct{}, 1)} }

// next is a snapshot to fill: one that nobody reads.
func (x *exchange) next() *Snapshot {
	x.mu.Lock()
	defer x.mu.Unlock()
	last := len(x.free) - 1
	if last < 0 {
		return new(Snapshot)
	}
	s := x.free[last]
	x.free = x.free[:last]
	return s
}

// publish hands over a snapshot, in place of one that was not taken.
func (x *exchange) publish(s *Snapshot) {
	x.mu.Lock()
	x.release(x.made)
	x.made = s
	x.mu.Unlock()
	select {
	case x.fresh <- struct{}{}:
	default:
	}
}

// take returns the newest snapshot, and gives back the one before; nil if there is no newer one.
func (x *exchange) take(before *Snapshot) *Snapshot {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.made
	if s != nil {
		x.made = nil
		x.release(before)
	}
	return s
}

// release lets a snapshot be filled again; the caller holds the lock.
func (x *exchange) release(s *Snapshot) {
	if s != nil {
		x.free = append(x.free, s)
	}
}
