package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/internal/simtest"
)

// TestMain fails when a test leaves a goroutine of the package running.
func TestMain(m *testing.M) {
	code := m.Run()
	if stacks := simtest.Leaked("dbnloop/gateway."); code == 0 && stacks != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", stacks)
		code = 1
	}
	os.Exit(code)
}

const key = "db-0123456789012345678901234abcd"

// log is data that no simulator has made: two trades of one instrument, as a relay might
// read them.
type log struct {
	asked   []*gateway.Subscription
	removed dbn.Schema
	begun   bool
	lost    bool // a replay fails, whatever it asks for
	records []byte
}

func (l *log) Names() []string { return []string{"TEST.DATA"} }
func (l *log) Open(_ *gateway.Session, name string) *gateway.Feed {
	return &gateway.Feed{Version: 3, Symbols: l, Records: l}
}
func (l *log) Offers(schema dbn.Schema) bool { return schema == dbn.SchemaTrades }
func (l *log) Resolve(_ dbn.SType, symbol string) []gateway.Instrument {
	if symbol != "ABC" {
		return nil
	}
	return []gateway.Instrument{{ID: 7, RawSymbol: "ABC", Start: dbn.UndefTimestamp, End: dbn.UndefTimestamp}}
}
func (l *log) All() []gateway.Instrument { return l.Resolve(0, "ABC") }
func (l *log) Begin()                    { l.begun = true }
func (l *log) Now() dbn.UnixNanos        { return 42 }
func (l *log) Replay(dbn.Schema, dbn.UnixNanos) (dbn.UnixNanos, error) {
	if l.lost {
		return 0, errors.New("the disk is on fire")
	}
	return 0, &gateway.AgedOutError{Err: errors.New("nothing is kept")}
}
func (l *log) Fits(*gateway.Subscription) error { return nil }
func (l *log) Subscribe(sub *gateway.Subscription) []byte {
	l.asked = append(l.asked, sub)
	return nil
}
func (l *log) Unsubscribe(schema dbn.Schema, _ func(uint32) bool) { l.removed = schema }
func (l *log) Ended() bool                                        { return len(l.asked) > 0 && len(l.records) == 0 }
func (l *log) Step(out *gateway.Sink, _ int64) (int64, time.Time, error) {
	if len(l.asked) == 0 || len(l.records) == 0 {
		return 0, time.Time{}, nil
	}
	n := int64(len(l.records)) / int64(l.records[0]) / 4
	out.Pending = append(out.Pending, l.records...)
	l.records = nil
	return n, time.Time{}, out.Relieve()
}

// begin serves data to a client that sends these lines after its authentication.
func begin(t *testing.T, data *log, lines string) (*gateway.Server, net.Conn, *dbn.Decoder) {
	t.Helper()
	server, err := gateway.NewServer(gateway.Config{Keys: []string{key}, Datasets: data, CloseAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	in := bufio.NewReader(conn)
	line := func() string {
		text, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(text, "\n")
	}
	if greeting := line(); greeting != "lsg_version=0.7.0" {
		t.Errorf("greeting %q", greeting)
	}
	challenge := strings.TrimPrefix(line(), "cram=")
	sum := sha256.Sum256([]byte(challenge + "|" + key))
	fmt.Fprintf(conn, "auth=%x-%s|dataset=TEST.DATA\n", sum, key[len(key)-5:])
	if answer := line(); answer != "success=1|session_id=1" {
		t.Errorf("answer %q", answer)
	}
	io.WriteString(conn, lines) //nolint:errcheck // reading shows it
	d, err := dbn.NewDecoder(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return server, conn, d
}

// A server of somebody's own data needs nothing of the simulator.
func TestAServerOfOtherData(t *testing.T) {
	trades := []dbn.TradeMsg{{Price: 1, Action: dbn.ActionTrade}, {Price: 2, Action: dbn.ActionTrade}}
	for i := range trades {
		trades[i].Hd = dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, InstrumentID: 7, TsEvent: 1}
	}
	want := simtest.RecordBytes(trades)
	data := &log{records: bytes.Clone(want)}
	server, conn, d := begin(t, data, "schema=trades|symbols=ABC,XYZ|id=5\nschema=trades|symbols=ABC|start=2026-11-20\nschema=mbo|symbols=ABC\n"+
		"unsubscribe|schema=trades|symbols=ABC\nstart_session\n")
	var own []dbn.RType
	var got []byte
	for {
		rec, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.RType() == dbn.RTypeMbp0 {
			got = append(got, rec.Bytes()...)
		} else {
			own = append(own, rec.RType())
		}
	}
	conn.Close()
	if err := server.AwaitEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	// The mapping, the unknown symbol and the acknowledgement; the replay and the schema that
	// are refused; the end of the subscription.
	messages := []dbn.RType{dbn.RTypeSymbolMapping, dbn.RTypeError, dbn.RTypeSystem, dbn.RTypeError, dbn.RTypeError, dbn.RTypeSystem}
	if fmt.Sprint(own) != fmt.Sprint(messages) || !bytes.Equal(got, want) || d.Metadata().Start != 42 {
		t.Errorf("messages %v, want %v; %d bytes of records, want %d; start %d", own, messages, len(got), len(want), d.Metadata().Start)
	}
	if len(data.asked) != 1 || data.asked[0].ID != 5 || len(data.asked[0].IDs) != 1 || data.removed != dbn.SchemaTrades || !data.begun {
		t.Errorf("asked for %+v, removed %s, begun %v", data.asked, data.removed, data.begun)
	}
	if info := server.Sessions()[0]; !info.Started || !info.Ended || info.Records != 2 {
		t.Errorf("%+v", info)
	}
}

// A reason that may pass must not make a client give a replay up, as one that is too old does.
func TestAReplayThatFailsEndsTheSession(t *testing.T) {
	_, _, d := begin(t, &log{lost: true}, "schema=trades|symbols=ABC|start=2026-11-20\nstart_session\n")
	rec, err := d.Next()
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := dbn.As[dbn.ErrorMsg](rec); !ok || m.Code != dbn.ErrorCodeInternalError || !strings.Contains(dbn.CStr(m.Err[:]), "the disk is on fire") {
		t.Fatalf("the answer is %s, %+v", rec.RType(), m)
	}
	if rec, err := d.Next(); err != io.EOF {
		t.Errorf("then follows %v, %v", rec, err)
	}
}

func TestAServerNeedsKeysAndData(t *testing.T) {
	for _, cfg := range []gateway.Config{{}, {Keys: []string{key}}, {Datasets: &log{}}, {Keys: []string{"short"}, Datasets: &log{}}} {
		if server, err := gateway.NewServer(cfg); err == nil {
			server.Close()
			t.Errorf("%+v is accepted", cfg)
		} else if strings.Contains(err.Error(), "short") {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}
