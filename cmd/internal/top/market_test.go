package top

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
)

// opening is when the markets of the tests begin, 2026-11-15T23:00:00Z.
const opening dbn.UnixNanos = 1794783600 * nanosPerSecond

func header[T any](rtype dbn.RType, instrument uint32, at dbn.UnixNanos) dbn.RecordHeader {
	return dbn.RecordHeader{Length: uint8(unsafe.Sizeof(*new(T)) / 4), RType: rtype, PublisherID: 1, InstrumentID: instrument, TsEvent: at}
}

// happened is a record, and when it arrived.
type happened struct {
	at     dbn.UnixNanos
	record dbn.Record
}

// history makes up records of five instruments.
func history(random *rand.Rand, n int) (all []happened) {
	now := opening
	price := func() dbn.Price {
		if random.IntN(10) == 0 {
			return dbn.UndefPrice
		}
		return dbn.Price(random.IntN(2000)-200) * 250_000_000
	}
	actions := []dbn.Action{dbn.ActionTrade, dbn.ActionAdd, dbn.ActionCancel, dbn.ActionFill}
	for len(all) < n {
		switch random.IntN(40) {
		case 0:
			now += dbn.UnixNanos(random.IntN(90)) * nanosPerSecond
		default:
			now += dbn.UnixNanos(random.IntN(300_000_000))
		}
		id := 4916 + 1_000_000*uint32(random.IntN(5))
		event := now - dbn.UnixNanos(random.IntN(1_000_000))
		action, size := actions[random.IntN(len(actions))], uint32(random.IntN(50))
		level := dbn.BidAskPair{BidPx: price(), AskPx: price(), BidSz: size, AskSz: 2 * size}
		best := dbn.ConsolidatedBidAskPair{BidPx: level.BidPx, AskPx: level.AskPx, BidSz: level.BidSz, AskSz: level.AskSz}
		kind := random.IntN(10)
		for range 1 + random.IntN(3) { // runs
			var r dbn.Record
			switch kind {
			case 0:
				r = dbn.Ref(&(&dbn.MboMsg{Hd: header[dbn.MboMsg](dbn.RTypeMbo, id, event), Price: price(), Size: size, Action: action, TsRecv: now}).Hd)
			case 1:
				r = dbn.Ref(&(&dbn.TradeMsg{Hd: header[dbn.TradeMsg](dbn.RTypeMbp0, id, event), Price: price(), Size: size, Action: dbn.ActionTrade, TsRecv: now}).Hd)
			case 2:
				r = dbn.Ref(&(&dbn.Mbp1Msg{Hd: header[dbn.Mbp1Msg](dbn.RTypeMbp1, id, event), Price: price(), Size: size, Action: action, TsRecv: now, Levels: [1]dbn.BidAskPair{level}}).Hd)
			case 3:
				r = dbn.Ref(&(&dbn.Mbp10Msg{Hd: header[dbn.Mbp10Msg](dbn.RTypeMbp10, id, event), Price: price(), Size: size, Action: action, TsRecv: now, Levels: [10]dbn.BidAskPair{level}}).Hd)
			case 4:
				r = dbn.Ref(&(&dbn.Cmbp1Msg{Hd: header[dbn.Cmbp1Msg](dbn.RTypeCmbp1, id, event), Price: price(), Size: size, Action: action, TsRecv: now, Levels: [1]dbn.ConsolidatedBidAskPair{best}}).Hd)
			case 5:
				r = dbn.Ref(&(&dbn.BboMsg{Hd: header[dbn.BboMsg](dbn.RTypeBbo1S, id, event), Price: price(), Size: size, TsRecv: now, Levels: [1]dbn.BidAskPair{level}}).Hd)
			case 6:
				r = dbn.Ref(&(&dbn.CbboMsg{Hd: header[dbn.CbboMsg](dbn.RTypeCbbo1S, id, event), Price: price(), Size: size, TsRecv: now, Levels: [1]dbn.ConsolidatedBidAskPair{best}}).Hd)
			case 7:
				r = dbn.Ref(&(&dbn.OhlcvMsg{Hd: header[dbn.OhlcvMsg](dbn.RTypeOhlcv1S, id, event), Close: price(), Volume: uint64(size)}).Hd)
			case 8:
				r = dbn.Ref(&(&dbn.StatusMsg{Hd: header[dbn.StatusMsg](dbn.RTypeStatus, id, event), Action: dbn.StatusAction(random.IntN(17)), TsRecv: now}).Hd)
			case 9:
				r = dbn.Ref(&(&dbn.StatMsg{Hd: header[dbn.StatMsg](dbn.RTypeStatistics, id, event), TsRecv: now}).Hd)
			}
			all = append(all, happened{now, r})
		}
	}
	return all
}

