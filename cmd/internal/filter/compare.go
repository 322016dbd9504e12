package filter

import (
	"cmp"
	"math"
	"math/big"
	"strings"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// compare compiles a comparison. One with null is about whether there is a value; any other is
// false where a value is null.
func compare(n *node, op string, a, b value) (value, error) {
	if a.kind == nullKind || b.kind == nullKind {
		return compareNull(n, op, a, b)
	}
	v := value{kind: boolKind, node: n}
	if a.kind.literal() && b.kind.literal() {
		return v, fault(n.start(), "%s and %s are both constants: compare a field", describe(a), describe(b))
	}
	if a.kind.literal() {
		a, b, op = b, a, mirrored(op)
	}
	sameUnit := a.kind == b.kind || isCount(a.kind) && isCount(b.kind)
	switch {
	case a.kind == boolKind || b.kind == boolKind:
		return compareTruth(n, op, a, b)
	case a.kind == textKind && (b.kind == textKind || b.kind == quotedKind):
		v.holds = compareText(op, a, b)
	case b.kind.literal() && a.kind.fixed():
		return a.compareLiteral(n, op, b)
	case a.kind.fixed() && b.kind.fixed() && sameUnit:
		v.holds = compareInts(op, a.int, b.int)
	case together(a.kind, b.kind):
		v.holds = compareFloats(op, a.asFloat(), b.asFloat())
	default:
		return v, fault(n.column, "%s cannot be compared with %s", describe(a), describe(b))
	}
	return v, nil
}

// compareLiteral compares a number with one that is written in the expression.
func (v value) compareLiteral(n *node, op string, literal value) (value, error) {
	truth := value{kind: boolKind, node: n}
	c, err := v.condition(op, literal)
	if err != nil {
		return truth, err
	}
	if v.column == nil {
		truth.holds = c.onValue(v.int)
		return truth, nil
	}
	var ok bool
	if truth.checks, ok = c.onColumn(v.column); !ok {
		truth.holds = never
	}
	return truth, nil
}

// mirrored is the operator with its sides exchanged.
func mirrored(op string) string {
	switch op[0] {
	case '<':
		return ">" + op[1:]
	case '>':
		return "<" + op[1:]
	}
	return op
}

// isCount reports whether values are whole numbers, or nanoseconds.
func isCount(k kind) bool { return k == intKind || k == durationKind }

// isNumber reports whether values can be made floating-point numbers.
func isNumber(k kind) bool {
	return isCount(k) || k == priceKind || k == floatKind || k == numberKind || k == lengthKind
}

// together reports whether numbers are of units that go together: prices have no time in them.
func together(a, b kind) bool {
	timed := func(k kind) bool { return k == durationKind || k == lengthKind }
	return isNumber(a) && isNumber(b) && !(a == priceKind && timed(b)) && !(b == priceKind && timed(a))
}

// condition is the comparison of a value that is fixed with a literal.
func (v value) condition(op string, literal value) (c condition, err error) {
	n := literal.node
	wrong := func(want string) error {
		return fault(n.column, "%s cannot be compared with %s: write %s", describe(v), describe(literal), want)
	}
	switch {
	case v.kind == charKind:
		if literal.kind != quotedKind {
			return c, wrong(`a character, such as "B"`)
		}
		if len(n.name) != 1 {
			return c, fault(n.column, "%s cannot be %q: write one character, such as \"B\", or null for none", describe(v), n.name)
		}
		return conditionOf(op, new(big.Rat).SetInt64(int64(n.name[0]))), nil
	case v.kind == timeKind && literal.kind != lengthKind:
		at, err := term.ParseTime(n.name)
		if err != nil {
			return c, fault(n.column, "%w", err)
		}
		return conditionOf(op, new(big.Rat).SetUint64(uint64(at))), nil
	case v.kind == timeKind:
		return c, wrong("a time such as \"2026-11-20T14:30\", or subtract two times")
	case v.kind == durationKind && literal.kind == quotedKind:
		d, err := term.ParseDuration(n.name)
		if err != nil {
			return c, fault(n.column, "%w", err)
		}
		return conditionOf(op, new(big.Rat).SetInt64(int64(d))), nil
	case literal.kind == quotedKind:
		return c, wrong("a number without quotes")
	case literal.kind == lengthKind && v.kind != durationKind:
		return c, wrong("a number")
	case v.kind == priceKind:
		return conditionOf(op, new(big.Rat).Mul(n.number, big.NewRat(dbn.PriceScale, 1))), nil
	}
	return conditionOf(op, n.number), nil
}

// compareNull asks whether there is a value.
func compareNull(n *node, op string, a, b value) (value, error) {
	truth := value{kind: boolKind, node: n, holds: never}
	// A field that the records lack is null, but was not written as null.
	written := func(v value) bool { return v.kind == nullKind && v.node != nil && v.node.op == "null" }
	if !written(a) && !written(b) {
		return truth, nil
	}
	if op != "==" && op != "!=" {
		return truth, fault(n.column, "null has no order: compare with it by == or !=")
	}
	if written(a) {
		a = b
	}
	isNull, wanted := a.isNull(), op == "=="
	truth.holds = func(p unsafe.Pointer) bool { return isNull(p) == wanted }
	return truth, nil
}

func (v value) isNull() pred {
	switch {
	case v.kind == nullKind:
		return func(unsafe.Pointer) bool { return true }
	case v.kind == textKind:
		return func(p unsafe.Pointer) bool {
			_, known := v.text(p)
			return !known
		}
	case v.kind == floatKind:
		return func(p unsafe.Pointer) bool { return math.IsNaN(v.float(p)) }
	case v.kind.fixed():
		return func(p unsafe.Pointer) bool {
			_, s := v.int(p)
			return s == undefined
		}
	}
	return never
}

func compareTruth(n *node, op string, a, b value) (value, error) {
	truth := value{kind: boolKind, node: n}
	if a.kind != b.kind || op != "==" && op != "!=" {
		return truth, fault(n.column, "a condition can only equal another condition, or not: join them with && and ||")
	}
	x, y, wanted := a.pred(), b.pred(), op == "=="
	truth.holds = func(p unsafe.Pointer) bool { return (x(p) == y(p)) == wanted }
	return truth, nil
}

// compareText compares texts by their bytes. What is asked of the symbol is asked once for each
// instrument and day.
func compareText(op string, a, b value) pred {
	if b.kind == quotedKind {
		literal := b.node.name
		return a.askText(func(text string) bool { return ordered(op, strings.Compare(text, literal)) })
	}
	return func(p unsafe.Pointer) bool {
		x, hasX := a.text(p)
		y, hasY := b.text(p)
		return hasX && hasY && ordered(op, strings.Compare(x, y))
	}
}

// askText compiles a question about a text.
func (v value) askText(holds func(text string) bool) pred {
	if v.symbols != nil {
		c := v.symbols.choose(v.node, func(_ uint32, symbol string, known bool) bool { return known && holds(symbol) })
		return func(p unsafe.Pointer) bool { return c.holds(dbn.RecordAt(p)) }
	}
	return func(p unsafe.Pointer) bool {
		text, known := v.text(p)
		return known && holds(text)
	}
}

// like compiles the match of a text with a pattern.
func like(n *node, a, b value) (value, error) {
	v := value{kind: boolKind, node: n, holds: never}
	if b.kind != quotedKind {
		return v, fault(b.node.start(), "like needs a pattern, such as \"ES*\"")
	}
	g, err := newGlob(b.node.name)
	if err != nil {
		return v, fault(b.node.column, "%w", err)
	}
	switch {
	case a.kind == nullKind:
	case a.kind != textKind:
		return v, fault(n.column, "%s has no pattern: like is for texts", describe(a))
	default:
		v.holds = a.askText(g.matches)
	}
	return v, nil
}

func compareInts(op string, a, b intFn) pred {
	return func(p unsafe.Pointer) bool {
		x, ofX := a(p)
		y, ofY := b(p)
		switch {
		case ofX == defined && ofY == defined:
			return ordered(op, cmp.Compare(x, y))
		case ofX == undefined || ofY == undefined:
			return false
		case ofX == beyond && ofY == beyond:
			return ordered(op, cmp.Compare(uint64(x), uint64(y)))
		case ofX == beyond:
			return ordered(op, 1)
		}
		return ordered(op, -1)
	}
}

// compareFloats takes NaN for null.
func compareFloats(op string, a, b floatFn) pred {
	return func(p unsafe.Pointer) bool {
		x, y := a(p), b(p)
		return !math.IsNaN(x) && !math.IsNaN(y) && ordered(op, cmp.Compare(x, y))
	}
}

// ordered is whether an operator holds for the order of two values.
func ordered(op string, order int) bool {
	switch op {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}
