// Package race tells tests whether the race detector is on. It makes each access of memory about
// ten times slower and finds nothing in tests that use one goroutine.
package race

import "testing"

// SkipOneGoroutine skips a test that takes long and uses one goroutine. `make test` runs it, without
// the race detector.
func SkipOneGoroutine(t *testing.T) {
	t.Helper()
	if Enabled {
		t.Skip("uses one goroutine: it runs without the race detector")
	}
}
