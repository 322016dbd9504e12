// Package batch is the layout of the relay's log: subjects, and the headers and records of a
// message. It knows nothing of JetStream beyond that.
package batch

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
)

// Format is the version of the layout. A log of another one is refused.
const Format = 1

// Target is the size in bytes at which a batch is complete: a message holds at most this, unless
// one record is longer.
const Target = 64 << 10

// The headers; package relay documents them.
const (
	headFormat   = "Dbn-Format"
	headVersion  = "Dbn-Version"
	headTsOut    = "Dbn-Ts-Out"
	headCount    = "Dbn-Count"
	headEvent    = "Dbn-Event"
	headIndex    = "Dbn-Index"
	headBefore   = "Dbn-Before"
	headHigh     = "Dbn-High"
	headPrevious = "Dbn-Previous"
	headCut      = "Dbn-Cut"
)

// Range is the lowest and the highest of some times; zero without any.
type Range struct{ Low, High dbn.UnixNanos }

func (r *Range) add(t dbn.UnixNanos) {
	if t == dbn.UndefTimestamp {
		return
	}
	if r.Low == 0 || t < r.Low {
		r.Low = t
	}
	r.High = max(r.High, t)
}

// Batch is one message of the log: records of one schema.
type Batch struct {
	Schema  string // as in the subject: the name of a dbn.Schema, or Mappings
	Version uint8
	TsOut   bool
	Count   int
	Event   Range // of ts_event
	Index   Range // of the index time
	// Before and High say where in the log the records of a time can be: those whose replay
	// time exceeds Before are in this batch or after it, and High is the Before of the next one.
	Before, High dbn.UnixNanos
	Previous     uint64 // sequence of the previous batch of the schema; 0: none
	Cut          bool   // everything that was received before some moment is in the log up to here
	// Records are back to back. Their address need not be aligned.
	Records []byte
}

// Header is what a message of the batch carries.
func (b *Batch) Header() map[string][]string {
	number := func(n uint64) []string { return []string{strconv.FormatUint(n, 10)} }
	pair := func(r Range) []string {
		return []string{strconv.FormatUint(uint64(r.Low), 10) + "," + strconv.FormatUint(uint64(r.High), 10)}
	}
	return map[string][]string{
		headFormat: number(Format), headVersion: number(uint64(b.Version)), headTsOut: number(flag(b.TsOut)),
		headCount: number(uint64(b.Count)), headEvent: pair(b.Event), headIndex: pair(b.Index),
		headBefore: number(uint64(b.Before)), headHigh: number(uint64(b.High)),
		headPrevious: number(b.Previous), headCut: number(flag(b.Cut)),
	}
}

func flag(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

// Parse reads a message. It keeps the payload, whose records it checks: each has a possible length, and the
// last one ends where the payload does.
func Parse(subject string, header map[string][]string, payload []byte) (*Batch, error) {
	_, schema, err := SplitSubject(subject)
	if err != nil {
		return nil, err
	}
	p := parser{header: header}
	if format := p.number(headFormat, 64); p.err == nil && format != Format {
		return nil, fmt.Errorf("message on %s: its format is %d, and this program reads %d", subject, format, Format)
	}
	b := &Batch{
		Schema: schema, Version: uint8(p.number(headVersion, 8)), TsOut: p.number(headTsOut, 1) == 1,
		Count: int(p.number(headCount, 32)), Event: p.pair(headEvent), Index: p.pair(headIndex),
		Before: dbn.UnixNanos(p.number(headBefore, 64)), High: dbn.UnixNanos(p.number(headHigh, 64)),
		Previous: p.number(headPrevious, 64), Cut: p.number(headCut, 1) == 1, Records: payload,
	}
	if p.err != nil {
		return nil, fmt.Errorf("message on %s: %w", subject, p.err)
	}
	count := 0
	for rest := payload; len(rest) > 0; count++ {
		size := SizeAt(rest)
		if size == 0 {
			return nil, fmt.Errorf("message on %s: the record at byte %d is cut off or has an impossible length", subject, len(payload)-len(rest))
		}
		rest = rest[size:]
	}
	if count != b.Count {
		return nil, fmt.Errorf("message on %s: it holds %d records, and its header says %d", subject, count, b.Count)
	}
	return b, nil
}

type parser struct {
	header map[string][]string
	err    error
}

func (p *parser) text(name string) string {
	if values := p.header[name]; len(values) == 1 {
		return values[0]
	}
	if p.err == nil {
		p.err = fmt.Errorf("it has no header %s, so dbn-relay has not written it", name)
	}
	return ""
}

func (p *parser) parse(name, text string, bits int) uint64 {
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("its header %s is %q: want a number of at most %d bits", name, text, bits)
	}
	return n
}

func (p *parser) number(name string, bits int) uint64 { return p.parse(name, p.text(name), bits) }

func (p *parser) pair(name string) Range {
	low, high, _ := strings.Cut(p.text(name), ",")
	return Range{dbn.UnixNanos(p.parse(name, low, 64)), dbn.UnixNanos(p.parse(name, high, 64))}
}
