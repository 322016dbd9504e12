package split

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
)

// A record whose symbol the stream does not know, such as one from history, is counted by the
// mapping that an earlier run wrote to the file: so does whoever reads the file.
func TestAContinuedFileCountsByTheMappingsThatItHas(t *testing.T) {
	mapping := dbn.SymbolMappingMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeSymbolMapping, InstrumentID: 7, TsEvent: someDay}}
	mapping.Hd.Length = uint8(unsafe.Sizeof(mapping) / 4)
	copy(mapping.StypeOutSymbol[:], "ESZ6")
	trade := dbn.TradeMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeMbp0, InstrumentID: 7, TsEvent: someDay}, TsRecv: someDay}
	trade.Hd.Length = uint8(unsafe.Sizeof(trade) / 4)
	meta := dbn.Metadata{Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaNone, Start: someDay, StypeIn: dbn.STypeNone, StypeOut: dbn.STypeInstrumentID}
	content, err := meta.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&trade)), unsafe.Sizeof(trade))
	content = append(append(content, unsafe.Slice((*byte)(unsafe.Pointer(&mapping)), unsafe.Sizeof(mapping))...), raw...)
	path := filepath.Join(t.TempDir(), "1.dbn.part")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c, err := Continue(Found{Path: path, Part: true}, file)
	if err != nil {
		t.Fatal(err)
	}
	next, err := dbn.RecordOf(raw)
	if err != nil {
		t.Fatal(err)
	}
	c.tally.record(next, "")
	c.tally.record(next, "ESH7")
	want := map[Count]uint64{{dbn.RTypeMbp0, "ESZ6"}: 2, {dbn.RTypeMbp0, "ESH7"}: 1}
	if diff := cmp.Diff(want, c.tally.result().Counts); diff != "" {
		t.Error(diff)
	}
}
