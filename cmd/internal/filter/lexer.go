package filter

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a mistake in an expression.
type Error struct {
	Column int // of the character at fault, from 1
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Text) }

// fault is an Error at a character; positions in nodes are columns.
func fault(column int, format string, args ...any) error {
	return &Error{column, fmt.Errorf(format, args...).Error()}
}

type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	numberToken   // with a unit it is a duration
	textToken     // its text is without quotes
	operatorToken // also brackets and the comma
)

type token struct {
	kind   tokenKind
	text   string
	column int
}

// String is the token in messages.
func (t token) String() string {
	if t.kind == endToken {
		return "the end"
	}
	return strconv.Quote(t.text)
}

// operators are what is neither a name nor a value. Longer ones come first.
var operators = []string{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "&", "(", ")", "[", "]", ",", "."}

// lexer cuts an expression into tokens.
type lexer struct {
	text   string
	at     int // bytes
	column int
}

// next is the next token.
func (l *lexer) next() (token, error) {
	l.take(len(l.text[l.at:]) - len(strings.TrimLeftFunc(l.text[l.at:], unicode.IsSpace)))
	rest, column := l.text[l.at:], l.column
	if rest == "" {
		return token{column: column}, nil
	}
	switch c := rest[0]; {
	case c == '"' || c == '\'':
		return l.quoted(c)
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return token{numberToken, l.take(numberLength(rest)), column}, nil
	case isLetter(c):
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
			n++
		}
		return token{nameToken, l.take(n), column}, nil
	}
	for _, operator := range operators {
		if strings.HasPrefix(rest, operator) {
			return token{operatorToken, l.take(len(operator)), column}, nil
		}
	}
	switch c, _ := utf8.DecodeRuneInString(rest); c {
	case '=':
		return token{}, fault(column, "a single = compares nothing: write ==")
	case '|':
		return token{}, fault(column, "a single | is not an operator: write ||")
	default:
		return token{}, fault(column, "unexpected character %q", c)
	}
}

// take moves on by n bytes and returns them.
func (l *lexer) take(n int) string {
	text := l.text[l.at : l.at+n]
	l.at += n
	l.column += utf8.RuneCountInString(text)
	return text
}

// numberLength is how far a number reaches, with its exponent or unit.
func numberLength(text string) int {
	n := 0
	for n < len(text) {
		switch c := text[n]; {
		case isDigit(c), isLetter(c), c == '.', strings.HasPrefix(text[n:], "µ"), strings.HasPrefix(text[n:], "μ"):
			_, size := utf8.DecodeRuneInString(text[n:])
			n += size
		case (c == '+' || c == '-') && n > 0 && n+1 < len(text) && (text[n-1] == 'e' || text[n-1] == 'E') && isDigit(text[n+1]):
			n++
		default:
			return n
		}
	}
	return n
}

// quoted reads a text in quotes of either kind, with the escapes of Go.
func (l *lexer) quoted(quote byte) (token, error) {
	column := l.column
	l.take(1)
	var text []byte
	for {
		rest := l.text[l.at:]
		if rest == "" {
			return token{}, fault(column, "the text that begins here lacks its closing %c", quote)
		}
		if rest[0] == quote {
			l.take(1)
			return token{textToken, string(text), column}, nil
		}
		c, multibyte, tail, err := strconv.UnquoteChar(rest, quote)
		if err != nil {
			return token{}, fault(l.column, "invalid escape in a text: write \\\\ for a backslash, \\x41 for a byte")
		}
		if multibyte {
			text = utf8.AppendRune(text, c)
		} else {
			text = append(text, byte(c))
		}
		l.take(len(rest) - len(tail))
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
