package top

import (
	"errors"
	"syscall"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// maxFilter is how long a filter may be, in characters.
const maxFilter = 40

// page is what the screen shows.
type page int

const (
	tablePage page = iota
	helpPage
	eventsPage
)

// model is the screen. It sees snapshots and events, never a record.
type model struct {
	*exchange
	events *events
	source *outcome
	closed <-chan struct{} // the screen is, for now or for good

	snapshot *Snapshot // nil: none came yet
	shown    []int32   // lines of the snapshot, in their order
	order    order
	widths   widths
	scroll   int // lines above the screen

	page   page
	paused bool
	typing bool // the filter
	input  textinput.Model
	ended  bool  // the source has
	quit   error // why the program ends, if it was asked to with a reason

	width, height int
	styles        styles
	frames        statistics // the time that updates and views took
	gaps          statistics // the time between two snapshots
	refreshed     time.Time
	now           func() time.Time

	suspend   func() // asks for the process to be stopped
	suspended bool   // it is to be
}

func newModel(x *exchange, events *events, o order) *model {
	m := &model{exchange: x, events: events, source: newOutcome(), order: o, input: textinput.New(), styles: newStyles(), width: 80, height: 24, now: time.Now, suspend: suspend}
	m.input.Prompt = "/"
	m.input.CharLimit = maxFilter
	m.input.KeyMap.Paste.SetEnabled(false) // it would run a program to read the clipboard
	return m
}

// freshMsg says that there is a newer snapshot.
type freshMsg struct{}

// endedMsg says that the source has ended.
type endedMsg struct{}

// suspendMsg says that the process is to be stopped.
type suspendMsg struct{}

// await waits for the next snapshot, or the end of the source. The feed never waits for the screen.
func (m *model) await() tea.Cmd {
	ended, closed := m.source.ended, m.closed
	if m.ended {
		ended = nil
	}
	return func() tea.Msg {
		select {
		case <-m.fresh:
			return freshMsg{}
		case <-ended:
			return endedMsg{}
		case <-closed:
			return nil
		}
	}
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return m.await() }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	defer m.measure(m.now())
	switch msg := msg.(type) {
	case freshMsg:
		if !m.paused {
			m.refresh()
		}
		return m, m.await()
	case endedMsg:
		m.ended = true
		m.refresh()
		var signaled exit.Signal
		if errors.As(m.source.err, &signaled) {
			return m, tea.Quit
		}
		return m, m.await()
	case suspendMsg:
		m.suspended = true
		return m, tea.Quit
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.widths = widths{}
		m.arrange()
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.PasteMsg:
		if m.typing {
			return m, m.edit(tea.PasteMsg{Content: cli.Plain(msg.Content)})
		}
	}
	return m, nil
}

// refresh takes the newest snapshot.
func (m *model) refresh() {
	if s := m.take(m.snapshot); s != nil {
		m.snapshot = s
		now := m.now()
		if !m.refreshed.IsZero() && !m.paused {
			m.gaps.add(now.Sub(m.refreshed))
		}
		m.refreshed = now
		m.arrange()
	}
}

// arrange sorts the lines, and makes room for those on the screen.
func (m *model) arrange() {
	if m.snapshot == nil {
		return
	}
	m.shown = m.order.apply(m.shown, m.snapshot.Lines)
	m.scroll = max(0, min(m.scroll, len(m.shown)-m.bodyHeight()))
	m.widths.grow(m.snapshot.Lines, m.visible())
}

// visible are the lines on the screen.
func (m *model) visible() []int32 {
	return m.shown[m.scroll:min(len(m.shown), m.scroll+m.bodyHeight())]
}

// press does what a key asks for.
func (m *model) press(msg tea.KeyPressMsg) tea.Cmd {
	key := msg.String()
	switch {
	case key == "ctrl+c":
		m.quit = exit.Signal(syscall.SIGINT)
		return tea.Quit
	case key == "ctrl+z":
		m.suspend()
		return nil
	case m.typing:
		return m.typed(key, msg)
	case m.page != tablePage:
		if key == "q" {
			return tea.Quit
		}
		m.page = tablePage
		return nil
	}
	for c := range columns {
		if key == columns[c].key {
			m.sortBy(column(c))
			return nil
		}
	}
	body := m.bodyHeight()
	switch key {
	case "q":
		return tea.Quit
	case "p", "space":
		m.pause()
	case "?", "h", "f1":
		m.page = helpPage
	case "e":
		m.page = eventsPage
	case "/":
		m.typing = true
		m.input.SetValue(m.order.filter)
		return m.input.Focus()
	case "esc":
		m.order.filter = ""
	case "r":
		m.order.reverse = !m.order.reverse
	case "left", "<":
		m.order.by = (m.order.by + columnCount - 1) % columnCount
	case "right", ">":
		m.order.by = (m.order.by + 1) % columnCount
	case "up", "k":
		m.scroll--
	case "down", "j":
		m.scroll++
	case "pgup":
		m.scroll -= body
	case "pgdown":
		m.scroll += body
	case "home":
		m.scroll = 0
	case "end":
		m.scroll = len(m.shown)
	}
	m.arrange()
	return nil
}

// typed is a key while the filter is typed. What is typed takes effect at once.
func (m *model) typed(key string, msg tea.KeyPressMsg) tea.Cmd {
	switch key {
	case "enter":
		m.typing = false
		m.input.Blur()
		return nil
	case "esc":
		m.typing = false
		m.input.Blur()
		m.order.filter = ""
		m.arrange()
		return nil
	}
	return m.edit(msg)
}

// edit passes a message to the input of the filter.
func (m *model) edit(msg tea.Msg) (cmd tea.Cmd) {
	m.input, cmd = m.input.Update(msg)
	m.order.filter = m.input.Value()
	m.arrange()
	return cmd
}

// sortBy sorts by a column; by the same one, the other way round.
func (m *model) sortBy(c column) {
	if m.order.by == c {
		m.order.reverse = !m.order.reverse
	} else {
		m.order.by, m.order.reverse = c, false
	}
	m.arrange()
}

// pause freezes the screen, and not the feed.
func (m *model) pause() {
	m.paused = !m.paused
	if !m.paused {
		m.refresh()
	}
}

func (m *model) measure(began time.Time) { m.frames.add(m.now().Sub(began)) }
