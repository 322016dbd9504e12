package dbnloop

import (
	"log/slog"
	"time"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// LiveOption changes how a LiveClient behaves.
type LiveOption interface{ apply(*liveConfig) }

// HistoricalOption changes how a HistoricalClient behaves.
type HistoricalOption interface{ applyHistorical(*historicalConfig) }

// Option is one of every kind of client.
type Option interface {
	LiveOption
	HistoricalOption
	FileOption
}

type config struct {
	log *slog.Logger
	err error // the first option that cannot be
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
	c bindings.HistOptions
}

type historicalOption func(*historicalConfig)

func (f historicalOption) applyHistorical(o *historicalConfig) { f(o) }

// option is what all have; its arguments are the fields that all have.
type option func(o *config, upgradePolicy *int32, bufferSize, maxMetadata *uint64)

func (f option) apply(o *liveConfig) {
	f(&o.config, &o.c.UpgradePolicy, &o.c.BufferSize, &o.c.MaxMetadata)
}

func (f option) applyHistorical(o *historicalConfig) {
	f(&o.config, &o.c.UpgradePolicy, &o.c.BufferSize, &o.c.MaxMetadata)
}

func (f option) applyFile(o *fileConfig) {
	f(&o.config, &o.c.UpgradePolicy, &o.c.BufferSize, &o.c.MaxMetadata)
}

// NetworkOption is one of the clients that connect.
type NetworkOption interface {
	LiveOption
	HistoricalOption
}

type networkOption func(network)

// network is the fields that the options of all clients that connect have.
type network struct {
	connectTimeoutMs, resolveTimeoutMs *int32
	userAgent, nameServers             *string
}

func (f networkOption) apply(o *liveConfig) {
	f(network{&o.c.ConnectTimeoutMs, &o.c.ResolveTimeoutMs, &o.c.UserAgentExtension, &o.c.NameServers})
}

func (f networkOption) applyHistorical(o *historicalConfig) {
	f(network{&o.c.ConnectTimeoutMs, &o.c.ResolveTimeoutMs, &o.c.UserAgentExtension, &o.c.NameServers})
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

// WithSlowReader says what the gateway does when this reader is too slow. Default: the
// gateway's choice, which is to skip records of mbp-1, mbp-10, cmbp-1, bbo-1s, bbo-1m, cbbo-1s
// and cbbo-1m, and to warn for all other schemas. A program that records must ask for
// SlowReaderBehaviorWarn, or its data may have holes.
func WithSlowReader(behavior dbn.SlowReaderBehavior) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.SlowReaderBehavior = int32(behavior) })
}

// WithCompression asks for a compressed stream. Default: dbn.CompressionNone.
func WithCompression(c dbn.Compression) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.Compression = int32(c) })
}

// WithUpgradePolicy says what happens to records of older DBN versions. Default:
// dbn.UpgradeToV3.
func WithUpgradePolicy(policy dbn.UpgradePolicy) Option {
	return option(func(_ *config, out *int32, _, _ *uint64) { *out = int32(policy) })
}

// WithBufferSize sets the bytes of the record buffer, 16 KiB to 1 GiB. Default: 256 KiB.
func WithBufferSize(bytes int) Option {
	return option(func(_ *config, _ *int32, out, _ *uint64) { *out = uint64(max(bytes, 0)) })
}

// WithMaxMetadata bounds the metadata that a gateway may send, in bytes. Default: 256 MiB.
func WithMaxMetadata(bytes int) Option {
	return option(func(_ *config, _ *int32, _, out *uint64) { *out = uint64(max(bytes, 0)) })
}

// WithConnectTimeout bounds looking up and connecting, over all addresses; 0: no limit.
// Default: 10 s.
func WithConnectTimeout(d time.Duration) NetworkOption {
	return networkOption(func(n network) { *n.connectTimeoutMs = milliseconds(d) })
}

