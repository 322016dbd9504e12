package filter

import (
	"math/bits"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// check asks whether a field is in a range. The field is moved to the top of a word, without what
// stands beside it: there the distance from the lower bound is right for every width, with a sign
// or without, and one comparison is enough for both bounds.
type check struct {
	at        uint16 // of the eight bytes that hold the field, within the record
	shift     uint8
	mask      uint64
	low, span uint64 // at the top of a word, too
}

// newCheck is for the numbers from low to high, which wraps around where high is less.
func newCheck(c *dbn.Column, low, high uint64) check {
	// The eight bytes end with the field, or are the first ones; a record has at least sixteen.
	size := c.Size()
	at := max(c.Offset()+size-8, 0)
	above := uint8(64 - 8*(c.Offset()-at+size)) // bits of other fields
	top := uint8(64 - 8*size)
	return check{uint16(at), above, ^uint64(0) << top, low << top, (high - low) << top}
}

// hold reports whether all of them do. There is no branch for each, because the values of fields are
// not to be foreseen.
func hold(checks []check, p unsafe.Pointer) bool {
	failed := uint64(0)
	for i := range checks {
		c := &checks[i]
		field := *(*uint64)(unsafe.Add(p, c.at)) << (c.shift & 63) & c.mask
		_, outside := bits.Sub64(c.span, field-c.low, 0)
		failed |= outside
	}
	return failed == 0
}

// pred is what is true or false as a function, for where there are not only checks.
func (v value) pred() pred {
	if checks := v.checks; checks != nil {
		return func(p unsafe.Pointer) bool { return hold(checks, p) }
	}
	return v.holds
}
