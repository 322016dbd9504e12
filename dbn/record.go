package dbn

import (
	"fmt"
	"unsafe"
)

// Record is a view of one record. It owns nothing and is valid as long as the memory that it
// points to. The zero Record points nowhere; only IsZero may be called on it.
type Record struct {
	hd *RecordHeader
}

// RecordAt views the record at p. Its length byte must be valid and its bytes must be available:
// it is for callers that have checked both (a decoder, a live batch).
func RecordAt(p unsafe.Pointer) Record { return Record{(*RecordHeader)(p)} }

// RecordOf views a complete record in b, which must have at least as many bytes as its length
// byte says and an address that is a multiple of 8.
func RecordOf(b []byte) (Record, error) {
	if len(b) < HeaderLen {
		return Record{}, fmt.Errorf("dbn: %d bytes are shorter than a record's header of %d", len(b), HeaderLen)
	}
	size := int(b[0]) * 4
	if size < HeaderLen || size > len(b) {
		return Record{}, fmt.Errorf("dbn: record says it has %d bytes, %d are there", size, len(b))
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%8 != 0 {
		return Record{}, fmt.Errorf("dbn: record at an address that is not a multiple of 8")
	}
	return RecordAt(p), nil
}

// Ref views a record that lies in a Go value, e.g. Ref(&msg.Hd).
func Ref(hd *RecordHeader) Record { return Record{hd} }

// IsZero reports whether the view points nowhere.
func (r Record) IsZero() bool { return r.hd == nil }

// Header returns the record's header, in place.
func (r Record) Header() *RecordHeader { return r.hd }

// RType returns the type of the record.
func (r Record) RType() RType { return r.hd.RType }

// Size returns the size of the record in bytes, including ts_out.
func (r Record) Size() int { return int(r.hd.Length) * 4 }

// Pointer returns the address of the record.
func (r Record) Pointer() unsafe.Pointer { return unsafe.Pointer(r.hd) }

// Bytes returns the bytes of the record, in place.
func (r Record) Bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r.hd)), r.Size())
}

// TsOut returns the gateway's send time, the last 8 bytes of each record of a stream whose
// metadata says TsOut. It does not check whether the record has one.
func (r Record) TsOut() UnixNanos {
	return *(*UnixNanos)(unsafe.Add(unsafe.Pointer(r.hd), r.Size()-8))
}

// IndexTs returns the index timestamp, by which records are sorted: ts_recv if the record has
// one, otherwise ts_event.
func (r Record) IndexTs() UnixNanos {
	place := indexPlaces[r.hd.RType]
	if r.Size() < int(place.least) {
		return r.hd.TsEvent
	}
	return *(*UnixNanos)(unsafe.Add(unsafe.Pointer(r.hd), place.at))
}

// indexPlaces says where the index timestamp of each rtype is. A shorter record than the least is
// sorted by ts_event.
var indexPlaces = func() (places [256]struct{ at, least uint8 }) {
	for rtype := range places {
		places[rtype].at = uint8(unsafe.Offsetof(RecordHeader{}.TsEvent))
	}
	set := func(at, least uintptr, rtypes ...RType) {
		for _, rtype := range rtypes {
			places[rtype].at, places[rtype].least = uint8(at), uint8(least)
		}
	}
	set(unsafe.Offsetof(MboMsg{}.TsRecv), unsafe.Sizeof(MboMsg{}), RTypeMbo)
	set(unsafe.Offsetof(TradeMsg{}.TsRecv), unsafe.Sizeof(TradeMsg{}), RTypeMbp0, RTypeMbp1, RTypeMbp10,
		RTypeBbo1S, RTypeBbo1M, RTypeCmbp1, RTypeTcbbo, RTypeCbbo1S, RTypeCbbo1M)
	// ts_recv is the first field after the header in all of these.
	set(HeaderLen, HeaderLen+8, RTypeStatus, RTypeInstrumentDef, RTypeImbalance, RTypeStatistics)
	return places
}()

// typed is implemented by all record types. HasRType reads no field.
type typed[T any] interface {
	*T
	HasRType(RType) bool
}

// As views the record as T, in place. It returns false when the record has a different rtype or
// is shorter than T, for example in the layout of an older version.
func As[T any, P typed[T]](r Record) (*T, bool) {
	if !P(nil).HasRType(r.hd.RType) || r.Size() < int(unsafe.Sizeof(*new(T))) {
		return nil, false
	}
	return (*T)(unsafe.Pointer(r.hd)), true
}

// SizeOf returns the size in bytes of an rtype's struct in a DBN version, without ts_out; 0 when
// the rtype or the version is unknown.
func SizeOf(rtype RType, version uint8) int {
	if version < 1 || version > Version {
		return 0
	}
	return int(recordSizes[rtype][version-1])
}

// WithTsOut is a record followed by the gateway's send time.
type WithTsOut[T any] struct {
	Rec   T
	TsOut UnixNanos
}
