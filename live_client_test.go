package dbnloop_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// connectAgain subscribes, connects and starts a client that has no session.
func connectAgain(gw *sim.Gateway, c *dbnloop.LiveClient, schema dbn.Schema) error {
	_, err := c.Subscribe(dbnloop.NewSubscription(dataset, schema, dbn.AllSymbols))
	return errors.Join(err, c.Connect(gw.Host(), gw.Port()), c.Start())
}

func TestDisconnectEndsASessionForTheNext(t *testing.T) {
	trades := sample(t, dbn.SchemaTrades)
	connect := func(t *testing.T) (*dbnloop.Reactor, *sim.Gateway, *dbnloop.LiveClient) {
		gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
		r := newReactor(t)
		return r, gw, session(t, gw, r, dbn.SchemaMbo)
	}
	// What Connect says to a client that has a session leads to what works.
	refused := func(t *testing.T, gw *sim.Gateway, c *dbnloop.LiveClient) {
		t.Helper()
		err := c.Connect(gw.Host(), gw.Port())
		wantMisuse(t, "Connect with a session", err)
		if !strings.Contains(err.Error(), "Disconnect") || !strings.Contains(err.Error(), c.State().String()) {
			t.Errorf("the message does not lead on: %v", err)
		}
	}
	t.Run("in every state", func(t *testing.T) {
		for _, at := range []dbnloop.State{dbnloop.Connecting, dbnloop.Authenticating, dbnloop.Ready, dbnloop.Streaming} {
			t.Run(at.String(), func(t *testing.T) {
				r, gw, c := connect(t)
				again := 0
				var states []dbnloop.State
				err := runUntilError(t, r, c, dbnloop.Handlers{
					State: func(s dbnloop.State) {
						states = append(states, s)
						if s != at || again > 0 {
							return
						}
						refused(t, gw, c)
						if err := c.Disconnect(); err != nil {
							t.Fatal(err)
						}
						if got := c.State(); got != dbnloop.Disconnected {
							t.Errorf("%s after Disconnect", got)
						}
						states = nil
						again = 1
						if err := connectAgain(gw, c, dbn.SchemaTrades); err != nil {
							t.Fatal(err)
						}
					},
					Mbo: func(*dbn.MboMsg) {
						if again > 0 {
							t.Error("a record of the session before")
						}
					},
					Trade: func(*dbn.TradeMsg) { again++ },
				})
				if !errors.Is(err, dbnloop.ErrConnectionClosed) || again != trades+1 {
					t.Errorf("%d trades of the second session, want %d; then %v", again-1, trades, err)
				}
				if len(states) == 0 || states[0] != dbnloop.Connecting {
					t.Errorf("states of the second session: %v", states)
				}
			})
		}
	})
	t.Run("in a handler of records, and between turns", func(t *testing.T) {
		r, gw, c := connect(t)
		mbo, got := 0, 0
		h := dbnloop.Handlers{
			Mbo: func(*dbn.MboMsg) {
				if mbo++; mbo == 5 {
					if err := errors.Join(c.Disconnect(), c.Disconnect()); err != nil {
						t.Error(err)
					}
				}
			},
			Trade: func(*dbn.TradeMsg) { got++ },
			Error: func(err error) { t.Errorf("a handler was called: %v", err) },
		}
		c.Handle(h)
		polled(t, r, func() bool { return mbo == 5 })
		for range 3 {
			r.Poll(0)
		}
		if err := connectAgain(gw, c, dbn.SchemaMbo); err != nil {
			t.Fatal(err)
		}
		mbo = 100 // so that no record ends the second session
		polled(t, r, func() bool { return mbo > 105 })
		c.Disconnect()
		if err := connectAgain(gw, c, dbn.SchemaTrades); err != nil {
			t.Fatal(err)
		}
		h.Error = nil
		runUntilError(t, r, c, h)
		if got != trades {
			t.Errorf("%d trades, want %d", got, trades)
		}
	})
	t.Run("a loop ends silently, and the next one has the next session", func(t *testing.T) {
		_, gw, c := connect(t)
		n := 0
		for _, err := range c.Records(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				if err := c.Disconnect(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n != 3 {
			t.Errorf("%d records, want 3", n)
		}
		if err := connectAgain(gw, c, dbn.SchemaTrades); err != nil {
			t.Fatal(err)
		}
		got := 0
		for rec, err := range c.Records(t.Context()) {
			if err == nil && rec.RType() == dbn.RTypeMbp0 {
				got++
			}
		}
		if got != trades {
			t.Errorf("%d trades, want %d", got, trades)
		}
	})
	t.Run("after Stop", func(t *testing.T) {
		r, gw, c := connect(t)
		mbo, got := 0, 0
		c.Handle(dbnloop.Handlers{Mbo: func(*dbn.MboMsg) { mbo++ }})
		polled(t, r, func() bool { return mbo > 0 })
		if err := errors.Join(c.Stop(), c.Disconnect(), connectAgain(gw, c, dbn.SchemaTrades)); err != nil {
			t.Fatal(err)
		}
		err := runUntilError(t, r, c, dbnloop.Handlers{Trade: func(*dbn.TradeMsg) { got++ }})
		if got != trades || !errors.Is(err, dbnloop.ErrConnectionClosed) {
			t.Errorf("%d trades, want %d; then %v", got, trades, err)
		}
	})
	t.Run("without a session, and closed", func(t *testing.T) {
		r := newReactor(t)
		c, err := dbnloop.NewLiveClient(r, sim.TestKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Disconnect(); err != nil {
			t.Error(err)
		}
		c.Close()
		wantMisuse(t, "Disconnect of a closed client", c.Disconnect())
	})
}

func TestTwoGoroutinesAtOnceAreReported(t *testing.T) {
	r := newReactor(t)
	entered := make(chan struct{})
	done := make(chan struct{})
	r.AfterFunc(0, func() {
		close(entered)
		<-done
	})
	polled := make(chan error)
	go func() {
		_, err := r.Poll(time.Second)
		polled <- err
	}()
	<-entered
	_, err := r.Poll(0)
	close(done)
	if !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("a second Poll at once: %v", err)
	}
	if err := <-polled; err != nil {
		t.Error(err)
	}
}

func TestTheSessionIDIsKnownInTheErrorHandler(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	var while, atEnd uint64
	var text string
	err := runUntilError(t, r, c, dbnloop.Handlers{
		Mbo:   func(*dbn.MboMsg) { while = c.SessionID() },
		Error: func(error) { atEnd, text = c.SessionID(), c.SessionIDText() },
	})
	if !errors.Is(err, dbnloop.ErrConnectionClosed) {
		t.Error(err)
	}
	if while == 0 || atEnd != while || text != fmt.Sprint(while) || c.SessionID() != while {
		t.Errorf("the session's id: %d while it streams, %d and %q at its end, %d after", while, atEnd, text, c.SessionID())
	}
}

// What the refusal says to do works.
func TestConnectWhileStreamingLeavesTheClientUsable(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	records, ended := 0, false
	c.Handle(dbnloop.Handlers{
		Mbo:   func(*dbn.MboMsg) { records++ },
		Error: func(error) { ended = true },
	})
	polled(t, r, func() bool { return records > 0 })
	err := c.Connect(gw.Host(), gw.Port())
	wantMisuse(t, "Connect while streaming", err)
	if strings.Contains(err.Error(), "Close") || !strings.Contains(err.Error(), "Stop") {
		t.Errorf("Close would end the client for good: %v", err)
	}
	before := records
	polled(t, r, func() bool { return records > before || records == sample(t, dbn.SchemaMbo) })
	if ended || c.State() != dbnloop.Streaming {
		t.Fatal("the refused call ended the session")
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	polled(t, r, func() bool { return ended })
	records = 0
	_, err = c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaMbo, dbn.AllSymbols))
	if err = errors.Join(err, c.Connect(gw.Host(), gw.Port()), c.Start()); err != nil {
		t.Fatal(err)
	}
	polled(t, r, func() bool { return records > 0 })
}

func TestTheReactorEndsBeforeItsClients(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r, err := dbnloop.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	c := session(t, gw, r, dbn.SchemaTrades)
	r.Poll(0)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close of a client whose reactor is gone: %v", err)
	}
	if _, err := r.Poll(0); !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Poll after Close: %v", err)
	}
	if err := c.Start(); !errors.Is(err, dbnloop.ErrInvalidState) {
		t.Errorf("Start after the reactor's Close: %v", err)
	}
	c.Pause() // no panic
}

