//go:build race

package e2e

// buildFlags: the programs are checked for races as the tests are.
var buildFlags = []string{"-race"}
