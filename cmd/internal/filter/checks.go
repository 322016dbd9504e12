package filter

import (
	"math/bits"
	"slices"
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

// pred is what is true or false as one function.
func (v value) pred() pred {
	checks, rest := v.checks, v.holds
	switch {
	case checks == nil && rest == nil:
		return func(unsafe.Pointer) bool { return true }
	case checks == nil:
		return rest
	case rest == nil:
		return func(p unsafe.Pointer) bool { return hold(checks, p) }
	}
	return func(p unsafe.Pointer) bool { return hold(checks, p) && rest(p) }
}

// and is both: the checks of both come first.
func (v value) and(other value) value {
	both := value{kind: boolKind, node: v.node, holds: v.holds, checks: append(slices.Clone(v.checks), other.checks...)}
	switch a, b := v.holds, other.holds; {
	case a == nil:
		both.holds = b
	case b != nil:
		both.holds = func(p unsafe.Pointer) bool { return a(p) && b(p) }
	}
	return both
}
