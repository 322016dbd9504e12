package sim_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

func TestTheReplyToTheChallengeIsChecked(t *testing.T) {
	otherKey := "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012"
	gw := simtest.Gateway(t, sim.Config{Keys: []string{otherKey, sim.TestKey}})
	for _, test := range []struct {
		name  string
		auth  func(challenge string) string
		ok    bool
		error string
	}{
		{"first key", func(c string) string { return reply(c, otherKey) }, true, ""},
		{"second key", func(c string) string { return reply(c, sim.TestKey) }, true, ""},
		{"unknown key", func(c string) string { return reply(c, strings.Repeat("x", 32)) }, false, "error=Authentication failed. "},
		{"other challenge", func(c string) string { return reply(c+"x", otherKey) }, false, "error=Authentication failed. "},
		{"upper case", func(c string) string { return strings.ToUpper(reply(c, otherKey)) }, false, "error=Authentication failed. "},
		{"no bucket", func(c string) string { return reply(c, otherKey)[:64] }, false, "error=Authentication failed. "},
		{"the key itself", func(string) string { return otherKey }, false, "error=Authentication failed. "},
		{"empty", func(string) string { return "" }, false, "error=Authentication failed. "},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, gw)
			c.send("auth=%s|dataset=GLBX.MDP3|encoding=dbn|ts_out=0\n", test.auth(c.challenge()))
			answer := c.line()
			if ok := strings.HasPrefix(answer, "success=1|session_id="); ok != test.ok {
				t.Fatalf("answer %q", answer)
			}
			if test.ok {
				return
			}
			if !strings.HasPrefix(answer, "success=0|error=") || !strings.Contains(answer, test.error) {
				t.Errorf("answer %q, want an error with %q", answer, test.error)
			}
			if _, err := c.in.ReadByte(); err != io.EOF {
				t.Errorf("after the refusal: %v, want EOF", err)
			}
		})
	}
}

func TestChallengesDiffer(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	seen := make(map[string]bool)
	for range 20 {
		challenge := dial(t, gw).challenge()
		if len(challenge) != 32 || seen[challenge] {
			t.Fatalf("challenge %q", challenge)
		}
		seen[challenge] = true
	}
}

func TestTheAuthenticationRequestIsValidated(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	for _, test := range []struct{ fields, error string }{
		{"dataset=XNAS.ITCH|encoding=dbn", `unknown dataset "XNAS.ITCH", available: GLBX.MDP3`},
		{"encoding=dbn", `unknown dataset ""`},
		{"dataset=GLBX.MDP3|encoding=csv", "encoding"},
		{"dataset=GLBX.MDP3|ts_out=yes", "ts_out"},
		{"dataset=GLBX.MDP3|compression=gzip", "compression"},
		{"dataset=GLBX.MDP3|heartbeat_interval_s=0", "heartbeat_interval_s"},
		{"dataset=GLBX.MDP3|heartbeat_interval_s=-5", "heartbeat_interval_s"},
		{"dataset=GLBX.MDP3|heartbeat_interval_s=4", `heartbeat_interval_s is "4", want 5 to 1800 seconds`},
		{"dataset=GLBX.MDP3|heartbeat_interval_s=1801", "want 5 to 1800 seconds"},
		{"dataset=GLBX.MDP3|slow_reader_behavior=sleep", "slow_reader_behavior"},
		{"dataset=GLBX.MDP3|dataset=GLBX.MDP3", "occurs twice"},
		{"dataset=GLBX.MDP3|=x", "no key"},
	} {
		t.Run(test.fields, func(t *testing.T) {
			c := dial(t, gw)
			c.send("auth=%s|%s\n", reply(c.challenge(), sim.TestKey), test.fields)
			if answer := c.line(); !strings.HasPrefix(answer, "success=0|error=") || !strings.Contains(answer, test.error) {
				t.Errorf("answer %q, want an error with %q", answer, test.error)
			}
		})
	}
	if got := gw.Stats().Refused; got != 12 {
		t.Errorf("Refused is %d, want 12", got)
	}
}

// Every official client's authentication line, unknown keys included.
func TestKnownClientsAreUnderstood(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	for _, test := range []struct{ name, line, start string }{
		{"C++", "auth=%s|dataset=GLBX.MDP3|encoding=dbn|ts_out=0|client=Databento/0.65.0 C++ GNU/12|compression=none", "start_session\n"},
		{"Rust", "auth=%s|dataset=GLBX.MDP3|encoding=dbn|ts_out=1|compression=none|client=Databento/0.54.0 Rust|heartbeat_interval_s=5|slow_reader_behavior=skip", "start_session\n"},
		{"Python", "auth=%s|dataset=GLBX.MDP3|encoding=dbn|ts_out=0|compression=zstd|heartbeat_interval_s=30|client=Databento/0.82.0 Python", "start_session=0\n"},
		{"others", "new_key=1|auth=%s|flag|dataset=GLBX.MDP3|ts_out=0|", "start_session=1\n"},
		{"CRLF", "auth=%s|dataset=GLBX.MDP3\r", "start_session\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, gw)
			c.send(test.line+"\n", reply(c.challenge(), sim.TestKey))
			if answer := c.line(); !strings.HasPrefix(answer, "success=1|") {
				t.Fatalf("answer %q", answer)
			}
			c.send("%s", "schema=trades|stype_in=raw_symbol|symbols=ESZ6|snapshot=0|is_last=1\n"+test.start)
			if magic, err := c.in.Peek(4); err != nil || (string(magic[:3]) != "DBN" && magic[0] != 0x28) {
				t.Errorf("stream begins %q, %v", magic, err)
			}
		})
	}
	sessions := gw.Sessions()
	if auth := sessions[1].Auth; auth["heartbeat_interval_s"] != "5" || auth["slow_reader_behavior"] != "skip" || auth["auth"] != "" {
		t.Errorf("the session's fields are %v", auth)
	}
}

