//go:build dbnloop_reworded

// Package reword changes the words of every error of the library under the build tag
// dbnloop_reworded, for the test that no program decides anything by them.
package reword

import (
	"strings"
	"unicode"
)

// Text returns a message in which no word is left: every letter is an x.
func Text(message string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) {
			return 'x'
		}
		return c
	}, message)
}
