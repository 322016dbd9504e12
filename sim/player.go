package sim

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/internal/wire"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// player walks the timeline for one session: it filters, paces and repeats. It knows no
// socket: Step fills a sink.
type player struct {
	tl      *market.Timeline
	records *market.Reader
	clock   Clock
	pace    Pace
	passes  int64 // how often the data is played; negative is forever
	shift   bool  // later passes have later timestamps
	tsOut   bool
	// liveFrom is the index timestamp at which the present begins; 0 is unset: then the
	// present begins with the data, and a replay goes to its end.
	liveFrom uint64
	market   *sharedMarket // in place of liveFrom and a clock of its own; may be nil
	// retention is Config.Retention.
	retention time.Duration
	kept      *atomic.Uint64 // as Gateway.KeepFrom says
	// The announcements send a system message at the present place of the stream.
	announceReplayed func(dbn.Schema) error
	announceSkipped  func(schemas int) error
	announceInterval func(schema dbn.Schema, ts uint64) error // nil unless asked for

	replay       *replayer                // of the replay that is running
	replayFaults func() []*replayFault    // those of a replay that begins; may be nil
	skipping     [market.NumSchemas]int64 // records that are left out from now on
	skipped      [market.NumSchemas]bool  // those of which some are, not reported yet

	subs       []*subscription
	bySchema   [market.NumSchemas][]*subscription // the active ones
	everything bool                               // every record is wanted

	stage    stage
	at, stop market.Place // position, and the end of the stage
	live     market.Place // where the present begins in the first pass
	// pinned means that live was set before the first subscription, at the market's time now.
	pinned   bool
	now      uint64
	entry    int          // byte offset at which a later subscription begins; at the end of the stage, none
	behind   market.Place // position after the last record that was sent
	pass     int64
	passSent int64
	offset   uint64 // added to timestamps in this pass
	pacer    pacer
	paced    bool // the pacer has begun
	// intervals are the open intervals by schema, for announceInterval.
	intervals [market.NumSchemas]uint64
}

type stage int

const (
	idle      stage = iota // no subscription yet
	replaying              // the past, for subscriptions with start
	playing                // the present
	ended                  // nothing left to send
)

// Ended reports that all passes are over.
func (p *player) Ended() bool { return p.stage == ended }

// Subscribe adds a subscription while the session runs or before it does. One that comes
// when the data has ended gets the data from its beginning, alone.
func (p *player) Subscribe(asked *gateway.Subscription) (snapshot []byte) {
	if p.stage == ended {
		p.stage = idle
	}
	sub, from := newSubscription(asked), p.position()
	if asked.Snapshot {
		snapshot = snapshotOf(p.tl, sub, from)
	}
	p.subs = append(p.subs, sub)
	if p.market != nil && p.stage != idle {
		sub.from = from
	}
	if p.stage == playing {
		p.rewind(from)
		sub.active = sub.from.Off <= p.at.Off
		p.refilter()
	}
	return snapshot
}

// Unsubscribe leaves only the other instruments in the subscriptions to a schema.
func (p *player) Unsubscribe(schema dbn.Schema, gone func(id uint32) bool) {
	p.subs = slices.DeleteFunc(p.subs, func(sub *subscription) bool {
		if sub.schema != schema {
			return false
		}
		if sub.all {
			sub.all, sub.ids = false, maps.Clone(p.tl.IDs[schema])
		}
		maps.DeleteFunc(sub.ids, func(id uint32, _ struct{}) bool { return gone(id) })
		sub.index()
		return len(sub.ids) == 0
	})
	p.refilter()
}

// begin starts the first stage once there are subscriptions.
func (p *player) begin() {
	p.pass, p.offset = 0, 0
	if p.market == nil {
		p.live = p.present()
	}
	replay := false
	for _, sub := range p.subs {
		sub.active = sub.replay
		replay = replay || sub.replay
	}
	if !replay {
		p.beginPass()
		return
	}
	// From the very beginning: the data is in the order of another clock than the replay's,
	// so what belongs to it may lie anywhere.
	p.stage, p.at, p.stop = replaying, market.Place{}, p.tl.End()
	if p.presentIsSet() {
		p.stop = p.live
	}
	p.refilter()
	p.beginReplay()
}

