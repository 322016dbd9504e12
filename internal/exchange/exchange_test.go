package exchange

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// records are those of a market, schema by schema.
func records(t *testing.T, m Market) (all []dbn.Record) {
	t.Helper()
	for _, s := range m.Streams {
		for raw := s.Records; len(raw) > 0; raw = raw[int(raw[0])*4:] {
			r, err := dbn.RecordOf(raw[:int(raw[0])*4])
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	return all
}

func TestAMarketIsInOrderAndItsClocksAreNot(t *testing.T) {
	m := New(rand.New(rand.NewPCG(1, 2)), 5000)
	for _, s := range m.Streams {
		all := records(t, Market{[]Stream{s}})
		if len(all) != s.Count || s.Count == 0 {
			t.Fatalf("%v: %d records, said %d", s.Schema, len(all), s.Count)
		}
		back, equal := 0, 0
		for i, r := range all {
			if r.IndexTs() < Start {
				t.Fatalf("%v: record %d is before the start", s.Schema, i)
			}
			if i == 0 {
				continue
			}
			if r.IndexTs() < all[i-1].IndexTs() {
				t.Fatalf("%v: record %d is before the one that precedes it", s.Schema, i)
			}
			if r.Header().TsEvent < all[i-1].Header().TsEvent {
				back++
			}
			if slices.Equal(r.Bytes(), all[i-1].Bytes()) {
				equal++
			}
		}
		if s.Schema == dbn.SchemaMbo && (back == 0 || equal == 0) {
			t.Errorf("mbo: ts_event goes back %d times, %d records repeat", back, equal)
		}
	}
	paths, err := m.Write(t.TempDir())
	if err != nil || len(paths) != len(m.Streams) {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(string(data), string(m.Streams[i].Records)) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAnAuditNoticesEveryRecordThatIsLostOrComesTwice(t *testing.T) {
	m := New(rand.New(rand.NewPCG(3, 4)), 300)
	all := records(t, m)
	audit := func(of []dbn.Record) error {
		a := m.Audit()
		for _, r := range of {
			if err := a.Add(r); err != nil {
				return err
			}
		}
		if a.Records+a.Left != len(all) {
			t.Errorf("%d came and %d are left of %d", a.Records, a.Left, len(all))
		}
		return a.Complete()
	}
	if err := audit(all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if audit(slices.Delete(slices.Clone(all), i, i+1)) == nil {
			t.Errorf("record %d was lost unnoticed", i)
		}
		if audit(slices.Insert(slices.Clone(all), i, all[i])) == nil {
			t.Errorf("record %d came twice unnoticed", i)
		}
		swapped := slices.Clone(all)
		if i > 0 && swapped[i].RType() == swapped[i-1].RType() && !slices.Equal(swapped[i].Bytes(), swapped[i-1].Bytes()) {
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			if audit(swapped) == nil {
				t.Errorf("records %d and %d came in another order unnoticed", i-1, i)
			}
		}
	}
}
