package market

import (
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// Records travel through the simulator as bytes in wire order; these are the few fields that
// it reads. They are written out here, and not taken from dbn.Record, because the simulator
// is what the clients' tests compare package dbn and the C++ core with: a wrong offset there
// must not be repeated here.
const (
	headerLen      = 16
	UndefTimestamp = ^uint64(0)
)

func RType(rec []byte) dbn.RType     { return dbn.RType(rec[1]) }
func Instrument(rec []byte) uint32   { return binary.LittleEndian.Uint32(rec[4:]) }
func TsEvent(rec []byte) uint64      { return binary.LittleEndian.Uint64(rec[8:]) }
func U64(rec []byte, off int) uint64 { return binary.LittleEndian.Uint64(rec[off:]) }
func PutU64(rec []byte, off int, v uint64) {
	binary.LittleEndian.PutUint64(rec[off:], v)
}

// TsRecvOffset is where a record's ts_recv lies, or 0 when it has none.
var TsRecvOffset = func() (table [256]uint8) {
	for depth := range 16 { // market by price of any depth
		table[depth] = uint8(unsafe.Offsetof(dbn.TradeMsg{}.TsRecv))
	}
	table[dbn.RTypeMbo] = uint8(unsafe.Offsetof(dbn.MboMsg{}.TsRecv))
	table[dbn.RTypeBbo1S] = uint8(unsafe.Offsetof(dbn.BboMsg{}.TsRecv))
	table[dbn.RTypeBbo1M] = table[dbn.RTypeBbo1S]
	table[dbn.RTypeCmbp1] = uint8(unsafe.Offsetof(dbn.Cmbp1Msg{}.TsRecv))
	table[dbn.RTypeTcbbo] = table[dbn.RTypeCmbp1]
	table[dbn.RTypeCbbo1S] = uint8(unsafe.Offsetof(dbn.CbboMsg{}.TsRecv))
	table[dbn.RTypeCbbo1M] = table[dbn.RTypeCbbo1S]
	table[dbn.RTypeStatus] = uint8(unsafe.Offsetof(dbn.StatusMsg{}.TsRecv))
	table[dbn.RTypeInstrumentDef] = uint8(unsafe.Offsetof(dbn.InstrumentDefMsg{}.TsRecv))
	table[dbn.RTypeImbalance] = uint8(unsafe.Offsetof(dbn.ImbalanceMsg{}.TsRecv))
	table[dbn.RTypeStatistics] = uint8(unsafe.Offsetof(dbn.StatMsg{}.TsRecv))
	return table
}()

// IndexTs is the timestamp that orders a record among others: ts_recv where there is one,
// else ts_event.
func IndexTs(rec []byte) uint64 {
	off := int(TsRecvOffset[rec[1]])
	if off == 0 || wire.Size(rec) < off+8 {
		return TsEvent(rec)
	}
	return U64(rec, off)
}

// ReplayTs is the timestamp that an intraday replay filters on: ts_event, except in the BBO
// and CBBO schemas, where it is ts_recv. A historical range filters on IndexTs instead.
func ReplayTs(tag uint8, rec []byte) uint64 {
	switch dbn.Schema(tag) {
	case dbn.SchemaBbo1S, dbn.SchemaBbo1M, dbn.SchemaCbbo1S, dbn.SchemaCbbo1M:
		return IndexTs(rec)
	}
	return TsEvent(rec)
}

// schemaTags is the schema whose records have an rtype; noTag for the gateway's own records
// and for unknown ones. mbp-1 and tbbo share an rtype: it counts as mbp-1.
var schemaTags = func() (table [256]uint8) {
	for i := range table {
		table[i] = noTag
	}
	for _, schema := range dbn.AllSchemas() {
		if rtype, ok := dbn.RTypeOf(schema); ok && schema != dbn.SchemaTbbo {
			table[rtype] = uint8(schema)
		}
	}
	return table
}()

// As copies a record's bytes into its type. A short record leaves the rest zero.
func As[T any](rec []byte) *T {
	v := new(T)
	copy(wire.BytesOf(v), rec)
	return v
}

// ISO is a time as the API writes it.
func ISO(ns uint64) string {
	return time.Unix(0, int64(ns)).UTC().Format("2006-01-02T15:04:05.000000000Z")
}
