package top

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/sample"
)

var update = flag.Bool("update", false, "write the golden files")

// screenOf is a screen over a feed of a test, whose clock stands still.
func screenOf(t *testing.T, width, height int) (*model, *Feed) {
	t.Helper()
	now := opening.Time()
	feed := newFeed(func() time.Time { return now }, slog.LevelInfo)
	m := newModel(feed.exchange, &feed.events, order{by: volumeColumn})
	m.now = feed.clock
	send(m, tea.WindowSizeMsg{Width: width, Height: height})
	return m, feed
}

// send passes messages to a screen, as a terminal does.
func send(m *model, messages ...tea.Msg) (last tea.Cmd) {
	for _, msg := range messages {
		_, last = m.Update(msg)
	}
	return last
}

// press presses keys by their names.
func press(m *model, keys ...string) (last tea.Cmd) {
	special := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
		"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
		"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "space": {Code: tea.KeySpace, Text: " "},
		"backspace": {Code: tea.KeyBackspace}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+z": {Code: 'z', Mod: tea.ModCtrl},
	}
	for _, key := range keys {
		msg, ok := special[key]
		if !ok {
			msg = tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
		}
		last = send(m, msg)
	}
	return last
}

// plainScreen is what a screen shows, without colors.
func plainScreen(m *model) string { return ansi.Strip(m.View().Content) }

// day brings a market of odd symbols and prices to a feed, over seventy seconds.
func day(f *Feed) {
	m := f.market
	m.lagged = true
	m.setNow(opening)
	symbols := []string{
		"ESZ6", "NQZ6", "CLF7", "GCG7", "ZNH7", "6EZ6", "BRK.B", "AAPL", "SPXW  261218C05800000", "日経225", "ESZ6\x1b[31m-NQZ6", "e\u0301cart",
	}
	for i, symbol := range symbols {
		m.record(samples.Mapping(uint32(4916+i), symbol), 0)
	}
	for second := range uint64(70) {
		now := opening + dbn.UnixNanos(second*nanosPerSecond+400_000_000)
		m.setNow(now)
		for i := range uint32(14) {
			if i == 6 && second > 3 || i == 7 && second%2 == 0 { // a quiet one, and a slow one
				continue
			}
			id := 4916 + i
			price := dbn.Price(6742_250_000_000) / dbn.Price(1+i*i*i)
			price -= price % 250_000
			if i == 4 { // in 64ths
				price = 113_015_625_000
			}
			if i == 10 { // a spread
				price = -18_250_000_000_000
			}
			move := dbn.Price(int(second*uint64(i+3)%17)-8) * price / 10_000
			move -= move % 250_000
			event := now - dbn.UnixNanos(150_000*(1+i*i))
			level := dbn.BidAskPair{BidPx: price + move, AskPx: price + move + 250_000_000, BidSz: 1 + uint32(second)%9, AskSz: 1 << (2 * i)}
			if i == 8 {
				level.AskPx, level.AskSz = dbn.UndefPrice, 0
			}
			if i != 13 { // which has trades only
				m.mbp1([]dbn.Mbp1Msg{{
					Hd: header[dbn.Mbp1Msg](dbn.RTypeMbp1, id, event), Price: price, Size: 3, Action: dbn.ActionAdd, TsRecv: now - 90_000, Levels: [1]dbn.BidAskPair{level},
				}}, 0)
			}
			if i != 9 && second%3 == uint64(i)%3 {
				m.trades([]dbn.TradeMsg{{
					Hd: header[dbn.TradeMsg](dbn.RTypeMbp0, id, event), Price: price + move, Size: 7 << i, Action: dbn.ActionTrade, TsRecv: now - 90_000,
				}}, 0)
			}
		}
	}
	for i, action := range []dbn.StatusAction{dbn.StatusActionTrading, dbn.StatusActionHalt, dbn.StatusActionPreOpen} {
		m.status([]dbn.StatusMsg{{Hd: header[dbn.StatusMsg](dbn.RTypeStatus, uint32(4916+i), m.now), TsRecv: m.now, Action: action}}, 0)
	}
	log := slog.New(eventLog{events: &f.events})
	log.Info("caught up: what follows is live")
	log.Warn("gateway: slow reader\x1b[2J: the client is 12,000 records late")
	log.Error("gap: records of trades from 2026-11-15T23:00:10.000000000Z to 2026-11-15T23:00:12.000000000Z may be missing", "code", 7)
	for i := range f.events.list {
		f.events.list[i].at = opening.Time().Add(time.Duration(i) * time.Second)
	}
	f.show("streaming GLBX.MDP3, session 1")
}

