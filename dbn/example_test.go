package dbn_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// aFile is a DBN file of two trades.
func aFile() io.Reader {
	var file bytes.Buffer
	start := dbn.UnixNanos(time.Date(2026, 11, 16, 14, 30, 0, 0, time.UTC).UnixNano())
	encoder, err := dbn.NewEncoder(&file, &dbn.Metadata{
		Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaTrades,
		Start: start, End: dbn.UndefTimestamp,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
		Symbols: []string{"ESZ6"},
		Mappings: []dbn.SymbolMapping{{RawSymbol: "ESZ6", Intervals: []dbn.MappingInterval{
			{StartDate: 20261115, EndDate: 20261122, Symbol: "42"},
		}}},
	}, dbn.WithZstd(0))
	if err != nil {
		log.Fatal(err)
	}
	for i := range 2 {
		trade := dbn.TradeMsg{
			Hd:    dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, PublisherID: 1, InstrumentID: 42, TsEvent: start},
			Price: 6_000_250_000_000 + dbn.Price(i)*250_000_000, Size: 3, Action: dbn.ActionTrade, Side: dbn.SideAsk,
			TsRecv: start + dbn.UnixNanos(i),
		}
		if err := encoder.Write(dbn.Ref(&trade.Hd)); err != nil {
			log.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		log.Fatal(err)
	}
	return &file
}

// Reading a file, plain or zstd: a record is a view that is valid until the next one.
func ExampleDecoder() {
	decoder, err := dbn.NewDecoder(aFile())
	if err != nil {
		log.Fatal(err)
	}
	defer decoder.Close()
	symbols, err := dbn.TsSymbolMapOf(decoder.Metadata())
	if err != nil {
		log.Fatal(err)
	}
	for {
		record, err := decoder.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if trade, ok := dbn.As[dbn.TradeMsg](record); ok {
			symbol, _ := symbols.SymbolOf(record)
			fmt.Println(symbol, trade.Size, trade.Price)
		}
	}
	// Output:
	// ESZ6 3 6000.250000000
	// ESZ6 3 6000.500000000
}

// The text that the official tool writes.
func ExampleAppendCSV() {
	decoder, err := dbn.NewDecoder(aFile())
	if err != nil {
		log.Fatal(err)
	}
	defer decoder.Close()
	record, err := decoder.Next()
	if err != nil {
		log.Fatal(err)
	}
	columns := dbn.ColumnsOf(record)
	options := &dbn.TextOptions{Pretty: true}
	fmt.Printf("%s", dbn.AppendCSVHeader(nil, columns, options))
	fmt.Printf("%s", dbn.AppendCSV(nil, record, columns, "", options))
	// Output:
	// ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence
	// 2026-11-16T14:30:00.000000000Z,2026-11-16T14:30:00.000000000Z,0,1,42,T,A,0,6000.250000000,3,0,0,0
}