// plainState is what the records of an instrument say, taken one after the other in the plainest way.
type plainState struct {
	last, bid, ask   dbn.Price
	bidSize, askSize uint32
	direction        int8
	volume           uint64
	from             int // rtype; -1: no trade
	mark             Mark
}

func replay(all []happened, instrument uint32, until uint64) (s plainState, trades []happened, messages []happened) {
	s = plainState{last: dbn.UndefPrice, bid: dbn.UndefPrice, ask: dbn.UndefPrice, from: -1}
	set := func(p dbn.Price) {
		if p == dbn.UndefPrice {
			return
		}
		if s.last != dbn.UndefPrice && p > s.last {
			s.direction = 1
		}
		if s.last != dbn.UndefPrice && p < s.last {
			s.direction = -1
		}
		s.last = p
	}
	for _, h := range all {
		hd := h.record.Header()
		if hd.InstrumentID != instrument || uint64(h.at)/nanosPerSecond > until {
			continue
		}
		messages = append(messages, h)
		traded := func(p dbn.Price, size uint32, action dbn.Action) {
			if action == dbn.ActionTrade && (s.from == -1 || s.from == int(hd.RType)) {
				s.from = int(hd.RType)
				set(p)
				s.volume += uint64(size)
				trades = append(trades, h)
			}
		}
		quoted := func(bid, ask dbn.Price, bidSize, askSize uint32) {
			s.bid, s.ask, s.bidSize, s.askSize = bid, ask, bidSize, askSize
		}
		switch hd.RType {
		case dbn.RTypeMbo:
			m, _ := dbn.As[dbn.MboMsg](h.record)
			traded(m.Price, m.Size, m.Action)
		case dbn.RTypeMbp0:
			m, _ := dbn.As[dbn.TradeMsg](h.record)
			traded(m.Price, m.Size, m.Action)
		case dbn.RTypeMbp1:
			m, _ := dbn.As[dbn.Mbp1Msg](h.record)
			traded(m.Price, m.Size, m.Action)
			quoted(m.Levels[0].BidPx, m.Levels[0].AskPx, m.Levels[0].BidSz, m.Levels[0].AskSz)
		case dbn.RTypeMbp10:
			m, _ := dbn.As[dbn.Mbp10Msg](h.record)
			traded(m.Price, m.Size, m.Action)
			quoted(m.Levels[0].BidPx, m.Levels[0].AskPx, m.Levels[0].BidSz, m.Levels[0].AskSz)
		case dbn.RTypeCmbp1:
			m, _ := dbn.As[dbn.Cmbp1Msg](h.record)
			traded(m.Price, m.Size, m.Action)
			quoted(m.Levels[0].BidPx, m.Levels[0].AskPx, m.Levels[0].BidSz, m.Levels[0].AskSz)
		case dbn.RTypeBbo1S:
			m, _ := dbn.As[dbn.BboMsg](h.record)
			if s.from == -1 {
				set(m.Price)
			}
			quoted(m.Levels[0].BidPx, m.Levels[0].AskPx, m.Levels[0].BidSz, m.Levels[0].AskSz)
		case dbn.RTypeCbbo1S:
			m, _ := dbn.As[dbn.CbboMsg](h.record)
			if s.from == -1 {
				set(m.Price)
			}
			quoted(m.Levels[0].BidPx, m.Levels[0].AskPx, m.Levels[0].BidSz, m.Levels[0].AskSz)
		case dbn.RTypeOhlcv1S:
			m, _ := dbn.As[dbn.OhlcvMsg](h.record)
			if s.from == -1 || s.from == int(hd.RType) {
				s.from = int(hd.RType)
				set(m.Close)
				s.volume += m.Volume
			}
		case dbn.RTypeStatus:
			m, _ := dbn.As[dbn.StatusMsg](h.record)
			s.mark = markOf(m.Action, s.mark)
		}
	}
	return s, trades, messages
}

func (s *plainState) price() float64 {
	switch {
	case s.last != dbn.UndefPrice:
		return float64(s.last)
	case s.bid != dbn.UndefPrice && s.ask != dbn.UndefPrice:
		return float64(s.bid + (s.ask-s.bid)/2)
	}
	return math.NaN()
}

