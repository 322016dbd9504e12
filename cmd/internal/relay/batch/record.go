package batch

import (
	"encoding/binary"

	"github.com/dbnloop/dbnloop/dbn"
)

// The places of fields in a record's bytes.
const (
	rtypeAt      = 1
	instrumentAt = 4
	eventAt      = 8
	lengthUnit   = 4
	bboRecvAt    = 32 // ts_recv, also that of trades and books
	firstRecvAt  = 16 // ts_recv of the records in which it is the first field
	mboRecvAt    = 40
)

// SizeAt is the size of the record that begins there; 0 when it is cut off or has an impossible length.
func SizeAt(records []byte) int {
	if len(records) < dbn.HeaderLen {
		return 0
	}
	size := int(records[0]) * lengthUnit
	if size < dbn.HeaderLen || size > len(records) {
		return 0
	}
	return size
}

// RTypeAt is the rtype of the record that begins there.
func RTypeAt(record []byte) dbn.RType { return dbn.RType(record[rtypeAt]) }

// InstrumentAt is the instrument of the record that begins there.
func InstrumentAt(record []byte) uint32 { return binary.LittleEndian.Uint32(record[instrumentAt:]) }

func timeAt(record []byte, at int) dbn.UnixNanos {
	return dbn.UnixNanos(binary.LittleEndian.Uint64(record[at:]))
}

// Clock is the replay time of a record, by which "from a time on" is judged: its ts_event, and ts_recv in the
// BBO and CBBO schemas.
func Clock(record []byte) dbn.UnixNanos { return timeAt(record, clockPlace(record)) }

func clockPlace(record []byte) int {
	switch RTypeAt(record) {
	case dbn.RTypeBbo1S, dbn.RTypeBbo1M, dbn.RTypeCbbo1S, dbn.RTypeCbbo1M:
		if len(record) >= bboRecvAt+8 {
			return bboRecvAt
		}
	}
	return eventAt
}

// indexPlace is where the index time of a record is.
func indexPlace(record []byte) int {
	at := eventAt
	switch RTypeAt(record) {
	case dbn.RTypeMbo:
		at = mboRecvAt
	case dbn.RTypeMbp0, dbn.RTypeMbp1, dbn.RTypeMbp10, dbn.RTypeBbo1S, dbn.RTypeBbo1M,
		dbn.RTypeCmbp1, dbn.RTypeTcbbo, dbn.RTypeCbbo1S, dbn.RTypeCbbo1M:
		at = bboRecvAt
	case dbn.RTypeStatus, dbn.RTypeInstrumentDef, dbn.RTypeImbalance, dbn.RTypeStatistics:
		at = firstRecvAt
	}
	if len(record) < at+8 {
		return eventAt
	}
	return at
}

// Measure makes a batch of records of one rtype. They are complete; high is the High of the batch before.
func Measure(schema string, records []byte, high dbn.UnixNanos) *Batch {
	b := &Batch{Schema: schema, Version: dbn.Version, Before: high, High: high, Records: records}
	size, index, clock := 0, 0, 0
	for rest := records; len(rest) > 0; rest = rest[size:] {
		if next := int(rest[0]) * lengthUnit; next != size { // usually the first record only
			size = next
			index, clock = indexPlace(rest[:size]), clockPlace(rest[:size])
		}
		b.Count++
		b.Event.add(timeAt(rest, eventAt))
		b.Index.add(timeAt(rest, index))
		if at := timeAt(rest, clock); at > b.High && at != dbn.UndefTimestamp && schema != Mappings {
			b.High = at
		}
	}
	return b
}

// Each calls f with each record.
func Each(records []byte, f func(record []byte)) {
	for len(records) > 0 {
		size := int(records[0]) * lengthUnit
		f(records[:size])
		records = records[size:]
	}
}
