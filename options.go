package dbnloop

import (
	"log/slog"
	"math"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// LiveOption configures a LiveClient.
type LiveOption interface{ apply(*liveConfig) }

// HistoricalOption configures a HistoricalClient.
type HistoricalOption interface{ applyHistorical(*historicalConfig) }

// Option configures any kind of client.
type Option interface {
	LiveOption
	HistoricalOption
	ContinuousOption
	FileOption
}

type config struct {
	log *slog.Logger
	err error // of the first invalid option
}

func newConfig() config { return config{log: slog.New(slog.DiscardHandler)} }

func (o *config) refuse(format string, args ...any) {
	if o.err == nil {
		o.err = newError(CodeInvalidArgument, format, args...)
	}
}

type liveConfig struct {
	config
	c bindings.LiveOptions
}

type historicalConfig struct {
	config
	c bindings.HistoricalOptions
}

type historicalOption func(*historicalConfig)

func (f historicalOption) applyHistorical(o *historicalConfig) { f(o) }

// option is an option of all clients.
type option func(*config, *bindings.Options)

func (f option) apply(o *liveConfig)                 { f(&o.config, &o.c.Options) }
func (f option) applyHistorical(o *historicalConfig) { f(&o.config, &o.c.Options) }
func (f option) applyFile(o *fileConfig)             { f(&o.config, &o.c.Options) }
func (f option) applyContinuous(o *continuousConfig) {
	f(&o.config, &o.c.Live.Options)
	f(&o.config, &o.c.History.Options)
}

// NetworkOption configures a client that connects: any but a FileSource.
type NetworkOption interface {
	LiveOption
	HistoricalOption
	ContinuousOption
}

type networkOption func(*bindings.NetworkOptions)

func (f networkOption) apply(o *liveConfig)                 { f(&o.c.NetworkOptions) }
func (f networkOption) applyHistorical(o *historicalConfig) { f(&o.c.NetworkOptions) }
func (f networkOption) applyContinuous(o *continuousConfig) {
	f(&o.c.Live.NetworkOptions)
	f(&o.c.History.NetworkOptions)
}

type liveOption func(*liveConfig)

func (f liveOption) apply(o *liveConfig) { f(o) }

// WithDataset sets the dataset of the session. Default: that of the first subscription.
func WithDataset(dataset string) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.Dataset = dataset })
}

// WithTsOut asks the gateway to append its send time to every record. Default: off.
func WithTsOut() LiveOption {
	return liveOption(func(o *liveConfig) { o.c.TsOut = true })
}

// WithHeartbeat requests a heartbeat interval, 5 s to 30 min in whole seconds, and sets the
// grace period that is added to it before a silent session is ended. Default: the gateway's
// interval (30 s) and 5 s of grace.
func WithHeartbeat(interval, grace time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) {
		if interval%time.Second != 0 {
			o.refuse("WithHeartbeat: the interval is %v; it must be 5 s to 30 min, in whole seconds", interval)
		}
		// The core checks the range; -1 would mean the default there.
		o.c.HeartbeatIntervalS = int32(min(max(interval/time.Second, 0), math.MaxInt32))
		o.c.HeartbeatGraceMs = milliseconds(grace)
	})
}

// WithSlowReader sets what the gateway does when this client reads too slowly. Default: the
// gateway's choice, which is to skip records of mbp-1, mbp-10, cmbp-1, bbo-1s, bbo-1m, cbbo-1s
// and cbbo-1m, and to warn for all other schemas. A program that stores data must ask for
// SlowReaderBehaviorWarn; otherwise its data may have gaps.
func WithSlowReader(behavior dbn.SlowReaderBehavior) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.SlowReaderBehavior = int32(behavior) })
}

// WithCompression requests a compressed stream. Default: dbn.CompressionNone.
func WithCompression(c dbn.Compression) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.Compression = int32(c) })
}

