package verify

import (
	"maps"
	"slices"
	"strconv"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/manifest"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// counts are the records of a capture by rtype.
type counts struct{ of map[dbn.RType]*count }

type count struct {
	records     uint64
	first, last dbn.UnixNanos
	instruments map[uint32]struct{}
}

func newCounts() *counts { return &counts{make(map[dbn.RType]*count)} }

// add takes in a file.
func (c *counts) add(f *survey.File) {
	f.Counter.Each(func(rtype dbn.RType, records uint64, first, last dbn.UnixNanos) {
		n := c.of[rtype]
		if n == nil {
			n = &count{first: dbn.UndefTimestamp, instruments: make(map[uint32]struct{})}
			c.of[rtype] = n
		}
		n.records += records
		n.first, n.last = min(n.first, first), max(n.last, last)
	})
	f.Counter.Ends(func(flow survey.Flow, _, _ dbn.UnixNanos) {
		if n := c.of[flow.RType()]; n != nil {
			n.instruments[flow.InstrumentID()] = struct{}{}
		}
	})
}

// against compares the counts of a capture with those of the historical API: what it subscribed
// to, from its first record to its last one.
func (c *capture) against() {
	if c.run.Count == nil {
		return
	}
	asked := make(map[dbn.RType][]dbnloop.HistoricalRequest)
	for _, s := range c.asked {
		if request, rtype, ok := requestOf(s); ok {
			asked[rtype] = append(asked[rtype], request)
		}
	}
	c.run.againstAll(c.name, c.dataset, c.counts, asked)
}

func requestOf(s manifest.Subscription) (r dbnloop.HistoricalRequest, rtype dbn.RType, ok bool) {
	schema, err1 := dbn.ParseSchema(s.Schema)
	stype, err2 := dbn.ParseSType(s.StypeIn)
	rtype, ok = dbn.RTypeOf(schema)
	r.Schema, r.StypeIn, r.Symbols = schema, stype, s.Symbols
	return r, rtype, ok && err1 == nil && err2 == nil && len(s.Symbols) > 0
}

// fileAgainst compares the counts of a file with those of the historical API: for the range of its
// header or, of a live stream, from its first record to its last one.
func (run *run) fileAgainst(path string, f *survey.File) {
	m := f.Metadata
	all := newCounts()
	all.add(f)
	asked := make(map[dbn.RType][]dbnloop.HistoricalRequest)
	rtype, ok := dbn.RTypeOf(m.Schema)
	ranged := ok && m.Start != 0 && m.End != 0 && !m.End.IsUndef()
	if ok && len(m.Symbols) > 0 && m.StypeIn != dbn.STypeNone {
		asked[rtype] = []dbnloop.HistoricalRequest{{Schema: m.Schema, StypeIn: m.StypeIn, Symbols: m.Symbols}}
	}
	if n := all.of[rtype]; ranged && n != nil {
		n.first, n.last = m.Start, m.End-1
	} else if ranged && len(asked) > 0 {
		all.of[rtype] = &count{first: m.Start, last: m.End - 1}
	}
	if m.Limit > 0 {
		run.found(Note, path, "has a limit of records, so it is not compared with the API")
		return
	}
	run.againstAll(path, m.Dataset, all, asked)
}

// againstAll compares counts; what was not asked for by symbol is asked for by instrument.
func (run *run) againstAll(name, dataset string, all *counts, asked map[dbn.RType][]dbnloop.HistoricalRequest) {
	for _, rtype := range slices.Sorted(maps.Keys(all.of)) {
		n := all.of[rtype]
		if n.first.IsUndef() {
			continue
		}
		requests := asked[rtype]
		if len(requests) == 0 {
			schema, err := dbn.ParseSchema(survey.SchemaName(rtype))
			if err != nil || len(n.instruments) == 0 {
				continue
			}
			requests = []dbnloop.HistoricalRequest{{Schema: schema, StypeIn: dbn.STypeInstrumentID, Symbols: ids(n.instruments)}}
		}
		var want uint64
		var failed error
		for _, r := range requests {
			r.Dataset, r.Start, r.End = dataset, n.first, n.last+1
			has, err := run.ask(r)
			if err != nil {
				failed = err
				break
			}
			want += has
		}
		schema := requests[0].Schema
		where := span((*survey.Time)(&n.first), (*survey.Time)(&n.last))
		switch {
		case failed != nil:
			run.found(Failed, name, "cannot ask the API for the number of %s records: %v", schema, failed)
		case n.records < want:
			run.found(Gap, name, "lacks records of %s%s: it has %s, the API has %s", schema, where, term.Grouped(n.records), term.Grouped(want))
		case n.records > want:
			run.found(Damaged, name, "has more records of %s%s than the API: %s, the API has %s", schema, where, term.Grouped(n.records), term.Grouped(want))
		default:
			run.found(Fine, name, "%s of %s%s, as many as the API has", term.Plural(want, "record"), schema, where)
		}
	}
}

func ids(instruments map[uint32]struct{}) []string {
	var list []string
	for _, id := range slices.Sorted(maps.Keys(instruments)) {
		list = append(list, strconv.FormatUint(uint64(id), 10))
	}
	return list
}

// maxSymbols is how many symbols a request may have.
const maxSymbols = 2000

// ask asks for a number of records, in parts if there are too many symbols for one request.
func (run *run) ask(r dbnloop.HistoricalRequest) (n uint64, err error) {
	for symbols := range slices.Chunk(r.Symbols, maxSymbols) {
		r.Symbols = symbols
		part, err := run.Count(r)
		if err != nil {
			return n, err
		}
		n += part
	}
	return n, nil
}
