package main

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

const (
	dataset     = "GLBX.MDP3"
	instruments = 100
	recordSize  = int(unsafe.Sizeof(dbn.MboMsg{}))
)

// symbol is the name of an instrument, from 1 on.
func symbol(instrument int) string { return fmt.Sprintf("BENCH%d", instrument) }

// stream makes mbo records of all instruments in turn, 1 µs apart.
func stream(records int) ([]dbn.MboMsg, sim.Source) {
	begin := dbn.UnixNanosOf(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))
	made := make([]dbn.MboMsg, records)
	for i := range made {
		fill(&made[i], i, begin+dbn.UnixNanos(i)*1000)
	}
	meta := dbn.Metadata{
		Version: dbn.Version, Dataset: dataset, Schema: dbn.SchemaMbo, Start: begin, End: dbn.UndefTimestamp,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
	}
	for i := 1; i <= instruments; i++ {
		meta.Symbols = append(meta.Symbols, symbol(i))
		meta.Mappings = append(meta.Mappings, dbn.SymbolMapping{
			RawSymbol: symbol(i), Intervals: []dbn.MappingInterval{{StartDate: 20260101, EndDate: 20270101, Symbol: fmt.Sprint(i)}},
		})
	}
	return made, sim.RecordsSource(meta, bytesOf(made))
}

func fill(m *dbn.MboMsg, number int, at dbn.UnixNanos) {
	*m = dbn.MboMsg{
		Hd:      dbn.RecordHeader{Length: uint8(recordSize / 4), RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: uint32(number%instruments + 1), TsEvent: at},
		OrderID: uint64(number), Price: dbn.Price(5_000_000_000_000 + int64(number%997)*250_000_000), Size: uint32(number%9 + 1),
		Action: dbn.ActionAdd, Side: dbn.SideBid, TsRecv: at, Sequence: uint32(number),
	}
}

func bytesOf(records []dbn.MboMsg) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(records))), len(records)*recordSize)
}
