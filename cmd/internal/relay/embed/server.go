// Package embed runs a NATS server inside the relay's process. Nothing else imports nats-server, so programs that
// only read a log do not contain it.
package embed

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sys/unix"
)

// Server is a NATS server with JetStream, for log.Options. Its fields are set before Start.
type Server struct {
	// Directory holds the server's files. It is made when it does not exist.
	Directory string
	// Listen is the address at which the server accepts NATS clients. Default: none, it is reached only
	// from this process.
	Listen string
	// Sync writes each message to the disk before it is acknowledged. Otherwise a loss of power, unlike a kill
	// of the process, may take what the operating system had not written yet.
	Sync bool

	server *server.Server // nil: it does not run
	lock   *os.File       // of the directory
}

// startTimeout bounds the wait for the server, which reads its files first.
const startTimeout = 5 * time.Minute

// maxPayload is the largest message: more than a batch with one record too many.
const maxPayload = 1 << 20

// Start starts the server. Close must follow, unless Start fails.
func (s *Server) Start() error {
	options, err := s.options()
	if err != nil {
		return err
	}
	if err := s.lockDirectory(); err != nil {
		return err
	}
	if s.server, err = server.NewServer(options); err != nil {
		s.server = nil
		s.Close()
		return fmt.Errorf("log in %s: %w", s.Directory, err)
	}
	go s.server.Start()
	if !s.server.ReadyForConnections(startTimeout) || !s.server.JetStreamEnabled() {
		s.Close()
		return fmt.Errorf("log in %s: its server does not start: is the directory writable?", s.Directory)
	}
	return nil
}

func (s *Server) options() (*server.Options, error) {
	o := &server.Options{
		ServerName: "dbn-relay", JetStream: true, StoreDir: s.Directory, DontListen: s.Listen == "",
		NoSigs: true, NoLog: true, SyncAlways: s.Sync, MaxPayload: maxPayload,
	}
	if s.Listen == "" {
		return o, nil
	}
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return nil, fmt.Errorf("address of the log's server %q: want HOST:PORT", s.Listen)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("address of the log's server %q: port %q is not a number from 0 to 65535", s.Listen, port)
	}
	o.Host, o.Port = host, int(number)
	if number == 0 {
		o.Port = server.RANDOM_PORT
	}
	return o, nil
}

// lockDirectory keeps a second process away: two servers would destroy each other's files.
func (s *Server) lockDirectory() error {
	if err := os.MkdirAll(s.Directory, 0o700); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(s.Directory, "dbn-relay.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close() //nolint:errcheck // the first error counts
		return fmt.Errorf("log in %s: another process uses it", s.Directory)
	}
	s.lock = lock
	return nil
}

// Free is how many bytes its disk has left.
func (s *Server) Free() (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(s.Directory, &disk); err != nil {
		return 0, fmt.Errorf("log in %s: %w", s.Directory, err)
	}
	return int64(disk.Bavail) * disk.Bsize, nil
}

// String is where the server's files are.
func (s *Server) String() string { return s.Directory }

// Address is where the server accepts NATS clients; "" when it does not.
func (s *Server) Address() string {
	if s.server == nil || s.Listen == "" {
		return ""
	}
	return s.server.Addr().String()
}

// InProcessConn is a connection to the server, for nats.InProcessServer.
func (s *Server) InProcessConn() (net.Conn, error) {
	if s.server == nil {
		return nil, errors.New("the log's server does not run")
	}
	return s.server.InProcessConn()
}

// Close ends the server.
func (s *Server) Close() {
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
		s.server = nil
	}
	if s.lock != nil {
		s.lock.Close() //nolint:errcheck // it only ends the lock
		s.lock = nil
	}
}
