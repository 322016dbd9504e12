package sim_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// faulty is a gateway with the faults that texts describe, and a client connected to it.
func faulty(t *testing.T, cfg sim.Config, faults ...string) (*sim.Gateway, *client) {
	t.Helper()
	for _, fault := range faults {
		if err := cfg.Faults.ParseFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	gw := simtest.Gateway(t, cfg)
	return gw, dial(t, gw)
}

// tradesUntilEnd subscribes to all trades and reads data to the end, whatever it is like.
func tradesUntilEnd(c *client, options string) (own, data []dbn.Record, err error) {
	c.t.Helper()
	c.login(options)
	c.send("schema=trades|symbols=ALL_SYMBOLS|id=1\n")
	c.begin()
	for {
		rec, err := c.next()
		if err != nil {
			return own, data, err
		}
		if isOwn(rec) {
			own = append(own, rec)
		} else {
			data = append(data, rec)
		}
	}
}

func TestFaultsOfTheTextPhase(t *testing.T) {
	for _, test := range []struct{ fault, want string }{
		{"no-greeting", ""},
		{"bad-greeting", "HTTP/1.1 400 Bad Request\r\n"},
		{"bad-greeting=hello there\n", "hello there\n"},
		{"endless-line", strings.Repeat("x", 100_000)},
	} {
		t.Run(test.fault, func(t *testing.T) {
			_, c := faulty(t, sim.Config{}, test.fault)
			got := make([]byte, len(test.want))
			if _, err := io.ReadFull(c.in, got); err != nil || string(got) != test.want {
				t.Fatalf("have %.40q, %v", got, err)
			}
			if test.fault == "no-greeting" {
				if _, err := c.in.ReadByte(); err != io.EOF {
					t.Errorf("%v, want EOF", err)
				}
			}
		})
	}
	t.Run("bad-challenge", func(t *testing.T) {
		_, c := faulty(t, sim.Config{}, "bad-challenge=crab=1\n")
		c.line()
		if line := c.line(); line != "crab=1" {
			t.Errorf("challenge %q", line)
		}
	})
	t.Run("auth-refused", func(t *testing.T) {
		_, c := faulty(t, sim.Config{}, "auth-refused=too many|connections")
		c.send("auth=%s|dataset=GLBX.MDP3\n", reply(c.challenge(), sim.TestKey))
		if line := c.line(); line != "success=0|error=too many/connections" {
			t.Errorf("answer %q", line)
		}
		if _, err := c.in.ReadByte(); err != io.EOF {
			t.Errorf("%v, want EOF", err)
		}
	})
}

func TestSplitWritesCarryTheSameStream(t *testing.T) {
	trades := sampleRecords(t, dbn.SchemaTrades)
	for _, fault := range []string{"split=1", "byte-by-byte", "split=7", "split=100000"} {
		for _, options := range []string{"", "|compression=zstd"} {
			t.Run(fault+options, func(t *testing.T) {
				_, c := faulty(t, sim.Config{AtEnd: sim.CloseAtEnd}, fault)
				_, data, err := tradesUntilEnd(c, options)
				if err != io.EOF || !bytes.Equal(join(data), trades) {
					t.Errorf("%d records, %v", len(data), err)
				}
			})
		}
	}
}

// The reply to the authentication and the metadata lie in one segment.
func TestCoalescedReplyAndMetadata(t *testing.T) {
	for _, options := range []string{"", "|compression=zstd"} {
		_, c := faulty(t, sim.Config{AtEnd: sim.CloseAtEnd}, "coalesce")
		challenge := c.challenge()
		c.send("auth=%s|dataset=GLBX.MDP3%s\n", reply(challenge, sim.TestKey), options)
		segment := make([]byte, 4096)
		n, err := c.conn.Read(segment) // nothing is buffered: the gateway waited for us
		if err != nil {
			t.Fatal(err)
		}
		answer, stream, _ := bytes.Cut(segment[:n], []byte("\n"))
		magic := "DBN\x03"
		if options != "" {
			magic = "\x28\xb5\x2f\xfd"
		}
		if !bytes.HasPrefix(answer, []byte("success=1|")) || !bytes.HasPrefix(stream, []byte(magic)) {
			t.Fatalf("segment %q", segment[:n])
		}
		c.in.Reset(io.MultiReader(bytes.NewReader(stream), c.conn))
		c.decompress(options)
		c.readMetadata()
		c.send("schema=trades|symbols=ALL_SYMBOLS\nstart_session\n")
		if _, data := c.rest(); !bytes.Equal(join(data), sampleRecords(t, dbn.SchemaTrades)) {
			t.Error("the trades differ from the file's")
		}
	}
}

func TestGarbageInPlaceOfTheStream(t *testing.T) {
	_, c := faulty(t, sim.Config{}, "garbage")
	c.login("")
	c.send("start_session\n")
	all, err := io.ReadAll(c.in)
	if err != nil || len(all) != 64<<10 || bytes.HasPrefix(all, []byte("DBN")) {
		t.Errorf("%d bytes, %v", len(all), err)
	}
}

func TestHugeMetadataIsAnnounced(t *testing.T) {
	_, c := faulty(t, sim.Config{}, "huge-metadata")
	c.login("")
	c.send("start_session\n")
	head := make([]byte, 8)
	if _, err := io.ReadFull(c.in, head); err != nil {
		t.Fatal(err)
	}
	if n, err := dbn.MetadataLen(head); err != nil || n < 4<<30-1000 {
		t.Errorf("%d bytes announced, %v", n, err)
	}
}

// After a reset the records before it are still delivered.
func TestResetAfterRecords(t *testing.T) {
	trades := sampleRecords(t, dbn.SchemaTrades)
	for _, test := range []struct {
		fault   string
		records int
	}{{"reset", 0}, {"reset=0", 0}, {"reset=1", 1}, {"reset=100", 100}, {"reset=end", len(trades) / 48}} {
		t.Run(test.fault, func(t *testing.T) {
			_, c := faulty(t, sim.Config{}, test.fault)
			_, data, err := tradesUntilEnd(c, "")
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v, want a reset", err)
			}
			if !bytes.Equal(join(data), trades[:48*test.records]) {
				t.Errorf("%d records, want %d", len(data), test.records)
			}
		})
	}
}

