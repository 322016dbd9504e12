// Package service runs the parts of a relay together.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/config"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/embed"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/ingest"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/names"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/serve"
)

// Keys are the secrets of a relay. They are in no error and no log.
type Keys struct {
	Upstream  string
	Consumers []string
}

// Service is a relay that runs. Its methods may be called from any goroutine.
type Service struct {
	config config.Config
	logger *slog.Logger
	began  time.Time
	id     string // of this process, for other relays

	store    *log.Store
	server   *serve.Server
	datasets []*dataset

	stop    context.CancelFunc // of ingest, which ends in order
	cancel  context.CancelFunc // of everything else
	running sync.WaitGroup
	ended   chan struct{}
	once    sync.Once
	err     error
}

// identity names this process to people who look into a cluster.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// dataset is one of the datasets that a relay receives.
type dataset struct {
	log      *log.Log
	keeper   *names.Keeper
	requests []dbnloop.Subscription
	counters ingest.Counters
	writes   atomic.Bool // false: it stands by
	done     chan struct{}
}

// Start opens the log, begins to receive, and listens for consumers. The caller must call Close.
func Start(ctx context.Context, c config.Config, keys Keys, logger *slog.Logger) (_ *Service, err error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Service{config: c, logger: logger, began: time.Now(), id: identity(), ended: make(chan struct{})}
	receiving, stop := context.WithCancel(context.Background())
	life, cancel := context.WithCancel(context.Background())
	s.stop, s.cancel = stop, cancel
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	var server log.Server
	if c.Log.Directory != "" {
		server = &embed.Server{Directory: c.Log.Directory, Listen: c.Log.Listen, Sync: c.Log.Sync}
	}
	s.store, err = log.Open(ctx, log.Options{
		Server: server, URL: c.Log.URL,
		Credentials: c.Log.Credentials, CAFile: c.Log.CAFile, Replicas: c.Log.Replicas,
		MaxAge: time.Duration(c.Log.MaxAge), MaxBytes: int64(c.Log.MaxBytes), MinFree: int64(c.Log.MinFree), Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	if address := s.store.Address(); address != "" {
		logger.Info("the log accepts NATS clients", "address", address)
	}
	var shelves []serve.Dataset
	for _, of := range c.Datasets {
		d, err := s.open(ctx, of)
		if err != nil {
			return nil, err
		}
		s.datasets = append(s.datasets, d)
		s.running.Go(func() { d.keeper.Run(life) })
		shelf := serve.Dataset{Log: d.log, Names: d.keeper}
		for _, request := range d.requests {
			shelf.Schemas = append(shelf.Schemas, request.Schema)
		}
		shelves = append(shelves, shelf)
	}
	for _, d := range s.datasets {
		select {
		case <-d.keeper.Ready():
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	s.server, err = serve.NewServer(ctx, serve.Options{
		Addr: c.Serve.Listen, Keys: keys.Consumers, Datasets: shelves, MaxSessions: c.Serve.MaxSessions,
		MaxSubscriptions: c.Serve.MaxSubscriptions, MaxSymbols: c.Serve.MaxSymbols, Memory: int64(c.Serve.Memory),
		Heartbeat: time.Duration(c.Serve.Heartbeat), Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	for _, d := range s.datasets {
		s.running.Go(func() { s.receive(receiving, d, keys.Upstream) })
	}
	logger.Info("ready", "address", s.server.Addr(), "datasets", len(s.datasets))
	return s, nil
}

// shared reports whether other relays may write to the log.
func (s *Service) shared() bool { return s.config.Log.URL != "" }

func (s *Service) open(ctx context.Context, of config.Dataset) (*dataset, error) {
	requests, err := of.Requests()
	if err != nil {
		return nil, err
	}
	d := &dataset{requests: requests, done: make(chan struct{})}
	d.writes.Store(!s.shared())
	if d.log, err = s.store.Log(ctx, of.Name); err != nil {
		return nil, err
	}
	d.keeper, err = names.NewKeeper(ctx, d.log, s.logger)
	return d, err
}

// receive runs the ingest of a dataset. Its end is that of the relay.
func (s *Service) receive(ctx context.Context, d *dataset, key string) {
	defer close(d.done)
	up := s.config.Upstream
	host, port, _ := up.Address() // it was checked
	options := []dbnloop.ContinuousOption{
		dbnloop.WithGateway(host, port), dbnloop.WithMaxCost(up.MaxCost),
		dbnloop.WithLive(dbnloop.WithUserAgent("dbn-relay")),
	}
	if up.ReplayLimit > 0 {
		options = append(options, dbnloop.WithReplayLimit(time.Duration(up.ReplayLimit).Truncate(time.Second)))
	}
	o := ingest.Options{
		Log: d.log, Subscriptions: d.requests, Key: key, Client: options, MaxPending: int64(up.MaxPending),
		Counters: &d.counters, Logger: s.logger,
	}
	for {
		err := d.log.Hold(ctx, s.id, func(held context.Context) error {
			d.writes.Store(true)
			defer d.writes.Store(!s.shared())
			return ingest.Run(held, o)
		})
		switch {
		case ctx.Err() != nil:
			if err != nil && !errors.Is(err, context.Canceled) {
				s.logger.Error("the stream did not end in order", "dataset", d.log.Dataset, "error", err)
			}
			return
		case errors.Is(err, log.ErrLeaseLost):
			continue
		}
		s.end(fmt.Errorf("dataset %s: the stream has ended: %w", d.log.Dataset, err))
		return
	}
}

func (s *Service) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.ended)
	})
}

// Ended is closed when the relay cannot continue; Err is why.
func (s *Service) Ended() <-chan struct{} { return s.ended }

// Err is why the relay has ended.
func (s *Service) Err() error { return s.err }

// Addr is the address for consumers, as host:port.
func (s *Service) Addr() string { return s.server.Addr() }

// drainTimeout bounds how long the consumers may take for what is left.
const drainTimeout = 10 * time.Second

// Drain ends the relay in order: it stops receiving, writes what has come, and gives consumers the time to
// receive it, until ctx is done. Close must follow.
func (s *Service) Drain(ctx context.Context) {
	s.logger.Info("draining")
	s.stop()
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	for _, d := range s.datasets {
		select {
		case <-d.done:
		case <-ctx.Done():
			return
		}
	}
	if err := s.server.Drain(ctx); err != nil {
		s.logger.Warn("some consumers did not receive everything", "error", err)
	}
}

// Close ends everything at once.
func (s *Service) Close() error {
	s.stop()
	var err error
	if s.server != nil {
		err = s.server.Close()
	}
	s.cancel()
	s.running.Wait()
	if s.store != nil {
		s.store.Close()
	}
	return err
}

// Status is a relay at one moment.
type Status struct {
	Address  string          `json:"address"`
	Since    time.Time       `json:"since"`
	NATS     bool            `json:"nats_connected"`
	Datasets []DatasetStatus `json:"datasets"`
	Serving  ServingStatus   `json:"consumers"`
}

// DatasetStatus is what was received of a dataset, and what its log holds.
type DatasetStatus struct {
	Dataset    string   `json:"dataset"`
	Schemas    []string `json:"schemas"`
	Standby    bool     `json:"standby"` // another relay writes to the log
	Live       bool     `json:"live"`
	Paused     bool     `json:"paused"`
	DiskFull   bool     `json:"disk_full"` // so it is paused
	Records    int64    `json:"records"`
	Bytes      int64    `json:"bytes"`
	Messages   int64    `json:"messages"`
	Pending    int64    `json:"pending_bytes"`
	Pauses     int64    `json:"pauses"`
	Repeats    int64    `json:"repeats_dropped"`
	Reconnects int64    `json:"reconnects"`
	Gaps       int64    `json:"gaps"`
	Restarts   int64    `json:"log_restarts"`
	Symbols    int      `json:"instruments"`
	First      uint64   `json:"log_first"`
	Last       uint64   `json:"log_last"`
	LogBytes   uint64   `json:"log_bytes"`
}

// ServingStatus is what consumers were sent.
type ServingStatus struct {
	Active        int64            `json:"active"`
	Sessions      int64            `json:"sessions"`
	Refused       int64            `json:"refused"`
	Subscriptions int64            `json:"subscriptions"`
	Records       int64            `json:"records"`
	Bytes         int64            `json:"bytes"`
	List          []ConsumerStatus `json:"list"`
}

// ConsumerStatus is a consumer that is connected.
type ConsumerStatus struct {
	ID            int64  `json:"id"`
	Remote        string `json:"remote"`
	Dataset       string `json:"dataset"`
	Subscriptions int    `json:"subscriptions"`
	Records       int64  `json:"records"`
}

// Status takes one.
func (s *Service) Status(ctx context.Context) Status {
	count := s.server.Counters()
	status := Status{Address: s.Addr(), Since: s.began, NATS: s.store.Connected(), Serving: ServingStatus{
		Active: count.Active.Load(), Sessions: count.Sessions.Load(), Refused: count.Refused.Load(),
		Subscriptions: count.Subscriptions.Load(), Records: count.Records.Load(), Bytes: count.Bytes.Load(),
	}}
	for _, session := range s.server.Sessions() {
		if !session.Ended {
			status.Serving.List = append(status.Serving.List, ConsumerStatus{
				session.ID, session.Remote, session.Auth["dataset"], len(session.Subscriptions), session.Records,
			})
		}
	}
	for _, d := range s.datasets {
		c := &d.counters
		of := DatasetStatus{
			Dataset: d.log.Dataset, Standby: !d.writes.Load(), Live: c.Live.Load() == 1, Paused: c.Paused.Load() == 1, DiskFull: c.DiskFull.Load() == 1, Records: c.Records.Load(),
			Bytes: c.Bytes.Load(), Messages: c.Messages.Load(), Pending: c.Pending.Load(), Pauses: c.Pauses.Load(),
			Repeats: c.Repeats.Load(), Reconnects: c.Reconnects.Load(), Gaps: c.Gaps.Load(), Restarts: c.Restarts.Load(),
			Symbols: d.keeper.Table.Len(),
		}
		for _, request := range d.requests {
			of.Schemas = append(of.Schemas, request.Schema.String())
		}
		if size, err := d.log.Size(ctx); err == nil {
			of.First, of.Last, of.LogBytes = size.First, size.Last, size.Bytes
		}
		status.Datasets = append(status.Datasets, of)
	}
	return status
}

// Ready reports whether what consumers receive is live. A relay that stands by serves what another one writes.
func (s *Service) Ready() error {
	if !s.store.Connected() {
		return errors.New("NATS is not connected")
	}
	for _, d := range s.datasets {
		if d.writes.Load() && d.counters.Live.Load() == 0 {
			return fmt.Errorf("dataset %s is not live", d.log.Dataset)
		}
		if d.counters.DiskFull.Load() == 1 {
			return fmt.Errorf("dataset %s: the disk is full", d.log.Dataset)
		}
	}
	return nil
}
