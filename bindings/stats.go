//go:build linux

package bindings

/*
#include "dbnloop.h"

#cgo noescape dbnloop_live_stats
#cgo nocallback dbnloop_live_stats
#cgo noescape dbnloop_historical_stats
#cgo nocallback dbnloop_historical_stats
#cgo noescape dbnloop_continuous_stats
#cgo nocallback dbnloop_continuous_stats
#cgo noescape dbnloop_file_stats
#cgo nocallback dbnloop_file_stats
*/
import "C"

import "unsafe"

// LatencyBuckets is DBNLOOP_LATENCY_BUCKETS.
const LatencyBuckets = C.DBNLOOP_LATENCY_BUCKETS

// Stats mirrors dbnloop_stats.
type Stats struct {
	structSize                                 uintptr
	BytesRead, Reads, Bytes, Batches           uint64
	Polls, Pauses, PausedNs, Buffered, Silence uint64
	Records                                    [256]uint64
	GatewayToClient                            [LatencyBuckets]uint64
	VenueToGateway                             [LatencyBuckets]uint64
}

var (
	_ [unsafe.Sizeof(Stats{})]struct{}                   = [unsafe.Sizeof(C.dbnloop_stats{})]struct{}{}
	_ [unsafe.Offsetof(Stats{}.BytesRead)]struct{}       = [unsafe.Offsetof(C.dbnloop_stats{}.bytes_read)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.Reads)]struct{}           = [unsafe.Offsetof(C.dbnloop_stats{}.reads)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.Bytes)]struct{}           = [unsafe.Offsetof(C.dbnloop_stats{}.bytes)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.Batches)]struct{}         = [unsafe.Offsetof(C.dbnloop_stats{}.batches)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.Polls)]struct{}           = [unsafe.Offsetof(C.dbnloop_stats{}.polls)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.Pauses)]struct{}          = [unsafe.Offsetof(C.dbnloop_stats{}.pauses)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.PausedNs)]struct{}        = [unsafe.Offsetof(C.dbnloop_stats{}.paused_ns)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.Buffered)]struct{}        = [unsafe.Offsetof(C.dbnloop_stats{}.buffered)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.Silence)]struct{}         = [unsafe.Offsetof(C.dbnloop_stats{}.silence_ns)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.Records)]struct{}         = [unsafe.Offsetof(C.dbnloop_stats{}.records)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.GatewayToClient)]struct{} = [unsafe.Offsetof(C.dbnloop_stats{}.gateway_to_client)]struct{}{}
	_ [unsafe.Offsetof(Stats{}.VenueToGateway)]struct{}  = [unsafe.Offsetof(C.dbnloop_stats{}.venue_to_gateway)]struct{}{}
)

func (s *Stats) c() *C.dbnloop_stats {
	s.structSize = unsafe.Sizeof(*s)
	return (*C.dbnloop_stats)(unsafe.Pointer(s))
}

// Stats is dbnloop_live_stats. Any goroutine may call it until Free.
func (l *Live) Stats(out *Stats) bool {
	return C.dbnloop_live_stats(l.handle, out.c(), nil) == C.DBNLOOP_OK
}

// Stats is dbnloop_historical_stats. Any goroutine may call it until Free.
func (h *Historical) Stats(out *Stats) bool {
	return C.dbnloop_historical_stats(h.handle, out.c(), nil) == C.DBNLOOP_OK
}

// Stats is dbnloop_continuous_stats. Any goroutine may call it until Free.
func (c *Continuous) Stats(out *Stats) bool {
	return C.dbnloop_continuous_stats(c.handle, out.c(), nil) == C.DBNLOOP_OK
}

// Stats is dbnloop_file_stats. Any goroutine may call it until Free.
func (f *File) Stats(out *Stats) bool {
	return C.dbnloop_file_stats(f.handle, out.c(), nil) == C.DBNLOOP_OK
}
