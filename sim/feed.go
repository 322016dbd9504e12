package sim

import (
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// datasets are a gateway's sources, as package gateway asks for them.
type datasets struct{ g *Gateway }

func (d datasets) Names() []string { return d.g.Datasets() }

// Open makes a session's player. The misbehaviour of the session needs it, too.
func (d datasets) Open(s *gateway.Session, name string) *gateway.Feed {
	tl := d.g.timelines[name]
	if tl == nil {
		return nil
	}
	cfg := &d.g.cfg
	p := &player{
		tl: tl, records: tl.Reader(), clock: cfg.Clock, pace: cfg.Pace, passes: int64(cfg.Passes),
		shift: cfg.ShiftPasses, tsOut: s.TsOut(), liveFrom: uint64(cfg.LiveFrom),
		market: d.g.market, retention: cfg.Retention, kept: &d.g.kept,
		announceReplayed: func(schema dbn.Schema) error {
			return s.Control(s.Messages().Replayed(s.Now(), schema))
		},
		announceSkipped: func(schemas int) error {
			return s.Control(s.Messages().Skipped(s.Now(), schemas))
		},
	}
	if cfg.EndOfInterval {
		p.announceInterval = func(schema dbn.Schema, ts uint64) error {
			return s.Control(s.Messages().EndOfInterval(ts, schema))
		}
	}
	if ill, ok := s.Misbehaviour().(*misbehaviour); ok {
		ill.play, p.replayFaults = p, ill.replay
	}
	return &gateway.Feed{Version: tl.Version, Time: p.time, Symbols: symbols{tl}, Records: p}
}

// symbols are those of a timeline.
type symbols struct{ tl *market.Timeline }

func (s symbols) Offers(schema dbn.Schema) bool {
	return int(schema) < market.NumSchemas && s.tl.Offers[schema]
}

func (s symbols) Resolve(stype dbn.SType, symbol string) []gateway.Instrument {
	return s.instruments(s.tl.Resolve(stype, symbol))
}

func (s symbols) All() []gateway.Instrument { return s.instruments(s.tl.Symbols.Named()) }

func (s symbols) instruments(targets []market.Target) []gateway.Instrument {
	list := make([]gateway.Instrument, 0, len(targets))
	for _, t := range targets {
		list = append(list, gateway.Instrument{
			ID: t.ID, RawSymbol: s.tl.Symbols.RawSymbol(t.ID), Start: dbn.UnixNanos(t.Start), End: dbn.UnixNanos(t.End),
		})
	}
	return list
}
