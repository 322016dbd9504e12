// Package survey finds out what DBN files hold: it counts their records by schema and symbol,
// checks their order, and finds out whether they are complete. It prints nothing.
package survey

import (
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// Counter counts records and checks their order. Its zero value is not ready; see NewCounter.
// Memory grows with the number of instruments, up to a limit, and not with that of records.
type Counter struct {
	Records  uint64 // of market data
	Messages uint64 // the gateway's own: errors, system messages, symbol mappings
	Errors   uint64 // of them, errors
	Skips    uint64 // of them, errors that say that records were skipped for a slow reader
	Untimed  uint64 // records of market data without an index timestamp
	Steps    Steps
	Silences Silences

	key    uint64 // of flow
	flow   *flow
	recent [4096]*flow // by the low bits of the instrument id
	flows  map[uint64]*flow
	last   dbn.UnixNanos // index timestamp of the record before
	names  names
	groups map[groupKey]*group
}

// Steps are records whose index timestamp is less than that of the record before, whatever its
// instrument. Files that are merged by time must not have them.
type Steps struct {
	Count   uint64
	Largest time.Duration
}

// flow is what is known of the records of one rtype, publisher and instrument.
type flow struct {
	key      uint64
	group    *group
	from     dbn.UnixNanos // group is that of the time from here on,
	span     dbn.UnixNanos // for so long,
	naming   uint64        // unless symbols were named since
	first    dbn.UnixNanos // index timestamp of the first record
	last     dbn.UnixNanos // index timestamp of the record before; 0: of none
	sequence uint32        // of the record before; 0: of none
}

// group is what is counted for an rtype and a symbol.
type group struct {
	groupKey
	records     uint64
	first, last dbn.UnixNanos // the least and the greatest index timestamp
	disordered  uint64
	regressed   uint64
}

type groupKey struct {
	rtype  dbn.RType
	symbol string // empty: not known
	id     uint32 // of the instrument, if the symbol is not known; 0: of all beyond the limit
}

const (
	// maxFlows bounds what a file can make a Counter remember. Records of further instruments
	// are counted together, and their order is not checked.
	maxFlows = 1 << 21
	// restart is the silence of an instrument after which its sequence numbers may begin again,
	// as they do when a venue begins a session.
	restart = dbn.UnixNanos(time.Hour)
)

// NewCounter makes a Counter that has counted nothing.
func NewCounter() *Counter {
	return &Counter{flows: make(map[uint64]*flow), groups: make(map[groupKey]*group)}
}

// Header takes in a header that precedes the records to come.
func (c *Counter) Header(m *dbn.Metadata) { c.names.header(m) }

// Add counts a record, which need not stay valid.
func (c *Counter) Add(r dbn.Record) {
	hd := r.Header()
	key := uint64(hd.RType)<<48 | uint64(hd.PublisherID)<<32 | uint64(hd.InstrumentID)
	f := c.flow
	if key != c.key || f == nil {
		if hd.RType.IsMessage() {
			c.message(r)
			return
		}
		f = c.flowOf(key)
		c.key, c.flow = key, f
	}
	c.Records++
	ts := r.IndexTs()
	if f == nil || ts.IsUndef() {
		c.addOdd(f, r, ts)
		return
	}
	if ts-f.from >= f.span || f.naming != c.names.naming {
		c.name(f, ts)
	}
	f.group.add(ts)
	c.pass(ts)
	place := &placesOf[hd.RType]
	if place.least == 0 || r.Size() < int(place.least) {
		f.step(ts)
		return
	}
	if place.flags(r)&dbn.FlagSnapshot != 0 {
		return // as old as the order that it shows
	}
	f.follow(ts, place.sequence(r))
	f.step(ts)
	if place.action(r) == dbn.ActionClear {
		f.sequence = 0 // the venue may begin again
	}
}

// add counts a record of the group.
func (g *group) add(ts dbn.UnixNanos) {
	g.records++
	g.first = min(g.first, ts)
	g.last = max(g.last, ts)
}

// step notes when the flow's next record came, and whether that is before the last one.
func (f *flow) step(ts dbn.UnixNanos) {
	if ts < f.last {
		f.group.disordered++
	}
	if f.last == 0 {
		f.first = ts
	}
	f.last = ts
}

// follow notes the sequence number of the flow's next record, and whether it regresses. Numbers
// are compared as TCP does, so that they may wrap around. Only the direction has a meaning: they
// count the messages of a channel, most of which are of other instruments or of other kinds.
func (f *flow) follow(ts dbn.UnixNanos, sequence uint32) {
	if sequence == 0 {
		return // the venue numbers nothing
	}
	if f.sequence != 0 && int32(sequence-f.sequence) < 0 && (ts < f.last || ts-f.last < restart) {
		f.group.regressed++
	}
	f.sequence = sequence
}

// addOdd counts a record that has no time, or is of an instrument beyond the limit.
func (c *Counter) addOdd(f *flow, r dbn.Record, ts dbn.UnixNanos) {
	var g *group
	switch {
	case f == nil:
		g = c.beyond(r.RType())
	case f.group == nil:
		c.name(f, f.last)
		fallthrough
	default:
		g = f.group
	}
	if ts.IsUndef() {
		c.Untimed++
		g.records++
		return
	}
	g.add(ts)
	c.pass(ts)
}

// beyond is the group of what exceeds the limit.
func (c *Counter) beyond(rtype dbn.RType) *group { return c.groupOf(groupKey{rtype: rtype}) }

// groupOf finds or makes a group.
func (c *Counter) groupOf(key groupKey) *group {
	g := c.groups[key]
	if g == nil {
		g = &group{groupKey: key, first: dbn.UndefTimestamp}
		c.groups[key] = g
	}
	return g
}

// pass notes the index timestamp of the stream's next record.
func (c *Counter) pass(ts dbn.UnixNanos) {
	switch {
	case ts < c.last:
		c.Steps.Count++
		c.Steps.Largest = max(c.Steps.Largest, span(ts, c.last))
	case c.last != 0 && ts-c.last > c.Silences.least:
		c.Silences.add(c.last, ts)
	}
	c.last = ts
}

// flowOf finds or makes a flow; nil beyond the limit.
func (c *Counter) flowOf(key uint64) *flow {
	recent := &c.recent[key%uint64(len(c.recent))]
	if *recent != nil && (*recent).key == key {
		return *recent
	}
	f := c.flows[key]
	if f == nil {
		if len(c.flows) >= maxFlows {
			return nil
		}
		f = &flow{key: key}
		c.flows[key] = f
	}
	*recent = f
	return f
}

// name finds the group that a flow's records belong to at a time.
func (c *Counter) name(f *flow, ts dbn.UnixNanos) {
	id := uint32(f.key)
	key := groupKey{rtype: dbn.RType(f.key >> 48)}
	key.symbol, f.from, f.span = c.names.at(id, ts)
	f.naming = c.names.naming
	if key.symbol == "" {
		key.id = id
	}
	if len(c.groups) >= maxFlows && c.groups[key] == nil {
		key = groupKey{rtype: key.rtype}
	}
	f.group = c.groupOf(key)
}

// message counts a message of the gateway.
func (c *Counter) message(r dbn.Record) {
	c.Messages++
	switch r.RType() {
	case dbn.RTypeError:
		c.Errors++
		if m, ok := dbn.As[dbn.ErrorMsg](r); ok && m.Code == dbn.ErrorCodeSkippedRecordsAfterSlowReading {
			c.Skips++
		}
	case dbn.RTypeSymbolMapping:
		c.names.mapping(r)
	}
}

// Cell is what records are counted by.
type Cell struct {
	RType  dbn.RType
	Symbol string // empty: not known
}

// Cells are the numbers of records.
func (c *Counter) Cells() map[Cell]uint64 {
	cells := make(map[Cell]uint64, len(c.groups))
	for _, g := range c.groups {
		cells[Cell{g.rtype, g.symbol}] += g.records
	}
	return cells
}

// Range is the least and the greatest index timestamp; dbn.UndefTimestamp if no record has one.
func (c *Counter) Range() (first, last dbn.UnixNanos) {
	first = dbn.UndefTimestamp
	for _, g := range c.groups {
		first, last = min(first, g.first), max(last, g.last)
	}
	if first.IsUndef() {
		last = first
	}
	return first, last
}

// Flow identifies the records of an rtype, publisher and instrument.
type Flow uint64

// RType is that of the flow's records.
func (f Flow) RType() dbn.RType { return dbn.RType(f >> 48) }

// InstrumentID is that of the flow's records.
func (f Flow) InstrumentID() uint32 { return uint32(f) }

// Ends are the index timestamps of the first and the last record of each flow, in the order in
// which they came; snapshots do not count.
func (c *Counter) Ends(each func(f Flow, first, last dbn.UnixNanos)) {
	for key, f := range c.flows {
		if f.last != 0 {
			each(Flow(key), f.first, f.last)
		}
	}
}

// IsOrdered reports whether each record of an rtype stands for an event, so that none is earlier
// than the one before of its flow. Others, such as definitions and statistics, may come again.
func IsOrdered(rtype dbn.RType) bool { return placesOf[rtype].least > 0 }

// Each gives the records of each rtype, and their least and greatest index timestamp:
// dbn.UndefTimestamp and 0 if none has one.
func (c *Counter) Each(each func(rtype dbn.RType, records uint64, first, last dbn.UnixNanos)) {
	var all [256]group
	for _, g := range c.groups {
		into := &all[g.rtype]
		if into.records == 0 {
			into.first = dbn.UndefTimestamp
		}
		into.records += g.records
		into.first, into.last = min(into.first, g.first), max(into.last, g.last)
	}
	for rtype := range all {
		if g := &all[rtype]; g.records > 0 {
			each(dbn.RType(rtype), g.records, g.first, g.last)
		}
	}
}
