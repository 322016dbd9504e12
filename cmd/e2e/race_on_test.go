//go:build race

package e2e

// buildFlags: dbn-tail is checked for races as the tests are.
var buildFlags = []string{"-race"}
