package top

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/live"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// watch runs a live session that shows the sample data.
func watch(t *testing.T, f *Feed, end sim.EndAction, schemas ...dbn.Schema) error {
	t.Helper()
	gw := simtest.Gateway(t, sim.Config{Sources: sim.SampleSources(), AtEnd: end})
	o := live.Options{
		Host: gw.Host(), Port: gw.Port(), Dataset: "GLBX.MDP3", Key: sim.TestKey,
		Client:  []dbnloop.LiveOption{dbnloop.WithDataset("GLBX.MDP3")},
		Output:  &output.Output{Settings: output.Settings{Silent: true}},
		Display: f, Exit: func(int) {},
	}
	if f.TsOut {
		o.Client = append(o.Client, dbnloop.WithTsOut())
	}
	for _, schema := range schemas {
		o.Subscriptions = append(o.Subscriptions, dbnloop.Subscription{Schema: schema, Symbols: []string{dbn.AllSymbols}})
	}
	return live.Run(f.Log(), o)
}

// seen is what a feed shows of its instruments but for times and rates.
func seen(f *Feed) map[string]Line {
	f.show("")
	lines := make(map[string]Line)
	for _, l := range f.take(nil).Lines {
		lines[l.Symbol] = Line{Mark: l.Mark, Direction: l.Direction, Last: l.Last, Bid: l.Bid, Ask: l.Ask, BidSize: l.BidSize, AskSize: l.AskSize, Volume: l.Volume}
	}
	return lines
}

func TestALiveSessionShowsWhatAFileDoes(t *testing.T) {
	schemas := []dbn.Schema{dbn.SchemaMbp1, dbn.SchemaTrades, dbn.SchemaStatus, dbn.SchemaOhlcv1S, dbn.SchemaMbo}
	file := newFeed(time.Now, slog.LevelInfo)
	total := 0
	for _, schema := range schemas {
		_, records := samples.Records(t, schema)
		total += len(records)
	}
	var names []string
	for _, schema := range schemas {
		names = append(names, "../../../sim/sample/data/"+schema.String()+".dbn.zst")
	}
	if err := (&Files{Names: names}).Play(file); err != nil {
		t.Fatal(err)
	}
	want := seen(file)
	if len(want) != 4 {
		t.Fatalf("%v", want)
	}
	for _, tsOut := range []bool{false, true} {
		f := newFeed(time.Now, slog.LevelDebug)
		f.TsOut = tsOut
		err := watch(t, f, sim.CloseAtEnd, schemas...)
		if code := exit.FromError(err); code != exit.Failure { // as for every session that the gateway ends
			t.Errorf("ts_out %v: %v", tsOut, err)
		}
		if f.market.records != uint64(total) {
			t.Errorf("ts_out %v: %d records, want %d", tsOut, f.market.records, total)
		}
		if diff := cmp.Diff(want, seen(f)); diff != "" {
			t.Errorf("ts_out %v: %s", tsOut, diff)
		}
		if events := f.events.last(maxEvents); len(events) == 0 || !strings.HasPrefix(events[0].text, "session: ") {
			t.Errorf("%v", events)
		}
	}
}

func TestALimitEndsALiveSession(t *testing.T) {
	for _, tsOut := range []bool{false, true} {
		f := newFeed(time.Now, slog.LevelInfo)
		f.Limit, f.TsOut = 123, tsOut
		if err := watch(t, f, sim.StayAtEnd, dbn.SchemaMbo, dbn.SchemaTrades); err != nil || f.market.records != 123 {
			t.Errorf("ts_out %v: %d records, %v", tsOut, f.market.records, err)
		}
	}
}

func TestAStopEndsALiveSession(t *testing.T) {
	f := newFeed(time.Now, slog.LevelInfo)
	f.Stop()
	if err := watch(t, f, sim.StayAtEnd, dbn.SchemaMbo); err != nil {
		t.Error(err)
	}
}
