package tail

import (
	"fmt"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// counters are what came in so far.
type counters struct {
	records  uint64 // data records
	messages uint64 // the gateway's own
	bytes    uint64 // of both, as DBN
	byRType  [256]uint64
	symbols  int
	began    time.Time // the stream's metadata came
	lastTs   dbn.UnixNanos
	skipped  bool // the gateway told of records that it skipped

	ticked      time.Time // of the last statistics line
	tickRecords uint64
	tickBytes   uint64
}

// elapsed is the time since the stream began; 0 before.
func (c *counters) elapsed(now time.Time) time.Duration {
	if c.began.IsZero() {
		return 0
	}
	return now.Sub(c.began)
}

// summary is the line at the end.
func (c *counters) summary(now time.Time) string {
	elapsed := c.elapsed(now)
	line := fmt.Sprintf("%s, %s in %s: %s, %s", term.Plural(c.records, "record"), term.HumanBytes(float64(c.bytes)),
		term.HumanDuration(elapsed), term.PerSecond(float64(c.records), elapsed, "records"), term.BytesPerSecond(float64(c.bytes), elapsed))
	if c.records == 0 {
		return line
	}
	separator := " ("
	for rtype, n := range c.byRType {
		if n > 0 && !isMessage(dbn.RType(rtype)) {
			line += separator + rtypeName(dbn.RType(rtype)) + " " + term.Grouped(n)
			separator = ", "
		}
	}
	return line + ")"
}

// rtypeName is the schema's name where the rtype has another one.
func rtypeName(rtype dbn.RType) string {
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

// tick is the line of --stats: rates since the last one.
func (c *counters) tick(now time.Time) string {
	since := c.ticked
	if since.IsZero() {
		since = c.began
	}
	d := now.Sub(since)
	line := fmt.Sprintf("%s, %s; %s, %s", term.Plural(c.records, "record"), term.HumanBytes(float64(c.bytes)),
		term.PerSecond(float64(c.records-c.tickRecords), d, "records"), term.BytesPerSecond(float64(c.bytes-c.tickBytes), d))
	if c.lastTs != 0 {
		line += "; last " + c.lastTs.String()
	}
	c.ticked, c.tickRecords, c.tickBytes = now, c.records, c.bytes
	return line
}

// sourceLine is what the library counted below the records.
func sourceLine(s *dbnloop.Stats) string {
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
