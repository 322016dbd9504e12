package sim

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

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/recent"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// EndAction is what a session does when its data has ended.
type EndAction int

const (
	// StayAtEnd keeps the session open, with heartbeats.
	StayAtEnd EndAction = iota
	// CloseAtEnd ends the session politely behind the last record.
	CloseAtEnd
)

// Forever as Config.Passes repeats the data until the client goes.
const Forever = -1

// Config says what a gateway serves and how. The zero value of each field is its default;
// only Sources is required.
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
	// Pace is how fast records are sent. Default: as fast as the client reads.
	Pace Pace
	// Passes is how often a session gets the data. Default: once; Forever repeats it.
	Passes int
	// ShiftPasses moves the timestamps of each repetition behind those of the one before;
	// otherwise they repeat.
	ShiftPasses bool
	// AtEnd is what happens behind the last record. Default: StayAtEnd.
	AtEnd EndAction
	// LiveFrom is the index timestamp at which the present begins: a subscription gets the
	// records from there on. With a start it first gets those before the present whose
	// ts_event (ts_recv in the BBO and CBBO schemas) is not before the start, as fast as
	// possible, and then ReplayCompleted. Default: the present begins with the data, and a
	// subscription with a start gets all of the data from there on as a replay.
	LiveFrom dbn.UnixNanos
	// SharedMarket lets all sessions see one market, whose time goes on while no client is
	// connected: a session begins where the market is, and not where the data begins, so
	// that what came in between is missing unless it is replayed. The market opens when the
	// first session starts, at LiveFrom or else with the first record. It needs a Pace made
	// by RealTime, and one pass. Default: each session has a market of its own.
	SharedMarket bool
	// Retention is how far before the present a replay may begin. An earlier start is
	// answered by the error ReplayDataAgedOut, but begins late in the schemas whose records
	// may be skipped (mbp-1, mbp-10, cmbp-1, bbo and cbbo); a start of 0 asks for all that
	// is kept. Default: as the service, 24 hours, and 7 days for mbo and definition in
	// GLBX.MDP3, when the present is set by LiveFrom or SharedMarket; otherwise everything.
	// KeepAll keeps everything.
	Retention time.Duration
	// Heartbeat is the interval of heartbeats for clients that do not ask for one.
	// Default: 30 s.
	Heartbeat time.Duration
	// EndOfInterval sends the EndOfInterval system message behind each interval of the
	// ohlcv and bbo schemas.
	EndOfInterval bool
	// AuthTimeout bounds the time until a client is authenticated. Default: 30 s.
	AuthTimeout time.Duration
	// MaxLine bounds the client's lines, in bytes. Default: 64 KiB.
	MaxLine int
	// Faults are the misbehaviours to show. Default: none.
	Faults Faults
	// Clock is the source of time. Default: the system's.
	Clock Clock
	// Logger receives what happens in the sessions. Default: nothing is logged.
	Logger *slog.Logger
}

