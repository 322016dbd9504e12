package ingest

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/dbn"
)

// A gateway of a later version may send records that are longer than their struct.
func TestARecordThatIsLongerThanItsStructIsKeptComplete(t *testing.T) {
	memory := make([]uint64, 7) // a trade of 48 bytes, and 8 more
	trade := (*dbn.TradeMsg)(unsafe.Pointer(&memory[0]))
	trade.Hd = dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbp0, InstrumentID: 1, TsEvent: 5}
	memory[6] = 7
	l := &life{Options: Options{Counters: new(Counters)}}
	runs[dbn.TradeMsg](l)(unsafe.Slice(trade, 1))
	want := unsafe.Slice((*byte)(unsafe.Pointer(&memory[0])), 56)
	err := l.pending.flush(func(schema string, records []byte, _ bool) error {
		if schema != "trades" || !bytes.Equal(records, want) || batch.Measure(schema, records, 0).Count != 1 {
			t.Errorf("%s: %x, want %x", schema, records, want)
		}
		return nil
	})
	if err != nil || l.Counters.Records.Load() != 1 {
		t.Errorf("%d records, %v", l.Counters.Records.Load(), err)
	}
}
