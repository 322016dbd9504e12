package main

import (
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

const (
	second = dbn.UnixNanos(time.Second)
	hour   = dbn.UnixNanos(time.Hour)

	publisher = 1 // GLBX.MDP3.GLBX
)

// The session: a few seconds of pre-open, then three minutes of trading, from the evening
// opening of Sunday, 15 November 2026.
var (
	sessionStart = at("2026-11-15T22:59:55Z")
	tradingStart = at("2026-11-15T23:00:00Z")
	sessionEnd   = at("2026-11-15T23:03:00Z")
)

func at(text string) dbn.UnixNanos {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err) // only constants are parsed
	}
	return dbn.UnixNanosOf(t)
}

// instrument is one made-up future: what its definition says, and how it trades.
type instrument struct {
	symbol, asset, group, exchange, currency, unit string
	id                                             uint32
	channel                                        uint8
	tick                                           dbn.Price // price increment
	multiplier                                     dbn.Price // contract size
	expiration                                     dbn.UnixNanos
	year                                           uint16
	month                                          uint8
	display                                        uint8

	opening      dbn.Price // where the first book is built
	settlement   dbn.Price // of the trading day before
	openInterest int64
	cleared      int64         // volume of the trading day before
	pause        dbn.UnixNanos // mean time between two events
	depth        int           // orders that rest on each side at the start
	lot          int           // typical largest size of an order
}

// px is a price of so many whole units and hundredths.
func px(units, hundredths int64) dbn.Price {
	return dbn.Price(units*dbn.PriceScale + hundredths*(dbn.PriceScale/100))
}

var instruments = []instrument{
	{
		symbol: "ESZ6", asset: "ES", group: "ES", exchange: "XCME", currency: "USD", unit: "IPNT",
		id: 4916, channel: 0, tick: px(0, 25), multiplier: px(50, 0), display: 2,
		expiration: at("2026-12-18T14:30:00Z"), year: 2026, month: 12,
		opening: px(6742, 25), settlement: px(6738, 50), openInterest: 2_117_408, cleared: 1_384_220,
		pause: 260 * 1e6, depth: 46, lot: 12,
	},
	{
		symbol: "NQZ6", asset: "NQ", group: "NQ", exchange: "XCME", currency: "USD", unit: "IPNT",
		id: 5122, channel: 0, tick: px(0, 25), multiplier: px(20, 0), display: 2,
		expiration: at("2026-12-18T14:30:00Z"), year: 2026, month: 12,
		opening: px(25086, 75), settlement: px(25061, 25), openInterest: 284_913, cleared: 552_871,
		pause: 340 * 1e6, depth: 38, lot: 5,
	},
	{
		symbol: "CLF7", asset: "CL", group: "CL", exchange: "XNYM", currency: "USD", unit: "BBL",
		id: 73214, channel: 9, tick: px(0, 1), multiplier: px(1000, 0), display: 2,
		expiration: at("2026-12-21T19:30:00Z"), year: 2027, month: 1,
		opening: px(61, 84), settlement: px(61, 57), openInterest: 331_046, cleared: 297_115,
		pause: 520 * 1e6, depth: 34, lot: 8,
	},
	{
		symbol: "GCG7", asset: "GC", group: "GC", exchange: "XCEC", currency: "USD", unit: "TRYOZ",
		id: 81640, channel: 12, tick: px(0, 10), multiplier: px(100, 0), display: 1,
		expiration: at("2027-02-24T18:30:00Z"), year: 2027, month: 2,
		opening: px(4127, 30), settlement: px(4119, 80), openInterest: 402_377, cleared: 188_432,
		pause: 700 * 1e6, depth: 30, lot: 6,
	},
}
