package serve

import (
	"context"
	"log/slog"
	"sort"
	"sync"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/names"
	"github.com/dbnloop/dbnloop/dbn"
)

// hub is the live end of a log: it reads each message once, for all sessions, and keeps the latest of them
// in memory. Sessions that are further back read the log themselves.
type hub struct {
	log    *log.Log
	logger *slog.Logger
	limit  int64  // bytes of records that are kept
	wake   func() // called whenever there is a new message

	once  sync.Once
	ready chan struct{} // closed once next, high and named are known

	mu    sync.Mutex
	kept  []*log.Message
	bytes int64
	next  uint64        // sequence after the last message that was read
	high  dbn.UnixNanos // of that message
	named uint64        // sequence of the last message that names instruments
	last  uint64        // sequence at which sessions end; 0: they do not
}

func newHub(l *log.Log, limit int64, logger *slog.Logger, wake func()) *hub {
	return &hub{log: l, logger: logger, limit: limit, wake: wake, ready: make(chan struct{})}
}

const retryDelay = time.Second

// run reads until ctx is done.
func (h *hub) run(ctx context.Context) {
	for {
		err := h.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		h.logger.Error("reading the log again", "dataset", h.log.Dataset, "delay", retryDelay, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryDelay):
		}
	}
}

func (h *hub) follow(ctx context.Context) error {
	from := h.end()
	if from == 0 { // the last message tells where the log is
		_, last, err := h.log.Bounds(ctx)
		if err != nil {
			return err
		}
		from = max(last, 1)
		if h.named, err = names.Last(ctx, h.log); err != nil { // nobody else reads it before the hub is ready
			return err
		}
	}
	r, err := h.log.Follow(ctx, from)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		if r.AtEnd() {
			h.begin(from)
		}
		m, err := r.Next(ctx)
		if err != nil {
			return err
		}
		h.add(m)
		h.wake()
	}
}

// begin opens the hub, also when there was nothing to read.
func (h *hub) begin(from uint64) {
	h.once.Do(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.next = max(h.next, from)
		close(h.ready)
	})
}

func (h *hub) add(m *log.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, m)
	h.bytes += int64(len(m.Records))
	drop := 0
	for drop < len(h.kept)-1 && h.bytes > h.limit {
		h.bytes -= int64(len(h.kept[drop].Records))
		h.kept[drop] = nil // the rest of the array stays for a while
		drop++
	}
	h.kept = h.kept[drop:]
	h.next, h.high = m.Sequence+1, m.High
	if names.Names(m.Schema) {
		h.named = m.Sequence
	}
}

// drain lets sessions end that have come to a sequence.
func (h *hub) drain(at uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = at
}

// over reports whether a session ends at a place.
func (h *hub) over(place uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last > 0 && place >= h.last
}

// end is the sequence after the last message.
func (h *hub) end() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next
}

// present is where the present begins: a place in the log, and the latest time before it.
func (h *hub) present() (next uint64, high dbn.UnixNanos) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next, h.high
}

// names is the place up to which symbols must be known: that of the last message that names instruments.
func (h *hub) names() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.named
}

// from returns the first message whose sequence is at least seq; nil when it has not come yet, or when it has
// left the memory, which gone reports.
func (h *hub) from(seq uint64) (m *log.Message, gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case seq >= h.next:
		return nil, false
	case len(h.kept) == 0 || seq < h.kept[0].Sequence:
		return nil, true
	}
	i := sort.Search(len(h.kept), func(i int) bool { return h.kept[i].Sequence >= seq })
	return h.kept[i], false
}
