package gateway_test

import (
	"fmt"
	"time"

	"github.com/dbnloop/dbnloop/gateway"
)

// A malformed key is refused when a server starts, and never shown.
func ExampleCheckKeys() {
	fmt.Println(gateway.CheckKeys([]string{"db-0123456789012345678901234567x"}))
	fmt.Println(gateway.CheckKeys([]string{"short"}) != nil)
	// Output:
	// <nil>
	// true
}

// Heartbeats, paces and timeouts follow the clock of a server, so that tests need not wait.
func ExampleManualClock() {
	clock := gateway.NewManualClock(time.Date(2026, 11, 16, 14, 30, 0, 0, time.UTC))
	heartbeat := clock.NewTimer(30 * time.Second)
	clock.AwaitTimers(1)
	clock.Advance(30 * time.Second)
	fmt.Println((<-heartbeat.C()).Format(time.TimeOnly))
	// Output: 14:30:30
}
