package top

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// played are trades at times after the opening, walked through on a clock of the test.
type played struct {
	walk
	now   time.Time
	waits []time.Duration
}

func play(pace float64, at ...time.Duration) (*played, error) {
	p := &played{now: time.Unix(1_800_000_000, 0)}
	p.feed = newFeed(func() time.Time { return p.now }, slog.LevelInfo)
	p.pace, p.shown = pace, p.now
	p.wait = func(d time.Duration) bool {
		p.waits = append(p.waits, d)
		p.now = p.now.Add(d)
		return true
	}
	var all [256]bool
	all[dbn.RTypeMbp0] = true
	err := p.run(func() (dbn.Record, error) {
		if len(at) == 0 {
			return dbn.Record{}, io.EOF
		}
		ts := opening + dbn.UnixNanos(at[0])
		at = at[1:]
		m := &dbn.TradeMsg{Hd: header[dbn.TradeMsg](dbn.RTypeMbp0, 7, ts), TsRecv: ts, Action: dbn.ActionTrade, Size: 1}
		return dbn.Ref(&m.Hd), nil
	}, all)
	return p, err
}

func TestRecordsOfFilesComeAtTheirPace(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		pace float64
		at   []time.Duration
		took time.Duration
	}{
		"as it was":                {1, []time.Duration{0, second / 10, second, 2 * second}, 2 * second},
		"ten times":                {10, []time.Duration{0, second, 20 * second}, 2 * second},
		"slowly":                   {0.5, []time.Duration{0, second}, 2 * second},
		"out of order":             {1, []time.Duration{second, 0, 2 * second}, second},
		"at once":                  {0, []time.Duration{0, 3600 * second}, 0},
		"without the hours before": {1, []time.Duration{0, second, 3600 * second, 3601 * second}, 2 * second},
	} {
		p, err := play(c.pace, c.at...)
		if took := p.now.Sub(time.Unix(1_800_000_000, 0)); err != nil || took.Round(time.Millisecond) != c.took {
			t.Errorf("%s: took %v, want %v (%v)", name, took, c.took, err)
		}
		if p.feed.market.records != uint64(len(c.at)) || p.feed.market.now < opening+dbn.UnixNanos(c.at[len(c.at)-1]) {
			t.Errorf("%s: %d records, at %v", name, p.feed.market.records, p.feed.market.now)
		}
		for _, d := range p.waits {
			if d <= 0 || d > tick {
				t.Errorf("%s: waited for %v", name, d)
			}
		}
	}
	p, _ := play(2, 0, 3600*second)
	if events := p.feed.events.last(1); len(events) != 1 || events[0].text != "skipped 1h0m0s without records" {
		t.Errorf("%v", events)
	}
}

func TestWhileNoRecordComesTheRatesFall(t *testing.T) {
	p, _ := play(1, 0, 0, 0, 2900*time.Millisecond)
	s := p.feed.take(nil)
	if s == nil || s.Lines[0].Messages < 1 || s.Lines[0].Messages > 1.2 {
		t.Errorf("%+v", s)
	}
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesAreMergedAndFiltered(t *testing.T) {
	var names []string
	want := 0
	for _, schema := range []dbn.Schema{dbn.SchemaTrades, dbn.SchemaMbp1, dbn.SchemaStatus, dbn.SchemaDefinition} {
		data, err := sample.Data.ReadFile("data/" + schema.String() + ".dbn.zst")
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, write(t, "x.dbn.zst", data))
		if schema == dbn.SchemaTrades || schema == dbn.SchemaMbp1 {
			_, records := samples.Records(t, schema)
			want += len(records)
		}
	}
	feed := newFeed(time.Now, slog.LevelInfo)
	files := Files{Names: names, Schemas: []dbn.Schema{dbn.SchemaTrades, dbn.SchemaMbp1}}
	if err := files.Play(feed); err != nil {
		t.Fatal(err)
	}
	s := feed.take(nil)
	if s.Records != uint64(want) || len(s.Lines) != 4 || s.State != "4 files" {
		t.Errorf("%d records, want %d; %d lines, %s", s.Records, want, len(s.Lines), s.State)
	}
	// Every trade is in both schemas.
	volumes := make(map[string]uint64)
	_, records := samples.Records(t, dbn.SchemaTrades)
	names2 := map[uint32]string{4916: "ESZ6", 5122: "NQZ6", 73214: "CLF7", 81640: "GCG7"}
	for _, r := range records {
		m, _ := dbn.As[dbn.TradeMsg](r)
		volumes[names2[m.Hd.InstrumentID]] += uint64(m.Size)
	}
	for _, line := range s.Lines {
		if line.Volume != volumes[line.Symbol] || line.Volume == 0 {
			t.Errorf("%s: volume %d, want %d", line.Symbol, line.Volume, volumes[line.Symbol])
		}
	}
}

func TestALimitEndsFiles(t *testing.T) {
	data, err := sample.Data.ReadFile("data/trades.dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	feed := newFeed(time.Now, slog.LevelInfo)
	feed.Limit = 17
	if err := (&Files{Names: []string{"-"}, Stdin: bytes.NewReader(data)}).Play(feed); err != nil || feed.market.records != 17 {
		t.Errorf("%d records, %v", feed.market.records, err)
	}
}

func TestAStopEndsFilesWhileTheyWait(t *testing.T) {
	data, err := sample.Data.ReadFile("data/trades.dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	feed := newFeed(time.Now, slog.LevelInfo)
	feed.Stop()
	if err := (&Files{Names: []string{"-"}, Pace: 0.001, Stdin: bytes.NewReader(data)}).Play(feed); err != nil {
		t.Error(err)
	}
	if feed.market.records > batch {
		t.Errorf("%d records", feed.market.records)
	}
}

func TestFilesThatCannotBePlayed(t *testing.T) {
	whole, err := sample.Data.ReadFile("data/trades.dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, text string
		code       int
	}{
		"missing": {filepath.Join(t.TempDir(), "none.dbn"), "cannot open", exit.Failure},
		"no DBN":  {write(t, "x.dbn", []byte("not a DBN file at all")), "x.dbn: ", exit.Corrupt},
		"cut off": {write(t, "x.dbn.zst", whole[:len(whole)-100]), "x.dbn.zst: ", exit.Partial},
	} {
		feed := newFeed(time.Now, slog.LevelInfo)
		err := (&Files{Names: []string{c.path}}).Play(feed)
		var own *exit.Error
		if !errors.As(err, &own) || own.Code != c.code || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
