package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dbnloop/dbnloop/internal/recent"
)

// Config says what a server serves and whom it admits. The zero value of each field is its
// default; Keys and Datasets are required.
type Config struct {
	// Addr is the TCP address to listen on. Default: a free port of 127.0.0.1.
	Addr string
	// Keys are the API keys that are accepted, KeyLen ASCII characters each.
	Keys []string
	// Datasets is the data.
	Datasets Datasets
	// Version is what the greeting says of the server, such as "0.7.0-sim".
	// Default: "0.7.0".
	Version string
	// CloseAtEnd ends a session politely when its records have ended. Default: it stays
	// open, with heartbeats.
	CloseAtEnd bool
	// Heartbeat is the interval of heartbeats for clients that do not ask for one.
	// Default: 30 s.
	Heartbeat time.Duration
	// AuthTimeout bounds the time until a client is authenticated. Default: 30 s.
	AuthTimeout time.Duration
	// MaxLine bounds the client's lines, in bytes. Default: 64 KiB.
	MaxLine int
	// MaxSessions bounds the connections that are open at once: a client that exceeds it is refused when it
	// has authenticated. Default: no bound.
	MaxSessions int
	// Misbehave returns what goes wrong in a connection, given its number from 1 on.
	// Default: nothing.
	Misbehave func(connection int64) Misbehaviour
	// Counters count what happens. Default: the server's own.
	Counters *Counters
	// Clock is the source of time. Default: the system's.
	Clock Clock
	// Logger receives what happens in the sessions. Default: nothing is logged.
	Logger *slog.Logger
}

// Counters are a server's, since it began. They may be read at any time.
type Counters struct {
	Sessions atomic.Int64 // connections accepted
	Active   atomic.Int64 // connections open now
	Ended    atomic.Int64 // connections that have ended
	Refused  atomic.Int64 // authentications refused
	// Subscriptions are those that were accepted.
	Subscriptions atomic.Int64
	Records       atomic.Int64 // data records sent; system, error and mapping records do not count
	Bytes         atomic.Int64 // bytes of DBN streams sent, as they went over the wire
}

// SessionInfo is what one connection was about.
type SessionInfo struct {
	ID            int64             // the session_id that the client was given
	Remote        string            // the client's address
	Auth          map[string]string // the authentication's fields, without the reply itself; nil when the key is refused
	Subscriptions []string          // the latest lines that subscribe or unsubscribe, at most 1 MiB of them
	Started       bool              // the client has started the session
	Ended         bool              // the connection has ended
	Records       int64             // data records sent
}

