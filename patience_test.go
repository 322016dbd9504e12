package dbnloop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/klauspost/compress/zstd"
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

// stream is a header and, in two halves, patientRecords records.
func stream() (header, first, second []byte) {
	metadata := dbn.Metadata{
		Version: 3, Dataset: dataset, Schema: dbn.SchemaMbo, SymbolCstrLen: 71,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID,
	}
	header, err := metadata.Append(nil)
	if err != nil {
		panic(err)
	}
	m := dbn.MboMsg{Hd: dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: 1}}
	half := bytes.Repeat(unsafe.Slice((*byte)(unsafe.Pointer(&m)), unsafe.Sizeof(m)), patientRecords/2)
	return header, half, half
}

const patientRecords = 2000

// serveLive is a gateway for one session.
func serveLive(t *testing.T, late later) string {
	name := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	t.Cleanup(func() {
		listener.Close()
		<-served
	})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		lines := bufio.NewScanner(conn)
		until := func(prefix string) {
			for lines.Scan() && !strings.HasPrefix(lines.Text(), prefix) {
			}
		}
		// send sends what the client waits for under the limit of that name.
		send := func(under string, b []byte) {
			if under == name {
				late(func() { conn.Write(b) })
			} else {
				conn.Write(b)
			}
		}
		conn.Write([]byte("lsg_version=test\ncram=t7kNhwj4xqR0QYjzFKtBEG2ec2pXJ4FK\n"))
		until("auth=")
		send("auth", []byte("success=1|session_id=7\n"))
		until("start_session")
		header, first, second := stream()
		conn.Write(header)
		ack := systemSays(dbn.SystemCodeSubscriptionAck, "Subscription request 1 for mbo data succeeded")
		send("ack", ack.Bytes())
		conn.Write(first)
		if name == "stop" {
			until("nothing more: the client has shut its side down")
		}
		if name == "heartbeat" || name == "stop" {
			send(name, second)
		} else {
			conn.Write(second)
		}
	}()
	return listener.Addr().String()
}

// serveHistorical is a server for one range.
func serveHistorical(t *testing.T, late later) string {
	name := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
	header, first, second := stream()
	var body []byte
	if encoder, err := zstd.NewWriter(nil); err != nil {
		t.Fatal(err)
	} else {
		body = encoder.EncodeAll(slices.Concat(header, first, second), nil)
		encoder.Close()
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		flush := func() { http.NewResponseController(w).Flush() }
		begin := func() {
			w.WriteHeader(http.StatusOK)
			flush()
		}
		if name == "response" {
			late(begin)
		} else {
			begin()
		}
		w.Write(body[:len(body)/2])
		flush()
		rest := func() {
			w.Write(body[len(body)/2:])
			flush()
		}
		if name == "idle" {
			late(rest)
		} else {
			rest()
		}
	}))
	t.Cleanup(server.Close)
	if name != "tls" {
		server.Start()
		return server.URL
	}
	server.Listener = lateListener{server.Listener, late}
	server.StartTLS()
	return server.URL
}

// lateListener's connections send their first bytes late: TLS's answer to a hello.
type lateListener struct {
	net.Listener
	late later
}

type lateConn struct {
	net.Conn
	late  later
	begun bool
}

func (l lateListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lateConn{Conn: conn, late: l.late}, nil
}

func (c *lateConn) Write(b []byte) (n int, err error) {
	if c.begun {
		return c.Conn.Write(b)
	}
	c.begun = true
	n, err = len(b), nil
	c.late(func() { n, err = c.Conn.Write(b) })
	return n, err
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

// authority is a file with the certificate that httptest's servers sign for themselves.
func authority(t *testing.T) string {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
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