// plainLine is what a line should be after everything that happened, the last of it now.
func plainLine(all []happened, instrument uint32, since int) Line {
	now := all[len(all)-1].at
	second := uint64(now) / nanosPerSecond
	s, trades, messages := replay(all, instrument, second)
	span := math.Max(1, math.Min(float64(now-all[0].at)/1e9, 5+float64(uint64(now)%nanosPerSecond)/1e9))
	rate := func(list []happened) (n float64) {
		for _, h := range list {
			if uint64(h.at)/nanosPerSecond+5 >= second {
				n++
			}
		}
		return n / span
	}
	l := Line{
		Instrument: instrument, Mark: s.mark, Direction: s.direction, Last: s.last, Bid: s.bid, Ask: s.ask, BidSize: s.bidSize, AskSize: s.askSize,
		Volume: s.volume, Trades: rate(trades), Messages: rate(messages), Gateway: math.NaN(), Venue: math.NaN(), Change: math.NaN(),
	}
	lag := func(all []happened) float64 {
		sum, n := 0.0, 0.0
		for _, h := range all {
			if h.record.Header().InstrumentID == instrument && h.record.RType() != dbn.RTypeOhlcv1S {
				sum += float64(h.at - h.record.Header().TsEvent)
				n++
			}
		}
		return sum / n
	}
	if l.Venue = lag(all[since:]); math.IsNaN(l.Venue) {
		l.Venue = math.Inf(1) // as before; not compared
	}
	var prices [minutePoints]float64
	low, high := math.Inf(1), math.Inf(-1)
	for i := range prices {
		state, _, _ := replay(all, instrument, second-uint64(3*(minutePoints-1-i)))
		prices[i] = state.price()
		if !math.IsNaN(prices[i]) {
			low, high = math.Min(low, prices[i]), math.Max(high, prices[i])
		}
	}
	first := math.NaN()
	for i, p := range prices {
		switch {
		case math.IsNaN(p):
			continue
		case high == low:
			l.Minute[i] = 4
		default:
			l.Minute[i] = uint8(math.Floor(1.5 + 7*(p-low)/(high-low)))
		}
		if math.IsNaN(first) {
			first = p
		}
	}
	if first != 0 {
		l.Change = (prices[minutePoints-1] - first) / math.Abs(first)
	}
	return l
}

// inRuns hands records to a market as a client does.
func inRuns(m *market, all []happened) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].at == all[0].at && all[n].record.RType() == all[0].record.RType() {
			n++
		}
		m.setNow(all[0].at)
		run := all[:n]
		switch all[0].record.RType() {
		case dbn.RTypeMbo:
			m.mbo(slice[dbn.MboMsg](run), 0)
		case dbn.RTypeMbp0:
			m.trades(slice[dbn.TradeMsg](run), 0)
		case dbn.RTypeMbp1:
			m.mbp1(slice[dbn.Mbp1Msg](run), 0)
		case dbn.RTypeMbp10:
			m.mbp10(slice[dbn.Mbp10Msg](run), 0)
		case dbn.RTypeCmbp1:
			m.cmbp1(slice[dbn.Cmbp1Msg](run), 0)
		case dbn.RTypeBbo1S:
			m.bbo(slice[dbn.BboMsg](run), 0)
		case dbn.RTypeCbbo1S:
			m.cbbo(slice[dbn.CbboMsg](run), 0)
		case dbn.RTypeOhlcv1S:
			m.ohlcv(slice[dbn.OhlcvMsg](run), 0)
		case dbn.RTypeStatus:
			m.status(slice[dbn.StatusMsg](run), 0)
		default:
			for _, h := range run {
				m.record(h.record, 0)
			}
		}
		all = all[n:]
	}
}

func slice[T any, P interface {
	*T
	HasRType(dbn.RType) bool
}](run []happened) (list []T) {
	for _, h := range run {
		m, _ := dbn.As[T, P](h.record)
		list = append(list, *m)
	}
	return list
}

func oneByOne(m *market, all []happened) {
	for _, h := range all {
		m.setNow(h.at)
		m.record(h.record, 0)
	}
}

func TestALineIsWhatTheRecordsSay(t *testing.T) {
	for seed := range uint64(20) {
		all := history(rand.New(rand.NewPCG(seed, 16)), 600)
		for name, take := range map[string]func(*market, []happened){"in runs": inRuns, "one by one": oneByOne} {
			m := newMarket()
			since := 0
			for _, until := range []int{1, 7, 90, 311, 480, len(all)} {
				take(m, all[since:until])
				var s Snapshot
				m.snapshot(&s)
				if s.Records != uint64(until) {
					t.Fatalf("seed %d, %s: %d records of %d", seed, name, s.Records, until)
				}
				for _, line := range s.Lines {
					want := plainLine(all[:until], line.Instrument, since)
					if math.IsInf(want.Venue, 1) {
						want.Venue = line.Venue
					}
					want.Decimals = line.Decimals
					if diff := cmp.Diff(want, line, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
						t.Fatalf("seed %d, %s, after %d: %s", seed, name, until, diff)
					}
				}
				since = until
			}
			if len(m.rows) != 5 {
				t.Fatalf("%d instruments", len(m.rows))
			}
		}
	}
}

