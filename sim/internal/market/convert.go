package market

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// convertRecords turns records of one DBN version into the layouts of another, older or
// newer. Only definitions and statistics differ; all others are copied.
func convertRecords(records []byte, from, to uint8) ([]byte, error) {
	out := make([]byte, 0, len(records))
	for len(records) > 0 {
		rec := records[:wire.Size(records)]
		records = records[len(rec):]
		source, target := layoutOf(RType(rec), from), layoutOf(RType(rec), to)
		if source == target {
			out = append(out, rec...)
			continue
		}
		if len(rec) != int(source.Size()) {
			return nil, fmt.Errorf("a record of rtype %s has %d bytes, not the %d of DBN version %d",
				RType(rec), len(rec), source.Size(), from)
		}
		out = append(out, convertRecord(rec, source, target)...)
	}
	return out, nil
}

// layoutOf is the type of a record that differs between versions; nil for all others.
func layoutOf(rtype dbn.RType, version uint8) reflect.Type {
	layouts := map[dbn.RType][3]reflect.Type{
		dbn.RTypeInstrumentDef: {reflect.TypeFor[dbn.InstrumentDefMsgV1](), reflect.TypeFor[dbn.InstrumentDefMsgV2](), reflect.TypeFor[dbn.InstrumentDefMsg]()},
		dbn.RTypeStatistics:    {reflect.TypeFor[dbn.StatMsgV1](), reflect.TypeFor[dbn.StatMsgV1](), reflect.TypeFor[dbn.StatMsg]()},
	}
	return layouts[rtype][version-1]
}

// unset are the values of fields that the other version does not have, where they are not
// zero.
var unset = map[string]any{
	"LegPrice": dbn.UndefPrice, "LegDelta": dbn.UndefPrice, "LegSide": dbn.SideNone,
	"TradingReferencePrice": dbn.UndefPrice, "TradingReferenceDate": uint16(math.MaxUint16),
	"MdSecurityTradingStatus": uint8(math.MaxUint8), "SettlPriceType": uint8(math.MaxUint8),
}

// convertRecord copies field by field, by name.
func convertRecord(rec []byte, source, target reflect.Type) []byte {
	from, to := reflect.New(source), reflect.New(target)
	copy(memoryOf(from), rec)
	for i := range target.NumField() {
		name := target.Field(i).Name
		if name == "_" {
			continue
		}
		field, old := to.Elem().Field(i), from.Elem().FieldByName(name)
		if !old.IsValid() {
			if value, ok := unset[name]; ok {
				field.Set(reflect.ValueOf(value))
			}
			continue
		}
		copyField(field, old)
	}
	out := memoryOf(to)
	wire.SetSize(out, len(out))
	return out
}

// memoryOf is the memory that a pointer points to.
func memoryOf(pointer reflect.Value) []byte {
	return unsafe.Slice((*byte)(pointer.UnsafePointer()), pointer.Type().Elem().Size())
}

// copyField copies a value into a field of the same kind that may be wider or narrower. A
// text is cut to fit with its NUL; a number that does not fit becomes the largest, which
// means not set, and an unset one stays unset.
func copyField(field, old reflect.Value) {
	switch {
	case field.Type() == old.Type():
		field.Set(old)
	case field.Kind() == reflect.Array:
		wire.SetText(field.Slice(0, field.Len()).Bytes(), dbn.CStr(old.Slice(0, old.Len()).Bytes()))
	case field.CanUint():
		field.SetUint(min(old.Uint(), math.MaxUint64>>(64-field.Type().Bits())))
	case field.CanInt():
		value, largest := old.Int(), int64(math.MaxInt64)>>(64-field.Type().Bits())
		if value == int64(math.MaxInt64)>>(64-old.Type().Bits()) || value > largest {
			value = largest
		}
		field.SetInt(max(value, -largest-1))
	}
}
