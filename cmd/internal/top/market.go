package top

import (
	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/dbn"
)

const (
	// maxRows bounds the memory: what further instruments bring is counted, and not shown.
	maxRows = 100_000
	// maxQuietRows is how many instruments are shown before anything but their symbol came.
	maxQuietRows = 1000
)

const nanosPerSecond = 1_000_000_000

// market takes in records and keeps a row for each instrument. It is used from one goroutine,
// which sets the time before it hands over records. Nothing is allocated per record.
type market struct {
	rows  []row
	index index
	names map[uint32]string // that mappings gave, fit for a terminal
	dated *dbn.TsSymbolMap  // that metadata gave; nil: none

	now    dbn.UnixNanos // what rates and the minute refer to
	second uint64        // of it
	began  dbn.UnixNanos // the time of the first record; 0: none came
	lagged bool          // now is the time at which records arrive, and not that of the data

	records uint64 // of data
	hidden  uint64 // of them, those of instruments beyond maxRows
	counts  [rateSlots]uint64
	gateway mean
}

func newMarket() *market { return &market{names: make(map[uint32]string)} }

// setNow brings the market to a time. Time does not run backwards.
func (m *market) setNow(now dbn.UnixNanos) {
	if now <= m.now {
		return
	}
	m.now = now
	second := uint64(now) / nanosPerSecond
	for i := range min(second-m.second, rateSlots) {
		m.counts[(m.second+1+i)%rateSlots] = 0
	}
	m.second = second
}

// metadata takes the symbols of a header. What cannot be read names nothing.
func (m *market) metadata(header *dbn.Metadata) {
	if len(header.Mappings) == 0 {
		return
	}
	if m.dated == nil {
		m.dated = dbn.NewTsSymbolMap()
	}
	m.dated.Add(header) //nolint:errcheck // rows keep their instrument ids
	for i := range m.rows {
		m.rows[i].day = 0
	}
}

// mapping takes a symbol mapping of either layout.
func (m *market) mapping(r dbn.Record) {
	symbol := ""
	if msg, ok := dbn.As[dbn.SymbolMappingMsg](r); ok {
		symbol = dbn.CStr(msg.StypeOutSymbol[:])
	} else if msg, ok := dbn.As[dbn.SymbolMappingMsgV1](r); ok {
		symbol = dbn.CStr(msg.StypeOutSymbol[:])
	}
	if symbol == "" {
		return
	}
	id := r.Header().InstrumentID
	symbol = cli.Plain(symbol)
	m.names[id] = symbol
	if at, known := m.index.find(id); known {
		m.rows[at].symbol = symbol
	} else if len(m.rows) < maxQuietRows {
		m.addRow(id)
	}
}

// addRow makes the row of an instrument that has none; nil if there are too many.
func (m *market) addRow(instrument uint32) *row {
	if len(m.rows) >= maxRows {
		return nil
	}
	m.index.add(instrument, len(m.rows))
	m.rows = append(m.rows, newRow(instrument, m.second))
	r := &m.rows[len(m.rows)-1]
	r.symbol = m.names[instrument]
	return r
}

// touch counts a record that was captured at a time (0: not known) and returns its row, which may
// be nil.
func (m *market) touch(hd *dbn.RecordHeader, received dbn.UnixNanos) *row {
	m.records++
	m.counts[m.second%rateSlots]++
	if m.began == 0 {
		m.began = m.now
	}
	r := m.rowOf(hd.InstrumentID)
	if r == nil {
		m.hidden++
		return nil
	}
	r.advance(m.second)
	r.counts[r.second%rateSlots].messages++
	r.venue.add(hd.TsEvent, received)
	return r
}

func (m *market) rowOf(instrument uint32) *row {
	if at, known := m.index.find(instrument); known {
		return &m.rows[at]
	}
	return m.addRow(instrument)
}

// sent notes when the gateway sent a record, or else when it was captured.
func (m *market) sent(r *row, at dbn.UnixNanos) {
	if m.lagged {
		r.gateway.add(at, m.now)
		m.gateway.add(at, m.now)
	}
}

// name looks up the symbol of a row on the day of a record, where metadata gave symbols.
func (m *market) name(r *row, at dbn.UnixNanos) {
	const nanosPerDay = 86_400 * nanosPerSecond
	if m.dated == nil || at.IsUndef() {
		return
	}
	day := uint32(uint64(at)/nanosPerDay) + 1
	if r.day == day {
		return
	}
	r.day = day
	if symbol, known := m.dated.Symbol(r.instrument, dbn.DateOf(at)); known {
		r.symbol = cli.Plain(symbol)
	}
}