// WithUpgradePolicy sets how records of older DBN versions are treated. Default:
// dbn.UpgradeToV3.
func WithUpgradePolicy(policy dbn.UpgradePolicy) Option {
	return option(func(_ *config, o *bindings.Options) { o.UpgradePolicy = int32(policy) })
}

// WithBufferSize sets the size of the record buffer in bytes, 16 KiB to 1 GiB. Default: 1 MiB for
// files, because the system copies large pieces of them faster, and 256 KiB otherwise.
func WithBufferSize(bytes int) Option {
	return option(func(_ *config, o *bindings.Options) { o.BufferSize = uint64(max(bytes, 0)) })
}

// WithMaxMetadata limits the size in bytes of the metadata that is accepted. Default: 256 MiB.
func WithMaxMetadata(bytes int) Option {
	return option(func(_ *config, o *bindings.Options) { o.MaxMetadata = uint64(max(bytes, 0)) })
}

// WithConnectTimeout limits the time of name lookup and connecting, over all addresses; 0: no
// limit. Default: 10 s.
func WithConnectTimeout(d time.Duration) NetworkOption {
	return networkOption(func(o *bindings.NetworkOptions) { o.ConnectTimeoutMs = milliseconds(d) })
}

// WithResolveTimeout limits the time of the name lookup, which counts toward the connect
// timeout; 0: no separate limit. Default: 5 s.
func WithResolveTimeout(d time.Duration) NetworkOption {
	return networkOption(func(o *bindings.NetworkOptions) { o.ResolveTimeoutMs = milliseconds(d) })
}

// WithNameServers sets the DNS servers, as "192.0.2.1:53,[2001:db8::1]:53". Default: those of
// /etc/resolv.conf.
func WithNameServers(servers string) NetworkOption {
	return networkOption(func(o *bindings.NetworkOptions) { o.NameServers = servers })
}

// WithAuthTimeout limits the time from connecting to the response to the authentication; 0: no
// limit. Default: 30 s.
func WithAuthTimeout(d time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.AuthTimeoutMs = milliseconds(d) })
}

// WithAckTimeout sets how long a subscription may remain unanswered in a started session before
// a SubscriptionOverdue event reports it, once; 0: never. Unsubscriptions likewise
// (UnsubscribeOverdue). Time while paused does not count.
// Default: 10 s.
func WithAckTimeout(d time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.AckTimeoutMs = milliseconds(d) })
}

// WithReceiveBuffer sets the size of the socket's receive buffer (SO_RCVBUF) in bytes, 4 KiB to
// 1 GiB; 0: the system's. The system doubles a given size, silently limits it to
// net.core.rmem_max, and then no longer adjusts it. Default: 0, the system's, which grows as
// needed.
func WithReceiveBuffer(bytes int) LiveOption {
	return liveOption(func(o *liveConfig) {
		if bytes < 0 {
			o.refuse("WithReceiveBuffer: %d is negative", bytes)
		}
		o.c.ReceiveBuffer = uint64(bytes)
	})
}

// WithBusyPoll sets how long a read may poll the network device (SO_BUSY_POLL), up to 1 s in
// whole microseconds; 0: the system's. The session ends with ErrSystem when the system refuses
// it: more than net.core.busy_read needs the capability CAP_NET_ADMIN. It has no effect on
// loopback. Default: 0.
func WithBusyPoll(d time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) {
		if us, ok := microseconds(d); ok {
			o.c.BusyPollUs = us
		} else {
			o.refuse("WithBusyPoll: %v is not 0 to 1 s in whole microseconds", d)
		}
	})
}

// WithQuickAck acknowledges received segments at once (TCP_QUICKACK), at the cost of a system
// call for each read, instead of up to 40 ms later together with others. Default: off.
func WithQuickAck() LiveOption {
	return liveOption(func(o *liveConfig) { o.c.QuickAck = true })
}

// ReactorOption configures a Reactor.
type ReactorOption interface{ applyReactor(*reactorConfig) }

type reactorConfig struct {
	config
	spin time.Duration
	c    bindings.ReactorOptions
}

type reactorOption func(*reactorConfig)