// withDefaults fills in what was left out and refuses what cannot be served.
func (c Config) withDefaults() (Config, error) {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	c.Version = cmp.Or(c.Version, "0.7.0")
	c.Heartbeat = cmp.Or(c.Heartbeat, 30*time.Second)
	c.AuthTimeout = cmp.Or(c.AuthTimeout, 30*time.Second)
	c.MaxLine = cmp.Or(c.MaxLine, 64<<10)
	if c.Misbehave == nil {
		c.Misbehave = func(int64) Misbehaviour { return nil }
	}
	if c.Counters == nil {
		c.Counters = new(Counters)
	}
	if c.Clock == nil {
		c.Clock = SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Datasets == nil || len(c.Keys) == 0 {
		return c, errors.New("no Datasets or no Keys: there is nothing to serve, or nobody to serve it to")
	}
	if c.Heartbeat < 0 || c.AuthTimeout < 0 || c.MaxLine < 0 || c.MaxSessions < 0 {
		return c, errors.New("negative Heartbeat, AuthTimeout, MaxLine or MaxSessions")
	}
	return c, CheckKeys(c.Keys)
}

// CheckKeys refuses API keys of a length that no key has. The error does not show them.
func CheckKeys(keys []string) error {
	for i, key := range keys {
		if len(key) != KeyLen {
			return fmt.Errorf("key %d of %d has %d characters, want %d", i+1, len(keys), len(key), KeyLen)
		}
	}
	return nil
}

// Server accepts clients of the live protocol. All methods may be called from any goroutine.
type Server struct {
	cfg     Config
	door    *door
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	count   *Counters

	mu       sync.Mutex
	closed   bool
	sessions *recent.List[SessionInfo]
	changed  *sync.Cond // with mu: a session has begun, ended or subscribed
	live     map[*Session]struct{}
}

// NewServer listens. The caller must call Close.
func NewServer(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	door, err := newDoor(cfg.Addr, cfg.Clock, cfg.Logger)
	if err != nil {
		return nil, err
	}
	g := &Server{cfg: cfg, door: door, count: cfg.Counters, sessions: recent.New[SessionInfo](recent.MaxBytes), live: make(map[*Session]struct{})}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.changed = sync.NewCond(&g.mu)
	g.running.Go(g.accept)
	return g, nil
}

// Addr is the address to connect to, as host:port.
func (g *Server) Addr() string { return g.door.addr }

// Host is the host of Addr.
func (g *Server) Host() string {
	host, _, _ := net.SplitHostPort(g.Addr())
	return host
}

// Port is the port of Addr.
func (g *Server) Port() int {
	_, port, _ := net.SplitHostPort(g.Addr())
	n, _ := strconv.Atoi(port)
	return n
}

// Shut refuses connections for a time, 0 being forever; those that are open stay.
func (g *Server) Shut(d time.Duration) { g.door.shut(d) }

// Sessions returns what the latest connections were about, oldest first: at most 1000, and
// fewer when they sent much.
func (g *Server) Sessions() []SessionInfo {
	g.mu.Lock()
	defer g.mu.Unlock()
	kept := g.sessions.All()
	infos := make([]SessionInfo, 0, len(kept))
	for _, info := range kept {
		clone := *info
		clone.Auth = maps.Clone(info.Auth)
		clone.Subscriptions = slices.Clone(info.Subscriptions)
		infos = append(infos, clone)
	}
	return infos
}

// AwaitEnded blocks until n sessions have ended, or the server was closed, or ctx is done.
func (g *Server) AwaitEnded(ctx context.Context, n int64) error {
	return g.await(ctx, func() bool { return g.count.Ended.Load() >= n })
}

// await blocks until done is true. It is called with mu, whenever a session changes.
func (g *Server) await(ctx context.Context, done func() bool) error {
	defer context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.changed.Broadcast()
	})()
	g.mu.Lock()
	defer g.mu.Unlock()
	for !done() && !g.closed && ctx.Err() == nil {
		g.changed.Wait()
	}
	return ctx.Err()
}

// Close stops listening, closes every connection and waits until all goroutines have
// ended. Calling it again does nothing.
func (g *Server) Close() error {
	g.mu.Lock()
	closed := g.closed
	g.closed = true
	g.changed.Broadcast()
	g.mu.Unlock()
	if closed {
		return nil
	}
	g.cancel()
	err := g.door.close()
	g.running.Wait()
	return err
}

func (g *Server) accept() {
	for {
		conn, err := g.door.accept(g.ctx)
		if err != nil {
			return
		}
		g.running.Go(func() { g.serve(conn) })
	}
}

func (g *Server) serve(conn *net.TCPConn) {
	number := g.count.Sessions.Add(1)
	g.count.Active.Add(1)
	s := newSession(g, conn, number)
	g.remember(s)
	stop := context.AfterFunc(g.ctx, func() { conn.Close() })
	err := s.run()
	s.posts.close()
	stop()
	conn.Close()
	s.log.Info("session ended", "cause", err, "records", s.sent)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.live, s)
	s.info.Ended, s.info.Records = true, s.sent
	g.count.Active.Add(-1)
	g.count.Ended.Add(1)
	g.changed.Broadcast()
}

func (g *Server) remember(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.live[s] = struct{}{}
	g.sessions.Add(s.info, len(s.info.Remote)+recent.KeyOverhead)
	g.changed.Broadcast()
}
