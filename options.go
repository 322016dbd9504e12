package dbnloop

import (
	"log/slog"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// LiveOption changes how a LiveClient behaves.
type LiveOption interface{ apply(*liveConfig) }

type liveConfig struct {
	c   bindings.LiveOptions
	log *slog.Logger
	err error // the first option that cannot be
}

func (o *liveConfig) refuse(format string, args ...any) {
	if o.err == nil {
		o.err = newError(CodeInvalidArgument, format, args...)
	}
}

type liveOption func(*liveConfig)

func (f liveOption) apply(o *liveConfig) { f(o) }

// WithDataset names the session's dataset. Default: that of the first subscription.
func WithDataset(dataset string) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.Dataset = dataset })
}

// WithTsOut asks the gateway to append its send time to every record. Default: off.
func WithTsOut() LiveOption {
	return liveOption(func(o *liveConfig) { o.c.TsOut = true })
}

// WithHeartbeat asks for a heartbeat interval, 5 s to 30 min in whole seconds, and sets the
// grace that is added to it before a silent session is ended. Default: the gateway's
// interval (30 s), grace 5 s.
func WithHeartbeat(interval, grace time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) {
		if interval < 5*time.Second || interval > 30*time.Minute || interval%time.Second != 0 {
			o.refuse("WithHeartbeat: the interval is %v; it must be 5 s to 30 min, in whole seconds", interval)
		}
		o.c.HeartbeatIntervalS = int32(interval / time.Second)
		o.c.HeartbeatGraceMs = milliseconds(grace)
	})
}

// WithSlowReader says what the gateway does when this reader is slow. Default: the
// gateway's choice.
func WithSlowReader(behavior dbn.SlowReaderBehavior) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.SlowReaderBehavior = int32(behavior) })
}

// WithCompression asks for a compressed stream. Default: dbn.CompressionNone.
func WithCompression(c dbn.Compression) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.Compression = int32(c) })
}

// WithUpgradePolicy says what happens to records of older DBN versions. Default:
// dbn.UpgradeToV3.
func WithUpgradePolicy(policy dbn.UpgradePolicy) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.UpgradePolicy = int32(policy) })
}

// WithBufferSize sets the bytes of the record buffer, 16 KiB to 1 GiB. Default: 256 KiB.
func WithBufferSize(bytes int) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.BufferSize = uint64(max(bytes, 0)) })
}

// WithMaxMetadata bounds the metadata that a gateway may send, in bytes. Default: 256 MiB.
func WithMaxMetadata(bytes int) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.MaxMetadata = uint64(max(bytes, 0)) })
}

// WithConnectTimeout bounds looking up and connecting, over all addresses; 0: no limit.
// Default: 10 s.
func WithConnectTimeout(d time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.ConnectTimeoutMs = milliseconds(d) })
}

// WithAuthTimeout bounds the time from connecting to the authentication's response; 0: no
// limit. Default: 30 s.
func WithAuthTimeout(d time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.AuthTimeoutMs = milliseconds(d) })
}

// WithUserAgent appends text to the user agent that the gateway is told.
func WithUserAgent(extension string) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.UserAgentExtension = extension })
}

// WithLogger logs changes of state (debug) and ends of sessions (info). Default, and with
// nil: silent.
func WithLogger(log *slog.Logger) LiveOption {
	return liveOption(func(o *liveConfig) {
		if log != nil {
			o.log = log
		}
	})
}