// withDefaults fills in what was left out and refuses what cannot be served.
func (c Config) withDefaults() (Config, error) {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	if len(c.Keys) == 0 {
		c.Keys = []string{TestKey}
	}
	c.Passes = cmp.Or(c.Passes, 1)
	c.Heartbeat = cmp.Or(c.Heartbeat, 30*time.Second)
	c.AuthTimeout = cmp.Or(c.AuthTimeout, 30*time.Second)
	c.MaxLine = cmp.Or(c.MaxLine, 64<<10)
	if c.Clock == nil {
		c.Clock = SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for i, key := range c.Keys {
		if len(key) != KeyLen {
			return c, fmt.Errorf("key %d of %d has %d characters, want %d", i+1, len(c.Keys), len(key), KeyLen)
		}
	}
	if c.Version > dbn.Version {
		return c, fmt.Errorf("DBN version %d does not exist, want 1 to %d", c.Version, dbn.Version)
	}
	if len(c.Sources) == 0 {
		return c, errors.New("no sources: a gateway needs data to serve")
	}
	if c.SharedMarket && (c.Pace.factor <= 0 || c.Passes != 1) {
		return c, errors.New("a shared market needs a pace that is a factor of real time, such as 1x, and one pass")
	}
	if c.Heartbeat < 0 || c.AuthTimeout < 0 || c.MaxLine < 0 {
		return c, errors.New("negative Heartbeat, AuthTimeout or MaxLine")
	}
	return c, c.Faults.validate()
}

// Gateway is a running simulator. All methods may be called from any goroutine.
type Gateway struct {
	cfg       Config
	door      *door
	timelines map[string]*market.Timeline // by dataset
	market    *sharedMarket               // nil when each session has its own
	ctx       context.Context
	cancel    context.CancelFunc
	running   sync.WaitGroup
	count     counters

	mu       sync.Mutex
	closed   bool
	sessions *recent.List[SessionInfo]
	ended    *sync.Cond // with mu: a session has ended
}

type counters struct {
	sessions, active, ended, refused atomic.Int64
	records, bytes                   atomic.Int64
}

// Stats are a gateway's counters since it began.
type Stats struct {
	Sessions int64 // connections accepted
	Active   int64 // connections open now
	Ended    int64 // connections that have ended
	Refused  int64 // authentications refused
	Records  int64 // data records sent; system, error and mapping records do not count
	Bytes    int64 // bytes of DBN streams sent, as they went over the wire
}

// SessionInfo is what one connection was about.
type SessionInfo struct {
	ID            int64             // the session_id told to the client
	Remote        string            // the client's address
	Auth          map[string]string // the authentication's fields, without the reply itself; nil when the key is refused
	Subscriptions []string          // the latest subscription lines, at most 1 MiB of them
	Started       bool              // the client has started the session
	Ended         bool              // the connection has ended
	Records       int64             // data records sent
}

// NewGateway loads the sources and listens. The caller must call Close.
func NewGateway(cfg Config) (*Gateway, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	timelines, err := market.LoadTimelines(cfg.Sources, cfg.Version)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	door, err := newDoor(cfg.Addr, cfg.Clock, cfg.Logger)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	g := &Gateway{cfg: cfg, door: door, timelines: timelines, sessions: recent.New[SessionInfo](recent.MaxBytes)}
	g.openMarket()
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.ended = sync.NewCond(&g.mu)
	g.running.Go(g.accept)
	return g, nil
}

// Addr is the address to connect to, as host:port.
func (g *Gateway) Addr() string { return g.door.addr }

// Host is the host of Addr.
func (g *Gateway) Host() string {
	host, _, _ := net.SplitHostPort(g.Addr())
	return host
}

// Port is the port of Addr.
func (g *Gateway) Port() int {
	_, port, _ := net.SplitHostPort(g.Addr())
	n, _ := strconv.Atoi(port)
	return n
}

// Datasets are the datasets that can be asked for.
func (g *Gateway) Datasets() []string { return slices.Sorted(maps.Keys(g.timelines)) }

// Stats returns the counters.
func (g *Gateway) Stats() Stats {
	return Stats{
		Sessions: g.count.sessions.Load(), Active: g.count.active.Load(),
		Ended: g.count.ended.Load(), Refused: g.count.refused.Load(),
		Records: g.count.records.Load(), Bytes: g.count.bytes.Load(),
	}
}

// Sessions returns what the latest connections were about, oldest first: at most 1000, and
// fewer when they sent much.
func (g *Gateway) Sessions() []SessionInfo {
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

// AwaitEnded blocks until n sessions have ended, or the gateway was closed, or ctx is done.
func (g *Gateway) AwaitEnded(ctx context.Context, n int64) error {
	defer context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ended.Broadcast()
	})()
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.count.ended.Load() < n && !g.closed && ctx.Err() == nil {
		g.ended.Wait()
	}
	return ctx.Err()
}

// Close stops listening, closes every connection and waits until all goroutines have
// ended. Calling it again does nothing.
func (g *Gateway) Close() error {
	g.mu.Lock()
	closed := g.closed
	g.closed = true
	g.ended.Broadcast()
	g.mu.Unlock()
	if closed {
		return nil
	}
	g.cancel()
	err := g.door.close()
	g.running.Wait()
	return err
}

func (g *Gateway) accept() {
	for {
		conn, err := g.door.accept(g.ctx)
		if err != nil {
			return
		}
		g.running.Go(func() { g.serve(conn) })
	}
}

func (g *Gateway) serve(conn *net.TCPConn) {
	number := g.count.sessions.Add(1)
	g.count.active.Add(1)
	s := newSession(g, conn, number)
	g.remember(s.info)
	stop := context.AfterFunc(g.ctx, func() { conn.Close() })
	err := s.run()
	stop()
	conn.Close()
	s.log.Info("session ended", "cause", err, "records", s.sent)
	g.mu.Lock()
	defer g.mu.Unlock()
	s.info.Ended, s.info.Records = true, s.sent
	g.count.active.Add(-1)
	g.count.ended.Add(1)
	g.ended.Broadcast()
}

func (g *Gateway) remember(info *SessionInfo) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions.Add(info, len(info.Remote)+recent.KeyOverhead)
}
