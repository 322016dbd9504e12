package filter

import (
	"math/big"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// condition is a comparison with a literal: the numbers from low to high, or all but one.
type condition struct {
	low, high *big.Int // nil: no bound
	except    *big.Int // low and high are nil
	none      bool     // no number
}

// conditionOf makes a comparison with a literal one about whole numbers of the unit.
func conditionOf(op string, x *big.Rat) condition {
	floor := new(big.Int).Div(x.Num(), x.Denom()) // Euclidean: towards minus infinity, as the divisor is positive
	above := new(big.Int).Add(floor, big.NewInt(1))
	whole := x.IsInt()
	switch op {
	case "==":
		return condition{low: floor, high: floor, none: !whole}
	case "!=":
		if !whole {
			return condition{}
		}
		return condition{except: floor}
	case "<":
		if whole {
			floor = new(big.Int).Sub(floor, big.NewInt(1))
		}
		return condition{high: floor}
	case "<=":
		return condition{high: floor}
	case ">":
		return condition{low: above}
	default: // ">="
		if whole {
			above = floor
		}
		return condition{low: above}
	}
}

// within cuts the range to a domain; ok is false when nothing is left.
func (c condition) within(d domain) (low, high *big.Int, ok bool) {
	low, high = big.NewInt(d.low), new(big.Int).SetUint64(d.high)
	if c.low != nil && c.low.Cmp(low) > 0 {
		low = c.low
	}
	if c.high != nil && c.high.Cmp(high) < 0 {
		high = c.high
	}
	return low, high, !c.none && low.Cmp(high) <= 0
}

func never(unsafe.Pointer) bool { return false }

// word is the number in two's complement.
func word(x *big.Int) uint64 {
	if x.IsUint64() {
		return x.Uint64()
	}
	return uint64(x.Int64())
}

// onColumn compiles a comparison of a field with a literal; ok is false where it never holds.
func (c condition) onColumn(column *dbn.Column) (checks []check, ok bool) {
	low, high, ok := c.within(domains[column.Kind()])
	if !ok {
		return nil, false
	}
	checks = []check{newCheck(column, word(low), word(high))}
	if c.except != nil && c.except.Cmp(low) >= 0 && c.except.Cmp(high) <= 0 {
		checks = append(checks, newCheck(column, word(c.except)+1, word(c.except)-1))
	}
	return checks, true
}

// onValue compiles a comparison of a computed number with a literal.
func (c condition) onValue(f intFn) pred {
	least, most := int64(1), int64(0) // nothing
	if low, high, ok := c.within(domains[dbn.ColumnI64]); ok {
		least, most = low.Int64(), high.Int64()
	}
	except, excepts := int64(0), c.except != nil && c.except.IsInt64()
	if excepts {
		except = c.except.Int64()
	}
	return func(p unsafe.Pointer) bool {
		switch v, s := f(p); s {
		case defined:
			return least <= v && v <= most && !(excepts && v == except)
		case beyond:
			return c.holdsFor(uint64(v))
		}
		return false
	}
}

// holdsFor is for numbers that no int64 holds, which are rare.
func (c condition) holdsFor(v uint64) bool {
	x := new(big.Int).SetUint64(v)
	switch {
	case c.none:
		return false
	case c.except != nil:
		return c.except.Cmp(x) != 0
	}
	return (c.low == nil || c.low.Cmp(x) <= 0) && (c.high == nil || x.Cmp(c.high) <= 0)
}

// oneOf is whether a field is one of a few numbers.
func oneOf(c *dbn.Column, set []uint64) pred {
	at := uintptr(c.Offset())
	switch c.Kind() {
	case dbn.ColumnU8, dbn.ColumnChar:
		return inSet[uint8](at, set)
	case dbn.ColumnU16:
		return inSet[uint16](at, set)
	case dbn.ColumnU32:
		return inSet[uint32](at, set)
	case dbn.ColumnU64, dbn.ColumnTime:
		return inSet[uint64](at, set)
	case dbn.ColumnI8:
		return inSet[int8](at, set)
	case dbn.ColumnI16:
		return inSet[int16](at, set)
	case dbn.ColumnI32:
		return inSet[int32](at, set)
	default: // dbn.ColumnI64, dbn.ColumnPrice
		return inSet[int64](at, set)
	}
}

// maxListed is the size of the largest list that is searched value by value.
const maxListed = 12

func inSet[T integer](at uintptr, set []uint64) pred {
	if len(set) <= maxListed {
		return func(p unsafe.Pointer) bool {
			v := uint64(get[T](p, at))
			for _, member := range set {
				if v == member {
					return true
				}
			}
			return false
		}
	}
	members := make(map[uint64]struct{}, len(set))
	for _, member := range set {
		members[member] = struct{}{}
	}
	return func(p unsafe.Pointer) bool {
		_, is := members[uint64(get[T](p, at))]
		return is
	}
}
