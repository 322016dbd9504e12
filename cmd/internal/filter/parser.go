package filter

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// node is a part of an expression.
type node struct {
	column int
	op     string // "field", "number", "duration", "text", "null", "bool", "list", or an operator
	name   string // of a field; what was written of a literal
	number *big.Rat
	args   []*node
}

// maxDepth bounds how deep parentheses and negations may be nested.
const maxDepth = 200

// precedence of the operators between two operands; all of them are read from left to right.
var precedence = map[string]int{
	"||": 1, "&&": 2,
	"==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "like": 3,
	"+": 4, "-": 4,
	"*": 5, "/": 5, "%": 5, "&": 5,
}

var words = []string{"in", "like", "null", "true", "false"}

// parser makes a tree of an expression.
type parser struct {
	lexer lexer
	token token
	depth int
}

// parse reads a complete expression.
func parse(text string) (*node, error) {
	p := parser{lexer: lexer{text: text, column: 1}}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.token.kind == endToken {
		return nil, fault(1, "the expression is empty")
	}
	n, err := p.binary(1)
	if err != nil {
		return nil, err
	}
	if p.token.kind != endToken {
		return nil, fault(p.token.column, "unexpected %s after the end of the expression", p.token)
	}
	return n, nil
}

func (p *parser) next() (err error) {
	p.token, err = p.lexer.next()
	return err
}

// operator reports whether the next token is an operator, by its text.
func (p *parser) operator(text string) bool {
	return p.token.kind == operatorToken && p.token.text == text
}

func (p *parser) expect(text string) error {
	if !p.operator(text) {
		return fault(p.token.column, "expected %s, not %s", text, p.token)
	}
	return p.next()
}

// binary reads operands and the operators between them that bind at least so strongly.
func (p *parser) binary(least int) (*node, error) {
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for {
		op := p.token
		strength := precedence[op.text]
		if strength < least || op.kind != operatorToken && op.kind != nameToken {
			return left, nil
		}
		if err := p.next(); err != nil {
			return nil, err
		}
		right, err := p.binary(strength + 1)
		if err != nil {
			return nil, err
		}
		if strength == 3 && precedence[left.op] == 3 {
			return nil, fault(op.column, "comparisons do not chain: join two with &&")
		}
		left = &node{column: op.column, op: op.text, args: []*node{left, right}}
	}
}

func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fault(p.token.column, "the expression is nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	if !p.operator("!") && !p.operator("-") {
		return p.operand()
	}
	op := p.token
	if err := p.next(); err != nil {
		return nil, err
	}
	operand, err := p.unary()
	if err != nil {
		return nil, err
	}
	return &node{column: op.column, op: op.text + "x", args: []*node{operand}}, nil
}

func (p *parser) operand() (*node, error) {
	t := p.token
	switch {
	case p.operator("("):
		if err := p.next(); err != nil {
			return nil, err
		}
		n, err := p.binary(1)
		if err != nil {
			return nil, err
		}
		// In parentheses a comparison is an operand like any other.
		return &node{column: n.column, op: "()", args: []*node{n}}, p.expect(")")
	case p.operator("["):
		return p.list()
	case t.kind == numberToken:
		n, err := number(t)
		if err != nil {
			return nil, err
		}
		return n, p.next()
	case t.kind == textToken:
		return &node{column: t.column, op: "text", name: t.text}, p.next()
	case t.kind == nameToken && slices.Contains(words, t.text):
		switch t.text {
		case "null":
			return &node{column: t.column, op: "null", name: t.text}, p.next()
		case "true", "false":
			return &node{column: t.column, op: "bool", name: t.text}, p.next()
		}
	case t.kind == nameToken:
		return p.field()
	}
	return nil, fault(t.column, "expected a field or a value, not %s", t)
}

// field reads a name. JSON's hd.ts_event and levels[0].bid_px are the fields ts_event and bid_px_00.
func (p *parser) field() (*node, error) {
	n := &node{column: p.token.column, op: "field", name: p.token.text}
	if err := p.next(); err != nil {
		return nil, err
	}
	level := ""
	if n.name == "levels" && p.operator("[") {
		if err := p.next(); err != nil {
			return nil, err
		}
		if level = p.token.text; p.token.kind != numberToken || strings.Trim(level, "0123456789") != "" {
			return nil, fault(p.token.column, "expected the number of a level, not %s", p.token)
		}
		if level = "_" + level; len(level) < 3 {
			level = "_0" + level[1:]
		}
		if err := p.next(); err != nil {
			return nil, err
		}
		if err := p.expect("]"); err != nil {
			return nil, err
		}
	}
	if !p.operator(".") || n.name != "hd" && level == "" {
		n.name += level
		return n, nil
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	if n.name = p.token.text + level; p.token.kind != nameToken {
		return nil, fault(p.token.column, "expected the name of a field, not %s", p.token)
	}
	return n, p.next()
}

// list reads values in brackets.
func (p *parser) list() (*node, error) {
	list := &node{column: p.token.column, op: "list"}
	if err := p.next(); err != nil {
		return nil, err
	}
	for !p.operator("]") {
		item, err := p.unary()
		if err != nil {
			return nil, err
		}
		list.args = append(list.args, item)
		if p.operator("]") {
			break
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
	return list, p.next()
}

// number is a literal without its sign.
func number(t token) (*node, error) {
	n := &node{column: t.column, op: "number", name: t.text}
	if strings.Trim(t.text, "0123456789.eE+-") == "" {
		// An exponent costs memory, so it is bounded by what any field can hold.
		if _, exponent, has := strings.Cut(strings.ToLower(t.text), "e"); has && len(strings.Trim(exponent, "+-")) > 2 {
			return nil, fault(t.column, "number %s is outside of what any field can hold", t.text)
		}
		if value, ok := new(big.Rat).SetString(t.text); ok {
			n.number = value
			return n, nil
		}
		return nil, fault(t.column, "invalid number %q", t.text)
	}
	d, err := term.ParseDuration(t.text)
	if err != nil {
		return nil, fault(t.column, "invalid number %q: want one such as 100 or 6012.25, or a duration such as 250us, 5ms or 1h30m", t.text)
	}
	n.op, n.number = "duration", new(big.Rat).SetInt64(int64(d/time.Nanosecond))
	return n, nil
}

// fields lists the names in an expression.
func (n *node) fields(found []*node) []*node {
	if n.op == "field" {
		found = append(found, n)
	}
	for _, arg := range n.args {
		found = arg.fields(found)
	}
	return found
}
