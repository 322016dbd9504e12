package top

import (
	"context"
	"log/slog"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/live"
	"github.com/dbnloop/dbnloop/dbn"
)

const (
	// tick is the time between two snapshots.
	tick = 200 * time.Millisecond
	// share is how much of the feed's time snapshots may take: one part of so many. With very
	// many instruments they are made less often.
	share = 20
)

// Feed brings the records of one source into a market, and makes snapshots of it. All but Stop
// and Log is for the goroutine of the source.
type Feed struct {
	Limit uint64 // ends the source after so many data records; 0: no limit
	TsOut bool   // the records carry the time at which the gateway sent them
	Exit  func(code int)

	market *market
	*exchange
	events events
	direct *slog.Logger  // in place of events; may be nil
	lasts  time.Duration // how long a session is shown; 0: until it ends

	ctx      context.Context // ends with Stop
	stop     context.CancelFunc
	clock    func() time.Time
	timed    bool // the market has the time of this turn
	session  live.Session
	due      time.Time // of the next snapshot
	snapshot statistics
}

func newFeed(clock func() time.Time, least slog.Level) *Feed {
	f := &Feed{market: newMarket(), exchange: newExchange(), clock: clock, events: events{least: least}}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// Stop ends the source. Any goroutine may call it.
func (f *Feed) Stop() { f.stop() }

// Log is where the source reports what happens to it.
func (f *Feed) Log() *slog.Logger {
	if f.direct != nil {
		return f.direct
	}
	return slog.New(eventLog{events: &f.events})
}

// Begin implements live.Display.
func (f *Feed) Begin(s live.Session) error {
	f.session, f.market.lagged = s, true
	context.AfterFunc(f.ctx, func() { s.Reactor.Post(func() { s.End(nil) }) })
	if f.lasts > 0 {
		if _, err := s.Reactor.AfterFunc(f.lasts, f.stop); err != nil {
			return err
		}
	}
	_, err := s.Reactor.Every(tick, func() {
		f.setNow()
		f.publish(s.State())
	})
	return err
}

// Handlers implements live.Display.
func (f *Feed) Handlers(h *dbnloop.Handlers) {
	h.Record = func(r dbn.Record) {
		if r.RType().IsMessage() || f.room(1) == 1 {
			f.setNow()
			f.market.record(r, f.sent(r))
			f.checkLimit()
		}
	}
	h.Metadata = f.market.metadata
	if f.TsOut {
		return // runs would not give the time at which a record was sent
	}
	h.MboRun, h.TradeRun, h.Mbp1Run = into(f, f.market.mbo), into(f, f.market.trades), into(f, f.market.mbp1)
	h.Mbp10Run, h.Cmbp1Run, h.BboRun = into(f, f.market.mbp10), into(f, f.market.cmbp1), into(f, f.market.bbo)
	h.CbboRun, h.OhlcvRun, h.StatusRun = into(f, f.market.cbbo), into(f, f.market.ohlcv), into(f, f.market.status)
}

// into is the handler of a type's runs.
func into[T any](f *Feed, take func([]T, dbn.UnixNanos)) func([]T) {
	return func(run []T) {
		if n := f.room(len(run)); n > 0 {
			f.setNow()
			take(run[:n], 0)
			f.checkLimit()
		}
	}
}

// EndTurn implements live.Display.
func (f *Feed) EndTurn() uint64 {
	f.timed = false
	return f.market.records
}

// setNow gives the market the present time, which is asked for once in a turn of the reactor.
func (f *Feed) setNow() {
	if !f.timed {
		f.market.setNow(dbn.UnixNanosOf(f.clock()))
		f.timed = true
	}
}

func (f *Feed) sent(r dbn.Record) dbn.UnixNanos {
	if f.TsOut {
		return r.TsOut()
	}
	return 0
}

// room is how many of n records the limit admits.
func (f *Feed) room(n int) int {
	if f.Limit == 0 {
		return n
	}
	return int(min(uint64(n), f.Limit-min(f.Limit, f.market.records)))
}

func (f *Feed) checkLimit() {
	if f.Limit > 0 && f.market.records >= f.Limit {
		f.session.End(nil)
	}
}

// publish makes a snapshot, unless the ones before took too much time.
func (f *Feed) publish(state string) {
	began := f.clock()
	if began.Before(f.due) {
		return
	}
	f.show(state)
	took := f.clock().Sub(began)
	f.snapshot.add(took)
	f.due = began.Add(took * share)
}

// show makes a snapshot in any case.
func (f *Feed) show(state string) {
	s := f.next()
	f.market.snapshot(s)
	s.State = state
	f.exchange.publish(s)
}
