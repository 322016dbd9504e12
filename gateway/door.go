package gateway

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/internal/tcp"
)

// door is the listening socket of a gateway. It can be shut for a while: then connections
// are refused, while those that are open stay.
type door struct {
	clock Clock
	log   *slog.Logger
	addr  string // as host:port; the same after it was shut

	mu       sync.Mutex
	listener net.Listener // nil while it is shut
	reopen   Timer        // fires when it is to open again; nil: never
	closed   bool         // for good
}

func newDoor(addr string, clock Clock, log *slog.Logger) (*door, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &door{clock: clock, log: log, addr: listener.Addr().String(), listener: listener}, nil
}

// shut refuses connections for a time; 0 is forever. While it is shut already, that stays
// as it is.
func (d *door) shut(duration time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		return
	}
	d.listener.Close() //nolint:errcheck // nothing can be lost
	d.listener = nil
	if duration > 0 {
		d.reopen = d.clock.NewTimer(duration)
	}
}

// close shuts it for good.
func (d *door) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.reopen != nil {
		d.reopen.Stop()
	}
	if d.listener == nil {
		return nil
	}
	return d.listener.Close()
}

func (d *door) state() (net.Listener, Timer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listener, d.reopen
}

// accept waits for a connection; an error when the context is done.
func (d *door) accept(ctx context.Context) (*net.TCPConn, error) {
	for ctx.Err() == nil {
		listener, reopen := d.state()
		if listener == nil {
			d.await(ctx, reopen)
			continue
		}
		conn, err := listener.Accept()
		if err == nil {
			return conn.(*net.TCPConn), nil
		}
		if now, _ := d.state(); now == listener && ctx.Err() == nil {
			d.log.Error("accept failed", "error", err)
			tcp.Pause(ctx, retryDelay) // out of descriptors, say: try again soon
		}
	}
	return nil, ctx.Err()
}

// retryDelay is the time between tries to accept, or to listen again.
const retryDelay = 10 * time.Millisecond

// await waits until the door is to open, and opens it.
func (d *door) await(ctx context.Context, reopen Timer) {
	var fires <-chan time.Time
	if reopen != nil {
		fires = reopen.C()
	}
	select {
	case <-ctx.Done():
		return
	case <-fires:
	}
	for ctx.Err() == nil {
		listener, err := net.Listen("tcp", d.addr)
		if err == nil {
			d.open(listener)
			return
		}
		d.log.Error("the port cannot be opened again yet", "address", d.addr, "error", err)
		tcp.Pause(ctx, retryDelay)
	}
}

func (d *door) open(listener net.Listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		listener.Close() //nolint:errcheck // nobody has connected
		return
	}
	d.listener, d.reopen = listener, nil
}
