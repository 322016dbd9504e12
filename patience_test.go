package dbnloop_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// A limit on a peer's silence is one on the peer. A process that is stopped, a handler that
// takes long, a client that was paused: then the peer has answered, and its bytes lie in
// the socket. Nothing may end there, and a peer that is truly silent ends on time.

// patience is a limit on how long a client waits for its peer.
type patience struct {
	name  string
	limit time.Duration
	// serve plays the peer and calls late with what the client waits for under the limit.
	serve func(t *testing.T, late later) (url string)
	// silent is how a stream ends whose peer never sends it.
	silent error
}

// later hands out what to send; it returns when that was sent, or when nobody will.
type later func(send func())

// short is a limit with room for a slow machine: until the peer is about to answer, and the
// client is stopped or held up, it must not pass.
const short = 2 * time.Second

var patiences = []patience{
	{"auth", short, serveLive, dbnloop.ErrTimeout},
	{"heartbeat", 5 * time.Second, serveLive, dbnloop.ErrHeartbeatTimeout},
	{"ack", short, serveLive, nil},
	{"stop", 5 * time.Second, serveLive, dbnloop.ErrCancelled},
	{"tls", short, serveHistorical, dbnloop.ErrTimeout},
	{"response", short, serveHistorical, dbnloop.ErrTimeout},
	{"idle", short, serveHistorical, dbnloop.ErrTimeout},
}

// waiter is a client under a limit, and what came of it.
type waiter struct {
	Records int    // of mbo
	Overdue int    // events of subscriptions that were not answered in time
	End     string // the error's text; "" of a range that is complete
	ended   bool
	err     error
	pause   func()
	resume  func()
}

// open starts the client whose patience is tried.
func open(r *dbnloop.Reactor, name, url, caFile string) (*waiter, error) {
	w := &waiter{}
	end := func(err error) {
		w.ended, w.err = true, err
		if err != nil {
			w.End = err.Error()
		}
		r.Stop()
	}
	h := dbnloop.Handlers{
		SessionEvent: func(e dbnloop.SessionEvent) {
			if e.Kind == dbnloop.SubscriptionOverdue {
				w.Overdue++
			}
		},
		Complete: func() { end(nil) },
		Error:    end,
	}
	limit := func(of string, otherwise time.Duration) time.Duration {
		for _, p := range patiences {
			if p.name == of && of == name {
				return p.limit
			}
		}
		return otherwise
	}
	const long = time.Minute
	if !strings.HasPrefix(url, "http") {
		c, err := dbnloop.NewLiveClient(r, sim.TestKey, dbnloop.WithAuthTimeout(limit("auth", long)),
			dbnloop.WithHeartbeat(limit("heartbeat", long), 0), dbnloop.WithAckTimeout(limit("ack", long)))
		if err != nil {
			return nil, err
		}
		h.Mbo = func(*dbn.MboMsg) {
			if w.Records++; w.Records == patientRecords/2 && name == "stop" {
				// In a turn without records: politely, and not at once.
				r.AfterFunc(0, func() { c.Stop() })
			}
		}
		c.Handle(h)
		w.pause, w.resume = c.Pause, c.Resume
		addr, err := net.ResolveTCPAddr("tcp", url)
		if err != nil {
			return nil, err
		}
		_, err = c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaMbo, dbn.AllSymbols))
		return w, errors.Join(err, c.Connect(addr.IP.String(), addr.Port), c.Start())
	}
	c, err := dbnloop.NewHistoricalClient(r, sim.TestKey, dbnloop.WithURL(url), dbnloop.WithCAFile(caFile), dbnloop.WithProxy(""),
		dbnloop.WithTLSTimeout(limit("tls", long)), dbnloop.WithResponseTimeout(limit("response", long)),
		dbnloop.WithIdleTimeout(limit("idle", long)))
	if err != nil {
		return nil, err
	}
	h.Mbo = func(*dbn.MboMsg) { w.Records++ }
	c.Handle(h)
	w.pause, w.resume = c.Pause, c.Resume
	return w, errors.Join(c.Request(dbnloop.NewHistoricalRequest(dataset, dbn.SchemaMbo, 1, 2, dbn.AllSymbols)), c.Start())
}

// hand is what a peer has for a client: main sends it and then closes over.
type hand struct {
	send func()
	over chan struct{}
}

// play runs a peer that waits with what is late until main takes it.
func play(t *testing.T, p patience) (url, caFile string, hands chan hand) {
	hands = make(chan hand)
	gone := make(chan struct{})
	url = p.serve(t, func(send func()) {
		h := hand{send, make(chan struct{})}
		select {
		case hands <- h:
		case <-gone:
		}
		select {
		case <-h.over:
		case <-gone:
		}
	})
	t.Cleanup(func() { close(gone) }) // before the server's own, which waits for it
	if strings.HasPrefix(url, "https") {
		caFile = authority(t)
	}
	return url, caFile, hands
}

// passed is when the limit is certainly over, for a client that has begun to wait.
func (p patience) passed() <-chan time.Time { return time.After(p.limit + 100*time.Millisecond) }

// check says whether everything came that the peer had sent.
func (w *waiter) check(t *testing.T, p patience) {
	t.Helper()
	wantEnd := ""
	switch {
	case p.name == "stop":
		wantEnd = "Cancelled"
	case p.name == "auth" || p.name == "heartbeat" || p.name == "ack":
		wantEnd = "ConnectionClosed"
	}
	if w.Records != patientRecords || w.Overdue != 0 || !strings.Contains(w.End, wantEnd) || wantEnd == "" && w.End != "" {
		t.Errorf("%d records, want %d; %d overdue; it ended with %q, want %q", w.Records, patientRecords, w.Overdue, w.End, wantEnd)
	}
}

