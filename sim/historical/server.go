package historical

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/recent"
	"github.com/dbnloop/dbnloop/internal/wholefile"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// Config says what a [Server] serves and how. The zero value of each field is
// its default; only Sources is required.
type Config struct {
	// Addr is the TCP address to listen on. Default: a free port of 127.0.0.1.
	Addr string
	// Keys are the API keys that are accepted, 32 ASCII characters each. Default: TestKey.
	Keys []string
	// Sources are the data; their datasets are those that can be asked for.
	Sources []market.Source
	// Version is the DBN version to send, 1 to 3. Default: for each dataset the highest
	// version of its sources.
	Version uint8
	// PlainHTTP serves without TLS.
	PlainHTTP bool
	// Present says where history ends, each time that it is asked for: the index timestamp
	// at which the present begins. Whatever lies after it is not available yet. 0 means no end
	// but the data's own. Gateway.Present lets a live gateway continue where history ends.
	// Default: all of the data is history.
	Present func() dbn.UnixNanos
	// RepeatBytes makes timeseries.get_range repeat the selected records, made on the fly,
	// until it has sent at least this many bytes of them; a limit in the request still
	// holds. The timestamps repeat as well. Default: no repetition.
	RepeatBytes int64
	// Stored sends zstd frames whose blocks are not compressed, so that as many bytes go
	// over the wire as there are: repeated records would shrink to almost nothing.
	Stored bool
	// JobDelay is how long a batch job takes: it is queued for the first half of the time,
	// by Clock, and processed for the second. Default: it is done at once, though the answer
	// to its submission says queued, as the service's does.
	JobDelay time.Duration
	// LongJobs lets batch.list_jobs answer with every detail of each job, as the service did
	// until 2026. Default: with id, state and ts_received.
	LongJobs bool
	// Conditions are the conditions of days (YYYY-MM-DD) other than available: degraded,
	// pending or missing. Requests for such days get a warning.
	Conditions map[string]string
	// Warnings are sent with every answer, as "Type: text".
	Warnings []string
	// Faults are the misbehaviours to show. Default: none.
	Faults []Fault
	// Clock is the source of time. Default: the system's.
	Clock sim.Clock
	// Logger receives the requests and their outcome. Default: nothing is logged.
	Logger *slog.Logger
}

