package data

import "github.com/dbnloop/dbnloop/dbn"

func (g *generator) header(rtype dbn.RType, instrument int) dbn.RecordHeader {
	return dbn.RecordHeader{RType: rtype, PublisherID: 1, InstrumentID: uint32(firstID + instrument), TsEvent: g.now}
}

// price is one near the instrument's last, which moves now and then.
func (g *generator) price(instrument int) dbn.Price {
	last := &g.prices[instrument]
	if g.random.IntN(16) == 0 {
		*last += dbn.Price(g.random.IntN(3)-1) * tick
	}
	return *last + dbn.Price(g.random.IntN(21)-10)*tick
}

func (g *generator) side() dbn.Side {
	if g.random.IntN(2) == 0 {
		return dbn.SideBid
	}
	return dbn.SideAsk
}

func (g *generator) size() uint32 { return uint32(g.random.ExpFloat64()*8) + 1 }

func (g *generator) delay() int32 { return int32(12_000 + g.random.IntN(4_000)) }

func (g *generator) mbo(i int) {
	m := dbn.MboMsg{
		Hd: g.header(dbn.RTypeMbo, i), OrderID: 6_400_000_000_000 + uint64(g.random.IntN(1<<24)), Price: g.price(i),
		Size: g.size(), Side: g.side(), TsInDelta: g.delay(), TsRecv: g.now + 15_000, Sequence: g.seq,
	}
	switch g.random.IntN(10) {
	case 0:
		m.Action, m.Flags = dbn.ActionModify, dbn.FlagLast
	case 1, 2, 3, 4:
		m.Action, m.Flags = dbn.ActionCancel, dbn.FlagLast
	default:
		m.Action, m.Flags = dbn.ActionAdd, dbn.FlagLast
	}
	write(g, &m, &m.Hd, m.Price)
}

func (g *generator) trade(i int) {
	m := dbn.TradeMsg{
		Hd: g.header(dbn.RTypeMbp0, i), Price: g.price(i), Size: g.size(), Action: dbn.ActionTrade, Side: g.side(),
		Flags: dbn.FlagLast, TsRecv: g.now + 15_000, TsInDelta: g.delay(), Sequence: g.seq,
	}
	write(g, &m, &m.Hd, m.Price)
}

// level is one of the book's, n ticks from the top.
func (g *generator) level(i, n int) dbn.BidAskPair {
	away := dbn.Price(n+1) * tick
	return dbn.BidAskPair{
		BidPx: g.prices[i] - away, AskPx: g.prices[i] + away, BidSz: g.size(), AskSz: g.size(),
		BidCt: uint32(g.random.IntN(20) + 1), AskCt: uint32(g.random.IntN(20) + 1),
	}
}

func (g *generator) mbp1(i int) {
	m := dbn.Mbp1Msg{
		Hd: g.header(dbn.RTypeMbp1, i), Price: g.price(i), Size: g.size(), Action: dbn.ActionAdd, Side: g.side(),
		Flags: dbn.FlagLast, TsRecv: g.now + 15_000, TsInDelta: g.delay(), Sequence: g.seq,
	}
	m.Levels[0] = g.level(i, 0)
	write(g, &m, &m.Hd, m.Price)
}

func (g *generator) mbp10(i int) {
	m := dbn.Mbp10Msg{
		Hd: g.header(dbn.RTypeMbp10, i), Price: g.price(i), Size: g.size(), Action: dbn.ActionAdd, Side: g.side(),
		Flags: dbn.FlagLast, Depth: uint8(g.random.IntN(10)), TsRecv: g.now + 15_000, TsInDelta: g.delay(), Sequence: g.seq,
	}
	for n := range m.Levels {
		m.Levels[n] = g.level(i, n)
	}
	write(g, &m, &m.Hd, m.Price)
}

func (g *generator) ohlcv(i int) {
	m := dbn.OhlcvMsg{Hd: g.header(dbn.RTypeOhlcv1S, i), Open: g.price(i), Close: g.price(i), Volume: uint64(g.random.IntN(5000))}
	m.High, m.Low = max(m.Open, m.Close)+tick, min(m.Open, m.Close)-tick
	write(g, &m, &m.Hd, m.Close)
}

func (g *generator) definition(i int) {
	m := dbn.InstrumentDefMsgV1{
		Hd: g.header(dbn.RTypeInstrumentDef, i), TsRecv: g.now + 15_000, MinPriceIncrement: dbn.Price(g.random.IntN(4)+1) * tick,
		DisplayFactor: 1e9, Expiration: g.now + 90*86_400_000_000_000, Activation: g.now, HighLimitPrice: dbn.UndefPrice,
		LowLimitPrice: dbn.UndefPrice, MaxPriceVariation: dbn.UndefPrice, TradingReferencePrice: g.prices[i],
		UnitOfMeasureQty: 50e9, MinPriceIncrementAmount: 12_500_000_000, StrikePrice: g.prices[i],
		RawInstrumentID: uint32(firstID + i), MarketDepth: 10, MaxTradeVol: 3000, MinTradeVol: 1, MinLotSizeRoundLot: 1,
		ContractMultiplier: 2147483647, InstrumentClass: dbn.InstrumentClassCall, MaturityYear: 2027, MaturityMonth: 3,
		MatchAlgorithm: dbn.MatchAlgorithmFifo, SecurityUpdateAction: dbn.SecurityUpdateActionAdd, UserDefinedInstrument: dbn.UserDefinedInstrumentNo,
	}
	copy(m.Currency[:], "USD")
	copy(m.SettlCurrency[:], "USD")
	copy(m.RawSymbol[:], "ESH7 C6800")
	copy(m.Group[:], "ES")
	copy(m.Exchange[:], "XCME")
	copy(m.Asset[:], "ES")
	copy(m.Cfi[:], "OCAFPS")
	copy(m.SecurityType[:], "OOF")
	copy(m.UnitOfMeasure[:], "IPNT")
	copy(m.Underlying[:], "ESH7")
	write(g, &m, &m.Hd, m.MinPriceIncrement)
}