// The process is stopped when its peer answers: Ctrl-Z, a debugger, a freezer.
func TestAStoppedProcessJudgesNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for real deadlines")
	}
	for _, loop := range []string{"Run", "Poll"} {
		for _, p := range patiences {
			t.Run(loop+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				url, caFile, hands := play(t, p)
				child := exec.CommandContext(t.Context(), os.Args[0])
				child.Env = append(os.Environ(), "DBNLOOP_TEST_PATIENCE="+strings.Join([]string{p.name, loop, url, caFile}, "|"))
				child.Stderr = os.Stderr
				out, err := child.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := child.Start(); err != nil {
					t.Fatal(err)
				}
				h := <-hands
				pid := child.Process.Pid
				if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				var status unix.WaitStatus
				if _, err := unix.Wait4(pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
					t.Fatalf("the child is not stopped: %#x, %v", status, err)
				}
				h.send()
				close(h.over)
				<-p.passed()
				if err := unix.Kill(pid, unix.SIGCONT); err != nil {
					t.Fatal(err)
				}
				w := &waiter{}
				if err := errors.Join(json.NewDecoder(out).Decode(w), child.Wait()); err != nil {
					t.Fatal(err)
				}
				w.check(t, p)
			})
		}
	}
}

// waitInAChild is the child's main: it prints what came.
func waitInAChild(how string) error {
	fields := strings.SplitN(how, "|", 4)
	name, loop, url, caFile := fields[0], fields[1], fields[2], fields[3]
	r, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	w, err := open(r, name, url, caFile)
	for err == nil && !w.ended {
		if loop == "Run" {
			err = r.Run(context.Background())
		} else {
			_, err = r.Poll(-1)
		}
	}
	return errors.Join(err, r.Close(), json.NewEncoder(os.Stdout).Encode(w))
}

// turns polls until done; panics of handlers pass and are counted.
func turnsUntil(t *testing.T, r *dbnloop.Reactor, done func() bool) (panics int) {
	t.Helper()
	for giveUp := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(giveUp) {
			t.Fatal("it did not happen in a minute")
		}
		func() {
			defer func() {
				if recover() != nil {
					panics++
				}
			}()
			if _, err := r.Poll(10 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}()
	}
	return panics
}

// A handler takes longer than the limit, and the peer answers meanwhile.
func TestALongHandlerJudgesNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for real deadlines")
	}
	type scene struct {
		name  string
		stage func(t *testing.T, r *dbnloop.Reactor, w *waiter, meanwhile func())
		// panics that reach the caller of Poll
		panics int
	}
	scenes := []scene{
		{"returns", func(t *testing.T, r *dbnloop.Reactor, w *waiter, meanwhile func()) {
			r.AfterFunc(0, meanwhile)
		}, 0},
		{"panics", func(t *testing.T, r *dbnloop.Reactor, w *waiter, meanwhile func()) {
			// The rest of its turn is left, and comes before anything new is asked for.
			r.AfterFunc(0, func() { meanwhile(); panic("of a handler") })
			r.AfterFunc(0, func() {})
			r.AfterFunc(0, func() {})
		}, 1},
		{"panics twice", func(t *testing.T, r *dbnloop.Reactor, w *waiter, meanwhile func()) {
			r.AfterFunc(0, func() { meanwhile(); panic("of a handler") })
			r.AfterFunc(0, func() { panic("of another") })
		}, 2},
		{"paused before", func(t *testing.T, r *dbnloop.Reactor, w *waiter, meanwhile func()) {
			w.pause()
			r.AfterFunc(0, meanwhile)
			r.AfterFunc(0, w.resume)
		}, 0},
		{"resumed before", func(t *testing.T, r *dbnloop.Reactor, w *waiter, meanwhile func()) {
			w.pause()
			r.AfterFunc(0, func() { w.resume(); meanwhile() })
		}, 0},
		{"resumed and panics", func(t *testing.T, r *dbnloop.Reactor, w *waiter, meanwhile func()) {
			w.pause()
			r.AfterFunc(0, func() { w.resume(); meanwhile(); panic("of a handler") })
			r.AfterFunc(0, func() {})
		}, 1},
	}
	for _, scene := range scenes {
		for _, p := range patiences {
			t.Run(scene.name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				url, caFile, hands := play(t, p)
				r := newReactor(t)
				w, err := open(r, p.name, url, caFile)
				if err != nil {
					t.Fatal(err)
				}
				var h hand
				turnsUntil(t, r, func() bool {
					select {
					case h = <-hands:
						return true
					default:
						return false
					}
				})
				scene.stage(t, r, w, func() {
					h.send()
					close(h.over)
					<-p.passed()
				})
				panics := turnsUntil(t, r, func() bool { return w.ended })
				if panics != scene.panics {
					t.Errorf("%d panics, want %d", panics, scene.panics)
				}
				w.check(t, p)
			})
		}
	}
}

func TestASilentPeerEndsOnTime(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for real deadlines")
	}
	for _, p := range patiences {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			url, caFile, hands := play(t, p)
			r := newReactor(t)
			w, err := open(r, p.name, url, caFile)
			if err != nil {
				t.Fatal(err)
			}
			var h *hand
			turnsUntil(t, r, func() bool {
				if h == nil {
					select {
					case got := <-hands:
						h = &got
					default:
					}
				}
				return w.ended || w.Overdue > 0
			})
			if h == nil {
				t.Fatal("it ended before the peer was silent")
			}
			close(h.over)
			if p.silent == nil {
				if w.Overdue != 1 || w.ended {
					t.Errorf("%d overdue; ended: %v", w.Overdue, w.ended)
				}
			} else if !errors.Is(w.err, p.silent) {
				t.Errorf("it ended with %v, want %v", w.err, p.silent)
			}
		})
	}
}
