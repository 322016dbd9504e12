// Package tcp has what Go leaves out about connections that are to be reset.
package tcp

import (
	"context"
	"errors"
	"net"
	"time"
)

// maxAwaited bounds the wait for the peer's kernel.
const maxAwaited = 5 * time.Second

// AwaitAcknowledged waits, for a bounded time, until the peer's kernel has what was sent: a reset
// discards what is still on the way. Where our kernel does not say how much that is, it waits
// as long as loopback may need.
func AwaitAcknowledged(ctx context.Context, conn *net.TCPConn) {
	for deadline := time.Now().Add(maxAwaited); time.Now().Before(deadline); {
		n, err := unacknowledged(conn)
		if errors.Is(err, errors.ErrUnsupported) {
			Pause(ctx, unknownDelay)
			return
		}
		if n == 0 || err != nil || !Pause(ctx, time.Millisecond) {
			return
		}
	}
}

// unknownDelay is how long bytes on loopback may be on their way.
const unknownDelay = 100 * time.Millisecond

// Pause waits for a time; false when the context ended first.
func Pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
