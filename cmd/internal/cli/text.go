// Package cli is what both programs have in common: which text may reach a terminal, how
// mistakes in flags read, and which version a program is of.
package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsPlain reports whether a character may reach a terminal or a line of text. It is the one
// rule for all of them. Letters, marks, digits, punctuation, symbols and the space may;
// controls (C0, DEL, C1), line and paragraph separators, bidirectional and other invisible
// formatting, private and unassigned characters, and broken UTF-8 may not.
func IsPlain(c rune) bool { return c != utf8.RuneError && unicode.IsPrint(c) }

// Replacement stands for a character that is not plain, where text cannot be escaped.
const Replacement = '?'

// AppendRune appends a plain character, and the replacement for any other.
func AppendRune(dst []byte, c rune) []byte {
	if !IsPlain(c) {
		return append(dst, Replacement)
	}
	return utf8.AppendRune(dst, c)
}

// Plain is a text with every character replaced that is not plain.
func Plain(text string) string {
	isOdd := func(c rune) bool { return !IsPlain(c) }
	if !strings.ContainsFunc(text, isOdd) {
		return text
	}
	var b []byte
	for _, c := range text {
		b = AppendRune(b, c)
	}
	return string(b)
}

// AppendPlain appends text with every character replaced that is not plain, but for keep,
// which may be a delimiter; 0 keeps none.
func AppendPlain(dst, text []byte, keep byte) []byte {
	for len(text) > 0 {
		if c := text[0]; ' ' <= c && c < 0x7F || c == keep && keep != 0 {
			dst, text = append(dst, c), text[1:]
			continue
		}
		c, n := utf8.DecodeRune(text)
		dst, text = AppendRune(dst, c), text[n:]
	}
	return dst
}

// AppendPlainJSON appends JSON with every character escaped that is not plain, so that its
// value stays the same; broken UTF-8 becomes U+FFFD. Line feeds between values stay: in a
// string JSON has them escaped already.
func AppendPlainJSON(dst, json []byte) []byte {
	for len(json) > 0 {
		if c := json[0]; ' ' <= c && c < 0x7F || c == '\n' {
			dst, json = append(dst, c), json[1:]
			continue
		}
		c, n := utf8.DecodeRune(json)
		switch json = json[n:]; {
		case IsPlain(c):
			dst = utf8.AppendRune(dst, c)
		case c > 0xFFFF:
			high, low := (c-0x10000)>>10, (c-0x10000)&0x3FF
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xD800+high, 0xDC00+low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
	}
	return dst
}

// PlainJSON is a writer that passes JSON on with AppendPlainJSON. Each Write must hold
// complete characters.
func PlainJSON(w io.Writer) io.Writer { return plainJSON{w} }

type plainJSON struct{ w io.Writer }

func (p plainJSON) Write(b []byte) (int, error) {
	if _, err := p.w.Write(AppendPlainJSON(make([]byte, 0, len(b)), b)); err != nil {
		return 0, err
	}
	return len(b), nil
}
