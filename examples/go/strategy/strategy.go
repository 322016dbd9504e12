package main

import (
	"errors"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// docs: strategy

// strategy follows the price: long after three rising trades, short after three falling ones. It
// is flat whenever it cannot trust its data.
type strategy struct {
	position int // 1: long, -1: short, 0: flat
	streak   int // trades in a row that rose (> 0) or fell (< 0)
	last     dbn.Price
	halts    int   // how often it had to give up a position or a streak
	err      error // why the session ended
}

func (s *strategy) onTrade(t *dbn.TradeMsg) {
	switch {
	case s.last == 0 || t.Price == s.last:
	case t.Price > s.last:
		s.streak = max(s.streak, 0) + 1
	default:
		s.streak = min(s.streak, 0) - 1
	}
	s.last = t.Price
	if s.streak >= 3 {
		s.position = 1
	} else if s.streak <= -3 {
		s.position = -1
	}
}

func (s *strategy) halt() {
	*s = strategy{halts: s.halts + 1, err: s.err}
}

// handlers connects the strategy to a client; ended is called after the last event.
func (s *strategy) handlers(ended func()) dbnloop.Handlers {
	return dbnloop.Handlers{
		Trade: s.onTrade,
		SessionEvent: func(e dbnloop.SessionEvent) {
			if e.Kind == dbnloop.RecordsSkipped {
				s.halt() // the data has a gap
			}
		},
		Error: func(err error) {
			s.err = err
			s.halt()
			ended()
		},
	}
}

// docs: end

// session connects, and runs the strategy until its session ends.
func session(reactor *dbnloop.Reactor, s *strategy, key, gateway string, port int) error {
	client, err := dbnloop.NewLiveClient(reactor, key)
	if err != nil {
		return err
	}
	client.Handle(s.handlers(reactor.Stop))
	_, err = client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaTrades, "ESZ6"))
	return errors.Join(err, client.Connect(gateway, port), client.Start())
}
