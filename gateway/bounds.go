package gateway

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
	maxFields      = 64      // of a line
	maxSymbolsLine = 500     // of a line
	maxNotedBytes  = 1 << 20 // of the lines that SessionInfo shows
)

// admit counts a line that asks for something; an error ends the session.
func (s *Session) admit(line string) error {
	s.lines++
	s.lineBytes += len(line)
	if s.lines > maxLines || s.lineBytes > maxLineBytes {
		return fmt.Errorf("the client has sent %d lines of %d bytes, at most %d lines and %d bytes are possible in a session",
			s.lines, s.lineBytes, maxLines, maxLineBytes)
	}
	return nil
}

// note changes the session's public description.
func (s *Session) note(change func(*SessionInfo)) {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	change(s.info)
	s.g.changed.Broadcast()
}

// noteAuth shows the fields of an authentication whose key is accepted.
func (s *Session) noteAuth(fields map[string]string) {
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
func (s *Session) noteLine(line string) {
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
