package dbnloop

import (
	"math"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// Stats is what a client did since its stream began (Connect of a live client, Start of the
// others). Counting is by batch and by run, in C++; reading it takes one call.
type Stats struct {
	BytesRead uint64        // as they came: compressed; without TLS and HTTP
	Reads     uint64        // pieces that they came in
	Bytes     uint64        // of records that were taken, upgraded, with ts_out
	Batches   uint64        // that they were handed out in
	Polls     uint64        // turns of the reactor meanwhile
	Pauses    uint64        // calls of Pause that took effect
	Paused    time.Duration // all of them together, this one included
	Buffered  int           // bytes held now, not yet handed out
	// Silence is the time since the last byte came; heartbeats count, so that on a healthy
	// live session it stays below the heartbeat interval. 0 before the first.
	Silence time.Duration
	// Records that were taken, by rtype.
	Records [256]uint64
	// Of live clients WithTsOut: this machine's clock less ts_out, and ts_out less
	// ts_recv, of the last record of each batch.
	GatewayToClient, VenueToGateway LatencyHistogram
}

// Count is the number of records of the given types; of all without an argument.
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

// LatencyHistogram counts how long something took, in buckets that double: bucket 0 holds
// what took no time (or less: two clocks disagree), bucket n what took 2^(n-1) to 2^n - 1 ns.
type LatencyHistogram [bindings.LatencyBuckets]uint64

// Count is the number of values.
func (h *LatencyHistogram) Count() (n uint64) {
	for _, count := range h {
		n += count
	}
	return n
}

// Quantile is a bound that the fraction q (0 to 1) of the values does not pass: the end of
// its bucket, so at most twice the value itself. 0 without values.
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

// Stats is what the client did in the present stream, or in the last one, up to now. After
// Close it is empty. Any goroutine may call it at any time: while the reactor is in use it
// waits for the present work of the C++ core at most, never for a handler or for data.
func (c *source) Stats() (s Stats) {
	c.ask(func() {
		var in bindings.Stats
		if c.r.core.loop.Stats(c.id, &in) != nil {
			return
		}
		s = Stats{
			BytesRead: in.BytesRead, Reads: in.Reads, Bytes: in.Bytes, Batches: in.Batches,
			Polls: in.Polls, Pauses: in.Pauses, Paused: time.Duration(in.PausedNs),
			Buffered: int(in.Buffered), Silence: time.Duration(in.Silence), Records: in.Records,
			GatewayToClient: in.GatewayToClient, VenueToGateway: in.VenueToGateway,
		}
	})
	return s
}