func TestTheScreenAtItsSizes(t *testing.T) {
	for _, size := range []struct{ width, height int }{{80, 24}, {120, 40}, {50, 15}} {
		for name, keys := range map[string][]string{
			"volume": nil, "symbol": {"S"}, "filter": {"/", "z", "6"}, "filtered": {"/", "*", "z", "6", "enter"}, "help": {"?"}, "events": {"e"}, "paused": {"p"}, "spread-reversed": {"D", "r"},
		} {
			m, feed := screenOf(t, size.width, size.height)
			day(feed)
			send(m, freshMsg{})
			press(m, keys...)
			var b strings.Builder
			for line := range strings.Lines(plainScreen(m)) {
				b.WriteString(strings.TrimRight(line, " \n") + "\n")
			}
			compare(t, fmt.Sprintf("%dx%d-%s.txt", size.width, size.height, name), b.String())
		}
	}
}

// compare compares a text with a golden file.
func compare(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got, rewrite with -update): %s", name, diff)
	}
}

func TestAScreenFitsAtEverySize(t *testing.T) {
	m, feed := screenOf(t, 80, 24)
	day(feed)
	send(m, freshMsg{})
	for width := 1; width <= 200; width += 1 + width/20 {
		for _, height := range []int{1, 2, 3, 5, 12, 20, 39, 60} {
			send(m, tea.WindowSizeMsg{Width: width, Height: height})
			for _, keys := range [][]string{nil, {"?"}, {"x", "e"}, {"x", "/"}, {"esc"}} {
				press(m, keys...)
				lines := strings.Split(plainScreen(m), "\n")
				if len(lines) > height {
					t.Fatalf("%dx%d, after %v: %d lines", width, height, keys, len(lines))
				}
				for _, line := range lines {
					if ansi.StringWidth(line) > width || strings.ContainsFunc(line, func(c rune) bool { return !cli.IsPlain(c) }) {
						t.Fatalf("%dx%d, after %v: %q", width, height, keys, line)
					}
				}
			}
		}
	}
}

func TestColorsSayNothingThatTextDoesNot(t *testing.T) {
	m, feed := screenOf(t, 120, 40)
	day(feed)
	send(m, freshMsg{})
	colored := m.View().Content
	m.styles = styles{}
	if plain := m.View().Content; plain == colored || ansi.Strip(colored) != plain {
		t.Errorf("%q", plain)
	}
}

// The picture in docs/top.md.
func TestAScreenOfTheSampleData(t *testing.T) {
	m, feed := screenOf(t, 96, 12)
	files := Files{Schemas: []dbn.Schema{dbn.SchemaMbp1, dbn.SchemaStatus}}
	for _, schema := range files.Schemas {
		data, err := sample.Data.ReadFile("data/" + schema.String() + ".dbn.zst")
		if err != nil {
			t.Fatal(err)
		}
		files.Names = append(files.Names, write(t, schema.String()+".dbn.zst", data))
	}
	feed.Limit = 2000
	if err := files.Play(feed); err != nil {
		t.Fatal(err)
	}
	send(m, freshMsg{})
	var b strings.Builder
	for line := range strings.Lines(plainScreen(m)) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	compare(t, "sample-96x12.txt", b.String())
}
