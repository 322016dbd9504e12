package sim

import (
	"fmt"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// endReplay sends what was held back, and announces the end of each replayed schema, once
// however many subscriptions replayed it.
func (p *player) endReplay(out *gateway.Sink) (sent int64, err error) {
	now := p.time()
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

// KeepFrom lets replays begin at a time at the earliest, beside what Config.Retention says, for
// those who subscribe from now on. 0 removes the limit.
func (g *Gateway) KeepFrom(at dbn.UnixNanos) { g.kept.Store(uint64(at)) }

// retained is the time from which on replays of a schema are possible.
func (p *player) retained(schema dbn.Schema) uint64 {
	return max(p.retainedBehind(schema), p.kept.Load())
}

// retainedBehind is what the retention says.
func (p *player) retainedBehind(schema dbn.Schema) uint64 {
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
		return start, &gateway.AgedOutError{Err: errAgedOut{uint64(start), kept}}
	}
	return dbn.UnixNanos(kept), nil
}
