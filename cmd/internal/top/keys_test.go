package top

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// trades brings one trade each to a feed: of symbols, at prices in their order.
func trades(f *Feed, symbols ...string) {
	m := f.market
	m.setNow(opening)
	for i, symbol := range symbols {
		m.names[uint32(i)] = symbol
		m.trades([]dbn.TradeMsg{{
			Hd: header[dbn.TradeMsg](dbn.RTypeMbp0, uint32(i), opening), Price: dbn.Price(i+1) * 1_000_000_000, Size: 1, Action: dbn.ActionTrade, TsRecv: opening,
		}}, 0)
	}
	f.show("streaming")
}

// symbolsOn are the symbols on a screen, from above.
func symbolsOn(m *model) (list []string) {
	for _, i := range m.visible() {
		list = append(list, m.snapshot.Lines[i].Symbol)
	}
	return list
}

func TestKeysSortFilterAndScroll(t *testing.T) {
	all := []string{"AAA", "BBB", "CCC", "AB", "CA"} // by volume they are equal, so by symbol
	for _, c := range []struct {
		keys []string
		want string
	}{
		{nil, "AAA AB BBB CA CCC"},
		{[]string{"S", "r"}, "CCC CA BBB AB AAA"},
		{[]string{"S", "S"}, "CCC CA BBB AB AAA"},
		{[]string{"L"}, "CA AB CCC BBB AAA"},
		{[]string{"L", "L"}, "AAA BBB CCC AB CA"},
		{[]string{"S", "right"}, "CA AB CCC BBB AAA"},
		{[]string{"S", "left", "left", ">", ">", ">"}, "CA AB CCC BBB AAA"},
		{[]string{"B"}, "AAA AB BBB CA CCC"}, // no quotes
		{[]string{"B", "r"}, "AAA AB BBB CA CCC"},
		{[]string{"/", "a"}, "AAA AB CA"},
		{[]string{"/", "a", "b"}, "AB"},
		{[]string{"/", "a", "b", "backspace", "enter"}, "AAA AB CA"},
		{[]string{"/", "a", "enter", "S", "r"}, "CA AB AAA"},
		{[]string{"/", "a", "esc"}, "AAA AB BBB CA CCC"},
		{[]string{"/", "a", "enter", "esc"}, "AAA AB BBB CA CCC"},
		{[]string{"/", "?", "?"}, "AB CA"},
		{[]string{"/", "c", "*"}, "CA CCC"},
		{[]string{"/", "[", "b"}, ""}, // no pattern
		{[]string{"/", "q"}, ""},      // a letter, and not the end
		{[]string{"?", "/"}, "AAA AB BBB CA CCC"},
	} {
		m, feed := screenOf(t, 80, 24)
		trades(feed, all...)
		send(m, freshMsg{})
		press(m, c.keys...)
		if got := strings.Join(symbolsOn(m), " "); got != c.want {
			t.Errorf("after %q: %s, want %s", c.keys, got, c.want)
		}
	}
}

func TestAScreenScrollsWithinItsLines(t *testing.T) {
	m, feed := screenOf(t, 80, 7) // three lines
	var all []string
	for c := 'A'; c <= 'J'; c++ {
		all = append(all, string(c))
	}
	trades(feed, all...)
	send(m, freshMsg{})
	for _, step := range []struct{ key, want string }{
		{"up", "ABC"}, {"down", "BCD"}, {"j", "CDE"}, {"k", "BCD"}, {"pgdown", "EFG"}, {"pgdown", "HIJ"}, {"pgdown", "HIJ"}, {"home", "ABC"}, {"end", "HIJ"}, {"pgup", "EFG"},
	} {
		press(m, step.key)
		if got := strings.Join(symbolsOn(m), ""); got != step.want {
			t.Errorf("after %s: %s, want %s", step.key, got, step.want)
		}
	}
	press(m, "end")
	send(m, tea.WindowSizeMsg{Width: 80, Height: 9})
	if got := strings.Join(symbolsOn(m), ""); got != "FGHIJ" {
		t.Errorf("after the screen grew: %s", got)
	}
}