func TestNothingIsAllocatedPerRecord(t *testing.T) {
	all := history(rand.New(rand.NewPCG(1, 1)), 2000)
	m := newMarket()
	oneByOne(m, all)
	mbp := slice[dbn.Mbp1Msg]([]happened{{record: samples.Quote(1, 2, 3, 4)}})
	var s Snapshot
	m.snapshot(&s)
	if n := testing.AllocsPerRun(10, func() {
		oneByOne(m, all)
		m.mbp1(mbp, 0)
		m.snapshot(&s)
	}); n > 1 { // the quote's row, once
		t.Errorf("%v allocations for %d records", n, len(all))
	}
}

func TestTheLagOfTheGatewayIsThatOfTheSendTimeWhereItIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		sent   dbn.UnixNanos
		lagged bool
		want   float64
	}{
		"sent":     {opening + 300, true, 700},
		"captured": {0, true, 900},
		"a file":   {0, false, math.NaN()},
	} {
		m := newMarket()
		m.lagged = c.lagged
		m.setNow(opening + 1000)
		m.trades([]dbn.TradeMsg{{Hd: header[dbn.TradeMsg](dbn.RTypeMbp0, 7, opening), TsRecv: opening + 100, Action: dbn.ActionTrade}}, c.sent)
		var s Snapshot
		m.snapshot(&s)
		if !cmp.Equal(s.Lines[0].Gateway, c.want, cmpopts.EquateNaNs()) || s.Lines[0].Venue != 100 {
			t.Errorf("%s: %v from the gateway, %v from the venue", name, s.Lines[0].Gateway, s.Lines[0].Venue)
		}
	}
}

func TestSymbolsComeFromMappingsAndFromMetadataByDay(t *testing.T) {
	m := newMarket()
	m.setNow(opening)
	m.mapping(samples.Mapping(1, "ES\x1b[2JZ6"))
	m.record(samples.Mapping(2, "NQZ6"), 0)
	m.metadata(&dbn.Metadata{StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, Mappings: []dbn.SymbolMapping{{
		RawSymbol: "CLF7", Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261116, Symbol: "3"}},
	}, {
		RawSymbol: "CLG7", Intervals: []dbn.MappingInterval{{StartDate: 20261116, EndDate: 20261117, Symbol: "3"}},
	}}})
	trade := func(id uint32, at dbn.UnixNanos) {
		m.trades([]dbn.TradeMsg{{Hd: header[dbn.TradeMsg](dbn.RTypeMbp0, id, at), TsRecv: at, Action: dbn.ActionTrade}}, 0)
	}
	symbols := func() (list []string) {
		var s Snapshot
		m.snapshot(&s)
		for i := range s.Lines {
			list = append(list, symbolText(&s.Lines[i]))
		}
		return list
	}
	trade(3, opening)
	trade(9, opening)
	if diff := cmp.Diff([]string{"ES?[2JZ6", "NQZ6", "CLF7", "#9"}, symbols()); diff != "" {
		t.Error(diff)
	}
	trade(3, opening+3600*nanosPerSecond) // midnight
	m.mapping(samples.Mapping(9, "GCG7"))
	if diff := cmp.Diff([]string{"ES?[2JZ6", "NQZ6", "CLG7", "GCG7"}, symbols()); diff != "" {
		t.Error(diff)
	}
}

func TestInstrumentsBeyondTheBoundAreCountedOnly(t *testing.T) {
	m := newMarket()
	m.setNow(opening)
	run := make([]dbn.TradeMsg, maxRows+3)
	for i := range run {
		run[i] = dbn.TradeMsg{Hd: header[dbn.TradeMsg](dbn.RTypeMbp0, uint32(i)*40_503, opening), TsRecv: opening, Action: dbn.ActionTrade, Size: 1}
	}
	m.trades(run, 0)
	m.trades(run[:2], 0)
	var s Snapshot
	m.snapshot(&s)
	if len(s.Lines) != maxRows || s.Hidden != 3 || s.Records != maxRows+5 || s.Lines[0].Volume != 2 {
		t.Errorf("%d lines, %d records, %d of them hidden, volume %d", len(s.Lines), s.Records, s.Hidden, s.Lines[0].Volume)
	}
}

func TestQuietInstrumentsOfAWholeDatasetGetNoLine(t *testing.T) {
	m := newMarket()
	for i := range uint32(maxQuietRows + 10) {
		m.mapping(samples.Mapping(i, "X"))
	}
	if len(m.rows) != maxQuietRows {
		t.Errorf("%d lines", len(m.rows))
	}
	m.trades([]dbn.TradeMsg{{Hd: header[dbn.TradeMsg](dbn.RTypeMbp0, maxQuietRows+5, opening), Action: dbn.ActionTrade}}, 0)
	if len(m.rows) != maxQuietRows+1 || m.rows[maxQuietRows].symbol != "X" {
		t.Errorf("%d lines", len(m.rows))
	}
}
