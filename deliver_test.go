package dbnloop_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func someTrades(n int) (records []byte) {
	for i := range n {
		m := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, InstrumentID: 1, TsEvent: dbn.UnixNanos(i + 1)}}
		records = append(records, dbn.Ref(&m.Hd).Bytes()...)
	}
	return records
}

func someOhlcv(n int) (records []byte) {
	for i := range n {
		m := dbn.OhlcvMsg{Hd: dbn.RecordHeader{Length: 14, RType: dbn.RTypeOhlcv1S, InstrumentID: 2, TsEvent: dbn.UnixNanos(i + 100)}}
		records = append(records, dbn.Ref(&m.Hd).Bytes()...)
	}
	return records
}

// unknownRecord has a type of no version and a length that is no multiple of 8.
func unknownRecord() []byte {
	b := make([]byte, 20)
	b[0], b[1] = 5, 0xEE
	return b
}

func TestRecordsThatCameAnotherWayReachTheHandlers(t *testing.T) {
	records := slices.Concat(someTrades(3), someOhlcv(2), unknownRecord(), someTrades(2), unknownRecord(), someOhlcv(1))
	for shift := range 8 {
		memory := make([]byte, len(records)+16)
		at := shift + (8-int(addressOf(memory)%8))%8
		moved := memory[at : at+len(records)]
		copy(moved, records)
		var trades, bars []dbn.UnixNanos
		var runs []int
		var others []dbn.RType
		h := dbnloop.Handlers{
			TradeRun: func(run []dbn.TradeMsg) {
				runs = append(runs, len(run))
				for i := range run {
					trades = append(trades, run[i].Hd.TsEvent)
				}
			},
			Ohlcv:  func(m *dbn.OhlcvMsg) { bars = append(bars, m.Hd.TsEvent) },
			Record: func(r dbn.Record) { others = append(others, r.RType()) },
		}
		if err := h.Deliver(moved); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(trades, []dbn.UnixNanos{1, 2, 3, 1, 2}) || !slices.Equal(runs, []int{3, 2}) ||
			!slices.Equal(bars, []dbn.UnixNanos{100, 101, 100}) || !slices.Equal(others, []dbn.RType{0xEE, 0xEE}) {
			t.Errorf("shifted by %d: trades %v in runs of %v, bars %v, others %v", shift, trades, runs, bars, others)
		}
	}
}

func TestRecordsOfAnotherSizeThanTheirStruct(t *testing.T) {
	long := someTrades(2) // with ts_out
	long = slices.Concat(long[:48], make([]byte, 8), long[48:], make([]byte, 8))
	long[0], long[56] = 14, 14
	short := someTrades(1)[:16]
	short[0] = 4
	var sizes []int
	records, singles := 0, 0
	h := dbnloop.Handlers{
		TradeRun: func(run []dbn.TradeMsg) { singles += len(run); sizes = append(sizes, len(run)) },
		Record:   func(dbn.Record) { records++ },
	}
	if err := h.Deliver(slices.Concat(long, short)); err != nil {
		t.Fatal(err)
	}
	if singles != 2 || !slices.Equal(sizes, []int{1, 1}) || records != 1 {
		t.Errorf("%d trades in slices of %v, %d records of a length of their own", singles, sizes, records)
	}
}

func TestNothingIsDeliveredOfRecordsThatAreCutOff(t *testing.T) {
	records := someTrades(2)
	called := false
	h := dbnloop.Handlers{Record: func(dbn.Record) { called = true }}
	for n := range len(records) {
		err := h.Deliver(records[:n])
		if whole := n%48 == 0; (err == nil) != whole {
			t.Errorf("%d bytes: %v", n, err)
		}
		var fault *dbn.DecodeError
		if err != nil && (called || !errors.As(err, &fault) || fault.Offset != int64(n/48*48)) {
			t.Errorf("%d bytes: %v, delivered: %v", n, err, called)
		}
		called = false
	}
	zero := someTrades(1)
	zero[0] = 0
	if err := h.Deliver(zero); err == nil || !strings.Contains(err.Error(), "impossible length") || errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestDeliveringAllocatesNothing(t *testing.T) {
	records := someTrades(100)
	n := 0
	h := dbnloop.Handlers{Trade: func(*dbn.TradeMsg) { n++ }}
	if allocations := testing.AllocsPerRun(10, func() {
		if err := h.Deliver(records); err != nil {
			t.Fatal(err)
		}
	}); allocations != 0 || n == 0 {
		t.Errorf("%v allocations for %d records", allocations, n)
	}
}

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
