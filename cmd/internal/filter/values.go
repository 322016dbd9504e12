package filter

import (
	"math"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// kind is the type of a value.
type kind int

const (
	nullKind     kind = iota // also a field that the records of a layout lack
	boolKind                 // a comparison
	intKind                  // whole numbers
	priceKind                // whole numbers of 1e-9
	durationKind             // nanoseconds
	timeKind                 // nanoseconds since 1970
	floatKind                // what multiplication and division give
	charKind                 // one byte
	textKind                 // fields of text, and the symbol
	numberKind               // literals, from here on: their type is that of the other operand
	lengthKind               // a duration
	quotedKind
	listKind
)

var kindNames = [...]string{
	"null", "a condition", "a whole number", "a price", "a duration", "a time", "a number", "a character", "a text",
	"a number", "a duration", "a text", "a list",
}

func (k kind) String() string { return kindNames[k] }

// literal reports whether a value is written in the expression.
func (k kind) literal() bool { return k >= numberKind }

// fixed reports whether values are whole numbers of a unit.
func (k kind) fixed() bool {
	return k == intKind || k == priceKind || k == durationKind || k == timeKind || k == charKind
}

// state says whether a whole number is there.
type state uint8

const (
	defined   state = iota
	undefined       // null
	beyond          // larger than an int64: the bits are those of a uint64
)

// Functions that give the value of a record at an address. They hold offsets that are right for
// one layout only.
type (
	pred    func(p unsafe.Pointer) bool
	intFn   func(p unsafe.Pointer) (int64, state)
	floatFn func(p unsafe.Pointer) float64 // NaN: null
	textFn  func(p unsafe.Pointer) (text string, known bool)
)

// value is a part of an expression, compiled for a layout.
type value struct {
	kind    kind
	node    *node
	column  *dbn.Column // of a plain field
	symbols *symbols    // of the symbol
	holds   pred        // boolKind: nil: true
	checks  []check     // boolKind: all of these hold, too
	int     intFn       // kinds that are fixed
	float   floatFn     // floatKind
	text    textFn      // textKind
}

type integer interface {
	uint8 | uint16 | uint32 | uint64 | int8 | int16 | int32 | int64
}

func get[T integer](p unsafe.Pointer, at uintptr) T { return *(*T)(unsafe.Add(p, at)) }

// domain is which numbers a column holds, without those that stand for null.
type domain struct {
	low  int64
	high uint64
}

var domains = [...]domain{
	dbn.ColumnU8: {0, math.MaxUint8}, dbn.ColumnU16: {0, math.MaxUint16}, dbn.ColumnU32: {0, math.MaxUint32}, dbn.ColumnU64: {0, math.MaxUint64},
	dbn.ColumnI8: {math.MinInt8, math.MaxInt8}, dbn.ColumnI16: {math.MinInt16, math.MaxInt16}, dbn.ColumnI32: {math.MinInt32, math.MaxInt32},
	dbn.ColumnI64: {math.MinInt64, math.MaxInt64}, dbn.ColumnPrice: {math.MinInt64, math.MaxInt64 - 1},
	dbn.ColumnTime: {1, math.MaxUint64 - 1}, dbn.ColumnChar: {1, math.MaxUint8},
}

// columnKind is the type of a field.
func columnKind(c *dbn.Column) kind {
	switch c.Kind() {
	case dbn.ColumnPrice:
		return priceKind
	case dbn.ColumnTime:
		return timeKind
	case dbn.ColumnChar:
		return charKind
	case dbn.ColumnText:
		return textKind
	}
	if c.Name == "ts_in_delta" {
		return durationKind
	}
	return intKind
}

// load reads a field.
func load(c *dbn.Column) intFn {
	at := uintptr(c.Offset())
	switch c.Kind() {
	case dbn.ColumnU8:
		return loadInt[uint8](at)
	case dbn.ColumnU16:
		return loadInt[uint16](at)
	case dbn.ColumnU32:
		return loadInt[uint32](at)
	case dbn.ColumnI8:
		return loadInt[int8](at)
	case dbn.ColumnI16:
		return loadInt[int16](at)
	case dbn.ColumnI32:
		return loadInt[int32](at)
	case dbn.ColumnI64:
		return loadInt[int64](at)
	case dbn.ColumnU64:
		return func(p unsafe.Pointer) (int64, state) { return wide(get[uint64](p, at)) }
	case dbn.ColumnPrice:
		return func(p unsafe.Pointer) (int64, state) {
			v := get[int64](p, at)
			if v == math.MaxInt64 {
				return 0, undefined
			}
			return v, defined
		}
	case dbn.ColumnChar:
		return func(p unsafe.Pointer) (int64, state) {
			v := get[uint8](p, at)
			if v == 0 {
				return 0, undefined
			}
			return int64(v), defined
		}
	default: // dbn.ColumnTime
		return func(p unsafe.Pointer) (int64, state) { return timeOf(get[uint64](p, at)) }
	}
}

func loadInt[T integer](at uintptr) intFn {
	return func(p unsafe.Pointer) (int64, state) { return int64(get[T](p, at)), defined }
}

func wide(v uint64) (int64, state) {
	if v > math.MaxInt64 {
		return int64(v), beyond
	}
	return int64(v), defined
}

// timeOf is null where the output shows it as such: when it is undefined, and when it is 0.
func timeOf(v uint64) (int64, state) {
	if v-1 >= math.MaxUint64-1 {
		return 0, undefined
	}
	return wide(v)
}

// loadText reads a field of text up to its first NUL. It stays valid as long as the record.
func loadText(c *dbn.Column) textFn {
	at, size := c.Offset(), c.Size()
	return func(p unsafe.Pointer) (string, bool) {
		b := unsafe.Slice((*byte)(unsafe.Add(p, at)), size)
		n := 0
		for n < size && b[n] != 0 {
			n++
		}
		return unsafe.String(unsafe.SliceData(b), n), true
	}
}

// asFloat is any number as a floating-point one.
func (v *value) asFloat() floatFn {
	switch f := v.int; {
	case v.kind == floatKind:
		return v.float
	case v.kind == numberKind || v.kind == lengthKind:
		x, _ := v.node.number.Float64()
		return func(unsafe.Pointer) float64 { return x }
	case v.kind == priceKind:
		return func(p unsafe.Pointer) float64 {
			if x, s := f(p); s == defined {
				return float64(x) / dbn.PriceScale
			}
			return math.NaN()
		}
	default:
		return func(p unsafe.Pointer) float64 {
			switch x, s := f(p); s {
			case defined:
				return float64(x)
			case beyond:
				return float64(uint64(x))
			}
			return math.NaN()
		}
	}
}
