// Package data makes what the benchmarks read: DBN streams with the values and the order that
// real ones have, the same at every run.
package data

import (
	"fmt"
	"io"
	"math/rand/v2"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// Kind is what a stream consists of.
type Kind string

const (
	// Mbo is one type of record only: one run from beginning to end.
	Mbo Kind = "mbo"
	// Mixed is what a session with several schemas brings, in random order: one half mbo, and
	// trades, mbp-1, mbp-10 and ohlcv-1s in equal parts.
	Mixed Kind = "mixed"
	// Alternating changes the type at each record, mbo and trades: the worst case for runs.
	Alternating Kind = "alternating"
	// Definitions is instrument definitions of DBN version 1, which a reader upgrades.
	Definitions Kind = "definitions v1"
)

// Total is what a reader must find.
type Total struct {
	Records uint64
	// Sum is that of the prices, modulo 2^64: the price of an order, trade or book, the close of
	// a bar, the tick of a definition.
	Sum uint64
}

// Contents describes a stream: all of it, and its mbo records alone.
type Contents struct{ All, Mbo Total }

// Write writes the header and n records.
func Write(w io.Writer, kind Kind, n int, opts ...dbn.EncoderOption) (Contents, error) {
	var g generator
	if err := g.init(kind); err != nil {
		return g.contents, err
	}
	e, err := dbn.NewEncoder(w, g.metadata(), opts...)
	if err != nil {
		return g.contents, err
	}
	for range n {
		g.next()
		if len(g.out) >= 1<<20 {
			if err := e.WriteBytes(g.out); err != nil {
				return g.contents, err
			}
			g.out = g.out[:0]
		}
	}
	if err := e.WriteBytes(g.out); err != nil {
		return g.contents, err
	}
	return g.contents, e.Close()
}

const (
	dataset     = "GLBX.MDP3"
	epoch       = dbn.UnixNanos(1_794_700_800_000_000_000) // 2026-11-15
	instruments = 40
	firstID     = 4900
	tick        = 250_000_000
)

// generator holds the state of a market and the bytes that are not written yet.
type generator struct {
	kind     Kind
	random   *rand.Rand
	now      dbn.UnixNanos
	seq      uint32
	prices   [instruments]dbn.Price
	out      []byte
	contents Contents
}

func (g *generator) init(kind Kind) error {
	switch kind {
	case Mbo, Mixed, Alternating, Definitions:
	default:
		return fmt.Errorf("unknown kind of data %q", kind)
	}
	*g = generator{kind: kind, random: rand.New(rand.NewPCG(1, 2)), now: epoch}
	for i := range g.prices {
		g.prices[i] = dbn.Price(1000+150*i) * 1e9
	}
	return nil
}

func (g *generator) metadata() *dbn.Metadata {
	m := &dbn.Metadata{
		Version: 3, Dataset: dataset, Schema: dbn.SchemaNone, Start: epoch, End: epoch + 86_400_000_000_000,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, Symbols: []string{"ALL_SYMBOLS"},
	}
	for i := range instruments {
		m.Mappings = append(m.Mappings, dbn.SymbolMapping{
			RawSymbol: fmt.Sprintf("ES%c%d", "HMUZ"[i%4], i/4),
			Intervals: []dbn.MappingInterval{{StartDate: 20261115, EndDate: 20261116, Symbol: fmt.Sprint(firstID + i)}},
		})
	}
	switch g.kind {
	case Mbo:
		m.Schema = dbn.SchemaMbo
	case Definitions:
		m.Schema, m.Version = dbn.SchemaDefinition, 1
	}
	return m
}

// next appends one record.
func (g *generator) next() {
	g.seq++
	g.now += dbn.UnixNanos(g.random.ExpFloat64() * 20_000)
	i := g.random.IntN(instruments)
	switch g.kind {
	case Mbo:
		g.mbo(i)
	case Alternating:
		if g.seq%2 == 0 {
			g.trade(i)
		} else {
			g.mbo(i)
		}
	case Definitions:
		g.definition(i)
	case Mixed:
		switch g.random.IntN(8) {
		case 0:
			g.trade(i)
		case 1:
			g.mbp1(i)
		case 2:
			g.mbp10(i)
		case 3:
			g.ohlcv(i)
		default:
			g.mbo(i)
		}
	}
}

// write appends a record whose header is complete but for its length.
func write[T any](g *generator, record *T, hd *dbn.RecordHeader, price dbn.Price) {
	hd.Length = uint8(unsafe.Sizeof(*record) / 4)
	g.out = append(g.out, unsafe.Slice((*byte)(unsafe.Pointer(record)), unsafe.Sizeof(*record))...)
	total := func(t *Total) {
		t.Records++
		t.Sum += uint64(price)
	}
	total(&g.contents.All)
	if hd.RType == dbn.RTypeMbo {
		total(&g.contents.Mbo)
	}
}