// nextRecord is the next wanted record; nil when this stage has no more.
func (p *player) nextRecord() []byte {
	if p.stage != replaying && p.stage != playing {
		return nil
	}
	for at := p.at; at.Off < p.stop.Off; at.Rec++ {
		rec := p.records.Record(at.Off)
		if rec == nil {
			return nil
		}
		if p.wants(p.tl.Tag(at.Rec, rec), rec) {
			return rec
		}
		at.Off += len(rec)
	}
	return nil
}

// beginPass starts playing the present. In the first pass a replayed subscription without
// a set present has had everything already.
func (p *player) beginPass() {
	p.stage, p.at, p.stop = playing, market.Place{}, p.tl.End()
	if p.pass == 0 {
		p.at = p.live
	}
	p.passSent, p.paced = 0, false
	for _, sub := range p.subs {
		sub.active = (p.pass > 0 || !sub.replay || p.presentIsSet()) && sub.from.Off <= p.at.Off
	}
	p.refilter()
}

// endStage moves on when the stop is reached.
func (p *player) endStage(out *gateway.Sink) (sent int64, err error) {
	if err := p.endIntervals(); err != nil {
		return 0, err
	}
	if p.stage == replaying {
		sent, err = p.endReplay(out)
		p.beginPass()
		return sent, err
	}
	p.pass++
	// A pass that sent nothing, though everybody took part, would only spin.
	idlePass := p.passSent == 0 && (p.pass > 1 || p.allActive())
	if (p.passes >= 0 && p.pass >= p.passes) || idlePass {
		p.stage, p.subs = ended, nil
		p.skipping = [market.NumSchemas]int64{}
		p.refilter()
		return 0, p.endSkips()
	}
	if p.shift {
		p.offset += p.tl.Span + uint64(time.Second)
	}
	p.beginPass()
	return 0, nil
}

func (p *player) allActive() bool {
	for _, sub := range p.subs {
		if !sub.active {
			return false
		}
	}
	return true
}

// refilter prepares the filter from the active subscriptions.
func (p *player) refilter() {
	p.bySchema, p.entry = [market.NumSchemas][]*subscription{}, p.tl.Len()
	for _, sub := range p.subs {
		switch {
		case sub.active:
			p.bySchema[sub.schema] = append(p.bySchema[sub.schema], sub)
		case p.stage == playing && p.market != nil:
			p.entry = min(p.entry, sub.from.Off)
		}
	}
	p.everything = p.stage == playing
	for tag, ids := range p.tl.IDs {
		p.everything = p.everything && (len(ids) == 0 || covered(p.bySchema[tag], ids))
	}
	p.everything = p.everything && !p.tl.Untagged && p.skipping == [market.NumSchemas]int64{}
}

func covered(subs []*subscription, ids map[uint32]struct{}) bool {
	for _, sub := range subs {
		if sub.covers(ids) {
			return true
		}
	}
	return false
}

// wants tells whether a subscription selects the record.
func (p *player) wants(tag uint8, rec []byte) bool {
	if int(tag) >= market.NumSchemas {
		return false
	}
	for _, sub := range p.bySchema[tag] {
		if p.stage == replaying && market.ReplayTs(tag, rec) < sub.start {
			continue
		}
		if sub.selects(market.Instrument(rec)) {
			return true
		}
	}
	return false
}

// Step sends what is due, at most limit records and about one block, and says how many
// they were. When nothing is due it returns 0 and the time of the next record; the
// zero time without a next record.
func (p *player) Step(out *gateway.Sink, limit int64) (sent int64, next time.Time, err error) {
	if p.stage == idle && len(p.subs) > 0 {
		p.begin()
	}
	p.pinned = false // who subscribes later begins later
	for sent == 0 && next.IsZero() && err == nil && (p.stage == replaying || p.stage == playing) {
		bound := p.bound()
		switch {
		case p.at.Off >= p.stop.Off:
			sent, err = p.endStage(out)
		case p.at.Off >= p.entry:
			p.admit()
		case p.at.Off >= bound:
			return 0, next, nil // the market stands
		case p.prepared():
			sent, err = p.sendBlock(out, limit, bound)
		default:
			sent, next, err = p.sendRecords(out, limit, bound)
		}
		p.passSent += sent
	}
	return sent, next, err
}

func (p *player) fast() bool { return p.stage == replaying || p.pace.isFast() }

// plain reports whether records go out as they lie in the timeline.
func (p *player) plain() bool {
	return !p.tsOut && p.offset == 0 && p.announceInterval == nil && !p.spoilsReplay()
}

// spoilsReplay reports whether the records of a replay are being sent and have faults.
func (p *player) spoilsReplay() bool {
	return p.stage == replaying && len(p.replay.faults) > 0
}

