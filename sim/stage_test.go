package sim_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// handshake speaks the text phase to its end, or as far as the gateway lets it, and returns the
// lines that it was sent, and the first error.
func handshake(c *client) (lines []string, err error) {
	read := func() (line string) {
		if err == nil {
			line, err = c.in.ReadString('\n')
		}
		if err == nil {
			lines = append(lines, strings.SplitAfter(line, "=")[0])
		}
		return strings.TrimSuffix(line, "\n")
	}
	write := func(text string) {
		if err == nil {
			_, err = io.WriteString(c.conn, text)
		}
	}
	read()
	write("auth=" + reply(strings.TrimPrefix(read(), "cram="), sim.TestKey) + "|dataset=GLBX.MDP3\n")
	read()
	write("schema=trades|symbols=ESZ6|id=1\nschema=trades|symbols=NQZ6|id=2\nstart_session\n")
	if err == nil {
		if _, err = c.in.ReadByte(); err == nil {
			lines = append(lines, "stream")
		}
	}
	return lines, err
}

// A session can be cut at every line of the handshake.
func TestASessionIsCutAtEveryLineOfTheHandshake(t *testing.T) {
	lines := []string{"lsg_version=", "cram=", "success="}
	for position, want := range map[string]int{
		"connect": 0, "greeting": 1, "challenge": 2, "auth": 2, "answer": 3, "request": 3, "request1": 3, "request2": 3, "start": 3,
	} {
		for fault, end := range map[string]error{"reset": syscall.ECONNRESET, "close": io.EOF, "half-close": io.EOF} {
			t.Run(fault+"="+position, func(t *testing.T) {
				gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
				handle, err := gw.AddFault(fault + "=" + position + ",on=1")
				if err != nil {
					t.Fatal(err)
				}
				got := lines[:want]
				conn, err := net.Dial("tcp", gw.Addr())
				if err == nil { // a reset may come so early that it is the answer to Dial
					c := &client{t: t, conn: conn.(*net.TCPConn), in: bufio.NewReader(conn)}
					got, err = handshake(c)
					conn.Close()
				}
				if !errors.Is(err, end) || !slices.Equal(got, lines[:want]) || handle.Fired() != 1 {
					t.Errorf("lines %v, %v; want %v, %v; shown %d times", got, err, lines[:want], end, handle.Fired())
				}
				if err := gw.AwaitEnded(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				if got, err := handshake(dial(t, gw)); err != nil || len(got) != 4 {
					t.Errorf("the next connection: %v, %v", got, err)
				}
			})
		}
	}
}

// A stall within the handshake ends after its time, or with the client.
func TestTheHandshakeStalls(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	gw, c := faulty(t, sim.Config{Clock: clock, AtEnd: sim.CloseAtEnd}, "stall=auth,90s,on=1", "stall=answer,on=2")
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		clock.AwaitTimers(1)
		clock.Advance(90 * time.Second)
	}()
	_, data, err := tradesUntilEnd(c, "")
	if <-moved; err != io.EOF || !bytes.Equal(join(data), sampleRecords(t, dbn.SchemaTrades)) {
		t.Errorf("%d records after the stall, %v", len(data), err)
	}
	c = dial(t, gw)
	c.login("")
	c.send("schema=trades|symbols=ESZ6\nstart_session\n")
	if err := c.conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		t.Errorf("%d bytes while stalled, %v", len(rest), err)
	}
}

// Connections are refused while the port is shut from the first one on.
func TestThePortIsShutDuringTheHandshake(t *testing.T) {
	gw, c := faulty(t, sim.Config{AtEnd: sim.CloseAtEnd}, "refuse=greeting")
	if _, data, err := tradesUntilEnd(c, ""); err != io.EOF || len(data) == 0 {
		t.Errorf("%d records, %v", len(data), err)
	}
	if conn, err := net.Dial("tcp", gw.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connected to %v, %v", conn, err)
	}
}

func TestPositionsAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]sim.Position{
		"0": {}, "7": sim.AfterRecords(7), "7b": sim.AfterBytes(7), "end": sim.AtEnd(), "connect": sim.AtStage(gateway.Connected),
		"start": sim.AtStage(gateway.Started), "request": sim.AfterLine(1), "request12": sim.AfterLine(12),
	} {
		var f sim.Faults
		if err := f.ParseFault("stall=" + text); err != nil || f.Stream[0].At != want || want.String() != text {
			t.Errorf("%s is read as %v and written as %s (%v)", text, f.Stream, want, err)
		}
	}
	for _, text := range []string{"stall=request0", "stall=requestx", "stall=starts", "cut-record=start", "slow-warning=answer"} {
		if err := new(sim.Faults).ParseFault(text); err == nil {
			t.Errorf("ParseFault(%q) succeeds", text)
		}
	}
}
