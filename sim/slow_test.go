package sim_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// A client that reads too slowly loses records of the schemas that the gateway skips by
// default, unless it asks for warn.
func TestASlowReaderLosesWhatItsBehaviorSays(t *testing.T) {
	const (
		warning = "slow_reader_warning: Warning: slow reading"
		one     = "skipped_records_after_slow_reading last=1: Slow client detected for 1 schema, records were skipped"
		two     = "skipped_records_after_slow_reading last=1: Slow client detected for 2 schemas, records were skipped"
	)
	quotes, trades := sampleRecords(t, dbn.SchemaMbp1), sampleRecords(t, dbn.SchemaTrades)
	for _, test := range []struct {
		options        string
		quotes, trades []byte
		answers        []string
	}{
		{"", quotes[20*80:], trades, []string{warning, one}},
		{"|slow_reader_behavior=warn", quotes, trades, []string{warning}},
		{"|slow_reader_behavior=skip", quotes[20*80:], trades[20*48:], []string{two}},
		{"|slow_reader_behavior=skip|ts_out=0|compression=zstd", quotes[20*80:], trades[20*48:], []string{two}},
	} {
		t.Run(test.options, func(t *testing.T) {
			_, c := faulty(t, sim.Config{AtEnd: sim.CloseAtEnd}, "slow-reader=0,20")
			c.login(test.options)
			c.send("schema=mbp-1|symbols=ALL_SYMBOLS|id=1\nschema=trades|symbols=ALL_SYMBOLS|id=2\n")
			c.begin()
			own, data := c.rest()
			if diff := cmp.Diff(test.answers, describeAll(own[6:])); diff != "" {
				t.Error(diff)
			}
			var got [2][]byte
			for _, rec := range data {
				i := 0
				if rec.RType() == dbn.RTypeMbp0 {
					i = 1
				}
				got[i] = append(got[i], rec.Bytes()...)
			}
			if !bytes.Equal(got[0], test.quotes) || !bytes.Equal(got[1], test.trades) {
				t.Errorf("%d quotes, want %d; %d trades, want %d", len(got[0])/80, len(test.quotes)/80, len(got[1])/48, len(test.trades)/48)
			}
		})
	}
}

// The error follows what was left out, and stands before what comes after it.
func TestSkippedRecordsAreReportedWhereTheyAreMissing(t *testing.T) {
	gw := byHand(t, sim.Config{})
	quotes := sampleRecords(t, dbn.SchemaMbp1)
	ends := boundaries(quotes)
	c := subscribed(t, gw, "schema=mbp-1|symbols=ALL_SYMBOLS|id=1", "schema=trades|symbols=ALL_SYMBOLS|id=2")
	handle, err := gw.AddFault("slow-reader=0,500")
	if err != nil {
		t.Fatal(err)
	}
	c.says("slow_reader_warning: Warning: slow reading")
	if _, err := gw.Advance(1 << 30); err != nil {
		t.Fatal(err)
	}
	trades := 0
	rec := c.mustNext()
	for ; rec.RType() == dbn.RTypeMbp0; rec = c.mustNext() {
		trades++
	}
	if text := describe(rec); trades == 0 || text != "skipped_records_after_slow_reading last=1: Slow client detected for 1 schema, records were skipped" {
		t.Fatalf("%s after %d trades", text, trades)
	}
	for rec = c.mustNext(); rec.RType() == dbn.RTypeMbp0; {
		rec = c.mustNext()
	}
	if !bytes.Equal(rec.Bytes(), quotes[ends[500]:ends[501]]) || handle.Fired() != 1 {
		t.Errorf("the next quote is not the one after those that are skipped; shown %d times", handle.Fired())
	}
}

// The gateway's default is skip for these schemas and warn for all others.
func TestTheSchemasThatAreSkippedByDefault(t *testing.T) {
	skipped := "mbp-1 mbp-10 cmbp-1 bbo-1s bbo-1m cbbo-1s cbbo-1m"
	for _, schema := range dbn.AllSchemas() {
		source := sim.RecordsSource(dbn.Metadata{Version: 3, Dataset: "GLBX.MDP3", Schema: schema}, nil)
		_, c := faulty(t, sim.Config{Sources: []sim.Source{source}, AtEnd: sim.CloseAtEnd}, "slow-reader=0")
		c.login("")
		c.send("schema=%s|symbols=ALL_SYMBOLS|id=1\n", schema)
		c.begin()
		own, _ := c.rest()
		isSkipped := strings.HasPrefix(describe(own[len(own)-1]), "skipped_records")
		if want := strings.Contains(" "+skipped+" ", " "+schema.String()+" "); isSkipped != want {
			t.Errorf("%s: skipped %t", schema, isSkipped)
		}
	}
}

// A gateway that refuses connections for a while is back after it, on the same port.
func TestConnectionsAreRefusedForATime(t *testing.T) {
	clock := sim.NewManualClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	gw, c := faulty(t, sim.Config{Clock: clock}, "sessions=1", "refuse=3,5s", "reset=3")
	if _, data, err := tradesUntilEnd(c, ""); !errors.Is(err, syscall.ECONNRESET) || len(data) != 3 {
		t.Fatalf("%d records, end %v", len(data), err)
	}
	refused := func() bool {
		conn, err := net.Dial("tcp", gw.Addr())
		if err != nil {
			return errors.Is(err, syscall.ECONNREFUSED)
		}
		conn.Close()
		return false
	}
	if !refused() {
		t.Error("connections are accepted right after the reset")
	}
	clock.Advance(4 * time.Second)
	if !refused() {
		t.Error("connections are accepted too soon")
	}
	clock.Advance(time.Second)
	for refused() { // until the port is open again
	}
	if got := greetingOf(t, gw); !strings.HasPrefix(got, "lsg_version=") {
		t.Errorf("greeting %q", got)
	}
}

func TestAGatewayThatRefusesForEverCanBeClosed(t *testing.T) {
	gw, c := faulty(t, sim.Config{AtEnd: sim.CloseAtEnd}, "refuse=100b")
	if _, data, err := tradesUntilEnd(c, ""); err != io.EOF || !bytes.Equal(join(data), sampleRecords(t, dbn.SchemaTrades)) {
		t.Errorf("the session did not go on: %v", err)
	}
	if _, err := net.Dial("tcp", gw.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	if err := gw.Close(); err != nil {
		t.Error(err)
	}
}

func greetingOf(t *testing.T, gw *sim.Gateway) string {
	t.Helper()
	return dial(t, gw).line()
}