// prepared reports whether whole blocks can be sent without a check of their records.
func (p *player) prepared() bool { return p.everything && p.plain() && p.fast() }

// sendBlock sends up to the next boundary.
func (p *player) sendBlock(out *gateway.Sink, limit int64, bound int) (int64, error) {
	end := p.tl.BlockEnd(p.at)
	if end.Off > bound || end.Rec-p.at.Rec > limit {
		n, _, err := p.sendRecords(out, limit, bound)
		return n, err
	}
	block := p.records.Range(p.at.Off, end.Off)
	if block == nil {
		return 0, p.records.Err()
	}
	err := out.Add(block)
	sent := end.Rec - p.at.Rec
	p.at = end
	return sent, err
}

// sendRecords goes record by record to the next boundary, the limit, or the first record
// that is not due yet. Wanted neighbours are copied in one piece where nothing in them
// changes.
func (p *player) sendRecords(out *gateway.Sink, limit int64, bound int) (sent int64, next time.Time, err error) {
	now := p.clock.Now()
	if p.market != nil {
		p.pacer, p.paced = p.market.pacer(), true // it may have been moved
	}
	stamp, plain, fast := p.time(), p.plain(), p.fast()
	end := min(p.tl.BlockEnd(p.at).Off, bound)
	base := p.at.Off
	data, from := p.records.Range(base, end), base // [from, p.at.off) is wanted and not copied yet
	if data == nil {
		return 0, next, p.records.Err()
	}
	for p.at.Off < end && sent < limit {
		rec := data[p.at.Off-base:]
		rec = rec[:wire.Size(rec)]
		tag := p.tl.Tag(p.at.Rec, rec)
		wanted := p.everything || p.wants(tag, rec)
		if wanted && !fast {
			if due := p.due(rec, now); due.After(now) {
				next = due
				break
			}
		}
		leftOut := wanted && p.leavesOut(tag)
		wanted = wanted && !leftOut
		if !wanted || !plain {
			out.Pending = append(out.Pending, data[from-base:p.at.Off-base]...)
			from = p.at.Off + len(rec)
		}
		p.at.Off += len(rec)
		p.at.Rec++
		if leftOut {
			if err := p.endSkips(); err != nil {
				return sent, next, err
			}
		}
		if !wanted {
			continue
		}
		n := int64(1)
		if !plain {
			if n, err = p.place(out, tag, rec, stamp); err != nil {
				return sent, next, err
			}
		}
		sent += n
		p.pacer.sent += n
		p.behind = p.at
	}
	out.Pending = append(out.Pending, data[from-base:p.at.Off-base]...)
	if p.market != nil && p.stage == playing {
		p.market.reach(p.tl, p.behind)
	}
	return sent, next, out.Relieve()
}

// place gathers a record as this stage sends it, and says how many records that makes.
func (p *player) place(out *gateway.Sink, tag uint8, rec []byte, now time.Time) (int64, error) {
	if err := p.noteInterval(tag, rec); err != nil {
		return 0, err
	}
	send := func(rec []byte) { out.Pending = p.rewrite(out.Pending, rec, now) }
	if p.spoilsReplay() {
		return p.replay.order(rec, send), nil
	}
	send(rec)
	return 1, nil
}

// due is when a record goes out. The first one of a pass goes out at once.
func (p *player) due(rec []byte, now time.Time) time.Time {
	ts := market.IndexTs(rec)
	if !p.paced && ts != market.UndefTimestamp {
		p.pacer = pacer{pace: p.pace, begin: now, first: ts}
		p.paced = true
	}
	if !p.paced {
		return now
	}
	return p.pacer.due(ts)
}

// rewrite appends a record with the timestamps of this pass and, when asked for, ts_out.
func (p *player) rewrite(dst, rec []byte, now time.Time) []byte {
	at := len(dst)
	dst = append(dst, rec...)
	if p.offset != 0 {
		shiftTs(dst[at:], 8, p.offset)
		if off := int(market.TsRecvOffset[rec[1]]); off != 0 && len(rec) >= off+8 {
			shiftTs(dst[at:], off, p.offset)
		}
	}
	if p.tsOut {
		dst = wire.AppendTsOut(dst, at, now)
	}
	return dst
}

func shiftTs(rec []byte, off int, by uint64) {
	if ts := market.U64(rec, off); ts != market.UndefTimestamp {
		market.PutU64(rec, off, ts+by)
	}
}
