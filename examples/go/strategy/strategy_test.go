package main

import (
	"errors"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/sim"
)

// docs: test
func TestTheStrategyIsFlatWhenItsDataIsNot(t *testing.T) {
	for fault, want := range map[string]struct {
		err   error
		halts int
	}{
		"close=end":      {dbnloop.ErrConnectionClosed, 1},
		"reset=100":      {dbnloop.ErrConnectionClosed, 1},
		"cut-record=50":  {dbnloop.ErrConnectionClosed, 1},
		"zero-length=50": {dbnloop.ErrParse, 1},
		"error-close=50": {dbnloop.ErrGateway, 1},
		"skipped=100":    {dbnloop.ErrConnectionClosed, 2}, // it continues, with a gap
	} {
		t.Run(fault, func(t *testing.T) {
			gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources(), AtEnd: sim.CloseAtEnd})
			if err != nil {
				t.Fatal(err)
			}
			defer gateway.Close()
			handle, err := gateway.AddFault(fault)
			if err != nil {
				t.Fatal(err)
			}
			reactor, err := dbnloop.NewReactor()
			if err != nil {
				t.Fatal(err)
			}
			defer reactor.Close()

			var s strategy
			if err := session(reactor, &s, sim.TestKey, gateway.Host(), gateway.Port()); err != nil {
				t.Fatal(err)
			}
			if err := reactor.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if handle.Fired() != 1 || !errors.Is(s.err, want.err) || s.halts != want.halts || s.position != 0 {
				t.Errorf("%d faults, position %d after %d halts, %v; want %d halts, %v",
					handle.Fired(), s.position, s.halts, s.err, want.halts, want.err)
			}
		})
	}
}

// docs: end

func TestTheStrategyFollowsThePrice(t *testing.T) {
	gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources(), AtEnd: sim.StayAtEnd})
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	defer reactor.Close()
	var s strategy
	if err := session(reactor, &s, sim.TestKey, gateway.Host(), gateway.Port()); err != nil {
		t.Fatal(err)
	}
	for s.position == 0 {
		if _, err := reactor.Poll(-1); err != nil || s.err != nil {
			t.Fatal(err, s.err)
		}
	}
}
