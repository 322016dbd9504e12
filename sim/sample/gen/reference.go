package main

import (
	"math"

	"github.com/dbnloop/dbnloop/dbn"
)

// define writes the definition of an instrument.
func (v *views) define(in *instrument) {
	m := dbn.InstrumentDefMsg{
		Hd: header(dbn.RTypeInstrumentDef, in.id, sessionStart-16*hour), TsRecv: sessionStart,
		MinPriceIncrement: in.tick, DisplayFactor: dbn.PriceScale,
		Expiration: in.expiration, Activation: in.expiration - 365*24*hour,
		HighLimitPrice: in.settlement + in.settlement/100*7, LowLimitPrice: in.settlement - in.settlement/100*7,
		MaxPriceVariation: 40 * in.tick, UnitOfMeasureQty: in.multiplier,
		MinPriceIncrementAmount: in.tick / 100 * (in.multiplier / (dbn.PriceScale / 100)),
		PriceRatio:              dbn.UndefPrice, StrikePrice: dbn.UndefPrice,
		RawInstrumentID: uint64(in.id), LegPrice: dbn.UndefPrice, LegDelta: dbn.UndefPrice,
		InstAttribValue: math.MaxInt32, MarketDepthImplied: 2, MarketDepth: 10,
		MarketSegmentID: 64, MaxTradeVol: 3000, MinLotSize: math.MaxInt32, MinLotSizeBlock: math.MaxInt32,
		MinLotSizeRoundLot: math.MaxInt32, MinTradeVol: 1, ContractMultiplier: math.MaxInt32,
		DecayQuantity: math.MaxInt32, OriginalContractSize: math.MaxInt32,
		ApplID: math.MaxInt16, MaturityYear: in.year, DecayStartDate: math.MaxUint16,
		ChannelID: uint16(in.channel), InstrumentClass: dbn.InstrumentClassFuture,
		MatchAlgorithm: dbn.MatchAlgorithmFifo, MainFraction: math.MaxUint8,
		PriceDisplayFormat: in.display, SubFraction: math.MaxUint8, UnderlyingProduct: math.MaxUint8,
		SecurityUpdateAction: dbn.SecurityUpdateActionAdd, MaturityMonth: in.month,
		MaturityDay: math.MaxUint8, MaturityWeek: math.MaxUint8,
		UserDefinedInstrument:  dbn.UserDefinedInstrumentNo,
		ContractMultiplierUnit: math.MaxInt8, FlowScheduleType: math.MaxInt8, TickRule: math.MaxUint8,
		LegSide: dbn.SideNone,
	}
	for _, text := range []struct {
		field []byte
		value string
	}{
		{m.Currency[:], in.currency}, {m.SettlCurrency[:], in.currency}, {m.RawSymbol[:], in.symbol},
		{m.Group[:], in.group}, {m.Exchange[:], in.exchange}, {m.Asset[:], in.asset},
		{m.Cfi[:], "FFCXXX"}, {m.SecurityType[:], "FUT"}, {m.UnitOfMeasure[:], in.unit},
	} {
		copy(text.field, text.value)
	}
	write(v, dbn.SchemaDefinition, &m)
}

func (v *views) status(in *instrument, ts dbn.UnixNanos, action dbn.StatusAction, trading dbn.TriState) {
	m := dbn.StatusMsg{
		Hd: header(dbn.RTypeStatus, in.id, ts), TsRecv: ts, Action: action,
		Reason: dbn.StatusReasonScheduled, IsTrading: trading, IsQuoting: dbn.TriStateYes,
		IsShortSellRestricted: dbn.TriStateNotAvailable,
	}
	write(v, dbn.SchemaStatus, &m)
}

// priorDay writes the statistics of the trading day before.
func (v *views) priorDay(in *instrument) {
	tradingDate := at("2026-11-13T00:00:00Z")
	for _, s := range []struct {
		kind     dbn.StatType
		price    dbn.Price
		quantity int64
		flags    uint8
	}{
		{dbn.StatTypeSettlementPrice, in.settlement, dbn.UndefStatQuantity, 3}, // final, actual
		{dbn.StatTypeClearedVolume, dbn.UndefPrice, in.cleared, 0},
		{dbn.StatTypeOpenInterest, dbn.UndefPrice, in.openInterest, 0},
	} {
		m := dbn.StatMsg{
			Hd: header(dbn.RTypeStatistics, in.id, sessionStart), TsRecv: sessionStart,
			TsRef: tradingDate, Price: s.price, Quantity: s.quantity, StatType: s.kind,
			ChannelID: uint16(in.channel), UpdateAction: dbn.StatUpdateActionNew, StatFlags: s.flags,
		}
		write(v, dbn.SchemaStatistics, &m)
	}
}

// statistic writes a price of this session, as one of its trades made it.
func (v *views) statistic(in *instrument, r *dbn.MboMsg, kind dbn.StatType, price dbn.Price) {
	m := dbn.StatMsg{
		Hd: header(dbn.RTypeStatistics, in.id, r.Hd.TsEvent), TsRecv: r.TsRecv,
		TsRef: dbn.UndefTimestamp, Price: price, Quantity: dbn.UndefStatQuantity,
		Sequence: r.Sequence, TsInDelta: r.TsInDelta, StatType: kind,
		ChannelID: uint16(in.channel), UpdateAction: dbn.StatUpdateActionNew,
	}
	write(v, dbn.SchemaStatistics, &m)
}
