// Package serve gives the records of logs to consumers, in the protocol of the service's live gateway.
package serve

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/names"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
)

// Options say what is served, to whom, and how much a consumer may ask for.
type Options struct {
	// Addr is the TCP address to listen on. Default: a free port of 127.0.0.1.
	Addr string
	// Keys are those of the consumers, gateway.KeyLen characters each.
	Keys []string
	// Datasets are the logs, and what is known of their instruments.
	Datasets []Dataset
	// MaxSessions bounds the consumers that are connected at once. Default: 1000.
	MaxSessions int
	// MaxSubscriptions bounds the subscriptions of a session, and MaxSymbols the instruments of one of them,
	// unless it asks for all. Default: 1000 and 100,000.
	MaxSubscriptions, MaxSymbols int
	// Memory is how many bytes of each dataset's latest records are kept for all consumers together. One that is
	// further back is slow, and reads the log. Default: 32 MiB.
	Memory int64
	// Heartbeat is the interval of heartbeats for consumers that do not ask for one. Default: 30 s.
	Heartbeat time.Duration
	// Logger receives what happens in the sessions. Default: nothing is logged.
	Logger *slog.Logger
}

// Dataset is a log, its schemas, and what is known of its instruments.
type Dataset struct {
	Log     *log.Log
	Schemas []dbn.Schema  // that the log has; others are refused
	Names   *names.Keeper // must run
}

func (o Options) withDefaults() (Options, error) {
	o.MaxSessions = cmp.Or(o.MaxSessions, 1000)
	o.MaxSubscriptions = cmp.Or(o.MaxSubscriptions, 1000)
	o.MaxSymbols = cmp.Or(o.MaxSymbols, 100_000)
	o.Memory = cmp.Or(o.Memory, 32<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if len(o.Datasets) == 0 {
		return o, errors.New("there is no dataset to serve")
	}
	return o, nil
}

// Server serves consumers. Its methods may be called from any goroutine.
type Server struct {
	*gateway.Server

	options  Options
	datasets map[string]*dataset
	counters gateway.Counters
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// dataset is what the sessions of a dataset share.
type dataset struct {
	Dataset
	hub *hub
}

// NewServer begins to read the logs, and then listens. The caller must call Close.
func NewServer(ctx context.Context, options Options) (*Server, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{options: options, datasets: map[string]*dataset{}}
	life, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	listening := make(chan struct{})
	wake := func() {
		select {
		case <-listening:
			s.Wake()
		default: // there is no session yet
		}
	}
	for _, d := range options.Datasets {
		h := newHub(d.Log, options.Memory, options.Logger, wake)
		s.datasets[d.Log.Dataset] = &dataset{d, h}
		s.running.Go(func() { h.run(life) })
	}
	for _, d := range s.datasets {
		select {
		case <-d.hub.ready:
		case <-ctx.Done():
			s.Close()
			return nil, context.Cause(ctx)
		}
	}
	s.Server, err = gateway.NewServer(gateway.Config{
		Addr: options.Addr, Keys: options.Keys, Datasets: shelf{s}, Version: "0.7.0-relay", MaxSessions: options.MaxSessions, CloseAtEnd: true,
		Heartbeat: options.Heartbeat, Counters: &s.counters, Logger: options.Logger,
	})
	if err != nil {
		s.Close()
		return nil, err
	}
	close(listening)
	return s, nil
}

// Counters are those of all sessions.
func (s *Server) Counters() *gateway.Counters { return &s.counters }

// Drain admits nobody else, lets each session end in order once it has sent what its log holds now, and waits for
// that until ctx is done.
func (s *Server) Drain(ctx context.Context) error {
	s.Shut(0)
	for _, d := range s.datasets {
		_, last, err := d.Log.Bounds(ctx)
		if err != nil {
			return err
		}
		d.hub.drain(last + 1)
	}
	s.Wake()
	return s.AwaitEnded(ctx, s.counters.Sessions.Load())
}

// Close ends all sessions, and waits for them.
func (s *Server) Close() error {
	var err error
	if s.Server != nil {
		err = s.Server.Close()
	}
	s.cancel()
	s.running.Wait()
	return err
}

// shelf is a server's data, for package gateway.
type shelf struct{ s *Server }

func (f shelf) Names() []string { return slices.Sorted(maps.Keys(f.s.datasets)) }

func (f shelf) Open(session *gateway.Session, name string) *gateway.Feed {
	d := f.s.datasets[name]
	if d == nil {
		return nil
	}
	return &gateway.Feed{Version: dbn.Version, Symbols: &symbols{d: d, session: session}, Records: newReplayer(f.s.options, d, session)}
}

// symbols says what a session's subscriptions can name.
type symbols struct {
	d       *dataset
	session *gateway.Session
	skipped uint64 // the place that was not waited for any longer
}

func (s *symbols) Offers(schema dbn.Schema) bool { return slices.Contains(s.d.Schemas, schema) }

func (s *symbols) Resolve(stype dbn.SType, symbol string) []gateway.Instrument {
	return s.table().Resolve(stype, symbol)
}

func (s *symbols) All() []gateway.Instrument { return s.table().All() }

// namesTimeout bounds the wait for a keeper that cannot read the log.
const namesTimeout = 20 * time.Second

// table is what the log says of instruments, up to its present. The keeper reads the log by itself, perhaps
// after other sessions have had what it has not read.
func (s *symbols) table() *names.Table {
	place := s.d.hub.names()
	if place <= s.skipped {
		return s.d.Names.Table
	}
	ctx, cancel := context.WithTimeout(s.session.Context(), namesTimeout)
	defer cancel()
	if err := s.d.Names.Await(ctx, place); err != nil {
		s.skipped = place
		s.session.Logger().Warn("symbols: the log's latest names could not be read", "message", place, "error", err)
	}
	return s.d.Names.Table
}
