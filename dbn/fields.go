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
	case KindU8:
		return "uint8_t"
	case KindU16:
		return "uint16_t"
	case KindU32:
		return "uint32_t"
	case KindU64, KindTime:
		return "uint64_t"
	case KindI8:
		return "int8_t"
	case KindI16:
		return "int16_t"
	case KindI32:
		return "int32_t"
	case KindI64, KindPrice:
		return "int64_t"
	case KindChar:
		return "char"
	case KindText:
		return "char[" + strconv.Itoa(int(c.size)) + "]"
	}
	return ""
}