// WithResolveTimeout bounds looking the host's name up, within the connect timeout; 0: no
// limit of its own. Default: 5 s.
func WithResolveTimeout(d time.Duration) NetworkOption {
	return networkOption(func(n network) { *n.resolveTimeoutMs = milliseconds(d) })
}

// WithNameServers asks these DNS servers, "192.0.2.1:53,[2001:db8::1]:53". Default: those of
// /etc/resolv.conf.
func WithNameServers(servers string) NetworkOption {
	return networkOption(func(n network) { *n.nameServers = servers })
}

// WithAuthTimeout bounds the time from connecting to the authentication's response; 0: no
// limit. Default: 30 s.
func WithAuthTimeout(d time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.AuthTimeoutMs = milliseconds(d) })
}

// WithAckTimeout says how long a subscription may go unanswered in a started session before
// a SubscriptionOverdue event says so, once; 0: never. Time while paused does not count.
// Default: 10 s.
func WithAckTimeout(d time.Duration) LiveOption {
	return liveOption(func(o *liveConfig) { o.c.AckTimeoutMs = milliseconds(d) })
}

// WithUserAgent appends text to the user agent that the server is sent: printable ASCII,
// for live clients without '|'. Default: none.
func WithUserAgent(extension string) NetworkOption {
	return networkOption(func(n network) { *n.userAgent = extension })
}

// WithLogger logs changes of state (debug), ends of streams (info) and the server's
// warnings. Default, and with nil: silent.
func WithLogger(log *slog.Logger) Option {
	return option(func(o *config, _ *int32, _, _ *uint64) {
		if log != nil {
			o.log = log
		}
	})
}

// WithURL is the base of the historical API. Default: https://hist.databento.com. Plain
// http:// is for tests and proxies on this machine: the key and the data are readable on
// the way.
func WithURL(url string) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.URL = url })
}

// WithCAFile trusts the authorities of a PEM file, in place of the system's. Default: the
// system's, or those of SSL_CERT_FILE and SSL_CERT_DIR.
func WithCAFile(path string) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.CAFile = path })
}

// WithCADir trusts the authorities of a directory, as c_rehash makes it, in place of the
// system's. Default: the system's.
func WithCADir(path string) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.CADir = path })
}

// WithProxy is "http://[user:password@]host:port", or "" for none. Default: as the
// environment says (https_proxy, all_proxy, no_proxy…; never for localhost, 127.… and ::1).
func WithProxy(proxy string) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.Proxy, o.c.HasProxy = proxy, true })
}

// WithTLSTimeout bounds a proxy's tunnel, and the TLS handshake; 0: no limit. Default: 10 s.
func WithTLSTimeout(d time.Duration) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.TLSTimeoutMs = milliseconds(d) })
}

// WithResponseTimeout bounds the time from a request to its response's head; 0: no limit.
// Default: 100 s.
func WithResponseTimeout(d time.Duration) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.ResponseTimeoutMs = milliseconds(d) })
}

// WithIdleTimeout bounds the silence within a response's body, while not paused; 0: no
// limit. Default: 100 s.
func WithIdleTimeout(d time.Duration) HistoricalOption {
	return historicalOption(func(o *historicalConfig) { o.c.IdleTimeoutMs = milliseconds(d) })
}

// WithRetries lets calls and downloads be tried again n times: what only reads when the
// server is busy or fails or the connection breaks; what may be billed (a job, a Range that
// is downloaded) only when the server refused it and says so (429, or 503 with Retry-After).
// It waits as long as Retry-After says, else 1, 2, 4… s; not at all when that is more than
// 300 s. A download that is resumed counts from 0 again with every new byte. Streams of
// records are never tried again: a second one may be billed a second time. Also, and without
// waiting, what only reads is sent once more when a connection that an earlier request had left ends
// without a byte of an answer: the server closed it just then. Default: 0.
func WithRetries(n int) HistoricalOption {
	return historicalOption(func(o *historicalConfig) {
		if n < 0 {
			o.refuse("WithRetries: %d is negative", n)
		}
		o.c.MaxRetries = int32(n)
	})
}
