package stream

import (
	"fmt"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Counters are what came in so far.
type Counters struct {
	Records  uint64 // data records
	Messages uint64 // the gateway's own
	Bytes    uint64 // of both, as DBN
	ByRType  [256]uint64
	Symbols  int
	began    time.Time // the stream's metadata came
	LastTs   dbn.UnixNanos
	Skipped  bool // the gateway told of records that it skipped

	ticked      time.Time // of the last statistics line
	tickRecords uint64
	tickBytes   uint64
}

// Elapsed is the time since the stream began; 0 before.
func (c *Counters) Elapsed(now time.Time) time.Duration {
	if c.began.IsZero() {
		return 0
	}
	return now.Sub(c.began)
}

// Summary is the line at the end.
func (c *Counters) Summary(now time.Time) string {
	elapsed := c.Elapsed(now)
	line := fmt.Sprintf("%s, %s in %s: %s, %s", term.Plural(c.Records, "record"), term.HumanBytes(float64(c.Bytes)),
		term.HumanDuration(elapsed), term.PerSecond(float64(c.Records), elapsed, "records"), term.BytesPerSecond(float64(c.Bytes), elapsed))
	if c.Records == 0 {
		return line
	}
	separator := " ("
	for rtype, n := range c.ByRType {
		if n > 0 && !dbn.RType(rtype).IsMessage() {
			line += separator + RTypeName(dbn.RType(rtype)) + " " + term.Grouped(n)
			separator = ", "
		}
	}
	return line + ")"
}

// RTypeName is the schema's name where the rtype has another one.
func RTypeName(rtype dbn.RType) string {
	switch rtype {
	case dbn.RTypeMbp0:
		return "trades"
	case dbn.RTypeInstrumentDef:
		return "definition"
	case dbn.RTypeSymbolMapping:
		return "mapping"
	}
	return rtype.String()
}

// Tick is the line of --stats: rates since the last one.
func (c *Counters) Tick(now time.Time) string {
	since := c.ticked
	if since.IsZero() {
		since = c.began
	}
	d := now.Sub(since)
	line := fmt.Sprintf("%s, %s; %s, %s", term.Plural(c.Records, "record"), term.HumanBytes(float64(c.Bytes)),
		term.PerSecond(float64(c.Records-c.tickRecords), d, "records"), term.BytesPerSecond(float64(c.Bytes-c.tickBytes), d))
	if c.LastTs != 0 {
		line += "; last " + c.LastTs.String()
	}
	c.ticked, c.tickRecords, c.tickBytes = now, c.Records, c.Bytes
	return line
}

// SourceLine is what the library counted below the records.
func SourceLine(s *dbnloop.Stats) string {
	line := fmt.Sprintf("%s read in %s, %s, batches: %s, silent for %s", term.HumanBytes(float64(s.BytesRead)),
		term.Plural(s.Reads, "piece"), term.Plural(s.Polls, "poll"), term.Grouped(s.Batches), term.HumanDuration(s.Silence))
	if s.Pauses > 0 {
		line += fmt.Sprintf(", paused for %s (%s)", term.HumanDuration(s.Paused), term.Plural(s.Pauses, "pause"))
	}
	if s.Buffered > 0 {
		line += ", " + term.HumanBytes(float64(s.Buffered)) + " buffered"
	}
	for _, lag := range []struct {
		name string
		h    *dbnloop.LatencyHistogram
	}{{"venue to gateway", &s.VenueToGateway}, {"gateway to here", &s.GatewayToClient}} {
		if lag.h.Count() > 0 {
			line += fmt.Sprintf(", %s within %v (half), %v (99 %%)", lag.name,
				term.Rounded(lag.h.Quantile(0.5)), term.Rounded(lag.h.Quantile(0.99)))
		}
	}
	return line
}
