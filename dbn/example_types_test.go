package dbn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/dbnloop/dbnloop/dbn"
)

// Prices are exact: one unit is 1e-9.
func ExamplePrice() {
	price := dbn.PriceOf(6742.25)
	fmt.Println(price, price.Float64(), int64(price), dbn.UndefPrice.IsUndef())
	// Output: 6742.250000000 6742.25 6742250000000 true
}

// Times are nanoseconds since 1970, and are written in ISO 8601.
func ExampleParseTime() {
	for _, text := range []string{"2026-11-15", "2026-11-15T23:00:00.5Z", "2026-11-15 18:00-05:00", "1794783600000000000"} {
		t, err := dbn.ParseTime(text)
		fmt.Println(t, err)
	}
	_, err := dbn.ParseTime("1794783600")
	fmt.Println(err != nil) // these are hardly nanoseconds
	// Output:
	// 2026-11-15T00:00:00.000000000Z <nil>
	// 2026-11-15T23:00:00.500000000Z <nil>
	// 2026-11-15T23:00:00.000000000Z <nil>
	// 2026-11-15T23:00:00.000000000Z <nil>
	// true
}

// Enums have the text of the API, in both directions.
func ExampleSchema() {
	schema, err := dbn.ParseSchema("mbp-1")
	fmt.Println(schema == dbn.SchemaMbp1, err, dbn.SchemaOhlcv1M)
	// Output: true <nil> ohlcv-1m
}

// A record is a view of bytes. As shows it as its type, without a copy.
func ExampleAs() {
	trade := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0}, Size: 3}
	record := dbn.Ref(&trade.Hd)
	_, isQuote := dbn.As[dbn.Mbp1Msg](record)
	same, isTrade := dbn.As[dbn.TradeMsg](record)
	fmt.Println(isQuote, isTrade, same == &trade, record.Size())
	// Output: false true true 48
}

// A live stream maps instruments to symbols while it runs.
func ExamplePitSymbolMap() {
	symbols := dbn.NewPitSymbolMap()
	mapping := dbn.SymbolMappingMsg{Hd: dbn.RecordHeader{Length: 44, RType: dbn.RTypeSymbolMapping, InstrumentID: 42}}
	copy(mapping.StypeOutSymbol[:], "ESZ6")
	fmt.Println(symbols.OnRecord(dbn.Ref(&mapping.Hd)))
	fmt.Println(symbols.Symbol(42))
	// Output:
	// true
	// ESZ6 true
}

// A stream is written as it was read: the header, then the records.
func ExampleEncoder() {
	decoder, err := dbn.NewDecoder(aFile())
	if err != nil {
		log.Fatal(err)
	}
	defer decoder.Close()
	var copied bytes.Buffer
	encoder, err := dbn.NewEncoder(&copied, decoder.Metadata())
	if err != nil {
		log.Fatal(err)
	}
	for {
		record, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if err := encoder.Write(record); err != nil {
			log.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		log.Fatal(err)
	}
	n, err := dbn.MetadataLen(copied.Bytes())
	fmt.Println(copied.Len()-n, err) // two trades of 48 bytes
	// Output: 96 <nil>
}

// Several files as one stream, by time.
func ExampleMerger() {
	var decoders []*dbn.Decoder
	for range 2 {
		decoder, err := dbn.NewDecoder(aFile())
		if err != nil {
			log.Fatal(err)
		}
		defer decoder.Close()
		decoders = append(decoders, decoder)
	}
	merger := dbn.NewMerger(decoders...)
	for {
		record, err := merger.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(record.IndexTs())
	}
	// Output:
	// 2026-11-16T14:30:00.000000000Z
	// 2026-11-16T14:30:00.000000000Z
	// 2026-11-16T14:30:00.000000001Z
	// 2026-11-16T14:30:00.000000001Z
}

// The header of a stream.
func ExampleMetadata() {
	decoder, err := dbn.NewDecoder(aFile())
	if err != nil {
		log.Fatal(err)
	}
	defer decoder.Close()
	m := decoder.Metadata()
	fmt.Println(m.Dataset, m.Schema, m.Symbols, m.Start)
	// Output: GLBX.MDP3 trades [ESZ6] 2026-11-16T14:30:00.000000000Z
}

// Records as JSON lines, with the values of the official tool.
func ExampleAppendJSON() {
	decoder, err := dbn.NewDecoder(aFile())
	if err != nil {
		log.Fatal(err)
	}
	defer decoder.Close()
	record, err := decoder.Next()
	if err != nil {
		log.Fatal(err)
	}
	line := dbn.AppendJSON(nil, record, dbn.ColumnsOf(record), "ESZ6", true, &dbn.TextOptions{Pretty: true, MapSymbol: true})
	os.Stdout.Write(line)
	// Output:
	// {"ts_recv":"2026-11-16T14:30:00.000000000Z","hd":{"ts_event":"2026-11-16T14:30:00.000000000Z","rtype":0,"publisher_id":1,"instrument_id":42},"action":"T","side":"A","depth":0,"price":"6000.250000000","size":3,"flags":0,"ts_in_delta":0,"sequence":0,"symbol":"ESZ6"}
}

// The venue's feed that a record is from.
func ExamplePublisherOf() {
	publisher, ok := dbn.PublisherOf(1)
	fmt.Println(publisher.Name, publisher.Dataset, publisher.Venue, ok)
	// Output: GLBX.MDP3.GLBX GLBX.MDP3 GLBX true
}

// Flags as text, and back.
func ExampleFlagSet() {
	flags := dbn.FlagLast | dbn.FlagMbp
	again, err := dbn.ParseFlagSet(flags.String())
	fmt.Println(flags, again == flags, err)
	// Output: LAST | MBP (144) true <nil>
}