func TestPositionsInBytesAreExact(t *testing.T) {
	for _, test := range []struct {
		fault string
		want  int
	}{{"close=1b", 1}, {"close=127b", 127}, {"half-close=1000b", 1000}, {"close=20001b", 20001}, {"reset=5000b", 5000}} {
		for _, split := range []string{"split=1000000", "split=13"} {
			t.Run(test.fault+" "+split, func(t *testing.T) {
				_, c := faulty(t, sim.Config{}, test.fault, split)
				c.login("")
				c.send("schema=trades|symbols=ALL_SYMBOLS|id=1\nstart_session\n")
				all, err := io.ReadAll(c.in)
				if len(all) != test.want || (err != nil && !errors.Is(err, syscall.ECONNRESET)) {
					t.Errorf("%d bytes, %v; want %d", len(all), err, test.want)
				}
			})
		}
	}
}

func TestAStallIsSilence(t *testing.T) {
	for _, fault := range []string{"stall=3", "stall=700b", "stall=end", "half-close=3"} {
		t.Run(fault, func(t *testing.T) {
			gw, c := faulty(t, sim.Config{Heartbeat: time.Millisecond}, fault)
			c.login("")
			c.send("schema=trades|symbols=ESZ6|id=1\n")
			c.begin()
			if fault == "half-close=3" {
				own, data := c.rest()
				if len(data) != 3 || len(own) != 2 {
					t.Errorf("%d records", len(data))
				}
			}
			if fault == "stall=3" {
				for range 5 {
					c.mustNext()
				}
				// Not even a heartbeat follows, though one is due all the time.
				c.conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond)) //nolint:errcheck // seen below
				var timeout net.Error
				if _, err := c.in.ReadByte(); !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("%v, want silence", err)
				}
			}
			// The session ends when the client goes.
			c.conn.Close()
			if err := gw.AwaitEnded(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAStallCanPass(t *testing.T) {
	for _, fault := range []string{"stall=3,20s", "stall=500b,20s"} {
		clock := sim.NewManualClock(time.Now())
		_, c := faulty(t, sim.Config{Clock: clock, AtEnd: sim.CloseAtEnd}, fault)
		c.login("")
		c.send("schema=trades|symbols=ALL_SYMBOLS|id=1\nstart_session\n")
		clock.AwaitTimers(1)
		clock.Advance(20 * time.Second)
		c.readMetadata()
		if _, data := c.rest(); !bytes.Equal(join(data), sampleRecords(t, dbn.SchemaTrades)) {
			t.Errorf("%s: %d records", fault, len(data))
		}
	}
}

// A record is cut in its middle: every record before it is whole.
func TestACutRecord(t *testing.T) {
	trades := sampleRecords(t, dbn.SchemaTrades)
	for _, test := range []struct {
		fault   string
		records int
	}{{"cut-record", len(trades) / 48}, {"cut-record=end", len(trades) / 48}, {"cut-record=5", 5}} {
		for _, options := range []string{"", "|compression=zstd", "|ts_out=1"} {
			t.Run(test.fault+options, func(t *testing.T) {
				_, c := faulty(t, sim.Config{}, test.fault)
				_, data, err := tradesUntilEnd(c, options)
				if err != io.ErrUnexpectedEOF || len(data) != test.records {
					t.Errorf("%d records and %v, want %d and a cut", len(data), err, test.records)
				}
			})
		}
	}
}

func TestAZeroLengthRecord(t *testing.T) {
	_, c := faulty(t, sim.Config{}, "zero-length=2")
	_, data, err := tradesUntilEnd(c, "")
	if len(data) != 2 || err == nil || err.Error() != "record of length 0" {
		t.Errorf("%d records, %v", len(data), err)
	}
}

func TestErrorRecordThenClose(t *testing.T) {
	_, c := faulty(t, sim.Config{}, "error-close=2")
	own, data, err := tradesUntilEnd(c, "|ts_out=1")
	if len(data) != 2 || err != io.EOF {
		t.Errorf("%d records, %v", len(data), err)
	}
	own[len(own)-1].Header().Length -= 2
	if text := describe(own[len(own)-1]); text != "internal_error last=1: Internal error" {
		t.Errorf("last record %q", text)
	}
}

func TestInsertedRecordsDisturbNothing(t *testing.T) {
	_, c := faulty(t, sim.Config{AtEnd: sim.CloseAtEnd}, "slow-warning=1", "skipped=2", "unknown-record=3")
	own, data, err := tradesUntilEnd(c, "")
	if err != io.EOF {
		t.Fatal(err)
	}
	want := []string{ack1, "slow_reader_warning: Warning: slow reading",
		"skipped_records_after_slow_reading last=1: Slow client detected for 1 schema, records were skipped"}
	if diff := cmp.Diff(want, describeAll(own[4:])); diff != "" {
		t.Error(diff)
	}
	if data[3].RType() != 0xEE || data[3].Size() != 32 {
		t.Errorf("record 3 is %s", describe(data[3]))
	}
	if !bytes.Equal(append(join(data[:3]), join(data[4:])...), sampleRecords(t, dbn.SchemaTrades)) {
		t.Error("the trades around differ from the file's")
	}
}

// Logs and errors name a kind of fault; they once said kind=2.
func TestLogsNameTheKindOfAFault(t *testing.T) {
	for _, handler := range []func(io.Writer) slog.Handler{
		func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		var log bytes.Buffer
		gw, c := faulty(t, sim.Config{Logger: slog.New(handler(&log))}, "reset=2")
		if _, _, err := tradesUntilEnd(c, ""); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("end %v", err)
		}
		if err := gw.AwaitEnded(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if err := gw.Close(); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(log.String(), `"`, "")
		if !strings.Contains(text, "kind=reset") && !strings.Contains(text, "kind:reset") ||
			!strings.Contains(text, "the connection was reset, as the fault asks") {
			t.Errorf("log %s", text)
		}
	}
}

func TestEveryKindOfFaultHasAName(t *testing.T) {
	named := make(map[string]bool)
	for _, help := range sim.FaultHelp() {
		named[help[0]] = true
	}
	for kind := sim.FaultStall; kind <= sim.FaultSlowReader; kind++ {
		if !named[kind.String()] {
			t.Errorf("kind %d is %q, which is not in the help", int(kind), kind)
		}
	}
	if got := sim.FaultKind(99).String(); got != "unknown(99)" {
		t.Errorf("a kind that does not exist is %q", got)
	}
}

func TestFaultsOfTheFirstSessionsOnly(t *testing.T) {
	gw, first := faulty(t, sim.Config{AtEnd: sim.CloseAtEnd}, "sessions=2", "close=0")
	if _, data, err := tradesUntilEnd(first, ""); err != io.EOF || len(data) != 0 {
		t.Errorf("first: %d records, %v", len(data), err)
	}
	if _, data, err := tradesUntilEnd(dial(t, gw), ""); err != io.EOF || len(data) != 0 {
		t.Errorf("second: %d records, %v", len(data), err)
	}
	if _, data, err := tradesUntilEnd(dial(t, gw), ""); err != io.EOF || len(data) == 0 {
		t.Errorf("third: %d records, %v", len(data), err)
	}
}

func TestParseFault(t *testing.T) {
	var f sim.Faults
	for _, text := range []string{"stall=10,2s", "reset=100b", "half-close=end", "split=3", "sessions=1", "coalesce"} {
		if err := f.ParseFault(text); err != nil {
			t.Fatal(err)
		}
	}
	want := sim.Faults{Sessions: 1, SplitBytes: 3, CoalesceAuth: true, Stream: []sim.StreamFault{
		{Kind: sim.FaultStall, At: sim.AfterRecords(10), For: 2 * time.Second},
		{Kind: sim.FaultReset, At: sim.AfterBytes(100)}, {Kind: sim.FaultHalfClose, At: sim.AtEnd()},
	}}
	if diff := cmp.Diff(want, f, cmp.AllowUnexported(sim.Position{})); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "nothing", "stall=x", "stall=-1", "stall=1,x", "reset=1,2s", "split", "split=0",
		"garbage=1", "cut-record=7b", "refuse=1,soon", "slow-reader=1,0", "slow-reader=5b", "replay-omit", "replay-omit-last=0", "replay-repeat=x", "replay-reorder=-1", "replay-omit-at=0", "replay-omit-at=3-2", "replay-omit-at",
		"replay-repeat-at=x", "replay-swap=3", "replay-swap=3-3", "replay-swap=-3", "replay-swap=3-", "replay-complete=-1", "replay-complete", "zero-length=1b", "sessions=0", "reset=1bb"} {
		if err := new(sim.Faults).ParseFault(text); err == nil {
			t.Errorf("ParseFault(%q) succeeds", text)
		}
	}
	for _, help := range sim.FaultHelp() {
		value := map[string]string{"N bytes per write": "=1", "N connections": "=1", "every Nth record": "=1", "N records": "=1",
			"the Nth record, or N-M": "=1-3", "N-M, two records": "=1-3", "N records, the rest is never sent": "=0"}[help[1]]
		if err := new(sim.Faults).ParseFault(help[0] + value); err != nil {
			t.Errorf("%s of the help: %v", help[0], err)
		}
	}
}
