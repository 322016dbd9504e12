package historical

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/dbnloop/dbnloop/internal/tcp"
	"github.com/dbnloop/dbnloop/sim"
)

// clientConn is a client's connection with a way around TLS for the faults.
type clientConn struct {
	net.Conn              // *tls.Conn, or tcp itself
	tcp      *net.TCPConn // below TLS
	server   *Server
	// split and gap make Write go piece by piece. Only the goroutine that serves the
	// connection sets and uses them.
	split int
	gap   time.Duration
}

// Write sends in pieces of split bytes, each in a TLS record of its own.
func (c *clientConn) Write(b []byte) (int, error) {
	if c.split <= 0 {
		return c.Conn.Write(b)
	}
	sent := 0
	for sent < len(b) {
		n, err := c.Conn.Write(b[sent:min(sent+c.split, len(b))])
		sent += n
		if err != nil {
			return sent, err
		}
		if c.gap > 0 && !pauseBy(c.server.ctx, c.server.cfg.Clock, c.gap) {
			return sent, context.Canceled
		}
	}
	return sent, nil
}

// CloseWrite lets net/http end a connection without losing what the client still sends.
func (c *clientConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// Close ends the connection politely: TLS says goodbye.
func (c *clientConn) Close() error {
	c.server.forget(c)
	return c.Conn.Close()
}

// cut closes the connection below TLS, so that the client gets no close_notify.
func (c *clientConn) cut() {
	c.server.forget(c)
	c.tcp.Close() //nolint:errcheck // it is gone either way
}

// reset closes it with a RST once the client's kernel has everything that was sent.
func (c *clientConn) reset(ctx context.Context) {
	tcp.AwaitAcknowledged(ctx, c.tcp)
	c.tcp.SetLinger(0) //nolint:errcheck // the worst case is a FIN
	c.cut()
}

// hold reads and forgets until the client goes or the server closes.
func (c *clientConn) hold() { io.Copy(io.Discard, c.Conn) } //nolint:errcheck // any end will do

// listener gives net/http connections that faults can be shown on. Those that never get
// to HTTP it deals with itself.
type listener struct {
	net.Listener
	server *Server
}

func (l listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &clientConn{Conn: conn, tcp: conn.(*net.TCPConn), server: l.server}
		if !l.server.remember(c) {
			c.cut()
			return nil, net.ErrClosed
		}
		var kind FaultKind
		if fault := l.server.faults.ofConnection(); fault != nil {
			kind = fault.Kind
			fault.Fire()
		}
		switch kind {
		case FaultHandshakeStall, FaultHandshakeReset, FaultNoTLS:
			l.server.running.Go(func() { c.refuse(kind) })
			continue
		}
		if !l.server.cfg.PlainHTTP {
			c.Conn = tls.Server(conn, l.server.tlsConfig(kind))
		}
		return c, nil
	}
}

// refuse shows a fault before there is any TLS.
func (c *clientConn) refuse(kind FaultKind) {
	defer c.Close() //nolint:errcheck // shown and done
	if kind == FaultHandshakeStall {
		c.hold()
		return
	}
	var first [1]byte
	if _, err := io.ReadFull(c.tcp, first[:]); err != nil {
		return
	}
	if kind == FaultHandshakeReset {
		c.reset(c.server.ctx)
		return
	}
	io.WriteString(c.tcp, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") //nolint:errcheck // likewise
	c.tcp.CloseWrite()                                                                                  //nolint:errcheck // likewise
	c.hold()
}

// tlsConfig is the server's TLS, with the certificate of a fault if there is one for it.
func (h *Server) tlsConfig(kind FaultKind) *tls.Config {
	h.mu.Lock()
	cert, ok := h.certs[kind]
	if !ok {
		cert = h.certs[""]
	}
	h.mu.Unlock()
	return &tls.Config{
		Certificates: []tls.Certificate{*cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}
}

// remember adds a connection to those that Close ends; false when it is too late.
func (h *Server) remember(c *clientConn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.conns[c] = struct{}{}
	return true
}

func (h *Server) forget(c *clientConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// pauseBy waits on a clock; false when the context ended first.
func pauseBy(ctx context.Context, clock sim.Clock, d time.Duration) bool {
	timer := clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}
