package live

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Limits of --metrics-addr, whose clients are nobody in particular.
const (
	// scrapeTimeout is how long a scrape waits for the session, which may be writing to a
	// pipe that nobody reads.
	scrapeTimeout = 5 * time.Second
	// maxScrapes wait at once; others are refused with status 503.
	maxScrapes = 4
	// maxScrapers are connected at once; others wait to be accepted.
	maxScrapers    = 32
	requestTimeout = 5 * time.Second  // to send a request
	answerTimeout  = 10 * time.Second // to take the answer, scrapeTimeout included
	scraperIdle    = 30 * time.Second // between two requests of a connection
	maxScrapeHead  = 16 << 10         // bytes of a request's head
)

// sharedSnapshot asks a session for its counts once for all scrapes that wait: what a
// blocked session has still to answer does not pile up.
type sharedSnapshot struct {
	mu      sync.Mutex
	pending *pendingSnapshot
}

type pendingSnapshot struct {
	ready chan struct{} // closed when got is there
	got   snapshot
}

// wait gives what the session answers. post passes a function to the session's goroutine.
func (s *sharedSnapshot) wait(ctx context.Context, post func(func()), take func() snapshot) (snapshot, error) {
	p := s.ask(post, take)
	select {
	case <-p.ready:
		return p.got, nil
	case <-ctx.Done():
		return snapshot{}, errors.New("the session is busy; its output may be blocked")
	}
}

func (s *sharedSnapshot) ask(post func(func()), take func() snapshot) *pendingSnapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		p := &pendingSnapshot{ready: make(chan struct{})}
		s.pending = p
		post(func() {
			p.got = take()
			s.mu.Lock()
			s.pending = nil
			s.mu.Unlock()
			close(p.ready)
		})
	}
	return s.pending
}

// limitedListener has at most as many open connections as free has room for.
type limitedListener struct {
	net.Listener
	free chan struct{}
	done chan struct{}
	once sync.Once
}

func limitConnections(l net.Listener, n int) *limitedListener {
	return &limitedListener{Listener: l, free: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits for room, then for a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.free })}, nil
}

// Close also ends the wait for room.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// limitedConn makes room when it is closed.
type limitedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
