package dbn_test

import (
	"testing"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

func TestColumnsSayWhereTheirValuesAre(t *testing.T) {
	sizes := map[dbn.ColumnKind]int{
		dbn.ColumnU8: 1, dbn.ColumnU16: 2, dbn.ColumnU32: 4, dbn.ColumnU64: 8, dbn.ColumnI8: 1, dbn.ColumnI16: 2, dbn.ColumnI32: 4, dbn.ColumnI64: 8,
		dbn.ColumnPrice: 8, dbn.ColumnTime: 8, dbn.ColumnChar: 1,
	}
	for _, schema := range dbn.AllSchemas() {
		rtype, _ := dbn.RTypeOf(schema)
		for version := uint8(1); version <= dbn.Version; version++ {
			for _, c := range dbn.ColumnsFor(rtype, version) {
				if size, number := sizes[c.Kind()]; number && (c.Size() != size || c.Offset()%size != 0) || c.Kind() == dbn.ColumnText && c.Size() == 0 {
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
		if c.Name == "price" && (c.Kind() != dbn.ColumnPrice || *(*dbn.Price)(at) != 5) || c.Name == "side" && (c.Kind() != dbn.ColumnChar || *(*byte)(at) != 'A') {
			t.Errorf("%s: kind %d at %d", c.Name, c.Kind(), c.Offset())
		}
	}
}