// withDefaults fills in what was left out and refuses what cannot be served.
func (c Config) withDefaults() (Config, error) {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	if err := market.Settle(&c.Keys, sim.TestKey, &c.Clock, c.Version, c.Sources); err != nil {
		return c, err
	}
	if c.Present == nil {
		c.Present = func() dbn.UnixNanos { return 0 }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.RepeatBytes < 0 || c.JobDelay < 0 {
		return c, errors.New("negative RepeatBytes or JobDelay")
	}
	for day, condition := range c.Conditions {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return c, fmt.Errorf("condition of %q: want a date YYYY-MM-DD", day)
		}
		if !slices.Contains([]string{"available", "degraded", "pending", "missing"}, condition) {
			return c, fmt.Errorf("condition %q of %s: want available, degraded, pending or missing", condition, day)
		}
	}
	for i := range c.Faults {
		if err := c.Faults[i].validate(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Server is a running simulator of the historical HTTP API. All methods may be called
// from any goroutine.
type Server struct {
	cfg      Config
	datasets map[string]*dataset
	ca       *authority
	certs    map[FaultKind]*tls.Certificate // by fault; "" is the good one
	faults   *faultList
	jobs     *jobList
	listener net.Listener
	http     *http.Server
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup // all goroutines of the server

	mu       sync.Mutex
	closed   bool
	conns    map[*clientConn]struct{}
	requests *recent.List[Request]
}

// Request is one request as the server got it. Of a request without a key that is
// accepted, only what it was for is remembered, and not its headers and parameters.
type Request struct {
	Method   string
	Endpoint string // such as "timeseries.get_range"; "batch/download" for files
	Path     string
	Header   http.Header // without the authorization
	Params   url.Values  // of the query and the form
	Remote   string      // the client's address
	Status   int         // of the answer; 0 until there is one
}

// NewServer loads the sources and listens. The caller must call Close.
func NewServer(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("historical: %w", err)
	}
	h := &Server{
		cfg: cfg, faults: new(faultList), jobs: newJobList(),
		certs: make(map[FaultKind]*tls.Certificate), conns: make(map[*clientConn]struct{}), requests: recent.New[Request](recent.MaxBytes),
	}
	if h.datasets, err = loadDatasets(cfg.Sources, cfg.Version); err != nil {
		return nil, fmt.Errorf("historical: %w", err)
	}
	if h.ca, err = newAuthority("dbn-sim CA"); err != nil {
		return nil, fmt.Errorf("historical: %w", err)
	}
	if err := h.certify(""); err != nil {
		return nil, fmt.Errorf("historical: %w", err)
	}
	for _, f := range cfg.Faults {
		if _, err := h.AddFault(f); err != nil {
			return nil, fmt.Errorf("historical: %w", err)
		}
	}
	if h.listener, err = net.Listen("tcp", cfg.Addr); err != nil {
		return nil, fmt.Errorf("historical: %w", err)
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.http = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(httpLog{cfg.Logger}, "", 0),
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ConnState:         h.connState,
	}
	h.running.Go(func() {
		err := h.http.Serve(listener{h.listener, h})
		cfg.Logger.Debug("historical server ended", "cause", err)
	})
	return h, nil
}

// maxHeader bounds the head of a request: a query names 2000 symbols of 70 characters at
// most.
const maxHeader = 256 << 10

// connKey finds a request's connection in its context.
type connKey struct{}

// httpLog passes on what net/http complains about: clients that go away and such.
type httpLog struct{ logger *slog.Logger }

func (l httpLog) Write(text []byte) (int, error) {
	l.logger.Debug("http", "message", string(text))
	return len(text), nil
}

// connState counts the goroutines that net/http has for connections. A connection that a
// fault took over is never closed in its eyes; ServeHTTP counts for itself.
func (h *Server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		h.running.Add(1)
	case http.StateClosed, http.StateHijacked:
		h.running.Done()
	}
}

// Addr is the address to connect to, as host:port.
func (h *Server) Addr() string { return h.listener.Addr().String() }

// Host is the host of Addr.
func (h *Server) Host() string { return h.listener.Addr().(*net.TCPAddr).IP.String() }

// Port is the port of Addr.
func (h *Server) Port() int { return h.listener.Addr().(*net.TCPAddr).Port }

// URL is the base of all requests, such as https://127.0.0.1:40000.
func (h *Server) URL() string {
	if h.cfg.PlainHTTP {
		return "http://" + h.Addr()
	}
	return "https://" + h.Addr()
}

// CAPEM is the certificate of the authority to trust, in PEM. It is made when the server
// starts.
func (h *Server) CAPEM() []byte { return slices.Clone(h.ca.pem) }

// WriteCA writes CAPEM to a file in one step: whoever waits for it sees all of it or nothing.
func (h *Server) WriteCA(path string) error {
	if err := wholefile.Write(path, h.ca.pem); err != nil {
		return fmt.Errorf("certificate file: %w", err)
	}
	return nil
}

// CertPool is CAPEM as Go's clients take it.
func (h *Server) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(h.ca.cert)
	return pool
}

// Datasets are the datasets that can be asked for.
func (h *Server) Datasets() []string { return slices.Sorted(maps.Keys(h.datasets)) }

// Requests returns the latest requests, oldest first: at most 1000, and fewer when they are
// large.
func (h *Server) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.requests.All()
	list := make([]Request, 0, len(kept))
	for _, r := range kept {
		list = append(list, *r)
	}
	return list
}

// Close stops listening, closes every connection and waits until all goroutines have ended.
// Calling it again does nothing.
func (h *Server) Close() error {
	h.mu.Lock()
	closed := h.closed
	h.closed = true
	conns := slices.Collect(maps.Keys(h.conns))
	h.mu.Unlock()
	if closed {
		return nil
	}
	h.cancel()
	h.http.Close() //nolint:errcheck // its listener is closed below as well
	err := h.listener.Close()
	for _, c := range conns {
		c.cut()
	}
	h.running.Wait()
	for _, d := range h.datasets {
		d.Close() //nolint:errcheck // it was only read
	}
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}
