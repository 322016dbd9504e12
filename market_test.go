package dbnloop_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
)

// happening is a record of a market.
type happening struct {
	raw   []byte
	clock uint64 // by which replays are cut
}

// visit is how a session goes.
type visit struct {
	cut  int // bytes of everything that the gateway says, after which it hangs up; -1: never
	live int // records that happen while the session lasts; -1: all
	away int // records that happen after its end
	// What the replay does wrong.
	omit       map[int]bool
	claimAfter int // claims to be complete after that many records; 0: off
}

var calm = visit{cut: -1, live: -1}

// market is a market of one schema whose time continues while nobody is connected, and a gateway
// that cuts its sessions at any byte of what it says.
type market struct {
	listener net.Listener
	schema   dbn.Schema
	meta     dbn.Metadata
	sessions sync.WaitGroup

	mu      sync.Mutex
	records []happening
	present int      // how many have happened
	visits  []visit  // of each connection; calm afterwards
	resets  bool     // how sessions end that the client ends
	started int      // sessions whose stream began
	asked   []string // the subscription of each of these
	said    []int    // bytes of each session, uncut
	open    map[net.Conn]struct{}
}

// bounded hangs up after a number of bytes.
type bounded struct {
	conn net.Conn
	left int // -1: no bound
	said int
}

var errHungUp = errors.New("hung up")

func (b *bounded) Write(p []byte) (int, error) {
	b.said += len(p)
	if b.left < 0 {
		return b.conn.Write(p)
	}
	n := min(len(p), b.left)
	b.left -= n
	if _, err := b.conn.Write(p[:n]); err != nil {
		return 0, err
	}
	if b.left == 0 {
		return n, errHungUp
	}
	return n, nil
}

// mboMarket is a market of sample records of mbo, those after the snapshot: with times that go
// back, and with equal records.
func mboMarket(t testing.TB, n int) *market {
	t.Helper()
	meta, raw := simtest.SampleFile(t, dbn.SchemaMbo.String())
	var records []happening
	for len(records) < n && len(raw) > 0 {
		size := int(raw[0]) * 4
		record := raw[:size]
		raw = raw[size:]
		if mbo, err := dbn.RecordOf(slices.Clone(record)); err != nil {
			t.Fatal(err)
		} else if m, ok := dbn.As[dbn.MboMsg](mbo); !ok || m.Flags&dbn.FlagSnapshot != 0 {
			continue
		}
		var clock uint64
		for i := range 8 {
			clock |= uint64(record[8+i]) << (8 * i)
		}
		records = append(records, happening{record, clock})
		if len(records)%7 == 0 && len(records) < n { // a natural repeat
			records = append(records, records[len(records)-1])
		}
	}
	return newMarket(t, dbn.SchemaMbo, meta, records)
}

func newMarket(t testing.TB, schema dbn.Schema, meta dbn.Metadata, records []happening) *market {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	meta.Mappings, meta.Symbols, meta.Partial, meta.NotFound = nil, nil, nil, nil
	m := &market{listener: listener, schema: schema, meta: meta, records: records, open: map[net.Conn]struct{}{}}
	m.sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.open[conn] = struct{}{}
			m.mu.Unlock()
			m.sessions.Go(func() {
				m.serve(conn)
				conn.Close()
				m.mu.Lock()
				delete(m.open, conn)
				m.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		m.mu.Lock()
		for conn := range m.open {
			conn.Close()
		}
		m.mu.Unlock()
		m.sessions.Wait()
	})
	return m
}

// again begins again with other visits.
func (m *market) again(present int, visits ...visit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.present, m.visits = present, visits
	m.started, m.asked, m.said = 0, nil, nil
}

// endsWithResets says how sessions end that the client ends.
func (m *market) endsWithResets(resets bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resets = resets
}

func (m *market) port() int { return m.listener.Addr().(*net.TCPAddr).Port }

// since are the records from the number on, back to back.
func (m *market) since(first int) []byte {
	var all []byte
	for _, h := range m.records[first:] {
		all = append(all, h.raw...)
	}
	return all
}

// clockFrom is the lowest clock of the records from the number on.
func (m *market) clockFrom(first int) uint64 {
	lowest := uint64(dbn.UndefTimestamp)
	for _, h := range m.records[first:] {
		lowest = min(lowest, h.clock)
	}
	return lowest
}

// from are the records from the number on, after those that are not older than start.
func (m *market) from(start uint64, first int) []byte {
	var earlier []byte
	for _, h := range m.records[:first] {
		if h.clock >= start {
			earlier = append(earlier, h.raw...)
		}
	}
	return append(earlier, m.since(first)...)
}

func (m *market) serve(conn net.Conn) {
	m.mu.Lock()
	v := calm
	if len(m.visits) > 0 {
		v, m.visits = m.visits[0], m.visits[1:]
	}
	m.mu.Unlock()
	out := &bounded{conn: conn, left: v.cut}
	err := m.session(bufio.NewReader(conn), out, v)
	m.mu.Lock()
	m.present = min(m.present+v.away, len(m.records))
	m.said = append(m.said, out.said)
	m.mu.Unlock()
	if errors.Is(err, errHungUp) {
		conn.(*net.TCPConn).CloseWrite()
	}
	io.Copy(io.Discard, conn) // until the client has closed it
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.resets {
		conn.(*net.TCPConn).SetLinger(0)
	}
}

func (m *market) session(in *bufio.Reader, out *bounded, v visit) error {
	if out.left == 0 {
		return errHungUp
	}
	if _, err := io.WriteString(out, "lsg_version=0.7.0\ncram=abcdefgh\n"); err != nil {
		return err
	}
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	if _, err := io.WriteString(out, "success=1|session_id=1\n"); err != nil {
		return err
	}
	subscription := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "start_session") {
			break
		}
		subscription += line
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started++
	m.asked = append(m.asked, subscription)
	meta := m.meta
	meta.Start = dbn.UnixNanos(m.clockFrom(m.present))
	var stream bytes.Buffer
	encoder, err := dbn.NewEncoder(&stream, &meta)
	if err != nil {
		return err
	}
	if err := encoder.Flush(); err != nil {
		return err
	}
	if _, text, replays := strings.Cut(subscription, "|start="); replays {
		text, _, _ = strings.Cut(strings.TrimSpace(text), "|")
		start, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return err
		}
		count := 0
		for i, h := range m.records[:m.present] {
			if h.clock < start || v.omit[i] || v.claimAfter != 0 && count >= v.claimAfter {
				continue
			}
			count++
			stream.Write(h.raw)
		}
		stream.Write(m.replayed())
	}
	live := len(m.records) - m.present
	if v.live >= 0 {
		live = min(live, v.live)
	}
	for _, h := range m.records[m.present : m.present+live] {
		stream.Write(h.raw)
	}
	m.present += live
	_, err = out.Write(stream.Bytes())
	if err == nil && v.cut >= 0 {
		err = errHungUp // everything was said before
	}
	return err
}

// replayed is what says that a replay is complete.
func (m *market) replayed() []byte {
	record := dbn.SystemMsg{Hd: dbn.RecordHeader{RType: dbn.RTypeSystem, TsEvent: dbn.UnixNanos(m.records[0].clock)}, Code: dbn.SystemCodeReplayCompleted}
	copy(record.Msg[:], fmt.Sprintf("Finished %s replay", m.schema))
	raw := simtest.RecordBytes([]dbn.SystemMsg{record})
	raw[0] = byte(len(raw) / 4)
	return slices.Clone(raw)
}
