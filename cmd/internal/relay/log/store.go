// Package log keeps batches of records on NATS JetStream: one stream for each dataset, in a server inside
// this process or in a cluster of the user's.
package log

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

// Options say where the log is and how much of it is kept.
type Options struct {
	// Directory holds the files of a server inside this process. Either it or URL is required.
	Directory string
	// Listen is the address at which that server accepts NATS clients. Default: none, it is reached only
	// from this process.
	Listen string
	// Sync writes each message to the disk before it is acknowledged. Otherwise a loss of power, unlike a kill
	// of the process, may take what the operating system had not written yet.
	Sync bool
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
	// Logger receives what happens to the connection. Default: nothing is logged.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	switch {
	case (o.Directory == "") == (o.URL == ""):
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
	options  Options
	embedded *server.Server // nil: a cluster
	lock     *os.File       // of the embedded server's directory
	conn     *nats.Conn
	js       jetstream.JetStream
}

// startTimeout bounds the wait for an embedded server, which reads its files first.
const startTimeout = 5 * time.Minute

// Open starts the server, or connects to the cluster. The caller must call Close.
func Open(ctx context.Context, options Options) (*Store, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{options: options}
	if options.Directory != "" {
		if s.lock, err = lockDirectory(options.Directory); err != nil {
			return nil, err
		}
		if s.embedded, err = startServer(options); err != nil {
			s.Close()
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
	if s.embedded != nil {
		return s.options.Directory
	}
	return s.options.URL
}

// lockDirectory keeps a second process away: two servers would destroy each other's files.
func lockDirectory(directory string) (*os.File, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(directory, "dbn-relay.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close() //nolint:errcheck // the first error counts
		return nil, fmt.Errorf("log in %s: another process uses it", directory)
	}
	return lock, nil
}

func startServer(options Options) (*server.Server, error) {
	o := &server.Options{
		ServerName: "dbn-relay", JetStream: true, StoreDir: options.Directory, DontListen: options.Listen == "",
		NoSigs: true, NoLog: true, SyncAlways: options.Sync, MaxPayload: maxPayload,
	}
	if options.Listen != "" {
		host, port, err := net.SplitHostPort(options.Listen)
		if err != nil {
			return nil, fmt.Errorf("address of the log's server %q: want HOST:PORT", options.Listen)
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("address of the log's server %q: port %q is not a number from 0 to 65535", options.Listen, port)
		}
		o.Host, o.Port = host, int(number)
		if number == 0 {
			o.Port = server.RANDOM_PORT
		}
	}
	embedded, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("log in %s: %w", options.Directory, err)
	}
	go embedded.Start()
	if !embedded.ReadyForConnections(startTimeout) || !embedded.JetStreamEnabled() {
		embedded.Shutdown()
		embedded.WaitForShutdown()
		return nil, fmt.Errorf("log in %s: its server does not start: is the directory writable?", options.Directory)
	}
	return embedded, nil
}

// maxPayload is the largest message: more than a batch with one record too many.
const maxPayload = 1 << 20

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
	if s.embedded != nil {
		options = append(options, nats.InProcessServer(s.embedded))
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

// Address is where an embedded server accepts NATS clients; "" when it does not.
func (s *Store) Address() string {
	if s.embedded == nil || s.options.Listen == "" {
		return ""
	}
	return s.embedded.Addr().String()
}

// InProcessConn is a connection to an embedded server, for nats.InProcessServer.
func (s *Store) InProcessConn() (net.Conn, error) {
	if s.embedded == nil {
		return nil, errors.New("the log is on servers of their own: connect to their URL")
	}
	return s.embedded.InProcessConn()
}

// Connected reports whether NATS can be reached now.
func (s *Store) Connected() bool { return s.conn.IsConnected() }

// Close ends the connection and the embedded server.
func (s *Store) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.embedded != nil {
		s.embedded.Shutdown()
		s.embedded.WaitForShutdown()
	}
	if s.lock != nil {
		s.lock.Close() //nolint:errcheck // it only ends the lock
	}
}
