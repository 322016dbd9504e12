package dbnloop

import (
	"math"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// Stats holds the counters of a client since its stream began (Connect of a live client, Start
// of the others). Counting takes place in C++, per batch and per run; reading takes one call.
type Stats struct {
	BytesRead uint64        // bytes received, compressed, without TLS and HTTP
	Reads     uint64        // reads that received them
	Bytes     uint64        // bytes of consumed records, upgraded, with ts_out
	Batches   uint64        // batches that contained them
	Polls     uint64        // turns of the reactor during that time
	Pauses    uint64        // calls of Pause that took effect
	Paused    time.Duration // total, including the present pause
	Buffered  int           // bytes buffered now and not yet delivered
	// Silence is the time since the last byte arrived; 0 before the first. Heartbeats count, so
	// on a healthy live session it stays below the heartbeat interval.
	Silence time.Duration
	// Records is the number of consumed records by rtype.
	Records [256]uint64
	// GatewayToClient is the local clock minus ts_out, and VenueToGateway is ts_out minus
	// ts_recv, both sampled at the last record of each batch of live clients WithTsOut.
	GatewayToClient, VenueToGateway LatencyHistogram
}

// Count returns the number of records of the given types; of all types without an argument.
func (s *Stats) Count(types ...dbn.RType) (n uint64) {
	if len(types) == 0 {
		for _, count := range s.Records {
			n += count
		}
	}
	for _, t := range types {
		n += s.Records[t]
	}
	return n
}

// LatencyHistogram counts durations in buckets whose width doubles. Bucket 0 counts values of
// zero or less (two clocks disagree), bucket n counts values of 2^(n-1) to 2^n - 1 ns.
type LatencyHistogram [bindings.LatencyBuckets]uint64

// Count returns the number of values.
func (h *LatencyHistogram) Count() (n uint64) {
	for _, count := range h {
		n += count
	}
	return n
}

// Quantile returns an upper bound of the quantile q (0 to 1): the end of its bucket, which is
// at most twice the value itself. 0 without values.
func (h *LatencyHistogram) Quantile(q float64) time.Duration {
	total := h.Count()
	if total == 0 {
		return 0
	}
	wanted := max(uint64(math.Ceil(min(max(q, 0), 1)*float64(total))), 1)
	var seen uint64
	for i, count := range h {
		if seen += count; seen >= wanted {
			return time.Duration(uint64(1)<<i - 1)
		}
	}
	return math.MaxInt64
}

// Stats returns the statistics of the present stream, or of the last one. After Close they are
// empty. Any goroutine may call it at any time; it waits for nothing but a Close in progress.
func (c *source) Stats() (s Stats) {
	c.r.core.life.RLock()
	defer c.r.core.life.RUnlock()
	var in bindings.Stats
	if c.closed.Load() || !c.c.Stats(&in) {
		return s
	}
	return Stats{
		BytesRead: in.BytesRead, Reads: in.Reads, Bytes: in.Bytes, Batches: in.Batches,
		Polls: in.Polls, Pauses: in.Pauses, Paused: time.Duration(in.PausedNs),
		Buffered: int(in.Buffered), Silence: time.Duration(in.Silence), Records: in.Records,
		GatewayToClient: in.GatewayToClient, VenueToGateway: in.VenueToGateway,
	}
}
