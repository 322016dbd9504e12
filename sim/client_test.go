package sim_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop/internal/simtest"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// TestMain fails when a test leaves a goroutine of the package running.
func TestMain(m *testing.M) {
	code := m.Run()
	if stacks := simtest.Leaked("dbnloop/sim.") + simtest.Leaked("dbnloop/gateway."); code == 0 && stacks != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", stacks)
		code = 1
	}
	os.Exit(code)
}

// client is a raw client of the protocol.
type client struct {
	t    testing.TB
	conn *net.TCPConn
	in   *bufio.Reader
	dbn  io.Reader // the DBN stream, decompressed
	meta dbn.Metadata
}

// dial connects. Every read has a generous deadline, so that a broken gateway fails the
// test instead of hanging it.
func dial(t testing.TB, gw *sim.Gateway) *client {
	t.Helper()
	conn, err := net.Dial("tcp", gw.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, conn: conn.(*net.TCPConn), in: bufio.NewReader(conn)}
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, format, args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read a line: %v (have %q)", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

// challenge reads the greeting and the challenge.
func (c *client) challenge() string {
	c.t.Helper()
	if greeting := c.line(); !strings.HasPrefix(greeting, "lsg_version=") {
		c.t.Fatalf("greeting %q", greeting)
	}
	challenge, ok := strings.CutPrefix(c.line(), "cram=")
	if !ok {
		c.t.Fatalf("challenge %q", challenge)
	}
	return challenge
}

// reply is written here a second time, so that a mistake in the gateway's does not check
// itself.
func reply(challenge, key string) string {
	sum := sha256.Sum256([]byte(challenge + "|" + key))
	return hex.EncodeToString(sum[:]) + "-" + key[len(key)-5:]
}

// login authenticates; extra is appended to the line.
func (c *client) login(extra string) {
	c.t.Helper()
	c.send("auth=%s|dataset=GLBX.MDP3|encoding=dbn%s\n", reply(c.challenge(), sim.TestKey), extra)
	if answer := c.line(); !strings.HasPrefix(answer, "success=1|session_id=") {
		c.t.Fatalf("answer %q", answer)
	}
	c.decompress(extra)
}

// decompress prepares for the stream as the authentication asked for it.
func (c *client) decompress(extra string) {
	c.t.Helper()
	c.dbn = c.in
	if strings.Contains(extra, "compression=zstd") {
		r, err := zstd.NewReader(c.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(r.Close)
		c.dbn = r
	}
}

// begin starts the session and reads the metadata.
func (c *client) begin() {
	c.t.Helper()
	c.send("start_session\n")
	c.readMetadata()
}

func (c *client) readMetadata() {
	c.t.Helper()
	head := make([]byte, 8)
	if _, err := io.ReadFull(c.dbn, head); err != nil {
		c.t.Fatalf("metadata: %v", err)
	}
	total, err := dbn.MetadataLen(head)
	if err != nil {
		c.t.Fatal(err)
	}
	whole := append(head, make([]byte, total-len(head))...)
	if _, err := io.ReadFull(c.dbn, whole[8:]); err != nil {
		c.t.Fatalf("metadata: %v", err)
	}
	if c.meta, _, err = dbn.DecodeMetadata(whole); err != nil {
		c.t.Fatal(err)
	}
}

// next reads one record: io.EOF at a clean end.
func (c *client) next() (dbn.Record, error) {
	words := make([]uint64, 1024/8)
	buf := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 1024)
	if _, err := io.ReadFull(c.dbn, buf[:1]); err != nil {
		return dbn.Record{}, err
	}
	size := int(buf[0]) * 4
	if size < dbn.HeaderLen {
		return dbn.Record{}, fmt.Errorf("record of length %d", size)
	}
	if _, err := io.ReadFull(c.dbn, buf[1:size]); err != nil {
		return dbn.Record{}, io.ErrUnexpectedEOF
	}
	return dbn.RecordOf(buf[:size])
}

// mustNext is next without an end.
func (c *client) mustNext() dbn.Record {
	c.t.Helper()
	rec, err := c.next()
	if err != nil {
		c.t.Fatal(err)
	}
	return rec
}

// rest reads to the end of the stream, which must be clean: the gateway's own records and
// the data apart.
func (c *client) rest() (own, data []dbn.Record) {
	c.t.Helper()
	for {
		rec, err := c.next()
		if errors.Is(err, io.EOF) {
			return own, data
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if isOwn(rec) {
			own = append(own, rec)
		} else {
			data = append(data, rec)
		}
	}
}

func isOwn(rec dbn.Record) bool {
	t := rec.RType()
	return t == dbn.RTypeSystem || t == dbn.RTypeError || t == dbn.RTypeSymbolMapping
}

// run is a whole session: login, the subscription lines, start, everything to the end.
func run(t testing.TB, gw *sim.Gateway, extra string, lines ...string) (own, data []dbn.Record) {
	t.Helper()
	c := dial(t, gw)
	c.login(extra)
	for _, line := range lines {
		c.send("%s\n", line)
	}
	c.begin()
	return c.rest()
}

// describe is a short text of a gateway record.
func describe(rec dbn.Record) string {
	if m, ok := dbn.As[dbn.SystemMsg](rec); ok {
		return fmt.Sprintf("%s: %s", m.Code, m.MsgString())
	}
	if m, ok := dbn.As[dbn.ErrorMsg](rec); ok {
		return fmt.Sprintf("%s last=%d: %s", m.Code, m.IsLast, m.ErrString())
	}
	if m, ok := dbn.As[dbn.SymbolMappingMsg](rec); ok {
		return fmt.Sprintf("%s %s -> %d %s", m.StypeIn, m.StypeInSymbolString(), m.Hd.InstrumentID, m.StypeOutSymbolString())
	}
	return fmt.Sprintf("%s %d", rec.RType(), rec.Header().InstrumentID)
}

func describeAll(records []dbn.Record) []string {
	texts := make([]string, 0, len(records))
	for _, rec := range records {
		texts = append(texts, describe(rec))
	}
	return texts
}

// join is the bytes of records back to back.
func join(records []dbn.Record) []byte {
	var all []byte
	for _, rec := range records {
		all = append(all, rec.Bytes()...)
	}
	return all
}
