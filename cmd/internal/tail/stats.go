package tail

import (
	"fmt"
	"strconv"
	"time"

	"github.com/dbnloop/dbnloop"
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
	line := fmt.Sprintf("%s, %s in %s: %s, %s", plural(c.records, "record"), humanBytes(float64(c.bytes)),
		humanDuration(elapsed), perSecond(float64(c.records), elapsed, "records"), bytesPerSecond(float64(c.bytes), elapsed))
	if c.records == 0 {
		return line
	}
	separator := " ("
	for rtype, n := range c.byRType {
		if n > 0 && !isMessage(dbn.RType(rtype)) {
			line += separator + rtypeName(dbn.RType(rtype)) + " " + grouped(n)
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
	line := fmt.Sprintf("%s, %s; %s, %s", plural(c.records, "record"), humanBytes(float64(c.bytes)),
		perSecond(float64(c.records-c.tickRecords), d, "records"), bytesPerSecond(float64(c.bytes-c.tickBytes), d))
	if c.lastTs != 0 {
		line += "; last " + c.lastTs.String()
	}
	c.ticked, c.tickRecords, c.tickBytes = now, c.records, c.bytes
	return line
}

// sourceLine is what the library counted below the records.
func sourceLine(s *dbnloop.Stats) string {
	line := fmt.Sprintf("%s read in %s, %s, batches: %s, silent for %s", humanBytes(float64(s.BytesRead)),
		plural(s.Reads, "piece"), plural(s.Polls, "poll"), grouped(s.Batches), humanDuration(s.Silence))
	if s.Pauses > 0 {
		line += fmt.Sprintf(", paused for %s (%s)", humanDuration(s.Paused), plural(s.Pauses, "pause"))
	}
	if s.Buffered > 0 {
		line += ", " + humanBytes(float64(s.Buffered)) + " buffered"
	}
	for _, lag := range []struct {
		name string
		h    *dbnloop.LatencyHistogram
	}{{"venue to gateway", &s.VenueToGateway}, {"gateway to here", &s.GatewayToClient}} {
		if lag.h.Count() > 0 {
			line += fmt.Sprintf(", %s within %v (half), %v (99 %%)", lag.name,
				rounded(lag.h.Quantile(0.5)), rounded(lag.h.Quantile(0.99)))
		}
	}
	return line
}

// rounded keeps three digits or so of a bound.
func rounded(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}

func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// grouped writes 1234567 as 1,234,567.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func humanBytes(n float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 999.5 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", n)
			}
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.4g TB", n)
}

func humanDuration(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

func perSecond(n float64, d time.Duration, what string) string {
	if d <= 0 {
		return "0 " + what + "/s"
	}
	return grouped(uint64(n/d.Seconds()+0.5)) + " " + what + "/s"
}

func bytesPerSecond(n float64, d time.Duration) string {
	if d <= 0 {
		return "0 B/s"
	}
	return humanBytes(n/d.Seconds()) + "/s"
}
