package dbn_test

import (
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestColumnsSayWhereTheirValuesAre(t *testing.T) {
	sizes := map[dbn.ColumnKind]int{
		dbn.KindU8: 1, dbn.KindU16: 2, dbn.KindU32: 4, dbn.KindU64: 8, dbn.KindI8: 1, dbn.KindI16: 2, dbn.KindI32: 4, dbn.KindI64: 8,
		dbn.KindPrice: 8, dbn.KindTime: 8, dbn.KindChar: 1,
	}
	for _, schema := range dbn.AllSchemas() {
		rtype, _ := dbn.RTypeOf(schema)
		for version := uint8(1); version <= dbn.Version; version++ {
			for _, c := range dbn.ColumnsFor(rtype, version) {
				if size, number := sizes[c.Kind()]; number && (c.Size() != size || c.Offset()%size != 0) || c.Kind() == dbn.KindText && c.Size() == 0 {
					t.Errorf("%s: %d bytes of kind %d at %d", c.Name, c.Size(), c.Kind(), c.Offset())
				}
				if c.Offset() < 1 || c.Offset()+c.Size() > dbn.SizeOf(rtype, version) {
					t.Errorf("%s version %d: %s is at %d, of %d bytes", schema, version, c.Name, c.Offset(), c.Size())
				}
			}
		}
	}
	m := dbn.MboMsg{Price: 5, Side: dbn.SideAsk}
	for _, c := range dbn.ColumnsFor(dbn.RTypeMbo, dbn.Version) {
		at := unsafe.Add(unsafe.Pointer(&m), c.Offset())
		if c.Name == "price" && (c.Kind() != dbn.KindPrice || *(*dbn.Price)(at) != 5) || c.Name == "side" && (c.Kind() != dbn.KindChar || *(*byte)(at) != 'A') {
			t.Errorf("%s: kind %d at %d", c.Name, c.Kind(), c.Offset())
		}
	}
}