func TestInputByteByByteIsUnderstood(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	c := dial(t, gw)
	whole := fmt.Sprintf("auth=%s|dataset=GLBX.MDP3\n", reply(c.challenge(), sim.TestKey)) +
		"schema=definition|stype_in=raw_symbol|symbols=ESZ6,NQZ6|id=7\nstart_session\n"
	for i := range len(whole) {
		c.send("%s", whole[i:i+1])
	}
	if answer := c.line(); !strings.HasPrefix(answer, "success=1|") {
		t.Fatalf("answer %q", answer)
	}
	c.dbn = c.in
	c.readMetadata()
	if _, data := c.rest(); len(data) != 2 {
		t.Errorf("%d records, want 2", len(data))
	}
}

func TestInputInOnePieceIsUnderstood(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	c := dial(t, gw)
	c.send("auth=%s|dataset=GLBX.MDP3\nschema=definition|symbols=ALL_SYMBOLS\nstart_session\nschema=ohlcv-1m|symbols=ESZ6\n",
		reply(c.challenge(), sim.TestKey))
	c.line()
	c.dbn = c.in
	c.readMetadata()
	own, definitions := 6, 0 // four mappings and two acknowledgements
	for definitions < 4 || own > 0 {
		switch rec := c.mustNext(); {
		case isOwn(rec):
			own--
		case rec.RType() == dbn.RTypeInstrumentDef:
			definitions++
		}
	}
}

func TestALineHasABound(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{MaxLine: 1000})
	c := dial(t, gw)
	c.challenge()
	c.send("%s", strings.Repeat("x", 2000))
	if _, err := c.in.ReadByte(); err == nil {
		t.Error("the gateway goes on after a line that is too long")
	}
}

func TestKeysAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	gw, err := sim.NewGateway(sim.Config{
		Sources: sim.SampleSources(), AtEnd: sim.CloseAtEnd,
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	c := dial(t, gw)
	challenge := c.challenge()
	c.send("auth=%s|dataset=GLBX.MDP3\n", reply(challenge, sim.TestKey))
	c.line()
	c.send("schema=status|symbols=ESZ6\n")
	c.dbn = c.in
	c.begin()
	c.rest()
	c.conn.Close()
	if err := gw.Close(); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, sim.TestKey) || strings.Contains(text, reply(challenge, sim.TestKey)) ||
		!strings.Contains(text, "authenticated") {
		t.Errorf("the log is\n%s", text)
	}
}

func TestConfigIsValidated(t *testing.T) {
	for _, test := range []struct {
		name, error string
		cfg         sim.Config
	}{
		{"short key", "key 1 of 1 has 3 characters, want 32", sim.Config{Sources: sim.SampleSources(), Keys: []string{"abc"}}},
		{"no sources", "no sources", sim.Config{}},
		{"version", "DBN version 4", sim.Config{Sources: sim.SampleSources(), Version: 4}},
		{"file", "no-such-file", sim.Config{Sources: []sim.Source{sim.FileSource("no-such-file")}}},
		{"not DBN", "source x", sim.Config{Sources: []sim.Source{sim.ReaderSource("x", strings.NewReader("hello, world"))}}},
		{"address", "listen", sim.Config{Sources: sim.SampleSources(), Addr: "127.0.0.1:99999"}},
		{"fault", "fault cut-record: the position 3b is not possible, give one in records", sim.Config{Sources: sim.SampleSources(),
			Faults: sim.Faults{Stream: []sim.StreamFault{{Kind: sim.FaultCutRecord, At: sim.AfterBytes(3)}}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			gw, err := sim.NewGateway(test.cfg)
			if err == nil {
				gw.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.error) {
				t.Errorf("error %v, want one with %q", err, test.error)
			}
		})
	}
}

func TestCloseEndsEverySessionAndMayBeRepeated(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{})
	connected := dial(t, gw)
	connected.challenge()
	waiting := dial(t, gw)
	waiting.login("")
	streaming := dial(t, gw)
	streaming.login("")
	streaming.send("schema=mbo|symbols=ALL_SYMBOLS\n")
	streaming.begin()
	for range 2 {
		if err := gw.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if stats := gw.Stats(); stats.Sessions != 3 || stats.Ended != 3 || stats.Active != 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestAClientThatDoesNotAuthenticateIsDropped(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AuthTimeout: time.Millisecond})
	c := dial(t, gw)
	c.challenge()
	if _, err := c.in.ReadByte(); err != io.EOF {
		t.Errorf("%v, want EOF", err)
	}
	if stats := gw.Stats(); stats.Sessions != 1 {
		t.Errorf("stats %+v", stats)
	}
}