func (f reactorOption) applyReactor(o *reactorConfig) { f(o) }

// WithSpin sets how long Poll and Run ask again and again whether something is ready before
// they wait, up to 1 s in whole microseconds. They then see an event some microseconds sooner,
// and keep a processor busy meanwhile. Default: 0, they wait at once.
func WithSpin(d time.Duration) ReactorOption {
	return reactorOption(func(o *reactorConfig) {
		us, ok := microseconds(d)
		if !ok {
			o.refuse("WithSpin: %v is not 0 to 1 s in whole microseconds", d)
		}
		o.spin, o.c.SpinUs = d, us
	})
}

// microseconds is false unless d is 0 to 1 s, in whole microseconds.
func microseconds(d time.Duration) (us int32, ok bool) {
	if d < 0 || d > time.Second || d%time.Microsecond != 0 {
		return 0, false
	}
	return int32(d / time.Microsecond), true
}

// WithUserAgent appends text to the user agent that the server receives: printable ASCII, for
// live clients without '|'. Default: none.
func WithUserAgent(extension string) NetworkOption {
	return networkOption(func(o *bindings.NetworkOptions) { o.UserAgentExtension = extension })
}

// WithLogger sets the logger for changes of state (debug), ends of streams (info) and warnings
// of the server. Default, and with nil: silent.
func WithLogger(log *slog.Logger) Option {
	return option(func(o *config, _ *bindings.Options) {
		if log != nil {
			o.log = log
		}
	})
}

// WithURL sets the base URL of the historical API. Plain http:// is for tests and for proxies
// on this machine: it sends the key and the data unencrypted. Default:
// https://hist.databento.com.
func WithURL(url string) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.URL = url })
}

// WithCAFile trusts the authorities in a PEM file instead of the system's. Default: the
// system's, or those of SSL_CERT_FILE and SSL_CERT_DIR.
func WithCAFile(path string) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.CAFile = path })
}

// WithCADir trusts the authorities in a directory, as c_rehash makes it, instead of the
// system's. Default: the system's.
func WithCADir(path string) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.CADir = path })
}

// WithProxy sets the proxy, "http://[user:password@]host:port", or "" for none. Default: from
// the environment (https_proxy, all_proxy, no_proxy…; never for localhost, 127.… and ::1).
func WithProxy(proxy string) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.Proxy, o.c.HasProxy = proxy, true })
}

// WithTLSTimeout limits the time of the tunnel through a proxy, and of the TLS handshake; 0: no
// limit. Default: 10 s.
func WithTLSTimeout(d time.Duration) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.TLSTimeoutMs = milliseconds(d) })
}

// WithResponseTimeout limits the time from a request to the head of its response; 0: no limit.
// Default: 100 s.
func WithResponseTimeout(d time.Duration) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.ResponseTimeoutMs = milliseconds(d) })
}

// WithIdleTimeout limits the time between two bytes of a response body, not counting time while
// paused; 0: no limit. Default: 100 s.
func WithIdleTimeout(d time.Duration) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.IdleTimeoutMs = milliseconds(d) })
}

// WithRetries allows n retries of each call and download:
//
//   - a read-only call, or the download of a job's file: after 408, 429, 5xx except 501, a
//     broken connection and a timeout;
//   - submitting a job, or the download of a Range: after 429, and 503 with Retry-After, by
//     which the server says that it refused the request;
//   - a stream of records: never, because it might be billed twice.
//
// The delay is what Retry-After says, otherwise 1, 2, 4… s and up to half of that at random;
// there is no retry if Retry-After exceeds 300 s. A resumed download starts counting again with
// every new byte. Independently of this option and without delay, a read-only request is repeated
// once when a reused connection ends without a byte of a response, because the server closed it
// at that moment. Default: 0.
func WithRetries(n int) HistoricalOption {
	return historicalOption(func(o *historicalConfig) {
		if n < 0 {
			o.refuse("WithRetries: %d is negative", n)
		}
		o.c.MaxRetries = int32(n)
	})
}
