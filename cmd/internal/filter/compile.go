package filter

import (
	"strconv"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// layout is what an expression is compiled for: the fields of records of one type and size.
type layout struct {
	columns []dbn.Column
	tsOut   int      // where the gateway's send time is; 0: the records have none
	symbols *symbols // of the stream
}

// has reports whether records have a field.
func (l *layout) has(name string) bool {
	return l.column(name) != nil || name == "symbol" || name == "ts_out" && l.tsOut > 0
}

func (l *layout) column(name string) *dbn.Column {
	for i := range l.columns {
		if l.columns[i].Name == name {
			return &l.columns[i]
		}
	}
	return nil
}

// condition compiles what must be true or false.
func (l *layout) condition(n *node) (pred, error) {
	v, err := l.truth(n)
	return v.pred(), err
}

// truth compiles it with its checks, if that is all there is.
func (l *layout) truth(n *node) (value, error) {
	v, err := l.value(n)
	switch {
	case err != nil:
		return v, err
	case v.kind == boolKind:
		return v, nil
	case v.kind == nullKind:
		return value{kind: boolKind, node: n, holds: never}, nil
	}
	return v, fault(n.start(), "%s is neither true nor false: compare it with something", v.kind)
}

// start is the column at which a part of an expression begins.
func (n *node) start() int {
	column := n.column
	if len(n.args) > 0 {
		column = min(column, n.args[0].start())
	}
	return column
}

// value compiles any part of an expression.
func (l *layout) value(n *node) (v value, err error) {
	switch n.op {
	case "()":
		return l.value(n.args[0])
	case "field":
		return l.field(n), nil
	case "number":
		return value{kind: numberKind, node: n}, nil
	case "duration":
		return value{kind: lengthKind, node: n}, nil
	case "text":
		return value{kind: quotedKind, node: n}, nil
	case "null":
		return value{kind: nullKind, node: n}, nil
	case "bool":
		yes := n.name == "true"
		return value{kind: boolKind, node: n, holds: func(unsafe.Pointer) bool { return yes }}, nil
	case "list":
		return v, fault(n.column, "a list follows only after the operator in")
	case "!x", "&&", "||":
		return l.logic(n)
	case "in":
		return l.membership(n)
	}
	operands := make([]value, len(n.args))
	for i, arg := range n.args {
		if operands[i], err = l.value(arg); err != nil {
			return v, err
		}
	}
	switch n.op {
	case "-x":
		return negate(n, operands[0])
	case "like":
		return like(n, operands[0], operands[1])
	case "+", "-", "*", "/", "%", "&":
		return arithmetic(n, operands[0], operands[1])
	}
	return compare(n, n.op, operands[0], operands[1])
}

func (l *layout) field(n *node) value {
	c := l.column(n.name)
	switch {
	case n.name == "symbol":
		return value{kind: textKind, node: n, symbols: l.symbols, text: func(p unsafe.Pointer) (string, bool) {
			return l.symbols.resolve(dbn.RecordAt(p))
		}}
	case n.name == "ts_out" && l.tsOut > 0:
		at := uintptr(l.tsOut)
		return value{kind: timeKind, node: n, int: func(p unsafe.Pointer) (int64, state) { return timeOf(get[uint64](p, at)) }}
	case c == nil:
		return value{kind: nullKind, node: n}
	case c.Kind() == dbn.ColumnText:
		return value{kind: textKind, node: n, text: loadText(c)}
	}
	return value{kind: columnKind(c), node: n, column: c, int: load(c)}
}

// logic compiles !, && and ||.
func (l *layout) logic(n *node) (v value, err error) {
	operands := make([]value, len(n.args))
	for i, arg := range n.args {
		if operands[i], err = l.truth(arg); err != nil {
			return v, err
		}
	}
	if n.op == "&&" {
		return operands[0].and(operands[1]), nil
	}
	a := operands[0].pred()
	v = value{kind: boolKind, node: n, holds: func(p unsafe.Pointer) bool { return !a(p) }}
	if n.op == "||" {
		b := operands[1].pred()
		v.holds = func(p unsafe.Pointer) bool { return a(p) || b(p) }
	}
	return v, nil
}

// membership compiles in: the left side equals one of a list.
func (l *layout) membership(n *node) (v value, err error) {
	list := n.args[1]
	if list.op != "list" {
		return v, fault(list.start(), "in needs a list, such as [\"A\", \"B\"]")
	}
	left, err := l.value(n.args[0])
	if err != nil {
		return v, err
	}
	var numbers []uint64 // of a field that holds numbers
	texts := make(map[string]bool)
	var equal []pred
	for _, item := range list.args {
		member, err := l.value(item)
		if err != nil {
			return v, err
		}
		if !member.kind.literal() {
			return v, fault(item.start(), "a list holds values, not %s", describe(member))
		}
		if left.kind.literal() {
			return v, fault(n.start(), "%s is a constant: look for a field in the list", describe(left))
		}
		is, err := compare(item, "==", left, member)
		if err != nil {
			return v, err
		}
		switch {
		case left.column != nil:
			if c, err := left.condition("==", member); err == nil {
				if low, _, ok := c.within(domains[left.column.Kind()]); ok {
					numbers = append(numbers, word(low))
				}
			}
		case left.kind == textKind:
			texts[item.name] = true
		default:
			equal = append(equal, is.pred())
		}
	}
	v = value{kind: boolKind, node: n}
	switch {
	case left.column != nil:
		v.holds = oneOf(left.column, numbers)
	case left.kind == textKind:
		v.holds = left.askText(func(text string) bool { return texts[text] })
	default:
		v.holds = func(p unsafe.Pointer) bool {
			for _, is := range equal {
				if is(p) {
					return true
				}
			}
			return false
		}
	}
	return v, nil
}

// describe is a value in messages.
func describe(v value) string {
	switch {
	case v.node == nil:
		return v.kind.String()
	case v.node.op == "field":
		return v.node.name + " (" + v.kind.String() + ")"
	case v.node.op == "text":
		return "the text " + strconv.Quote(v.node.name)
	case v.kind.literal():
		return v.node.name
	}
	return v.kind.String()
}
