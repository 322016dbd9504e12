package market

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// The records of many sources are in the order of a stable sort by the timestamps that count:
// one never goes backwards within a source, and an undefined one is that of the record before.
func TestManySourcesAreMergedInTheirOrder(t *testing.T) {
	type placed struct {
		ts  uint64
		rec []byte
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, count := range []int{2, 3, 17} {
		var sources []*Data
		var all []placed
		for i := range count {
			s := &Data{name: "test", Meta: dbn.Metadata{Version: 3, Dataset: "TEST.DATA", Schema: dbn.SchemaTrades}}
			now := uint64(0)
			for n := range random.IntN(200) { // one of them may be empty
				ts := uint64(random.IntN(50)) + uint64(n/4)
				if random.IntN(10) == 0 {
					ts = UndefTimestamp
				}
				rec := make([]byte, 48)
				rec[0], rec[1] = 48/4, byte(dbn.RTypeMbp0)
				binary.LittleEndian.PutUint32(rec[4:], uint32(i))
				binary.LittleEndian.PutUint64(rec[32:], ts) // ts_recv
				binary.LittleEndian.PutUint32(rec[44:], uint32(n))
				if got := IndexTs(rec); got != ts {
					t.Fatalf("index timestamp %d, want %d", got, ts)
				}
				if ts != UndefTimestamp {
					now = max(now, ts)
				}
				s.records = append(s.records, rec...)
				all = append(all, placed{now, rec})
			}
			sources = append(sources, s)
		}
		slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.ts, b.ts) })
		var want []byte
		for _, p := range all {
			want = append(want, p.rec...)
		}
		tl, err := NewTimeline(sources, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tl.data, want) || len(tl.tags) != len(all) {
			t.Errorf("%d sources: %d bytes with %d tags are not the %d bytes of %d records in order",
				count, len(tl.data), len(tl.tags), len(want), len(all))
		}
	}
}
