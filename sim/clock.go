package sim

import (
	"time"

	"github.com/dbnloop/dbnloop/gateway"
)

// TestKey is the key that the simulated servers accept when their Config names none. It opens
// nothing but a simulator.
const TestKey = "db-simSIMsimSIMsimSIMsimSIMsim00"

// Clock is the source of time of a server: pace, heartbeats and time stamps. The default is
// the system's clock; [ManualClock] makes tests exact.
type Clock = gateway.Clock

// Timer is a one-shot timer made by a [Clock].
type Timer = gateway.Timer

// SystemClock is the [Clock] of the machine, and the default.
type SystemClock = gateway.SystemClock

// ManualClock is a [Clock] that moves only when it is advanced.
type ManualClock = gateway.ManualClock

// NewManualClock returns a clock that stands at start.
func NewManualClock(start time.Time) *ManualClock { return gateway.NewManualClock(start) }
