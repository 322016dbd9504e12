//go:build !dbnloop_reworded

// Package reword changes the words of every error of the library under the build tag
// dbnloop_reworded, for the test that no program decides anything by them.
package reword

// Text returns a message as it is.
func Text(message string) string { return message }
