package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// Pace is how fast a session sends its records. The zero value is as fast as the client
// reads. Use [AsFast], [RealTime] or [PerSecond].
type Pace struct {
	factor float64 // of the time between index timestamps
	rate   float64 // records per second
}

// AsFast sends as fast as the client reads: large writes of prepared batches.
func AsFast() Pace { return Pace{} }

// RealTime sends each record when its index timestamp is due, factor times as fast as it
// happened: 1 is the original pace, 60 makes an hour last a minute.
func RealTime(factor float64) Pace { return Pace{factor: factor} }

// PerSecond sends this many records per second, whatever their timestamps are.
func PerSecond(records float64) Pace { return Pace{rate: records} }

// ParsePace reads a pace from text: "fast", a factor such as "1x" or "0.5x", or a rate such
// as "1000/s".
func ParsePace(text string) (Pace, error) {
	if text == "fast" {
		return AsFast(), nil
	}
	if number, ok := strings.CutSuffix(text, "x"); ok {
		if f, err := strconv.ParseFloat(number, 64); err == nil && f > 0 && f < 1e12 {
			return RealTime(f), nil
		}
	}
	if number, ok := strings.CutSuffix(text, "/s"); ok {
		if f, err := strconv.ParseFloat(number, 64); err == nil && f > 0 && f < 1e12 {
			return PerSecond(f), nil
		}
	}
	return Pace{}, fmt.Errorf("pace %q: want fast, a factor such as 1x, or a rate such as 1000/s", text)
}

// String is the text that [ParsePace] reads.
func (p Pace) String() string {
	switch {
	case p.factor > 0:
		return strconv.FormatFloat(p.factor, 'g', -1, 64) + "x"
	case p.rate > 0:
		return strconv.FormatFloat(p.rate, 'g', -1, 64) + "/s"
	}
	return "fast"
}

func (p Pace) isFast() bool { return p.factor <= 0 && p.rate <= 0 }

// maxDuration bounds computed waits: a due time further away is simply not due.
const maxDuration = 365 * 24 * time.Hour

// pacer says when the next record of one pass over the data is due.
type pacer struct {
	pace  Pace
	begin time.Time // wall time of the pass's first record
	first uint64    // index timestamp of that record
	sent  int64     // records of this pass that went out
}

// due is the wall time at which a record with index timestamp ts goes out.
func (p *pacer) due(ts uint64) time.Time {
	if p.pace.rate > 0 {
		return p.begin.Add(scaled(float64(p.sent) / p.pace.rate * float64(time.Second)))
	}
	if p.pace.factor > 0 && ts > p.first && ts != market.UndefTimestamp {
		return p.begin.Add(scaled(float64(ts-p.first) / p.pace.factor))
	}
	return p.begin
}

func scaled(ns float64) time.Duration {
	if ns >= float64(maxDuration) {
		return maxDuration
	}
	return time.Duration(ns)
}
