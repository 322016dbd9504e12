package dbnloop

import (
	"math"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
)

// ContinuousOption configures a ContinuousClient. The options that every client takes, and those
// of the network, apply to its live sessions and to its use of history; see WithLive and
// WithHistory for the others.
type ContinuousOption interface{ applyContinuous(*continuousConfig) }

type continuousConfig struct {
	config
	c bindings.ContinuousOptions
}

type continuousOption func(*continuousConfig)

func (f continuousOption) applyContinuous(o *continuousConfig) { f(o) }

// WithLive sets options of every live session, such as WithTsOut. A slow reader is warned, and
// not skipped, unless WithSlowReader says otherwise.
func WithLive(opts ...LiveOption) ContinuousOption {
	return continuousOption(func(o *continuousConfig) {
		live := liveConfig{o.config, o.c.Live}
		for _, opt := range opts {
			if opt != nil {
				opt.apply(&live)
			}
		}
		o.config, o.c.Live = live.config, live.c
	})
}

// WithHistory sets options for the use of the historical API, such as WithURL.
func WithHistory(opts ...HistoricalOption) ContinuousOption {
	return continuousOption(func(o *continuousConfig) {
		history := historicalConfig{o.config, o.c.History}
		for _, opt := range opts {
			if opt != nil {
				opt.applyHistorical(&history)
			}
		}
		o.config, o.c.History = history.config, history.c
	})
}

// WithGateway sets the live gateway. An empty host is derived from the dataset; port 0 is 13000.
// Default: both.
func WithGateway(host string, port int) ContinuousOption {
	return continuousOption(func(o *continuousConfig) {
		if port < 0 || port > math.MaxUint16 {
			o.refuse("WithGateway: port %d is not in 0 to 65535 (0: 13000)", port)
		}
		o.c.Gateway, o.c.Port = host, int32(port)
	})
}

// WithBackoff sets the delays between attempts to connect. That before attempt n is chosen at
// random from least to least * (1 + 2^n), and at most most. Records that arrive begin the count
// again. The service allows 5 connections a second. Default: 200 ms and 30 s.
func WithBackoff(least, most time.Duration) ContinuousOption {
	return continuousOption(func(o *continuousConfig) {
		o.c.MinDelayMs, o.c.MaxDelayMs = milliseconds(least), milliseconds(most)
	})
}

// WithGiveUpAfter sets how long attempts may remain without success before the stream ends with
// the error of the last one; 0: without limit. Default: 0.
func WithGiveUpAfter(d time.Duration) ContinuousOption {
	return continuousOption(func(o *continuousConfig) {
		if d < 0 {
			o.refuse("WithGiveUpAfter: %v is negative", d)
		}
		o.c.GiveUpAfterMs = int64((d + time.Millisecond - 1) / time.Millisecond)
	})
}

// WithMemory sets how many bytes of records are kept at least, to recognise what a replay brings
// again, 64 KiB to 1 GiB. A record that arrives later than half of them, compared with one that
// is not older, may be taken for one that was handed out. Default: 256 KiB.
func WithMemory(bytes int) ContinuousOption {
	return continuousOption(func(o *continuousConfig) { o.c.Memory = uint64(max(bytes, 0)) })
}

// WithReplayLimit sets how far back the gateway replays, in whole seconds; what is older comes
// from history. Default: 23 h 45 min.
func WithReplayLimit(d time.Duration) ContinuousOption {
	return continuousOption(func(o *continuousConfig) {
		if d < 0 || d%time.Second != 0 {
			o.refuse("WithReplayLimit: %v is not a number of whole seconds from 0", d)
		}
		o.c.ReplayLimitS = int64(d / time.Second)
	})
}

// WithMaxCost sets how many US dollars the client may spend on history in its life; math.Inf(1):
// any price. Default: 0, so that nothing that has a price is bought.
func WithMaxCost(dollars float64) ContinuousOption {
	return continuousOption(func(o *continuousConfig) { o.c.HasMaxCost, o.c.MaxCost = true, dollars })
}