func TestSocketOptions(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	r := newReactor(t)
	for _, bad := range []dbnloop.LiveOption{
		dbnloop.WithReceiveBuffer(-1), dbnloop.WithReceiveBuffer(100),
		dbnloop.WithBusyPoll(-1), dbnloop.WithBusyPoll(time.Minute), dbnloop.WithBusyPoll(1500),
	} {
		if _, err := dbnloop.NewLiveClient(r, sim.TestKey, bad); !errors.Is(err, dbnloop.ErrInvalidArgument) {
			t.Errorf("%v, want InvalidArgument", err)
		}
	}
	c := session(t, gw, r, dbn.SchemaTrades, dbnloop.WithReceiveBuffer(64<<10), dbnloop.WithQuickAck(), dbnloop.WithBusyPoll(0))
	if fd := c.Fd(); fd != -1 {
		t.Errorf("fd %d before it is connected", fd)
	}
	records := 0
	c.Handle(dbnloop.Handlers{Record: func(dbn.Record) { records++ }})
	polled(t, r, func() bool { return records > 0 })
	size, err := unix.GetsockoptInt(c.Fd(), unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil || size != 2*64<<10 {
		t.Errorf("SO_RCVBUF %d, %v", size, err)
	}
	if quick, err := unix.GetsockoptInt(c.Fd(), unix.IPPROTO_TCP, unix.TCP_QUICKACK); err != nil || quick != 1 {
		t.Errorf("TCP_QUICKACK %d, %v", quick, err)
	}
	if err := c.Disconnect(); err != nil {
		t.Fatal(err)
	}
	if fd := c.Fd(); fd != -1 {
		t.Errorf("fd %d after Disconnect", fd)
	}
}
