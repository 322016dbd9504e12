package sim

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// EndAction is what a session does when its data has ended.
type EndAction int

const (
	// StayAtEnd keeps the session open, with heartbeats.
	StayAtEnd EndAction = iota
	// CloseAtEnd ends the session politely after the last record.
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
	// ShiftPasses moves the timestamps of each repetition after those of the one before;
	// otherwise they repeat.
	ShiftPasses bool
	// AtEnd is what happens after the last record. Default: StayAtEnd.
	AtEnd EndAction
	// LiveFrom is the index timestamp at which the present begins: a subscription gets the
	// records from there on. With a start it first gets those before the present whose
	// ts_event (ts_recv in the BBO and CBBO schemas) is not before the start, as fast as
	// possible, and then ReplayCompleted. Default: the present begins with the data, and a
	// subscription with a start gets all of the data from there on as a replay.
	LiveFrom dbn.UnixNanos
	// SharedMarket lets all sessions see one market, whose time continues while no client is
	// connected: a session begins where the market is, and not where the data begins, so
	// that what came in between is missing unless it is replayed. The start of a session's
	// metadata is where the market was when it began; ts_out and the gateway's own records
	// carry the market's time. The market opens at LiveFrom or else
	// with the first record. With a Pace made by RealTime it follows the Clock once the first
	// session has started; with the default Pace it moves only by Gateway.Advance and
	// Gateway.AdvanceTo, and every session is sent the records up to there. It needs one
	// pass. Default: each session has a market of its own.
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
	// EndOfInterval sends the EndOfInterval system message after each interval of the
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

// withDefaults fills in what was left out and refuses what cannot be served. What package
// gateway has a default for stays as it is.
func (c Config) withDefaults() (Config, error) {
	if err := market.Settle(&c.Keys, TestKey, &c.Clock, c.Version, c.Sources); err != nil {
		return c, err
	}
	c.Passes = cmp.Or(c.Passes, 1)
	if c.SharedMarket && (c.Pace.rate > 0 || c.Passes != 1) {
		return c, errors.New("a shared market needs a pace that is a factor of real time, such as 1x, or none, and one pass")
	}
	return c, c.Faults.validate()
}

// Gateway is a running simulator. All methods may be called from any goroutine.
type Gateway struct {
	*gateway.Server

	cfg       Config
	timelines map[string]*market.Timeline // by dataset
	market    *sharedMarket               // nil when each session has its own
	count     gateway.Counters
	kept      atomic.Uint64 // the time that KeepFrom was given

	mu          sync.Mutex
	connections int64 // that have come
	faults      []*addedFaults
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
type SessionInfo = gateway.SessionInfo

// NewGateway loads the sources and listens. The caller must call Close.
func NewGateway(cfg Config) (*Gateway, error) {
	g := new(Gateway)
	err := g.start(cfg)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	return g, nil
}

func (g *Gateway) start(cfg Config) (err error) {
	if g.cfg, err = cfg.withDefaults(); err != nil {
		return err
	}
	if g.timelines, err = market.LoadTimelines(g.cfg.Sources, g.cfg.Version); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			g.closeTimelines()
		}
	}()
	g.openMarket()
	g.faults = parts(g.cfg.Faults, new(FaultHandle), 0, g.cfg.Clock.Now())
	g.Server, err = gateway.NewServer(gateway.Config{
		Addr: g.cfg.Addr, Keys: g.cfg.Keys, Datasets: datasets{g}, Version: "0.7.0-sim",
		CloseAtEnd: g.cfg.AtEnd == CloseAtEnd, Heartbeat: g.cfg.Heartbeat, AuthTimeout: g.cfg.AuthTimeout,
		MaxLine: g.cfg.MaxLine, Misbehave: g.misbehave, Counters: &g.count, Clock: g.cfg.Clock, Logger: g.cfg.Logger,
	})
	return err
}

// Close stops listening, closes every connection and waits until all goroutines have
// ended. Calling it again does nothing.
func (g *Gateway) Close() error {
	err := g.Server.Close()
	g.closeTimelines()
	return err
}

func (g *Gateway) closeTimelines() {
	for _, tl := range g.timelines {
		tl.Close() //nolint:errcheck // it was only read
	}
}

// Datasets are the datasets that can be asked for.
func (g *Gateway) Datasets() []string { return slices.Sorted(maps.Keys(g.timelines)) }

// Stats returns the counters.
func (g *Gateway) Stats() Stats {
	return Stats{
		Sessions: g.count.Sessions.Load(), Active: g.count.Active.Load(),
		Ended: g.count.Ended.Load(), Refused: g.count.Refused.Load(),
		Records: g.count.Records.Load(), Bytes: g.count.Bytes.Load(),
	}
}
