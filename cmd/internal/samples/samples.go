// Package samples has records for the tests of the programs: those of the sample data, and some
// that are made.
package samples

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// Records gives a file of the sample data, which is decoded once.
func Records(t testing.TB, schema dbn.Schema) (*dbn.Metadata, []dbn.Record) {
	t.Helper()
	sampleMutex.Lock()
	defer sampleMutex.Unlock()
	s, ok := samples[schema]
	if !ok {
		s.metadata, s.records = decodeSample(t, schema)
		samples[schema] = s
	}
	return s.metadata, s.records
}

var (
	sampleMutex sync.Mutex
	samples     = make(map[dbn.Schema]decodedSample)
)

type decodedSample struct {
	metadata *dbn.Metadata
	records  []dbn.Record
}

func decodeSample(t testing.TB, schema dbn.Schema) (*dbn.Metadata, []dbn.Record) {
	t.Helper()
	data, err := sample.Data.ReadFile("data/" + schema.String() + ".dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := dbn.NewDecoder(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	var records []dbn.Record
	for {
		r, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			return decoder.Metadata(), records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, Clone(r))
	}
}

// Clone is a record that stays valid.
func Clone(r dbn.Record) dbn.Record {
	words := make([]uint64, (r.Size()+7)/8)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), r.Size()), r.Bytes())
	return dbn.RecordAt(unsafe.Pointer(unsafe.SliceData(words)))
}

// Mapping is the record by which a gateway names an instrument.
func Mapping(id uint32, symbol string) dbn.Record {
	m := &dbn.SymbolMappingMsg{Hd: dbn.RecordHeader{
		Length: uint8(unsafe.Sizeof(dbn.SymbolMappingMsg{}) / 4), RType: dbn.RTypeSymbolMapping, InstrumentID: id,
	}}
	copy(m.StypeInSymbol[:], symbol)
	copy(m.StypeOutSymbol[:], symbol)
	return dbn.Ref(&m.Hd)
}

// Failure is an error record of a gateway.
func Failure(code dbn.ErrorCode, text string) dbn.Record {
	m := &dbn.ErrorMsg{Hd: dbn.RecordHeader{
		Length: uint8(unsafe.Sizeof(dbn.ErrorMsg{}) / 4), RType: dbn.RTypeError,
	}, Code: code}
	copy(m.Err[:], text)
	return dbn.Ref(&m.Hd)
}

// Quote has a best bid and offer.
func Quote(bid, ask dbn.Price, bidSize, askSize uint32) dbn.Record {
	m := &dbn.Mbp1Msg{
		Hd:    dbn.RecordHeader{Length: uint8(unsafe.Sizeof(dbn.Mbp1Msg{}) / 4), RType: dbn.RTypeMbp1, InstrumentID: 7},
		Price: bid, Size: 12, Action: dbn.ActionAdd, Side: dbn.SideBid, TsRecv: 1794783600_000000000,
	}
	m.Levels[0].BidPx, m.Levels[0].AskPx, m.Levels[0].BidSz, m.Levels[0].AskSz = bid, ask, bidSize, askSize
	return dbn.Ref(&m.Hd)
}