func TestAPausedScreenStandsStillWhileTheFeedContinues(t *testing.T) {
	for _, key := range []string{"p", "space"} {
		m, feed := screenOf(t, 80, 24)
		trades(feed, "A")
		send(m, freshMsg{})
		press(m, key)
		for range 5 {
			trades(feed, "A", "B")
			send(m, freshMsg{})
		}
		if screen := plainScreen(m); !strings.Contains(screen, "PAUSED") || strings.Contains(screen, " B ") {
			t.Errorf("%s", screen)
		}
		press(m, "S", "r") // it can be sorted
		press(m, key)
		if diff := cmp.Diff([]string{"B", "A"}, symbolsOn(m)); diff != "" || strings.Contains(plainScreen(m), "PAUSED") {
			t.Errorf("%s%s", diff, plainScreen(m))
		}
		if volume := m.snapshot.Lines[0].Volume; volume != 6 {
			t.Errorf("volume %d", volume)
		}
	}
}

func TestAFilterTakesTextThatIsPastedAndNoControlCharacters(t *testing.T) {
	m, feed := screenOf(t, 80, 24)
	trades(feed, "ESZ6", "NQZ6")
	send(m, freshMsg{}, tea.PasteMsg{Content: "lost"})
	press(m, "/")
	send(m, tea.PasteMsg{Content: "es\x1b[2J"})
	if strings.ContainsRune(m.View().Content, '\x1b') && strings.Contains(plainScreen(m), "[2J") == false {
		t.Errorf("%q", m.View().Content)
	}
	if m.order.filter != "es?[2J" {
		t.Errorf("filter %q", m.order.filter)
	}
}

func TestHowAScreenEnds(t *testing.T) {
	quits := func(cmd tea.Cmd) bool {
		if cmd == nil {
			return false
		}
		_, quit := cmd().(tea.QuitMsg)
		return quit
	}
	for _, c := range []struct {
		keys []string
		want bool
	}{{[]string{"q"}, true}, {[]string{"?", "q"}, true}, {[]string{"e", "q"}, true}, {[]string{"/", "ctrl+c"}, true}, {[]string{"x"}, false}} {
		m, _ := screenOf(t, 80, 24)
		if got := quits(press(m, c.keys...)); got != c.want {
			t.Errorf("after %q: %v, want %v", c.keys, got, c.want)
		}
	}
	m, _ := screenOf(t, 80, 24)
	press(m, "ctrl+c")
	var signaled exit.Signal
	if !errors.As(m.quit, &signaled) || signaled != exit.Signal(syscall.SIGINT) {
		t.Errorf("%v", m.quit)
	}
	m.source.err = exit.Signal(syscall.SIGTERM)
	if cmd := send(m, endedMsg{}); !quits(cmd) {
		t.Error("a signal left the screen")
	}
	m, feed := screenOf(t, 80, 24)
	trades(feed, "A")
	m.source.err = errors.New("the session broke")
	closed := make(chan struct{})
	close(closed)
	m.closed = closed
	if cmd := send(m, endedMsg{}); quits(cmd) || !strings.Contains(plainScreen(m), "ended") || !strings.Contains(plainScreen(m), " A ") {
		t.Errorf("%s", plainScreen(m))
	}
	if cmd := send(m, suspendMsg{}); !quits(cmd) || !m.suspended {
		t.Error("it was not suspended")
	}
	stopped := 0
	m.suspend = func() { stopped++ }
	if cmd := press(m, "/", "ctrl+z"); cmd != nil || stopped != 1 {
		t.Errorf("suspended %d times", stopped)
	}
}

func TestEveryColumnHasANameAndAKeyOfItsOwn(t *testing.T) {
	used := []string{"q", "p", "h", "e", "r", "k", "j", "x"}
	for i, c := range columns {
		if slices.Contains(used, c.key) || slices.Contains(used, c.name) || c.key == "" {
			t.Errorf("column %d: key %q, name %q", i, c.key, c.name)
		}
		used = append(used, c.key, c.name)
		m, _ := screenOf(t, 80, 24)
		m.order.by = columnCount
		press(m, c.key)
		if m.order.by != column(i) {
			t.Errorf("%s sorts by column %d, want %d", c.key, m.order.by, i)
		}
	}
}

func TestOldEventsMakeRoom(t *testing.T) {
	e := &events{least: slog.LevelInfo}
	log := slog.New(eventLog{events: e})
	log.Debug("not wanted")
	for range maxEvents {
		log.Info("first")
	}
	log.With("a", 1).WithGroup("g").Warn("last\n", "b", 2)
	list := e.last(maxEvents + 1)
	if len(list) != maxEvents || list[maxEvents-1].text != "last?, a=1, b=2" {
		t.Errorf("%d events, the last %q", len(list), list[len(list)-1].text)
	}
}
