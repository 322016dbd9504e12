package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// handleWaiting answers the subscriptions that came before the start.
func (s *Session) handleWaiting() error {
	for _, line := range s.waiting {
		if err := s.handleLine(line); err != nil {
			return err
		}
	}
	s.waiting = nil
	// Whatever is still unfinished will not be finished by a client that has started.
	for _, key := range slices.Sorted(maps.Keys(s.chunks)) {
		delete(s.chunks, key)
		if err := s.invalid(fmt.Sprintf("subscription %s has no chunk with is_last=1", key)); err != nil {
			return err
		}
	}
	s.streaming = true
	return nil
}

// handleLine answers one line of a started session: with symbol mappings and an
// acknowledgement, or with error records. Only a failure to send is returned.
func (s *Session) handleLine(line string) error {
	s.log.Debug("line", "text", line)
	if s.streaming {
		if err := s.admit(line); err != nil {
			return err
		}
	}
	if isStart(line) {
		return s.invalid("the session has started already")
	}
	s.noteLine(line)
	if request, ok := strings.CutPrefix(line, "unsubscribe|"); ok {
		return s.unsubscribe(request)
	}
	chunk, err := parseRequest(line)
	if err != nil {
		return s.invalid(fmt.Sprintf("subscription %s: %v", chunk.name(), err))
	}
	whole, err := s.join(&chunk)
	if err != nil {
		return s.invalid(fmt.Sprintf("subscription %s: %v", chunk.name(), err))
	}
	if whole == nil {
		return nil // more chunks follow
	}
	if err := s.allowed(whole); err != nil {
		return s.invalid(fmt.Sprintf("subscription %s: %v", chunk.name(), err))
	}
	if whole.hasStart {
		if whole.start, err = s.feed.Records.Replay(whole.schema, whole.start); err != nil {
			return s.refuseReplay(fmt.Sprintf("Replay of subscription %s (%s): %v", chunk.name(), whole.schema, err), err)
		}
	}
	return s.accept(whole)
}

// refuseReplay says that the records are no longer kept. For any other reason it ends the session, so that the client
// asks again.
func (s *Session) refuseReplay(text string, why error) error {
	s.log.Warn("replay refused", "error", text)
	var aged *AgedOutError
	if errors.As(why, &aged) {
		return s.Control(s.messages.Failure(s.Now(), dbn.ErrorCodeReplayDataAgedOut, true, text))
	}
	return cmp.Or(s.Control(s.messages.Failure(s.Now(), dbn.ErrorCodeInternalError, true, text)), ErrOver)
}

// name is the id for messages.
func (r *request) name() string {
	if !r.hasID {
		return "without id"
	}
	return fmt.Sprint(r.id)
}

// join gathers the chunks of one subscription; nil until the last one is there.
func (s *Session) join(chunk *request) (*request, error) {
	key := chunk.name()
	whole := s.chunks[key]
	switch {
	case whole == nil:
		whole = chunk
	case !whole.sameGroup(chunk):
		delete(s.chunks, key)
		return nil, fmt.Errorf("chunks differ in more than their symbols")
	default:
		whole.symbols = append(whole.symbols, chunk.symbols...)
	}
	if !chunk.last {
		if len(s.chunks) == maxUnfinished && s.chunks[key] == nil {
			return nil, fmt.Errorf("%d subscriptions are waiting for their last chunk, more are not possible", maxUnfinished)
		}
		s.chunks[key] = whole
		return nil, nil
	}
	delete(s.chunks, key)
	return whole, whole.check()
}

// allowed refuses what this session cannot serve.
func (s *Session) allowed(r *request) error {
	if !s.feed.Symbols.Offers(r.schema) {
		return fmt.Errorf("dataset %s has no schema %s here", s.auth.dataset, r.schema)
	}
	if r.hasStart && s.streaming {
		return fmt.Errorf("start is not possible after the session has started")
	}
	return nil
}

// accept resolves the symbols and adds the subscription.
func (s *Session) accept(r *request) error {
	if !r.hasID {
		r.id = s.nextID
		s.nextID++
	}
	sub := &Subscription{ID: r.id, Schema: r.schema, Start: r.start, Replay: r.hasStart, Snapshot: r.snapshot}
	if slices.Contains(r.symbols, dbn.AllSymbols) {
		sub.All = true
		for _, t := range s.feed.Symbols.All() {
			if err := s.mapSymbol(&t, r.stypeIn, t.RawSymbol); err != nil {
				return err
			}
		}
	} else if err := s.resolve(r, sub); err != nil {
		return err
	}
	if !sub.All && len(sub.IDs) == 0 {
		return nil // every symbol has had its error
	}
	if err := s.feed.Records.Fits(sub); err != nil {
		return s.invalid(fmt.Sprintf("subscription %d: %v", sub.ID, err))
	}
	// First of all, so that nothing is missing of what comes after the acknowledgement.
	snapshot := s.feed.Records.Subscribe(sub)
	if err := s.Control(s.messages.ack(s.Now(), sub.ID, sub.Schema)); err != nil {
		return err
	}
	s.atEnd = false
	s.noteSubscribed(r)
	s.note(func(*SessionInfo) { s.g.count.Subscriptions.Add(1) })
	return s.sendSnapshot(snapshot)
}

// resolve finds the instruments of each symbol. A symbol that is not known is an error
// record of its own; the subscription continues with the others.
func (s *Session) resolve(r *request, sub *Subscription) error {
	sub.IDs = make(map[uint32]struct{})
	var unknown []string
	for _, symbol := range r.symbols {
		targets := s.feed.Symbols.Resolve(r.stypeIn, symbol)
		if len(targets) == 0 {
			unknown = append(unknown, symbol)
		}
		for _, t := range targets {
			sub.IDs[t.ID] = struct{}{}
			if err := s.mapSymbol(&t, r.stypeIn, symbol); err != nil {
				return err
			}
		}
	}
	for i, symbol := range unknown {
		text := fmt.Sprintf("Failed to resolve symbol %s of subscription request %d (%s)", symbol, sub.ID, r.stypeIn)
		s.log.Warn("unknown symbol", "symbol", symbol, "stype_in", r.stypeIn)
		last := i == len(unknown)-1
		if err := s.Control(s.messages.Failure(s.Now(), dbn.ErrorCodeSymbolResolutionFailed, last, text)); err != nil {
			return err
		}
	}
	return nil
}

// mapSymbol tells the client which instrument a symbol stands for, once.
func (s *Session) mapSymbol(t *Instrument, stypeIn dbn.SType, requested string) error {
	key := mappedKey{t.ID, requested}
	if s.mapped[key] || t.RawSymbol == "" {
		return nil
	}
	s.mapped[key] = true
	return s.Control(s.messages.mapping(s.Now(), t, stypeIn, requested))
}

// invalid answers a subscription that cannot be served; the session continues.
func (s *Session) invalid(text string) error {
	s.log.Warn("invalid subscription", "error", text)
	return s.Control(s.messages.Failure(s.Now(), dbn.ErrorCodeInvalidSubscription, true, "Invalid subscription: "+text))
}

// sendSnapshot sends the order books of a subscription, record by record.
func (s *Session) sendSnapshot(records []byte) error {
	for len(records) > 0 {
		rec := slices.Clone(records[:wire.Size(records)])
		records = records[len(rec):]
		if err := s.Control(rec); err != nil {
			return err
		}
	}
	return nil
}
