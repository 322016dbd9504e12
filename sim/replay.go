package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// ReplayFaults are misbehaviours of intraday replays. The zero value has no fault. Whatever a
// replay leaves out or repeats, it ends with ReplayCompleted.
type ReplayFaults struct {
	// OmitEvery leaves out every record with this number, counted from 1 over all records
	// that the session's replays have to send. 0 is off.
	OmitEvery int
	// RepeatEvery sends every record with this number twice. 0 is off.
	RepeatEvery int
	// ReorderEvery sends every record with this number after the one that follows it.
	// 0 is off.
	ReorderEvery int
	// OmitLast leaves out the last records, as many as it says. 0 is off.
	OmitLast int
}

func (f *ReplayFaults) validate() error {
	if f.OmitEvery < 0 || f.RepeatEvery < 0 || f.ReorderEvery < 0 || f.OmitLast < 0 {
		return errors.New("a fault of replays has a negative number")
	}
	return nil
}

// replayer changes the records of a replay as the faults say.
type replayer struct {
	faults ReplayFaults
	count  int64  // records that were due so far
	total  int64  // records that are due in all; only known with OmitLast
	held   []byte // waits for the record after it
}

// order calls send for each record that goes out when rec is due, and says how many.
func (r *replayer) order(rec []byte, send func([]byte)) int64 {
	r.count++
	every := func(n int) bool { return n > 0 && r.count%int64(n) == 0 }
	switch {
	case every(r.faults.OmitEvery), r.faults.OmitLast > 0 && r.count > r.total-int64(r.faults.OmitLast):
		return 0
	case every(r.faults.ReorderEvery) && r.held == nil:
		r.held = slices.Clone(rec) // the window of a file moves on
		return 0
	}
	send(rec)
	sent := int64(1)
	if every(r.faults.RepeatEvery) {
		send(rec)
		sent++
	}
	return sent + r.release(send)
}

// release sends the record that was held back, if there is one.
func (r *replayer) release(send func([]byte)) int64 {
	if r.held == nil {
		return 0
	}
	send(r.held)
	r.held = nil
	return 1
}

// beginReplay prepares the faults of a replay, whose place is known.
func (p *player) beginReplay() {
	p.replay.count, p.replay.total, p.replay.held = 0, 0, nil
	if p.replay.faults.OmitLast == 0 {
		return
	}
	for at := p.at; at.Off < p.stop.Off; at.Rec++ {
		rec := p.records.Record(at.Off)
		if rec == nil {
			return // the next step gets the error
		}
		if p.wants(p.tl.Tag(at.Rec, rec), rec) {
			p.replay.total++
		}
		at.Off += len(rec)
	}
}

// endReplay sends what was held back, and announces the end of each replayed schema, once
// however many subscriptions replayed it.
func (p *player) endReplay(out *gateway.Sink) (sent int64, err error) {
	now := p.clock.Now()
	sent = p.replay.release(func(rec []byte) { out.Pending = p.rewrite(out.Pending, rec, now) })
	var announced [market.NumSchemas]bool
	for _, sub := range p.subs {
		if !sub.replay || announced[sub.schema] {
			continue
		}
		announced[sub.schema] = true
		if err := p.announceReplayed(sub.schema); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// KeepAll as Config.Retention keeps everything.
const KeepAll = time.Duration(-1)

// What the service keeps for replays.
const (
	retention     = 24 * time.Hour
	weekRetention = 7 * 24 * time.Hour // of GLBX.MDP3, mbo and definition
)

// retained is the time from which on replays of a schema are possible.
func (p *player) retained(schema dbn.Schema) uint64 {
	keep, present := p.retention, p.liveFrom
	if p.market != nil {
		present = p.market.now()
	}
	switch {
	case keep < 0, keep == 0 && present == 0:
		return 0
	case keep == 0 && p.tl.Dataset == "GLBX.MDP3" && (schema == dbn.SchemaMbo || schema == dbn.SchemaDefinition):
		keep = weekRetention
	case keep == 0:
		keep = retention
	}
	if present == 0 {
		present = p.tl.Last
	}
	return present - min(present, uint64(keep))
}

// errAgedOut is the refusal of a replay whose beginning is no longer kept.
type errAgedOut struct{ start, kept uint64 }

func (e errAgedOut) Error() string {
	return fmt.Sprintf("start %s is before %s, where the data that is kept for replays begins",
		market.ISO(e.start), market.ISO(e.kept))
}

// Replay refuses a replay that begins too early, or lets it begin where the data does: a
// start of 0 asks for all there is, and schemas whose records may be skipped begin late.
func (p *player) Replay(schema dbn.Schema, start dbn.UnixNanos) (dbn.UnixNanos, error) {
	kept := p.retained(schema)
	switch {
	case uint64(start) >= kept:
		return start, nil
	case start != 0 && !skipsByDefault(schema):
		return start, errAgedOut{uint64(start), kept}
	}
	return dbn.UnixNanos(kept), nil
}
