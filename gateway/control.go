package gateway

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// AwaitSubscribed blocks until n subscriptions have been accepted in all, or the server was
// closed, or ctx is done.
func (g *Server) AwaitSubscribed(ctx context.Context, n int64) error {
	return g.await(ctx, func() bool { return g.count.Subscriptions.Load() >= n })
}

// Reset resets every connection that is open and returns their number. It does not wait for
// what is on its way: a client may lose the last bytes that it was sent.
func (g *Server) Reset() int {
	open := g.open()
	for _, s := range open {
		s.conn.SetLinger(0) //nolint:errcheck // the worst case is a FIN
		s.conn.Close()      //nolint:errcheck // it is gone either way
	}
	return len(open)
}

// Do calls do in every session that is open, once it streams, on the session's own goroutine
// and between records. It returns the number of sessions and does not wait for the calls. A
// session that ends before its turn makes none; an error ends the session.
func (g *Server) Do(do func(*Session) error) int {
	n := 0
	for _, s := range g.open() {
		if s.posts.add(do) {
			n++
		}
	}
	return n
}

// Wake lets every session that waits for its next record ask its [Records] again now. It may be
// called whenever there is something new, before the time that Records.Step has given.
func (g *Server) Wake() {
	for _, s := range g.open() {
		s.posts.wake()
	}
}

// open are the connections that are open.
func (g *Server) open() []*Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.live))
}

// Push sends a data record, whatever the client has subscribed to, with ts_out when the client
// asked for it. The record's length must be right.
func (s *Session) Push(rec []byte) error {
	if err := s.Control(slices.Clone(rec)); err != nil {
		return err
	}
	s.sent++
	s.g.count.Records.Add(1)
	return nil
}

// posts are calls that wait for a session.
type posts struct {
	mu      sync.Mutex
	closed  bool // the session is over
	list    []func(*Session) error
	waiting chan struct{} // holds a value while there are some
}

// add takes a call; false when the session is over.
func (p *posts) add(do func(*Session) error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.list = append(p.list, do)
	p.wake()
	return true
}

// wake lets the session take its calls, and ask its records again even without a call.
func (p *posts) wake() {
	select {
	case p.waiting <- struct{}{}:
	default:
	}
}

// close takes no more calls, and drops those that have come.
func (p *posts) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.list = true, nil
}

// take are the calls that have come.
func (p *posts) take() []func(*Session) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.list
	p.list = nil
	return list
}

// answerPosts makes the calls that have come. What goes wrong at the data's end may be
// something else after them.
func (s *Session) answerPosts() error {
	s.atEnd = false
	for _, do := range s.posts.take() {
		if err := do(s); err != nil {
			return err
		}
	}
	return nil
}
