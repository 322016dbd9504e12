package filter

import (
	"math"
	"math/big"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// arithmetic compiles an operator between two numbers. Sums and differences of one unit, the rest of
// a division, and & are exact, and null where an int64 does not hold them; products and quotients
// are floating-point numbers.
func arithmetic(n *node, a, b value) (v value, err error) {
	if a.kind == numberKind && b.kind == numberKind {
		return constant(n, a, b)
	}
	if a.kind == nullKind || b.kind == nullKind {
		return value{kind: nullKind, node: n}, nil
	}
	if n.op == "%" || n.op == "&" {
		return wholeNumbers(n, a, b)
	}
	if n.op == "+" || n.op == "-" {
		if v, ok := sum(n, a, b); ok {
			return v, nil
		}
	}
	if !together(a.kind, b.kind) {
		return v, unfit(n, a, b)
	}
	x, y := a.asFloat(), b.asFloat()
	v = value{kind: floatKind, node: n}
	switch n.op {
	case "+":
		v.float = func(p unsafe.Pointer) float64 { return x(p) + y(p) }
	case "-":
		v.float = func(p unsafe.Pointer) float64 { return x(p) - y(p) }
	case "*":
		v.float = func(p unsafe.Pointer) float64 { return x(p) * y(p) }
	default:
		v.float = func(p unsafe.Pointer) float64 { return x(p) / y(p) }
	}
	return v, nil
}

func unfit(n *node, a, b value) error {
	return fault(n.column, "%s does not go with %s and %s", n.op, describe(a), describe(b))
}

// constant computes with two literals.
func constant(n *node, a, b value) (v value, err error) {
	x, y, z := a.node.number, b.node.number, new(big.Rat)
	switch n.op {
	case "+":
		z.Add(x, y)
	case "-":
		z.Sub(x, y)
	case "*":
		z.Mul(x, y)
	case "/":
		if y.Sign() == 0 {
			return v, fault(n.column, "division by zero")
		}
		z.Quo(x, y)
	default:
		return v, unfit(n, a, b)
	}
	if z.Num().BitLen() > maxBits || z.Denom().BitLen() > maxBits {
		return v, fault(n.column, "the number is outside of what any field can hold")
	}
	return value{kind: numberKind, node: &node{column: n.column, op: "number", name: z.RatString(), number: z}}, nil
}

// maxBits bounds what products of literals may grow to.
const maxBits = 4096

// sum compiles + and - of one unit; ok is false where it takes floating-point numbers.
func sum(n *node, a, b value) (v value, ok bool) {
	v = value{kind: a.kind, node: n}
	switch {
	case a.kind == timeKind && b.kind == timeKind && n.op == "-":
		v.kind = durationKind
	case a.kind == timeKind && (isCount(b.kind) || b.kind == lengthKind):
	case b.kind == timeKind && (isCount(a.kind) || a.kind == lengthKind) && n.op == "+":
		v.kind = timeKind
	case a.kind == priceKind && (b.kind == priceKind || b.kind == numberKind):
	case b.kind == priceKind && a.kind == numberKind:
		v.kind = priceKind
	case isCount(a.kind) && (isCount(b.kind) || b.kind.literal()), a.kind.literal() && isCount(b.kind):
		if v.kind = intKind; a.kind == durationKind || b.kind == durationKind || a.kind == lengthKind || b.kind == lengthKind {
			v.kind = durationKind
		}
	default:
		return v, false
	}
	x, okX := a.asInt(v.kind)
	y, okY := b.asInt(v.kind)
	if !okX || !okY {
		return v, false
	}
	minus := n.op == "-"
	if minus && a.column != nil && b.column != nil && a.kind == b.kind && a.column.Size() == 8 && a.kind != intKind {
		v.int = difference(a.column, b.column)
		return v, true
	}
	v.int = func(p unsafe.Pointer) (int64, state) {
		l, ofL := x(p)
		r, ofR := y(p)
		if ofL != defined || ofR != defined {
			return 0, undefined
		}
		if minus {
			d := l - r
			return d, overflow((l^r)&(l^d) < 0)
		}
		s := l + r
		return s, overflow((l^s)&(r^s) < 0)
	}
	return v, true
}

// difference is that of two times or two prices, without a call for each: delays and spreads are what
// expressions are mostly about.
func difference(a, b *dbn.Column) intFn {
	atA, atB := uintptr(a.Offset()), uintptr(b.Offset())
	if a.Kind() == dbn.ColumnPrice {
		return func(p unsafe.Pointer) (int64, state) {
			l, r := get[int64](p, atA), get[int64](p, atB)
			d := l - r
			return d, overflow(l == math.MaxInt64 || r == math.MaxInt64 || (l^r)&(l^d) < 0)
		}
	}
	return func(p unsafe.Pointer) (int64, state) {
		l, r := get[uint64](p, atA), get[uint64](p, atB)
		return int64(l - r), overflow(l-1 >= math.MaxInt64 || r-1 >= math.MaxInt64) // 0, undefined, or too large
	}
}

// overflow is null where there is one.
func overflow(is bool) state {
	if is {
		return undefined
	}
	return defined
}

// asInt is a value as a whole number of a unit; a literal that is not one is not.
func (v *value) asInt(unit kind) (intFn, bool) {
	if !v.kind.literal() {
		return v.int, v.int != nil
	}
	if v.kind != numberKind && v.kind != lengthKind {
		return nil, false
	}
	x := v.node.number
	if unit == priceKind {
		x = new(big.Rat).Mul(x, big.NewRat(dbn.PriceScale, 1))
	}
	if !x.IsInt() || !x.Num().IsInt64() {
		return nil, false
	}
	number := x.Num().Int64()
	return func(unsafe.Pointer) (int64, state) { return number, defined }, true
}

// wholeNumbers compiles % and &, which are for counts.
func wholeNumbers(n *node, a, b value) (value, error) {
	v := value{kind: intKind, node: n}
	x, okX := a.asInt(intKind)
	y, okY := b.asInt(intKind)
	if !okX || !okY || !isCount(a.kind) && !a.kind.literal() || !isCount(b.kind) && !b.kind.literal() {
		return v, unfit(n, a, b)
	}
	and := n.op == "&"
	v.int = func(p unsafe.Pointer) (int64, state) {
		l, ofL := x(p)
		r, ofR := y(p)
		switch {
		case ofL == undefined || ofR == undefined:
			return 0, undefined
		case and:
			if (ofL == beyond || l >= 0) && (ofR == beyond || r >= 0) {
				return wide(uint64(l) & uint64(r))
			}
			return l & r, defined
		case r == 0:
			return 0, undefined
		case ofL == beyond || ofR == beyond:
			if ofL == defined && l < 0 || ofR == defined && r < 0 {
				return 0, undefined
			}
			return wide(uint64(l) % uint64(r))
		case l == math.MinInt64 && r == -1:
			return 0, defined
		}
		return l % r, defined
	}
	return v, nil
}

// negate compiles a minus sign.
func negate(n *node, a value) (value, error) {
	switch {
	case a.kind == numberKind || a.kind == lengthKind:
		number := new(big.Rat).Neg(a.node.number)
		return value{kind: a.kind, node: &node{column: n.column, op: a.node.op, name: "-" + a.node.name, number: number}}, nil
	case a.kind == nullKind:
		return value{kind: nullKind, node: n}, nil
	case a.kind == floatKind:
		f := a.float
		return value{kind: floatKind, node: n, float: func(p unsafe.Pointer) float64 { return -f(p) }}, nil
	case isCount(a.kind) || a.kind == priceKind:
		f := a.int
		return value{kind: a.kind, node: n, int: func(p unsafe.Pointer) (int64, state) {
			v, s := f(p)
			if s != defined || v == math.MinInt64 {
				return 0, undefined
			}
			return -v, defined
		}}, nil
	}
	return value{}, fault(n.column, "- does not go with %s", describe(a))
}
