package historical_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/dbnloop/dbnloop/internal/simtest"
)

// TestMain fails when a test leaves a goroutine of the package running.
func TestMain(m *testing.M) {
	code := m.Run()
	if stacks := simtest.Leaked("dbnloop/sim/historical."); code == 0 && stacks != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", stacks)
		code = 1
	}
	os.Exit(code)
}
