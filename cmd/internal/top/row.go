package top

import (
	"math"

	"github.com/dbnloop/dbnloop/dbn"
)

const (
	minuteSeconds = 60 // of prices that a row keeps
	rateSeconds   = 5  // of complete seconds that a rate is the average of, with the present one
	rateSlots     = rateSeconds + 1
)

// row is what is known of one instrument.
type row struct {
	instrument uint32
	day        uint32 // of the symbol, in days since 1970; only where symbols depend on the day
	symbol     string // fit for a terminal; "" as long as it is not known
	mark       Mark

	last             dbn.Price
	bid, ask         dbn.Price
	bidSize, askSize uint32
	direction        int8  // of the last change of the last price
	decimals         uint8 // that the prices need
	source           source
	volume           uint64

	second uint64 // that the counts and prices have been advanced to
	counts [rateSlots]counts
	minute *[minuteSeconds]dbn.Price // at the end of each second; nil: no price has come

	gateway, venue mean
}

// source is which records an instrument's trades are counted from. The same trade may come in
// several schemas: those of the first record type that brings one count.
type source uint8

const noSource source = 0

func sourceOf(rtype dbn.RType) source { return source(rtype) + 1 }

// counts are the records of a second.
type counts struct{ messages, trades uint32 }

// mean gathers times of records between two snapshots.
type mean struct {
	sum  float64 // ns
	n    uint32
	held float64 // of the last snapshot that had any
	any  bool
}

func (m *mean) add(from, to dbn.UnixNanos) {
	if from.IsUndef() || to.IsUndef() || from == 0 || to == 0 {
		return
	}
	m.sum += float64(int64(to - from))
	m.n++
}

// take ends an interval and returns its mean, in ns; that of an earlier one if nothing came.
func (m *mean) take() float64 {
	if m.n > 0 {
		m.held, m.any = m.sum/float64(m.n), true
		m.sum, m.n = 0, 0
	}
	if !m.any {
		return math.NaN()
	}
	return m.held
}

func newRow(instrument uint32, second uint64) row {
	return row{
		instrument: instrument, second: second,
		last: dbn.UndefPrice, bid: dbn.UndefPrice, ask: dbn.UndefPrice,
	}
}

// price is what the minute shows: the last trade, or the middle of the quote where no trade came.
func (r *row) price() dbn.Price {
	switch {
	case !r.last.IsUndef():
		return r.last
	case r.bid.IsUndef() || r.ask.IsUndef():
		return dbn.UndefPrice
	}
	return r.bid + (r.ask-r.bid)/2
}

// advance brings the row to a second: those that have passed since had its price, and no records.
func (r *row) advance(second uint64) {
	if second <= r.second {
		return
	}
	passed := second - r.second
	if price := r.price(); r.minute != nil || !price.IsUndef() {
		if r.minute == nil {
			r.minute = new([minuteSeconds]dbn.Price)
			for i := range r.minute {
				r.minute[i] = dbn.UndefPrice
			}
		}
		for i := range min(passed, minuteSeconds) {
			r.minute[(r.second+i)%minuteSeconds] = price
		}
	}
	for i := range min(passed, rateSlots) {
		r.counts[(r.second+1+i)%rateSlots] = counts{}
	}
	if passed > rateSlots {
		r.counts = [rateSlots]counts{}
	}
	r.second = second
}

// trade takes a trade of a record type.
func (r *row) trade(from source, price dbn.Price, size uint32) {
	if r.source == noSource {
		r.source = from
	}
	if r.source != from {
		return
	}
	r.setLast(price)
	if size != dbn.UndefOrderSize {
		r.volume += uint64(size)
	}
	r.counts[r.second%rateSlots].trades++
}

// bar takes a bar of a record type.
func (r *row) bar(from source, b *dbn.OhlcvMsg) {
	if r.source == noSource {
		r.source = from
	}
	if r.source == from {
		r.setLast(b.Close)
		r.volume += b.Volume
	}
}

// summary takes the last trade of a record that is made at intervals. It is not the trade itself.
func (r *row) summary(price dbn.Price) {
	if r.source == noSource {
		r.setLast(price)
	}
}

func (r *row) setLast(price dbn.Price) {
	if price.IsUndef() {
		return
	}
	if !r.last.IsUndef() && price != r.last {
		r.direction = 1
		if price < r.last {
			r.direction = -1
		}
	}
	r.last = price
}

func (r *row) quote(bid, ask dbn.Price, bidSize, askSize uint32) {
	r.bid, r.ask, r.bidSize, r.askSize = bid, ask, bidSize, askSize
}

// levels are the heights of the minute: 0 where there was no price, else 1 to 8. The change is that
// of the price since the first of them, as a part of it; NaN if it is not known.
func (r *row) levels(points []uint8) (change float64) {
	clear(points)
	now := r.price()
	if r.minute == nil && now.IsUndef() {
		return math.NaN()
	}
	first := dbn.UndefPrice
	step := uint64(minuteSeconds / len(points))
	var prices [minuteSeconds]dbn.Price
	low, high := dbn.Price(math.MaxInt64), dbn.Price(math.MinInt64)
	for i := range points {
		age := uint64(len(points)-1-i) * step
		price := now
		switch {
		case age > 0 && (r.minute == nil || age > r.second):
			price = dbn.UndefPrice
		case age > 0:
			price = r.minute[(r.second-age)%minuteSeconds]
		}
		prices[i] = price
		if !price.IsUndef() {
			if first.IsUndef() {
				first = price
			}
			low, high = min(low, price), max(high, price)
		}
	}
	for i := range points {
		switch price := prices[i]; {
		case price.IsUndef():
		case high == low:
			points[i] = 4
		default:
			points[i] = 1 + uint8(7*(float64(price)-float64(low))/(float64(high)-float64(low))+0.5)
		}
	}
	if first == 0 || now.IsUndef() {
		return math.NaN()
	}
	return (float64(now) - float64(first)) / math.Abs(float64(first))
}
