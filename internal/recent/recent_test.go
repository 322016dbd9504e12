package recent

import "testing"

func TestRememberedIsBounded(t *testing.T) {
	r := List[int]{most: 3, mostBytes: 100}
	values := make([]int, 10)
	expect := func(what string, first, count, bytes int) {
		t.Helper()
		if len(r.list) != count || r.list[0] != &values[first] || r.bytes != bytes || len(r.sizes) != count {
			t.Errorf("%s: %d values of %d bytes, the first is not number %d", what, len(r.list), r.bytes, first)
		}
	}
	for i := range 5 {
		r.Add(&values[i], 10)
	}
	expect("by number", 2, 3, 30)
	r.Add(&values[5], 85)
	expect("by bytes", 4, 2, 95)
	r.Grow(&values[4], 5)
	expect("grown to the limit", 4, 2, 100)
	r.Grow(&values[5], 1)
	expect("grown beyond it", 5, 1, 86)
	r.Grow(&values[4], 50)
	expect("what was forgotten grows", 5, 1, 86)
	r.Add(&values[6], 1000)
	expect("the newest stays, however large", 6, 1, 1000)
	r.Add(&values[7], 1)
	expect("but not for long", 7, 1, 1)
}
