package dbn

// ColumnKind is the type of a column's values in a record.
type ColumnKind uint8

// The kinds of columns.
const (
	ColumnU8    = ColumnKind(kindU8)    // uint8
	ColumnU16   = ColumnKind(kindU16)   // uint16
	ColumnU32   = ColumnKind(kindU32)   // uint32
	ColumnU64   = ColumnKind(kindU64)   // uint64
	ColumnI8    = ColumnKind(kindI8)    // int8
	ColumnI16   = ColumnKind(kindI16)   // int16
	ColumnI32   = ColumnKind(kindI32)   // int32
	ColumnI64   = ColumnKind(kindI64)   // int64
	ColumnPrice = ColumnKind(kindPrice) // Price, in units of 1e-9; UndefPrice when it is unset
	ColumnTime  = ColumnKind(kindTime)  // UnixNanos; UndefTimestamp when it is unset
	ColumnChar  = ColumnKind(kindChar)  // one character, 0 when it is unset
	ColumnText  = ColumnKind(kindText)  // an array of Size bytes; a NUL ends the text
)

// Kind is the type of the column's values.
func (c *Column) Kind() ColumnKind { return ColumnKind(c.kind) }

// Offset is where the column's value begins in a record, in bytes. It is a multiple of the size of
// a number, so that the value can be read in place.
func (c *Column) Offset() int { return int(c.offset) }

// Size is the length of the column's value in a record, in bytes.
func (c *Column) Size() int { return int(c.size) }
