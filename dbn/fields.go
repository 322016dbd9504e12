package dbn

import (
	"slices"
	"strconv"
)

// FieldInfo is a field of a record as the API describes it: a name and a type of C.
type FieldInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// FieldsOf lists the fields of an rtype in a DBN version. For DBN they are in the order of the
// struct, with the record's length first and without padding; for the text encodings they are in
// the order of the columns. It returns nil for an unknown rtype.
func FieldsOf(rtype RType, version uint8, encoding Encoding) []FieldInfo {
	columns := slices.Clone(ColumnsFor(rtype, version))
	if len(columns) == 0 {
		return nil
	}
	var fields []FieldInfo
	if encoding == EncodingDbn {
		slices.SortStableFunc(columns, func(a, b Column) int { return int(a.offset) - int(b.offset) })
		fields = append(fields, FieldInfo{"length", "uint8_t"})
	}
	for i := range columns {
		fields = append(fields, FieldInfo{columns[i].Name, columns[i].cType()})
	}
	return fields
}

// cType is the C type of the column.
func (c *Column) cType() string {
	switch c.kind {
	case ColumnU8:
		return "uint8_t"
	case ColumnU16:
		return "uint16_t"
	case ColumnU32:
		return "uint32_t"
	case ColumnU64, ColumnTime:
		return "uint64_t"
	case ColumnI8:
		return "int8_t"
	case ColumnI16:
		return "int16_t"
	case ColumnI32:
		return "int32_t"
	case ColumnI64, ColumnPrice:
		return "int64_t"
	case ColumnChar:
		return "char"
	case ColumnText:
		return "char[" + strconv.Itoa(int(c.size)) + "]"
	}
	return ""
}
