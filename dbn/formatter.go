package dbn

import (
	"math"
	"unsafe"
)

// Formatter writes records as text, as [AppendCSV] and [AppendJSON] do, and keeps what repeats from
// one record to the next: the beginning of a time, the instrument. It allocates nothing, except to
// enlarge the text. It must not be used by several goroutines at once.
type Formatter struct {
	f formatter
	_ [64]byte // so that two of them are never in one cache line
}

// NewFormatter creates a Formatter with its options.
func NewFormatter(o TextOptions) *Formatter {
	return &Formatter{f: newFormatter(&o)}
}

// AppendCSV appends a record to dst as one row. The record must have the layout of the columns.
func (f *Formatter) AppendCSV(dst []byte, r Record, columns []Column, symbol string) []byte {
	return f.f.appendCSV(dst, r, columns, symbol)
}

// AppendJSON appends a record to dst as one JSON object, without a line feed. If hasSymbol is
// false, MapSymbol writes null.
func (f *Formatter) AppendJSON(dst []byte, r Record, columns []Column, symbol string, hasSymbol bool) []byte {
	return f.f.appendJSON(dst, r, columns, symbol, hasSymbol)
}

// AppendValue appends the value of one of the record's columns to dst, as in CSV, without quotes.
func (f *Formatter) AppendValue(dst []byte, r Record, c *Column) []byte {
	return c.append(dst, r, &f.f.options)
}

// AppendTime appends a time to dst as AppendCSV writes those of records.
func (f *Formatter) AppendTime(dst []byte, t UnixNanos) []byte {
	return appendTime(dst, t, &f.f.options)
}

// formatter is what the generated functions write with.
type formatter struct {
	options   TextOptions
	delimiter byte

	tenths     uint64 // of a second, since 1970: of the last time that was not pretty
	tenthsText [2]uint64
	second     uint64    // of the last time that was pretty
	secondText [3]uint64 // up to the point
	headerOf   uint64    // of a record: its length, rtype, publisher and instrument
	header     [4]uint64 // the last three of them as text
	headerLen  uintptr

	zone zone // of pretty times that are not in UTC
}

// none stands for a value that no record has.
const none = math.MaxUint64

// newFormatter creates a formatter that remembers nothing: these are no record's values.
func newFormatter(o *TextOptions) formatter {
	return formatter{options: *o, delimiter: o.delimiter(), tenths: none, second: none, headerOf: none}
}

// time writes the nanoseconds or, when pretty, what String returns; then a time of 0 is nothing.
func (f *formatter) time(p unsafe.Pointer, t UnixNanos) unsafe.Pointer {
	if f.options.Pretty {
		return f.prettyTime(p, t)
	}
	tenths := uint64(t) / e8
	if tenths != f.tenths {
		if tenths < 1e10 || tenths >= 1e11 {
			return putUint64(p, uint64(t))
		}
		f.tenths = tenths
		putUint64(unsafe.Pointer(&f.tenthsText), tenths) // eleven digits
	}
	put8(p, f.tenthsText[0])
	put4(unsafe.Add(p, 8), uint32(f.tenthsText[1]))
	put8(unsafe.Add(p, 11), digits8(uint32(uint64(t)-tenths*e8))|ascii)
	return unsafe.Add(p, 19)
}

func (f *formatter) prettyTime(p unsafe.Pointer, t UnixNanos) unsafe.Pointer {
	if t == 0 || t.IsUndef() {
		return p
	}
	if f.options.Location != nil {
		return f.zonedTime(p, t)
	}
	second := uint64(t) / 1e9
	if second != f.second {
		f.second = second
		putSecond(unsafe.Pointer(&f.secondText), second)
	}
	put8(p, f.secondText[0])
	put8(unsafe.Add(p, 8), f.secondText[1])
	put4(unsafe.Add(p, 16), uint32(f.secondText[2]))
	p = putNine(unsafe.Add(p, 20), uint32(uint64(t)-second*1e9))
	return putByte(p, 'Z')
}

// price writes the units of a price or, when pretty, what String returns.
func (f *formatter) price(p unsafe.Pointer, v Price) unsafe.Pointer {
	if f.options.Pretty {
		return putPrice(p, v)
	}
	return putInt64(p, int64(v))
}
