package dbn

// ColumnKind says how the bytes of a column are to be read, and what they mean.
type ColumnKind uint8

// The kinds of columns. The numbers are in the byte order of this machine, at an address that is
// a multiple of their size in an aligned record.
const (
	ColumnU8 ColumnKind = iota
	ColumnU16
	ColumnU32
	ColumnU64
	ColumnI8
	ColumnI16
	ColumnI32
	ColumnI64
	ColumnPrice // an int64, see Price
	ColumnTime  // a uint64, see UnixNanos
	ColumnChar  // a byte: one character of ASCII, or 0
	ColumnText  // Size bytes, see CStr
)

// Kind returns how the column is to be read.
func (c *Column) Kind() ColumnKind { return c.kind }

// Offset returns where the column begins in its record, in bytes.
func (c *Column) Offset() int { return int(c.offset) }

// Size returns how many bytes the column has.
func (c *Column) Size() int { return int(c.size) }
