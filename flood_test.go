package dbnloop_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// numbered is a source of n mbo records whose order ids count from 0.
func numbered(n int) sim.Source {
	records := make([]dbn.MboMsg, n)
	for i := range records {
		records[i] = dbn.MboMsg{
			Hd:      dbn.RecordHeader{Length: 14, RType: dbn.RTypeMbo, PublisherID: 1, InstrumentID: 1, TsEvent: dbn.UnixNanos(1e18 + i)},
			OrderID: uint64(i), Price: 1e9, Size: 1, Action: dbn.ActionAdd, Side: dbn.SideBid,
			TsRecv: dbn.UnixNanos(1e18 + i), Sequence: uint32(i),
		}
	}
	meta := dbn.Metadata{
		Version: 3, Dataset: dataset, Schema: dbn.SchemaMbo, Start: 1e18, End: dbn.UndefTimestamp,
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, SymbolCstrLen: 71,
		Symbols:  []string{"ESZ6"},
		Mappings: []dbn.SymbolMapping{{RawSymbol: "ESZ6", Intervals: []dbn.MappingInterval{{StartDate: 20000101, EndDate: 20990101, Symbol: "1"}}}},
	}
	size := n * int(unsafe.Sizeof(dbn.MboMsg{}))
	return sim.RecordsSource(meta, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(records))), size))
}

// residentKiB is VmRSS of this process.
func residentKiB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("no /proc/self/status: %v", err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	kib, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

func TestAPausedFloodKeepsMemoryFlatAndLosesNothing(t *testing.T) {
	const n = 400_000
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{numbered(n)}, AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	next := uint64(0)
	before, during := 0, 0
	runUntilError(t, r, c, dbnloop.Handlers{Mbo: func(m *dbn.MboMsg) {
		if m.OrderID != next {
			t.Fatalf("record %d where %d was due", m.OrderID, next)
		}
		next++
		if next == n/4 {
			c.Pause()
			before = residentKiB(t)
			// The gateway sends as fast as it can all this while.
			r.AfterFunc(2*time.Second, func() {
				during = residentKiB(t)
				c.Resume()
			})
		}
	}})
	if next != n {
		t.Errorf("%d records, want %d", next, n)
	}
	if grown := during - before; grown > 8<<10 {
		t.Errorf("memory grew by %d KiB in 2 s of pause", grown)
	}
}

// BenchmarkLive measures records per second through socket, C++ core, cgo and handler;
// the simulator shares the machine's cores.
func BenchmarkLive(b *testing.B) {
	run := func(b *testing.B, handlers func(count *int) dbnloop.Handlers) {
		gw := simtest.Gateway(b, sim.Config{Sources: []sim.Source{numbered(500_000)}, Passes: sim.Forever})
		r := newReactor(b)
		c := session(b, gw, r, dbn.SchemaMbo)
		count := 0
		c.Handle(handlers(&count))
		for count < 10_000 {
			if _, err := r.Poll(time.Second); err != nil {
				b.Fatal(err)
			}
		}
		first := count
		b.ReportAllocs()
		b.ResetTimer()
		for count-first < b.N {
			if _, err := r.Poll(time.Second); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(count-first)/b.Elapsed().Seconds()/1e6, "Mrec/s")
	}
	b.Run("record", func(b *testing.B) {
		run(b, func(count *int) dbnloop.Handlers {
			return dbnloop.Handlers{Mbo: func(m *dbn.MboMsg) { *count++ }}
		})
	})
	b.Run("run", func(b *testing.B) {
		run(b, func(count *int) dbnloop.Handlers {
			return dbnloop.Handlers{MboRun: func(m []dbn.MboMsg) { *count += len(m) }}
		})
	})
	// The floor: the same bytes from the same gateway, received and not looked at.
	b.Run("recv", func(b *testing.B) {
		gw := simtest.Gateway(b, sim.Config{Sources: []sim.Source{numbered(500_000)}, Passes: sim.Forever})
		conn, err := net.Dial("tcp", gw.Addr())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		handshake(b, conn)
		buf := make([]byte, 64<<10)
		size := int(unsafe.Sizeof(dbn.MboMsg{}))
		b.ResetTimer()
		total := 0
		for total < b.N*size {
			n, err := conn.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			total += n
		}
		b.ReportMetric(float64(total/size)/b.Elapsed().Seconds()/1e6, "Mrec/s")
	})
}

// handshake does by hand what the client does, up to the stream.
func handshake(b *testing.B, conn net.Conn) {
	b.Helper()
	lines := bufio.NewReader(conn)
	line := func() string {
		text, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		return strings.TrimSpace(text)
	}
	line() // greeting
	challenge := strings.TrimPrefix(line(), "cram=")
	digest := sha256.Sum256([]byte(challenge + "|" + sim.TestKey))
	fmt.Fprintf(conn, "auth=%x-%s|dataset=%s|encoding=dbn|ts_out=0\n", digest, sim.TestKey[len(sim.TestKey)-5:], dataset)
	if answer := line(); !strings.HasPrefix(answer, "success=1") {
		b.Fatal(answer)
	}
	fmt.Fprint(conn, "schema=mbo|stype_in=raw_symbol|symbols=ALL_SYMBOLS\nstart_session\n")
}
