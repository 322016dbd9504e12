package simtest

import (
	"runtime"
	"strings"
)

// Leaked returns the stacks of goroutines that are still inside a package, given as
// "dbnloop/sim." with its dot. One that is about to end gets the chance to.
func Leaked(inside string) string {
	var stacks string
	for range 1000 {
		buf := make([]byte, 1<<20)
		stacks = ""
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, inside) && !strings.Contains(stack, "testing.") {
				stacks += stack + "\n\n"
			}
		}
		if stacks == "" {
			return ""
		}
		runtime.Gosched()
	}
	return stacks
}
