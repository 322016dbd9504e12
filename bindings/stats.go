package bindings

/*
#include "dbnloop.h"

#cgo noescape dbnloop_source_stats
#cgo nocallback dbnloop_source_stats
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

// Stats is dbnloop_source_stats.
func (r *Reactor) Stats(source uint64, out *Stats) *Error {
	out.structSize = unsafe.Sizeof(*out)
	return failed(C.dbnloop_source_stats(r.handle, C.uint64_t(source), (*C.dbnloop_stats)(unsafe.Pointer(out)), &r.err), &r.err)
}
