package sim

import (
	"fmt"

	"github.com/dbnloop/dbnloop/internal/recent"
)

// What one client may ask for in one session: lines of 500 symbols each are enough for
// millions of symbols, and keep the memory bounded.
const (
	maxLines       = 100_000
	maxLineBytes   = 64 << 20
	maxUnfinished  = 1000    // subscriptions whose last chunk has not come
	maxSubscribed  = 10_000  // subscriptions at a time
	maxInstruments = 4 << 20 // named by all of them together
	maxFields      = 64      // of a line
	maxSymbolsLine = 500     // of a line
	maxNotedBytes  = 1 << 20 // of the lines that SessionInfo shows
)

// admit counts a line that asks for something; an error ends the session.
func (s *session) admit(line string) error {
	s.lines++
	s.lineBytes += len(line)
	if s.lines > maxLines || s.lineBytes > maxLineBytes {
		return fmt.Errorf("the client has sent %d lines of %d bytes, at most %d lines and %d bytes are possible in a session",
			s.lines, s.lineBytes, maxLines, maxLineBytes)
	}
	return nil
}

// fits refuses a subscription that would be one too many.
func (p *player) fits(sub *subscription) error {
	instruments := p.size(sub)
	for _, other := range p.subs {
		instruments += p.size(other)
	}
	if len(p.subs) >= maxSubscribed || instruments > maxInstruments {
		return fmt.Errorf("at most %d subscriptions with %d instruments are possible in a session", maxSubscribed, maxInstruments)
	}
	return nil
}

// size is how many instruments a subscription names, or may name one day: one of all of them
// becomes a list when some are taken away.
func (p *player) size(sub *subscription) int {
	if sub.all {
		return len(p.tl.IDs[sub.schema])
	}
	return len(sub.ids)
}

// note changes the session's public description.
func (s *session) note(change func(*SessionInfo)) {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	change(s.info)
}

// noteAuth shows the fields of an authentication whose key is accepted.
func (s *session) noteAuth(fields map[string]string) {
	size := 0
	for key, value := range fields {
		size += len(key) + len(value) + recent.KeyOverhead
	}
	s.note(func(info *SessionInfo) {
		info.Auth = fields
		s.g.sessions.Grow(info, size)
	})
}

// noteLine shows a line; the oldest make room.
func (s *session) noteLine(line string) {
	s.note(func(info *SessionInfo) {
		before := s.noted
		info.Subscriptions = append(info.Subscriptions, line)
		s.noted += len(line) + recent.TextOverhead
		drop := 0
		if s.noted > maxNotedBytes { // half of it at once, so that it happens seldom
			for ; s.noted > maxNotedBytes/2; drop++ {
				s.noted -= len(info.Subscriptions[drop]) + recent.TextOverhead
			}
			info.Subscriptions = append([]string(nil), info.Subscriptions[drop:]...)
		}
		s.g.sessions.Grow(info, s.noted-before)
	})
}
