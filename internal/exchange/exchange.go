// Package exchange makes up a market of several schemas, for tests of streams that must be
// complete: records arrive late, out of order by their own clocks, and some are equal.
package exchange

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

const (
	// Dataset is that of all records.
	Dataset = "GLBX.MDP3"
	// Start is not after any record.
	Start = opening - dbn.UnixNanos(second)

	second = 1_000_000_000
	// opening is a whole second.
	opening = dbn.UnixNanos(1_794_700_800 * second)
	// usual is how many orders change in a second, on average.
	usual = 200
)

// quiet is the instrument that says nothing after the opening.
const quiet = 3

var symbols = [...]string{"ESZ6", "NQZ6", "CLF7", "ZCZ6"}

// Stream is what happens in one schema.
type Stream struct {
	Schema  dbn.Schema
	Records []byte // back to back, in the order of their index timestamps
	Count   int
}

// Market is what happens on one day.
type Market struct{ Streams []Stream }

// New makes a market in which so many orders change. For every four of them there is a quote, for
// every eight a trade, and each second of the market has quotes and bars.
func New(random *rand.Rand, events int) Market {
	return Market{makeStreams(random, usual, events)}
}

// Busy makes a market that lasts about as long as given, in seconds, with the mean number of changed
// orders in each. It also has the definitions of its instruments, again and again.
func Busy(random *rand.Rand, seconds, perSecond int) Market {
	streams := makeStreams(random, perSecond, seconds*perSecond)
	return Market{append(streams, definitions(seconds))}
}

func makeStreams(random *rand.Rand, perSecond, events int) []Stream {
	m := maker{random: random, step: second / perSecond}
	for i := range m.streams {
		m.streams[i].Schema = schemas[i]
	}
	now := opening
	for i := range events {
		next := now + dbn.UnixNanos(random.IntN(2*m.step))
		if i%16 != 0 { // some share their time
			m.seconds(now, next)
			now = next
		}
		m.event(i, now)
	}
	return m.streams[:]
}

// definitions are those of all instruments, every ten seconds.
func definitions(seconds int) Stream {
	s := Stream{Schema: dbn.SchemaDefinition}
	for at := 0; at < seconds; at += 10 {
		for instrument, symbol := range symbols {
			now := opening + dbn.UnixNanos(at*second)
			definition := dbn.InstrumentDefMsg{
				Hd: header(dbn.RTypeInstrumentDef, instrument, now), TsRecv: now, MinPriceIncrement: 25e7,
				InstrumentClass: dbn.InstrumentClassFuture, SecurityUpdateAction: dbn.SecurityUpdateActionAdd,
			}
			copy(definition.RawSymbol[:], symbol)
			put(&s, definition)
		}
	}
	return s
}

const (
	mbo = iota
	trades
	mbp1
	bbo
	bars
)

var schemas = [...]dbn.Schema{
	mbo: dbn.SchemaMbo, trades: dbn.SchemaTrades, mbp1: dbn.SchemaMbp1, bbo: dbn.SchemaBbo1S, bars: dbn.SchemaOhlcv1S,
}

type maker struct {
	random  *rand.Rand
	step    int // the mean time between two events, in nanoseconds
	streams [len(schemas)]Stream
}

func put[T any](s *Stream, record T) {
	size := int(unsafe.Sizeof(record))
	(*dbn.RecordHeader)(unsafe.Pointer(&record)).Length = uint8(size / 4)
	s.Records = append(s.Records, unsafe.Slice((*byte)(unsafe.Pointer(&record)), size)...)
	s.Count++
}

func header(rtype dbn.RType, instrument int, at dbn.UnixNanos) dbn.RecordHeader {
	return dbn.RecordHeader{RType: rtype, PublisherID: 1, InstrumentID: uint32(instrument + 1), TsEvent: at}
}

// event is a change of an order, and what follows from it.
func (m *maker) event(i int, now dbn.UnixNanos) {
	instrument := m.random.IntN(quiet)
	if i == 0 {
		instrument = quiet
	}
	at := now - dbn.UnixNanos(m.random.IntN(1000))
	if m.random.IntN(20) == 0 {
		at = now - dbn.UnixNanos(m.random.IntN(4*m.step)) // the gateway's clock is that much later
	}
	price, sequence := dbn.Price(m.random.IntN(1000))*1e9, uint32(i)
	order := dbn.MboMsg{
		Hd: header(dbn.RTypeMbo, instrument, at), OrderID: uint64(i), Price: price, Size: 1,
		Action: dbn.ActionAdd, Side: dbn.SideBid, TsRecv: now, Sequence: sequence,
	}
	put(&m.streams[mbo], order)
	for m.random.IntN(40) == 0 { // a repeat
		put(&m.streams[mbo], order)
	}
	if i%4 == 0 {
		put(&m.streams[mbp1], dbn.Mbp1Msg{
			Hd: header(dbn.RTypeMbp1, instrument, at), Price: price, Size: 1, Action: dbn.ActionAdd,
			Side: dbn.SideBid, TsRecv: now, Sequence: sequence,
		})
	}
	if i%8 == 0 {
		trade := dbn.TradeMsg{
			Hd: header(dbn.RTypeMbp0, instrument, at), Price: price, Size: 1, Action: dbn.ActionTrade,
			Side: dbn.SideAsk, TsRecv: now, Sequence: sequence,
		}
		put(&m.streams[trades], trade)
		if m.random.IntN(10) == 0 {
			put(&m.streams[trades], trade)
		}
	}
}

// seconds makes the quotes and bars of the seconds that end between two times.
func (m *maker) seconds(from, to dbn.UnixNanos) {
	for end := (from/second + 1) * second; end <= to; end += second {
		for instrument := range symbols {
			put(&m.streams[bbo], dbn.BboMsg{
				Hd: header(dbn.RTypeBbo1S, instrument, end-dbn.UnixNanos(m.random.IntN(second))), Price: 1e9, Size: 1, TsRecv: end,
			})
			put(&m.streams[bars], dbn.OhlcvMsg{
				Hd: header(dbn.RTypeOhlcv1S, instrument, end-second), Open: 1e9, High: 2e9, Low: 1e9, Close: 2e9,
				Volume: uint64(m.random.IntN(100)),
			})
		}
	}
}

// Write makes a DBN file of each stream.
func (m Market) Write(dir string) (paths []string, err error) {
	for _, s := range m.Streams {
		meta := dbn.Metadata{
			Version: 3, Dataset: Dataset, Schema: s.Schema, Start: Start, End: dbn.UndefTimestamp,
			StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, SymbolCstrLen: 71,
		}
		for i, symbol := range symbols {
			meta.Symbols = append(meta.Symbols, symbol)
			meta.Mappings = append(meta.Mappings, dbn.SymbolMapping{
				RawSymbol: symbol,
				Intervals: []dbn.MappingInterval{{StartDate: 20200101, EndDate: 20300101, Symbol: fmt.Sprint(i + 1)}},
			})
		}
		data, err := meta.Append(nil)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, s.Schema.String()+".dbn")
		if err := os.WriteFile(path, append(data, s.Records...), 0o600); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// Only returns the market in one schema.
func (m Market) Only(schema dbn.Schema) Market {
	for _, s := range m.Streams {
		if s.Schema == schema {
			return Market{[]Stream{s}}
		}
	}
	return Market{}
}

// Schemas lists the schemas, as flags take them.
func (m Market) Schemas() string {
	var names []string
	for _, s := range m.Streams {
		names = append(names, s.Schema.String())
	}
	return strings.Join(names, ",")
}
