package dbnloop_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// late keeps this goroutine, and with it the reactor, from going on for longer than the limit.
func late(limit time.Duration) { <-time.After(limit + limit/2) }

// lateRecords is how many records a halfServer has; it says the first one by itself.
const lateRecords = 100

// halfServer answers one request for records: the first one at once, the rest when it is
// told to, by a call of rest that returns when all is on its way.
func halfServer(t *testing.T) (url string, rest func()) {
	t.Helper()
	frame := func(metadata *dbn.Metadata, count int) []byte {
		var out bytes.Buffer
		stream, err := dbn.NewEncoder(&out, metadata, dbn.WithZstd(0))
		for range count {
			m := dbn.TradeMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeMbp0, Length: 12}}
			err = errors.Join(err, stream.Write(dbn.Ref(&m.Hd)))
		}
		if err = errors.Join(err, stream.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	first := frame(&dbn.Metadata{Version: 3, Dataset: dataset, SymbolCstrLen: 71, StypeOut: dbn.STypeInstrumentID}, 1)
	second := frame(nil, lateRecords-1)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	wanted, said, served := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		io.Copy(io.Discard, request.Body)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(first)+len(second), first)
		if _, ok := <-wanted; !ok {
			return
		}
		conn.Write(second)
		close(said)
		<-wanted
	}()
	t.Cleanup(func() {
		close(wanted)
		listener.Close()
		<-served
	})
	return "http://" + listener.Addr().String(), func() {
		wanted <- struct{}{}
		<-said
	}
}

// startRange asks a halfServer for its records.
func startRange(r *dbnloop.Reactor, url string, limit time.Duration, h dbnloop.Handlers) (*dbnloop.HistoricalClient, error) {
	c, err := dbnloop.NewHistoricalClient(r, sim.TestKey, dbnloop.WithURL(url), dbnloop.WithProxy(""), dbnloop.WithIdleTimeout(limit))
	if err != nil {
		return nil, err
	}
	c.Handle(h)
	return c, errors.Join(c.Request(dbnloop.NewHistoricalRequest(dataset, dbn.SchemaTrades, 1, 2, "X")), c.Start())
}

// What came while a handler was busy for longer than the limit, and then panicked or
// resumed, is read before the server is taken for silent.
func TestALateHandlerEndsNothingWhoseBytesAreThere(t *testing.T) {
	const limit = 100 * time.Millisecond
	for _, how := range []string{"panics", "pauses", "returns"} {
		t.Run(how, func(t *testing.T) {
			url, rest := halfServer(t)
			r := newReactor(t)
			records, over := 0, false
			var c *dbnloop.HistoricalClient
			handlers := dbnloop.Handlers{
				Trade: func(*dbn.TradeMsg) {
					if records++; records > 1 {
						return
					}
					rest()
					if how == "pauses" {
						c.Pause()
						return
					}
					late(limit)
					if how == "panics" {
						panic(how)
					}
				},
				Complete: func() { over = true },
				Error: func(err error) {
					over = true
					t.Error(err)
				},
			}
			var err error
			if c, err = startRange(r, url, limit, handlers); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			for !over {
				if c.IsPaused() {
					c.Resume()
					late(limit)
				}
				func() {
					defer func() { recover() }()
					if _, err := r.Poll(time.Second); err != nil {
						t.Fatal(err)
					}
				}()
			}
			if records != lateRecords {
				t.Errorf("%d records, want %d", records, lateRecords)
			}
		})
	}
}

// A gateway's answer that lies in the socket is not overdue, and a greeting there is not
// late.
func TestALateLiveSessionEndsNothingWhoseBytesAreThere(t *testing.T) {
	const limit = time.Second
	host, port := gatewayThatSays(t, systemSays(dbn.SystemCodeSubscriptionAck, "Subscription request 1 for trades data succeeded"))
	r := newReactor(t)
	c, err := dbnloop.NewLiveClient(r, sim.TestKey, dbnloop.WithConnectTimeout(limit), dbnloop.WithAuthTimeout(limit), dbnloop.WithAckTimeout(limit))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var kinds []dbnloop.SessionEventKind
	handlers := dbnloop.Handlers{
		State: func(s dbnloop.State) {
			if s == dbnloop.Authenticating {
				late(limit)
				panic(s)
			}
		},
		SessionEvent: func(e dbnloop.SessionEvent) { kinds = append(kinds, e.Kind) },
		Error:        func(err error) { t.Fatal(err) },
	}
	c.Handle(handlers)
	_, err = c.Subscribe(dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "X"))
	if err = errors.Join(err, c.Connect(host, port), c.Start()); err != nil {
		t.Fatal(err)
	}
	late(limit) // before anything was dialled
	c.Pause()
	turn := func() {
		defer func() { recover() }()
		if _, err := r.Poll(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	for c.State() != dbnloop.Streaming {
		turn()
	}
	c.Resume()
	late(limit)
	for len(kinds) == 0 {
		turn()
	}
	if kinds[0] != dbnloop.SubscriptionAck {
		t.Errorf("the gateway's answer: %v", kinds)
	}
}

// stoppedChild is set for a child process that TestStoppedAndContinued starts.
const stoppedChild = "DBNLOOP_TEST_STOPPED_CHILD"

const stoppedLimit = 2 * time.Second

// beStopped is the child: it says when the first record has come, and how it ends.
func beStopped(url string) error {
	r, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer r.Close()
	records, over := 0, false
	c, err := startRange(r, url, stoppedLimit, dbnloop.Handlers{
		Trade: func(*dbn.TradeMsg) {
			if records++; records == 1 {
				fmt.Println("first")
			}
		},
		Complete: func() { over = true },
		Error: func(e error) {
			fmt.Println(e)
			over = true
		},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	for !over {
		if _, err := r.Poll(-1); err != nil {
			return err
		}
	}
	fmt.Println(records)
	return nil
}

// A process that is stopped for longer than every limit, and continued.
func TestStoppedAndContinued(t *testing.T) {
	url, rest := halfServer(t)
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), stoppedChild+"="+url)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "first" {
		t.Errorf("the child says %q", lines.Text())
	}
	child.Process.Signal(syscall.SIGSTOP)
	isStopped := func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child.Process.Pid))
		_, state, _ := strings.Cut(string(stat), ") ")
		return strings.HasPrefix(state, "T")
	}
	for !isStopped() {
	}
	rest()
	<-time.After(stoppedLimit + stoppedLimit/2) // it is away for that long
	child.Process.Signal(syscall.SIGCONT)
	if !lines.Scan() || lines.Text() != fmt.Sprint(lateRecords) {
		t.Errorf("the child says %q", lines.Text())
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}
