package dbnloop_test

import (
	"context"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

const dataset = "GLBX.MDP3"

func newReactor(t testing.TB) *dbnloop.Reactor {
	t.Helper()
	r, err := dbnloop.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// session connects, subscribes to everything of a schema and starts.
func session(t testing.TB, gw *sim.Gateway, r *dbnloop.Reactor, schema dbn.Schema, opts ...dbnloop.LiveOption) *dbnloop.LiveClient {
	t.Helper()
	c, err := dbnloop.NewLiveClient(r, sim.TestKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Subscribe(dbnloop.NewSubscription(dataset, schema, dbn.AllSymbols)); err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(gw.Host(), gw.Port()); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// runUntilError polls until the session's end and returns its reason.
func runUntilError(t testing.TB, r *dbnloop.Reactor, c *dbnloop.LiveClient, h dbnloop.Handlers) error {
	t.Helper()
	var reason error
	user := h.Error
	h.Error = func(err error) {
		if reason != nil {
			t.Errorf("a second error: %v", err)
		}
		reason = err
		if user != nil {
			user(err)
		}
	}
	c.Handle(h)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for reason == nil {
		if ctx.Err() != nil {
			t.Fatal("no end of the session in 30 s")
		}
		if _, err := r.Poll(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	return reason
}

// sample reads the sample's records of one schema, as the gateway must send them.
func sample(t testing.TB, schema dbn.Schema) int {
	t.Helper()
	rtype, _ := dbn.RTypeOf(schema)
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	n := 0
	c := session(t, gw, r, schema)
	runUntilError(t, r, c, dbnloop.Handlers{Record: func(rec dbn.Record) {
		if rec.RType() == rtype {
			n++
		}
	}})
	if n == 0 {
		t.Fatalf("the sample holds no %s", schema)
	}
	return n
}

func TestMain(m *testing.M) {
	if how := os.Getenv("DBNLOOP_TEST_PATIENCE"); how != "" {
		if err := waitInAChild(how); err != nil {
			io.WriteString(os.Stderr, err.Error()+"\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	if url := os.Getenv(stoppedChild); url != "" {
		if err := beStopped(url); err != nil {
			io.WriteString(os.Stderr, err.Error()+"\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Go's netpoller opens its own files when it is first used.
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	// What hands out signals stays for ever once it has begun, as it does when fuzzing.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR2)
	signal.Reset(syscall.SIGUSR2)
	before, goroutines := openFds(), runtime.NumGoroutine()
	code := m.Run()
	if after := openFds(); code == 0 && after > before {
		io.WriteString(os.Stderr, "file descriptors were left open\n")
		code = 1
	}
	if code == 0 && !endedBut(goroutines) {
		io.WriteString(os.Stderr, "goroutines were left behind\n")
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}

// endedBut waits for goroutines that were told to end, until at most n are left.
func endedBut(n int) bool {
	for giveUp := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > n; runtime.Gosched() {
		if time.Now().After(giveUp) {
			return false
		}
	}
	return true
}

func openFds() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}
