package live

import (
	"context"
	"math"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/dbn"
)

// metricsPath is where --metrics-addr serves.
const metricsPath = "/metrics"

// snapshot is a live session at one moment.
type snapshot struct {
	streaming  bool
	stats      dbnloop.Stats
	continuity *continuity // nil: of one session
}

// metricsServer tells Prometheus what a live session counted. It asks the session's own
// goroutine at each scrape, so that nothing is done for it in between.
type metricsServer struct {
	listener net.Listener
	server   *http.Server
	end      context.CancelFunc // of scrapes that still wait
}

// serveMetrics listens at addr until close. take is called from another goroutine.
func serveMetrics(addr string, take func(context.Context) (snapshot, error)) (*metricsServer, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, exit.BadUsage("--metrics-addr %q: want HOST:PORT", addr)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, exit.Fail(exit.Failure, "--metrics-addr: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		sessionCollector{ctx, take}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}))
	m := &metricsServer{listener, &http.Server{
		Handler: mux, ReadHeaderTimeout: requestTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: scraperIdle, MaxHeaderBytes: maxScrapeHead,
	}, end}
	go m.server.Serve(limitConnections(listener, maxScrapers)) //nolint:errcheck // it ends when close is called
	return m, nil
}

// url is where the metrics are.
func (m *metricsServer) url() string { return "http://" + m.listener.Addr().String() + metricsPath }

func (m *metricsServer) close() {
	m.end()
	m.server.Close() //nolint:errcheck // nothing is lost with it
}

// snapshot asks the session for its counts, from any goroutine.
func (s *session) snapshot(ctx context.Context) (snapshot, error) {
	return s.asked.wait(ctx, s.reactor.Post, func() snapshot {
		taken := snapshot{streaming: s.streaming(), stats: s.client.Stats()}
		if s.Unbroken != nil {
			count := s.continuity
			taken.continuity = &count
		}
		return taken
	})
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("dbnloop_"+name, help, labels, nil)
}

var (
	streamingDesc  = describe("streaming", "1 while the session streams, else 0.")
	reconnectsDesc = describe("reconnects_total", "Sessions that broke, with --reconnect.")
	gapsDesc       = describe("gaps_total", "Gaps that could not be filled, with --reconnect.")
	recordsDesc    = describe("records_total", "Records of the stream, the gateway's own included.", "rtype")
)

// singleMetrics are those that are one number of the statistics.
var singleMetrics = []struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*dbnloop.Stats) float64
}{
	{describe("read_bytes_total", "Bytes from the gateway, as they came: compressed."), prometheus.CounterValue,
		func(s *dbnloop.Stats) float64 { return float64(s.BytesRead) }},
	{describe("reads_total", "Pieces that the bytes came in."), prometheus.CounterValue,
		func(s *dbnloop.Stats) float64 { return float64(s.Reads) }},
	{describe("record_bytes_total", "Bytes of the records."), prometheus.CounterValue,
		func(s *dbnloop.Stats) float64 { return float64(s.Bytes) }},
	{describe("batches_total", "Batches that the records were handed out in."), prometheus.CounterValue,
		func(s *dbnloop.Stats) float64 { return float64(s.Batches) }},
	{describe("polls_total", "Turns of the event loop."), prometheus.CounterValue,
		func(s *dbnloop.Stats) float64 { return float64(s.Polls) }},
	{describe("buffered_bytes", "Bytes held, not handed out yet."), prometheus.GaugeValue,
		func(s *dbnloop.Stats) float64 { return float64(s.Buffered) }},
	{describe("silence_seconds", "Time since the last byte came from the gateway."), prometheus.GaugeValue,
		func(s *dbnloop.Stats) float64 { return s.Silence.Seconds() }},
}

// lagMetrics are histograms; they have values with --ts-out.
var lagMetrics = []struct {
	desc *prometheus.Desc
	of   func(*dbnloop.Stats) *dbnloop.LatencyHistogram
}{
	{describe("gateway_to_client_seconds", "This machine's clock less ts_out, of the last record of each batch. "+sumNote),
		func(s *dbnloop.Stats) *dbnloop.LatencyHistogram { return &s.GatewayToClient }},
	{describe("venue_to_gateway_seconds", "ts_out less ts_recv, of the last record of each batch. "+sumNote),
		func(s *dbnloop.Stats) *dbnloop.LatencyHistogram { return &s.VenueToGateway }},
}

const sumNote = "The sum takes each value for the end of its bucket, so it is at most twice the true one."

// sessionCollector is what one session counts, for Prometheus.
type sessionCollector struct {
	ctx  context.Context // ends with the server
	take func(context.Context) (snapshot, error)
}

func (sessionCollector) Describe(out chan<- *prometheus.Desc) {
	out <- streamingDesc
	out <- recordsDesc
	for _, m := range singleMetrics {
		out <- m.desc
	}
	for _, m := range lagMetrics {
		out <- m.desc
	}
}

func (c sessionCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(c.ctx, scrapeTimeout)
	defer cancel()
	s, err := c.take(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(streamingDesc, err)
		return
	}
	streaming := 0.0
	if s.streaming {
		streaming = 1
	}
	out <- prometheus.MustNewConstMetric(streamingDesc, prometheus.GaugeValue, streaming)
	if count := s.continuity; count != nil {
		out <- prometheus.MustNewConstMetric(reconnectsDesc, prometheus.CounterValue, float64(count.reconnects))
		out <- prometheus.MustNewConstMetric(gapsDesc, prometheus.CounterValue, float64(count.gaps))
	}
	for rtype, n := range s.stats.Records {
		if n > 0 {
			out <- prometheus.MustNewConstMetric(recordsDesc, prometheus.CounterValue, float64(n), stream.RTypeName(dbn.RType(rtype)))
		}
	}
	for _, m := range singleMetrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.of(&s.stats))
	}
	for _, m := range lagMetrics {
		count, sum, buckets := histogramOf(m.of(&s.stats))
		out <- prometheus.MustNewConstHistogram(m.desc, count, sum, buckets)
	}
}

// The buckets that are reported, so that they are the same at every scrape: up to about a
// microsecond, then doubling, up to about a minute.
const firstBucket, lastBucket = 10, 36

// histogramOf gives the buckets with what is below each, in seconds.
func histogramOf(h *dbnloop.LatencyHistogram) (count uint64, sum float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, lastBucket-firstBucket+1)
	for i, n := range h {
		bound := math.Ldexp(1, i) / 1e9
		count += n
		if i > 0 {
			sum += float64(n) * bound
		}
		if i >= firstBucket && i <= lastBucket {
			buckets[bound] = count
		}
	}
	return count, sum, buckets
}
