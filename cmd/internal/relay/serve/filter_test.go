package serve

import (
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/batch"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
)

// A replay has no record before its start, also when the log is ahead of what the relay has read of it, so that the
// start is after the present. What comes later is live, whatever its time.
func TestAReplayHasNothingBeforeItsStart(t *testing.T) {
	at := func(ts dbn.UnixNanos) []byte {
		trade := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, TsEvent: ts}}
		return append([]byte(nil), dbn.Ref(&trade.Hd).Bytes()...)
	}
	const from, start = 10, 100
	of := filters{}
	of.add(&gateway.Subscription{Schema: dbn.SchemaTrades, All: true, Replay: true, Start: start}, from)
	f := of["trades"]
	for _, test := range []struct {
		what      string
		seq, live uint64
		ts        dbn.UnixNanos
		takes     bool
		all       bool
	}{
		{"too early, in the first message", from, 20, start - 1, false, false},
		{"the start, in the first message", from, 20, start, true, false},
		{"too early, before the present", 19, 20, start - 1, false, false},
		{"early, but live", 20, 20, start - 1, true, true},
		{"too early, in the first message after the present", from, 5, start - 1, false, false},
		{"the start, in the first message after the present", from, 5, start, true, false},
		{"early, but live, after the first message", from + 1, 5, start - 1, true, true},
		{"before the first message", from - 1, 5, start, false, false},
	} {
		record := at(test.ts)
		m := &log.Message{Sequence: test.seq, Batch: &batch.Batch{Schema: "trades", Count: 1, Records: record}}
		if got := f.takes(record, test.seq, test.live); got != test.takes {
			t.Errorf("%s: taken %v, want %v", test.what, got, test.takes)
		}
		if got := f.takesAll(m, test.live); got != test.all {
			t.Errorf("%s: all are taken %v, want %v", test.what, got, test.all)
		}
	}
}
