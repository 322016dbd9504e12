package log

import (
	"context"
	"sync"
)

// feedMessages is how many messages wait for a follower at most. One that is further back reads the log.
const feedMessages = 256

// feed hands what a writer of this process has written to the followers in it, so that they need not read
// it back from the server.
type feed struct {
	mu        sync.Mutex
	followers map[*Follower]bool
	writer    *Writer // that feeds; nil: nobody does
	last      uint64  // sequence of the last message that was fed, or that was in the log when the writer began
}

// begin makes a writer, which continues after the message last, the one that feeds.
func (f *feed) begin(w *Writer, last uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writer, f.last = w, last
}

// end makes the followers read the log.
func (f *feed) end(w *Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writer != w {
		return
	}
	f.writer = nil
	for follower := range f.followers {
		follower.wake()
	}
}

// wanted reports whether anybody would take a message.
func (f *feed) wanted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.followers) > 0
}

// add hands over a message that the log has acknowledged; nil when nobody wanted it as it was written. Who has come
// since reads it from the log.
func (f *feed) add(w *Writer, sequence uint64, m *Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writer != w {
		return
	}
	if sequence != f.last+1 {
		f.writer = nil // what lies between is in the log
	}
	f.last = sequence
	for follower := range f.followers {
		if m != nil {
			follower.take(m)
		}
		follower.wake()
	}
}

// Follower reads the end of a log in order. What a writer on the same Log has written comes from memory once the log
// has acknowledged it; everything else is read. It is for one goroutine at a time.
type Follower struct {
	log    *Log
	next   uint64
	reader *Reader // while what comes next is not fed

	fed  []*Message // guarded by the feed
	news chan struct{}
}

// Follow begins at the first message whose sequence is at least from. The caller must call Close.
func (l *Log) Follow(ctx context.Context, from uint64) (*Follower, error) {
	f := &Follower{log: l, next: max(from, 1), news: make(chan struct{}, 1)}
	l.feed.mu.Lock()
	if l.feed.followers == nil {
		l.feed.followers = map[*Follower]bool{}
	}
	l.feed.followers[f] = true
	l.feed.mu.Unlock()
	reader, err := l.Read(ctx, f.next)
	if err != nil {
		f.Close()
		return nil, err
	}
	f.reader = reader
	return f, nil
}

func (f *Follower) wake() {
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// AtEnd reports whether everything that was in the log, when the follower or its last message came, was returned.
func (f *Follower) AtEnd() bool { return f.reader == nil || f.reader.Pending == 0 }

// take adds a message; the feed is locked.
func (f *Follower) take(m *Message) {
	if len(f.fed) == feedMessages {
		clear(f.fed)
		f.fed = f.fed[:0]
	}
	f.fed = append(f.fed, m)
}

// given returns what comes next if it was fed, and otherwise whether it will be.
func (f *Follower) given() (m *Message, willBe bool) {
	feed := &f.log.feed
	feed.mu.Lock()
	defer feed.mu.Unlock()
	done := 0
	for done < len(f.fed) && f.fed[done].Sequence < f.next {
		done++
	}
	if done < len(f.fed) && f.fed[done].Sequence == f.next {
		m = f.fed[done]
		done++
	}
	kept := copy(f.fed, f.fed[done:])
	clear(f.fed[kept:])
	f.fed = f.fed[:kept]
	return m, feed.writer != nil && feed.last == f.next-1
}

// Next waits for the next message, until ctx is done.
func (f *Follower) Next(ctx context.Context) (*Message, error) {
	for {
		m, willBe := f.given()
		if m == nil && !willBe {
			return f.read(ctx)
		}
		if f.reader != nil {
			f.reader.Close()
			f.reader = nil
		}
		if m != nil {
			f.next = m.Sequence + 1
			return m, nil
		}
		select {
		case <-f.news:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// read takes the next message from the log, which also has what will be fed.
func (f *Follower) read(ctx context.Context) (_ *Message, err error) {
	if f.reader == nil {
		if f.reader, err = f.log.Read(ctx, f.next); err != nil {
			return nil, err
		}
	}
	m, err := f.reader.Next(ctx)
	if err != nil {
		return nil, err
	}
	f.next = m.Sequence + 1
	return m, nil
}

// Close ends the follower.
func (f *Follower) Close() {
	f.log.feed.mu.Lock()
	delete(f.log.feed.followers, f)
	f.log.feed.mu.Unlock()
	if f.reader != nil {
		f.reader.Close()
	}
}
