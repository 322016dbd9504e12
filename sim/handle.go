package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// handleWaiting answers the subscriptions that came before the start.
func (s *session) handleWaiting() error {
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
func (s *session) handleLine(line string) error {
	s.log.Debug("line", "text", line)
	if s.streaming {
		if err := s.admit(line); err != nil {
			return err
		}
	}
	if isStart(line) {
		return s.invalid("the session has started already")
	}
	if request, ok := strings.CutPrefix(line, "unsubscribe|"); ok {
		return s.unsubscribe(request)
	}
	s.noteLine(line)
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
	if err := s.checkStart(whole); err != nil {
		text := fmt.Sprintf("Replay of subscription %s (%s): %v", chunk.name(), whole.schema, err)
		s.log.Warn("replay refused", "error", text)
		return s.control(s.compose.failure(s.now(), dbn.ErrorCodeReplayDataAgedOut, true, text))
	}
	return s.accept(whole)
}

// name is the id for messages.
func (r *request) name() string {
	if !r.hasID {
		return "without id"
	}
	return fmt.Sprint(r.id)
}

// join gathers the chunks of one subscription; nil until the last one is there.
func (s *session) join(chunk *request) (*request, error) {
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
func (s *session) allowed(r *request) error {
	if int(r.schema) >= market.NumSchemas || !s.tl.Offers[r.schema] {
		return fmt.Errorf("dataset %s has no schema %s here", s.tl.Dataset, r.schema)
	}
	if r.hasStart && s.streaming {
		return fmt.Errorf("start is not possible after the session has started")
	}
	return nil
}

// accept resolves the symbols and adds the subscription.
func (s *session) accept(r *request) error {
	if !r.hasID {
		r.id = s.nextID
		s.nextID++
	}
	sub := &subscription{id: r.id, schema: r.schema, start: r.start, replay: r.hasStart, snapshot: r.snapshot}
	if slices.Contains(r.symbols, dbn.AllSymbols) {
		sub.all = true
		for _, t := range s.tl.Symbols.Named() {
			if err := s.mapSymbol(t, r.stypeIn, s.tl.Symbols.RawSymbol(t.ID)); err != nil {
				return err
			}
		}
	} else if err := s.resolve(r, sub); err != nil {
		return err
	}
	if !sub.all && len(sub.ids) == 0 {
		return nil // every symbol has had its error
	}
	if err := s.play.fits(sub); err != nil {
		return s.invalid(fmt.Sprintf("subscription %d: %v", sub.id, err))
	}
	if err := s.control(s.compose.ack(s.now(), sub.id, sub.schema)); err != nil {
		return err
	}
	if sub.snapshot {
		if err := s.sendSnapshot(sub); err != nil {
			return err
		}
	}
	s.play.subscribe(sub)
	s.atEnd = false
	return nil
}

// unsubscribe takes the symbols of a request away from what the session gets of its schema;
// those that it does not get are passed over. A chunk acts at once, the last one is
// acknowledged.
func (s *session) unsubscribe(line string) error {
	r, err := parseRequest(line)
	if err != nil {
		return s.invalid(fmt.Sprintf("unsubscribe: %v", err))
	}
	switch r.stypeIn {
	case dbn.STypeRawSymbol, dbn.STypeParent, dbn.STypeInstrumentID:
	default:
		return s.invalid(fmt.Sprintf("unsubscribe: stype_in %s is not possible, want raw_symbol, parent or instrument_id", r.stypeIn))
	}
	wanted := func(uint32) bool { return false }
	if !slices.Contains(r.symbols, dbn.AllSymbols) {
		ids := make(map[uint32]bool)
		for _, symbol := range r.symbols {
			for _, t := range s.tl.Resolve(r.stypeIn, symbol) {
				ids[t.ID] = true
			}
		}
		wanted = func(id uint32) bool { return !ids[id] }
	}
	s.play.keep(r.schema, wanted)
	if !r.last {
		return nil
	}
	return s.control(s.compose.unsubscribed(s.now(), r.schema))
}

// resolve finds the instruments of each symbol. A symbol that is not known is an error
// record of its own; the subscription goes on with the others.
func (s *session) resolve(r *request, sub *subscription) error {
	sub.ids = make(map[uint32]struct{})
	var unknown []string
	for _, symbol := range r.symbols {
		targets := s.tl.Resolve(r.stypeIn, symbol)
		if len(targets) == 0 {
			unknown = append(unknown, symbol)
		}
		for _, t := range targets {
			sub.ids[t.ID] = struct{}{}
			if err := s.mapSymbol(t, r.stypeIn, symbol); err != nil {
				return err
			}
		}
	}
	sub.seal()
	for i, symbol := range unknown {
		text := fmt.Sprintf("Failed to resolve symbol %s of subscription request %d (%s)", symbol, sub.id, r.stypeIn)
		s.log.Warn("unknown symbol", "symbol", symbol, "stype_in", r.stypeIn)
		last := i == len(unknown)-1
		if err := s.control(s.compose.failure(s.now(), dbn.ErrorCodeSymbolResolutionFailed, last, text)); err != nil {
			return err
		}
	}
	return nil
}

// mapSymbol tells the client which instrument a symbol stands for, once.
func (s *session) mapSymbol(t market.Target, stypeIn dbn.SType, requested string) error {
	key := mappedKey{t.ID, requested}
	raw := s.tl.Symbols.RawSymbol(t.ID)
	if s.mapped[key] || raw == "" {
		return nil
	}
	s.mapped[key] = true
	return s.control(s.compose.mapping(s.now(), t, stypeIn, requested, raw))
}

// invalid answers a subscription that cannot be served; the session goes on.
func (s *session) invalid(text string) error {
	s.log.Warn("invalid subscription", "error", text)
	return s.control(s.compose.failure(s.now(), dbn.ErrorCodeInvalidSubscription, true, "Invalid subscription: "+text))
}

// sendSnapshot sends the order books as they are at the present place of the data.
func (s *session) sendSnapshot(sub *subscription) error {
	records := snapshotOf(s.tl, sub, s.play.position())
	for len(records) > 0 {
		rec := slices.Clone(records[:market.Size(records)])
		records = records[len(rec):]
		if err := s.control(rec); err != nil {
			return err
		}
	}
	return nil
}
