package sim

import (
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// Begin opens the market that the sessions share. The present of what is subscribed before
// the start is that moment.
func (p *player) Begin() { p.pin() }

// pin notes where the present of the shared market begins for the subscriptions that follow.
func (p *player) pin() {
	if p.market != nil && !p.pinned {
		p.live, p.now = p.market.open(p.tl)
		p.pinned = true
	}
}

// Now is when the present began for this session, or the clock's time.
func (p *player) Now() dbn.UnixNanos {
	switch {
	case p.market != nil:
		p.pin() // the metadata may go out before the start
		return dbn.UnixNanos(p.now)
	case p.liveFrom != 0:
		return dbn.UnixNanos(p.liveFrom)
	}
	return dbn.UnixNanos(p.clock.Now().UnixNano())
}

// rewind goes back over the records that were skipped because nobody wanted them, though
// their time has not come yet: in a shared market, to its present.
func (p *player) rewind(present market.Place) {
	if p.market != nil {
		if present.Off < p.at.Off {
			p.at = present
		}
		return
	}
	if p.pace.factor <= 0 || !p.paced {
		return
	}
	now := p.clock.Now()
	for at := p.behind; at.Off < p.at.Off; at.Rec++ {
		rec := p.records.Record(at.Off)
		if rec == nil {
			return // the next step gets the error
		}
		if p.pacer.due(market.IndexTs(rec)).After(now) {
			p.at = at
			return
		}
		at.Off += len(rec)
	}
}

// presentIsSet tells whether there is a past: without it, the present begins with the data.
func (p *player) presentIsSet() bool { return p.liveFrom != 0 || p.market != nil }

// present is where live data begins, without a shared market.
func (p *player) present() market.Place {
	if p.liveFrom != 0 {
		return p.tl.Seek(p.liveFrom)
	}
	return market.Place{}
}

// position is the present place in the data, where a subscription begins that comes now.
func (p *player) position() market.Place {
	running := p.stage == replaying || p.stage == playing
	switch {
	case p.market != nil && running:
		return p.market.present(p.tl)
	case p.market != nil:
		p.pin()
		return p.live
	case running:
		return p.at
	}
	return p.present()
}

// bound is the byte offset up to which records may be sent before anything changes.
func (p *player) bound() int {
	bound := min(p.stop.Off, p.entry)
	if p.market != nil && p.market.byHand() && p.stage == playing {
		bound = min(bound, p.market.present(p.tl).Off)
	}
	return bound
}

// admit activates the subscriptions that begin here.
func (p *player) admit() {
	for _, sub := range p.subs {
		sub.active = sub.active || sub.from.Off <= p.at.Off
	}
	p.refilter()
}

// time is what ts_out carries: that of the shared market, or the clock's.
func (p *player) time() time.Time {
	if p.market != nil {
		return time.Unix(0, int64(p.market.now()))
	}
	return p.clock.Now()
}
