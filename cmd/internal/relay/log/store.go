// Package log keeps batches of records on NATS JetStream: one stream for each dataset, in a server inside
// this process or in a cluster of the user's.
package log

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Server is a NATS server inside this process, as package embed has it. This package does not import that one, so that
// programs that only read a log do not contain a server.
type Server interface {
	Start() error
	Close()
	// InProcessConn is a connection to the server.
	InProcessConn() (net.Conn, error)
	// Address is where it accepts NATS clients; "" when it does not.
	Address() string
	// Free is how many bytes its disk has left.
	Free() (int64, error)
	// String is where its files are, for messages.
	String() string
}

// Options say where the log is and how much of it is kept.
type Options struct {
	// Server is started by Open and closed by Close. Either it or URL is required.
	Server Server
	// URL names the servers of a cluster, separated by commas.
	URL string
	// Credentials and CAFile are files with the user's credentials and the authority of the servers'
	// certificates, for URL. Default: none, and the system's.
	Credentials, CAFile string
	// Replicas is how many servers of a cluster hold each message, 1 to 5. Default: 1.
	Replicas int
	// MaxAge and MaxBytes bound what is kept of each dataset; the oldest messages are deleted first. 0: no bound.
	MaxAge   time.Duration
	MaxBytes int64
	// MinFree is how many bytes the disk of a server inside this process must have left for a message to be
	// written: once JetStream has failed to write, it takes nothing more until it is started again. Default: 128 MiB.
	MinFree int64
	// Logger receives what happens to the connection. Default: nothing is logged.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Replicas = cmp.Or(o.Replicas, 1)
	o.MinFree = cmp.Or(o.MinFree, 128<<20)
	switch {
	case (o.Server == nil) == (o.URL == ""):
		return o, errors.New("the log needs either a directory or the URL of NATS servers")
	case o.Replicas < 1 || o.Replicas > 5:
		return o, fmt.Errorf("replicas is %d, want 1 to 5", o.Replicas)
	case o.Replicas > 1 && o.URL == "":
		return o, fmt.Errorf("replicas is %d, but a server inside this process is a single one: name a cluster by its URL", o.Replicas)
	case o.MaxAge < 0 || o.MaxBytes < 0:
		return o, errors.New("the limits of age and size cannot be negative")
	}
	return o, nil
}

// Store is a place for logs. Its methods may be called from any goroutine.
type Store struct {
	options Options
	conn    *nats.Conn
	js      jetstream.JetStream
}

// Open starts the server, or connects to the cluster. The caller must call Close.
func Open(ctx context.Context, options Options) (*Store, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{options: options}
	if options.Server != nil {
		if err := options.Server.Start(); err != nil {
			return nil, err
		}
	}
	if err := s.connect(); err != nil {
		s.Close()
		return nil, err
	}
	if _, err := s.js.AccountInfo(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("NATS at %s has no JetStream for this user: %w", s.place(), err)
	}
	return s, nil
}

// place is where the log is, for messages.
func (s *Store) place() string {
	if s.options.Server != nil {
		return s.options.Server.String()
	}
	return s.options.URL
}

func (s *Store) connect() error {
	log := s.options.Logger
	options := []nats.Option{
		nats.Name("dbn-relay"), nats.MaxReconnects(-1), nats.ReconnectJitter(100*time.Millisecond, time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to NATS broke", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("connected to NATS again", "server", c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("NATS", "error", err) }),
	}
	if s.options.Server != nil {
		options = append(options, nats.InProcessServer(s.options.Server))
	}
	if s.options.Credentials != "" {
		options = append(options, nats.UserCredentials(s.options.Credentials))
	}
	if s.options.CAFile != "" {
		options = append(options, nats.RootCAs(s.options.CAFile))
	}
	var err error
	if s.conn, err = nats.Connect(s.options.URL, options...); err != nil {
		return fmt.Errorf("connect to NATS at %s: %w", s.place(), err)
	}
	s.js, err = jetstream.New(s.conn)
	return err
}

// Address is where a server inside this process accepts NATS clients; "" when it does not, or there is no such server.
func (s *Store) Address() string {
	if s.options.Server == nil {
		return ""
	}
	return s.options.Server.Address()
}

// InProcessConn is a connection to a server inside this process, for nats.InProcessServer.
func (s *Store) InProcessConn() (net.Conn, error) {
	if s.options.Server == nil {
		return nil, errors.New("the log is on servers of their own: connect to their URL")
	}
	return s.options.Server.InProcessConn()
}

// Connected reports whether NATS can be reached now.
func (s *Store) Connected() bool { return s.conn.IsConnected() }

// Close ends the connection and the server inside this process.
func (s *Store) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.options.Server != nil {
		s.options.Server.Close()
	}
}
