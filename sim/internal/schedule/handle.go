package schedule

import "sync/atomic"

// Handle is a fault that was added to a running server. Its methods may be called from any
// goroutine.
type Handle struct {
	fired   atomic.Int64
	removed atomic.Bool
}

// Fired is how many times the fault was shown.
func (h *Handle) Fired() int64 { return h.fired.Load() }

// Remove ends the fault: it is not shown from now on. What a client is being shown at the
// moment continues.
func (h *Handle) Remove() { h.removed.Store(true) }

// Removed reports whether Remove was called.
func (h *Handle) Removed() bool { return h.removed.Load() }

// Fire counts that the fault is shown. It is for the server's own use.
func (h *Handle) Fire() { h.fired.Add(1) }
