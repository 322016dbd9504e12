package main

import (
	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// totals is what a program finds: how many records, and the sum of their prices.
type totals struct{ records, sum uint64 }

func (t *totals) add(p dbn.Price) {
	t.records++
	t.sum += uint64(p)
}

// take takes a record whose type its header names.
func (t *totals) take(r dbn.Record) {
	switch r.RType() {
	case dbn.RTypeMbo:
		if m, ok := dbn.As[dbn.MboMsg](r); ok {
			t.add(m.Price)
		}
	case dbn.RTypeMbp0:
		if m, ok := dbn.As[dbn.TradeMsg](r); ok {
			t.add(m.Price)
		}
	case dbn.RTypeMbp1:
		if m, ok := dbn.As[dbn.Mbp1Msg](r); ok {
			t.add(m.Price)
		}
	case dbn.RTypeMbp10:
		if m, ok := dbn.As[dbn.Mbp10Msg](r); ok {
			t.add(m.Price)
		}
	case dbn.RTypeOhlcv1S:
		if m, ok := dbn.As[dbn.OhlcvMsg](r); ok {
			t.add(m.Close)
		}
	case dbn.RTypeInstrumentDef:
		if m, ok := dbn.As[dbn.InstrumentDefMsg](r); ok {
			t.add(m.MinPriceIncrement)
		}
	}
}

// A run is summed in a loop of its own type.

func (t *totals) mbo(run []dbn.MboMsg) {
	t.records += uint64(len(run))
	for i := range run {
		t.sum += uint64(run[i].Price)
	}
}

func (t *totals) trades(run []dbn.TradeMsg) {
	t.records += uint64(len(run))
	for i := range run {
		t.sum += uint64(run[i].Price)
	}
}

func (t *totals) mbp1(run []dbn.Mbp1Msg) {
	t.records += uint64(len(run))
	for i := range run {
		t.sum += uint64(run[i].Price)
	}
}

func (t *totals) mbp10(run []dbn.Mbp10Msg) {
	t.records += uint64(len(run))
	for i := range run {
		t.sum += uint64(run[i].Price)
	}
}

func (t *totals) bars(run []dbn.OhlcvMsg) {
	t.records += uint64(len(run))
	for i := range run {
		t.sum += uint64(run[i].Close)
	}
}

func (t *totals) definitions(run []dbn.InstrumentDefMsg) {
	t.records += uint64(len(run))
	for i := range run {
		t.sum += uint64(run[i].MinPriceIncrement)
	}
}

func (t *totals) takeRun(run dbnloop.Run) {
	switch run.RType {
	case dbn.RTypeMbo:
		t.mbo(dbnloop.RunOf[dbn.MboMsg](run))
	case dbn.RTypeMbp0:
		t.trades(dbnloop.RunOf[dbn.TradeMsg](run))
	case dbn.RTypeMbp1:
		t.mbp1(dbnloop.RunOf[dbn.Mbp1Msg](run))
	case dbn.RTypeMbp10:
		t.mbp10(dbnloop.RunOf[dbn.Mbp10Msg](run))
	case dbn.RTypeOhlcv1S:
		t.bars(dbnloop.RunOf[dbn.OhlcvMsg](run))
	case dbn.RTypeInstrumentDef:
		t.definitions(dbnloop.RunOf[dbn.InstrumentDefMsg](run))
	}
}

// handlers are those of a form; false when it has none.
func handlers(form string, t *totals) (dbnloop.Handlers, bool) {
	switch form {
	case "runs":
		return dbnloop.Handlers{
			MboRun: t.mbo, TradeRun: t.trades, Mbp1Run: t.mbp1, Mbp10Run: t.mbp10, OhlcvRun: t.bars,
			InstrumentDefRun: t.definitions,
		}, true
	case "handlers":
		return dbnloop.Handlers{
			Mbo:           func(m *dbn.MboMsg) { t.add(m.Price) },
			Trade:         func(m *dbn.TradeMsg) { t.add(m.Price) },
			Mbp1:          func(m *dbn.Mbp1Msg) { t.add(m.Price) },
			Mbp10:         func(m *dbn.Mbp10Msg) { t.add(m.Price) },
			Ohlcv:         func(m *dbn.OhlcvMsg) { t.add(m.Close) },
			InstrumentDef: func(m *dbn.InstrumentDefMsg) { t.add(m.MinPriceIncrement) },
		}, true
	case "record":
		return dbnloop.Handlers{Record: t.take}, true
	}
	return dbnloop.Handlers{}, false
}
