package dbn

// ColumnKind says how the bytes of a column are to be read, and what they mean.
type ColumnKind uint8

// The kinds of columns. The numbers are in the byte order of this machine, at an address that is
// a multiple of their size in an aligned record.
const (
	KindU8 ColumnKind = iota
	KindU16
	KindU32
	KindU64
	KindI8
	KindI16
	KindI32
	KindI64
	KindPrice // an int64, see Price
	KindTime  // a uint64, see UnixNanos
	KindChar  // a byte: one character of ASCII, or 0
	KindText  // Size bytes, see CStr
)

// Kind returns how the column is to be read.
func (c *Column) Kind() ColumnKind { return c.kind }

// Offset returns where the column begins in its record, in bytes.
func (c *Column) Offset() int { return int(c.offset) }

// Size returns how many bytes the column has.
func (c *Column) Size() int { return int(c.size) }
