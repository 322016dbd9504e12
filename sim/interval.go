package sim

import (
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// isInterval tells the schemas whose records sum up an interval.
func isInterval(tag uint8) bool {
	switch dbn.Schema(tag) {
	case dbn.SchemaOhlcv1S, dbn.SchemaOhlcv1M, dbn.SchemaOhlcv1H, dbn.SchemaOhlcv1D,
		dbn.SchemaBbo1S, dbn.SchemaBbo1M, dbn.SchemaCbbo1S, dbn.SchemaCbbo1M:
		return true
	}
	return false
}

// noteInterval announces the end of an interval when a record of a later one follows.
func (p *player) noteInterval(tag uint8, rec []byte) error {
	if p.announceInterval == nil || !isInterval(tag) {
		return nil
	}
	ts, before := market.IndexTs(rec), p.intervals[tag]
	p.intervals[tag] = ts
	if before == 0 || before == ts {
		return nil
	}
	return p.announceInterval(dbn.Schema(tag), before)
}

// endIntervals announces the intervals that are open at the end of a stage.
func (p *player) endIntervals() error {
	for tag, ts := range p.intervals {
		if ts == 0 {
			continue
		}
		p.intervals[tag] = 0
		if err := p.announceInterval(dbn.Schema(tag), ts); err != nil {
			return err
		}
	}
	return nil
}
