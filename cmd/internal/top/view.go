package top

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// styles are the colors, every one of which says what is also said without it. The terminal's
// abilities and NO_COLOR decide which of them reach it.
type styles struct {
	header, sorted, up, down, mark, late, state, paused, warning, failure, quiet lipgloss.Style
}

func newStyles() styles {
	plain := lipgloss.NewStyle()
	return styles{
		header: plain.Bold(true), sorted: plain.Bold(true).Reverse(true),
		up: plain.Foreground(lipgloss.Green), down: plain.Foreground(lipgloss.Red),
		mark: plain.Foreground(lipgloss.Yellow).Bold(true), late: plain.Foreground(lipgloss.Yellow),
		state: plain.Bold(true), paused: plain.Reverse(true).Bold(true),
		warning: plain.Foreground(lipgloss.Yellow), failure: plain.Foreground(lipgloss.Red), quiet: plain.Faint(true),
	}
}

// lateLag is what makes a lag stand out, in ns.
const lateLag = float64(time.Second)

// View implements tea.Model.
func (m *model) View() tea.View {
	defer m.measure(m.now())
	v := tea.NewView(m.screen())
	v.AltScreen = true
	v.WindowTitle = "dbn-tail top"
	return v
}

// screen is all lines of the screen, none of them longer than it is wide.
func (m *model) screen() string {
	lines := []string{m.statusLine()}
	switch m.page {
	case helpPage:
		lines = append(lines, helpLines(m.width)...)
	case eventsPage:
		wrapped := strings.Split(ansi.Wrap(strings.Join(m.eventLines(m.height-2), "\n"), m.width, ""), "\n")
		lines = append(lines, wrapped[max(0, len(wrapped)-max(m.height-2, 0)):]...)
		for len(lines) < m.height-1 {
			lines = append(lines, "")
		}
		lines = append(lines, m.styles.quiet.Render("any key: back"))
	default:
		lines = append(lines, m.table()...)
		for len(lines) < m.height-m.footerHeight() {
			lines = append(lines, "")
		}
		events := m.eventLines(m.footerHeight() - 1)
		for range m.footerHeight() - 1 - len(events) {
			lines = append(lines, "")
		}
		lines = append(lines, events...)
		lines = append(lines, m.keyLine())
	}
	lines = lines[:min(len(lines), max(m.height, 1))]
	for i := range lines {
		if ansi.StringWidth(lines[i]) > m.width {
			lines[i] = ansi.Truncate(lines[i], m.width, "…")
		}
	}
	return strings.Join(lines, "\n")
}

// footerHeight is that of the events and the line of keys.
func (m *model) footerHeight() int {
	switch {
	case m.height >= 40:
		return 6
	case m.height >= 20:
		return 4
	}
	return 2
}

// bodyHeight is the number of instruments that fit, under the line of state and the titles.
func (m *model) bodyHeight() int { return max(1, m.height-2-m.footerHeight()) }

// statusLine is the first line: what the source does.
func (m *model) statusLine() string {
	s := m.snapshot
	if s == nil {
		if m.ended {
			return m.styles.state.Render("ended before anything came")
		}
		return m.styles.state.Render("connecting")
	}
	state := s.State
	if m.ended {
		state = "ended"
	}
	clock := "--:--:--"
	if s.Now != 0 {
		clock = s.Now.Time().UTC().Format(time.TimeOnly)
	}
	left, used := "", 0
	add := func(text string, style lipgloss.Style) {
		// The clock is at the right; what does not fit is left out.
		if used > 0 {
			text = "  " + text
		}
		if width := ansi.StringWidth(text); used == 0 || used+width+2+len(clock) <= m.width {
			left += style.Render(text)
			used += width
		}
	}
	plain := lipgloss.NewStyle()
	if m.paused {
		add("PAUSED", m.styles.paused)
	}
	add(cli.Plain(state), m.styles.state)
	add(countText(s.Rate)+" rec/s", plain)
	if lag := lagText(s.Gateway); lag != "" {
		add("lag "+lag, plain)
	}
	add(term.Plural(uint64(len(s.Lines)), "symbol"), plain)
	add(term.Plural(s.Records, "record"), plain)
	if s.Hidden > 0 {
		add(term.Grouped(s.Hidden)+" of them of instruments not shown", m.styles.warning)
	}
	return left + strings.Repeat(" ", max(1, m.width-used-len(clock))) + clock
}

// table is the titles, and the instruments that fit.
func (m *model) table() []string {
	l := m.widths.lay(m.width)
	lines := []string{m.titles(&l)}
	if m.snapshot == nil {
		return lines
	}
	for _, i := range m.visible() {
		lines = append(lines, m.line(&l, &m.snapshot.Lines[i]))
	}
	if len(m.shown) == 0 && m.order.filter != "" {
		lines = append(lines, m.styles.quiet.Render(" no symbol matches "+cli.Plain(m.order.filter)))
	}
	return lines
}

// titles shows which column the lines are sorted by, and in which direction.
func (m *model) titles(l *layout) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", markWidth))
	for i, c := range l.columns {
		separator, title, style := strings.Repeat(" ", l.gap), columns[c].title, m.styles.header
		if i == 0 {
			separator = ""
		}
		if c == m.order.by {
			arrow := "▼"
			if m.order.reverse != (c == symbolColumn) {
				arrow = "▲"
			}
			style = m.styles.sorted
			if toTheLeft(c) {
				title += arrow
			} else { // it takes the place of a space, because numbers have none to spare
				title, separator = arrow+title, strings.TrimSuffix(separator, " ")
				b.WriteString(separator + style.Render(aligned(title, l.widths[c]+1, c)))
				continue
			}
		}
		b.WriteString(separator + style.Render(aligned(title, l.widths[c], c)))
	}
	return b.String()
}

// line is that of one instrument.
func (m *model) line(l *layout, line *Line) string {
	var b strings.Builder
	mark := string(marks[line.Mark].letter) + " "
	if line.Mark != Trading {
		mark = m.styles.mark.Render(mark)
	}
	b.WriteString(mark)
	for i, c := range l.columns {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", l.gap))
		}
		width, text := l.widths[c], ""
		if c == minuteColumn {
			text = minuteText(line, width)
		} else {
			text = columns[c].text(line)
		}
		if ansi.StringWidth(text) > width {
			text = ansi.Truncate(text, width, "…")
		}
		b.WriteString(m.colored(aligned(text, width, c), c, line))
	}
	return b.String()
}

// colored gives a cell its color, if it has any.
func (m *model) colored(cell string, c column, line *Line) string {
	switch {
	case c == lastColumn && line.Direction > 0:
		return m.styles.up.Render(cell)
	case c == lastColumn && line.Direction < 0:
		return m.styles.down.Render(cell)
	case c == gatewayColumn && !math.IsNaN(line.Gateway) && line.Gateway >= lateLag,
		c == venueColumn && !math.IsNaN(line.Venue) && line.Venue >= lateLag:
		return m.styles.late.Render(cell)
	}
	return cell
}

// aligned fills a text up to a width: numbers to the right, other text to the left.
func aligned(text string, width int, c column) string {
	fill := strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
	if toTheLeft(c) {
		return text + fill
	}
	return fill + text
}

func toTheLeft(c column) bool { return c == symbolColumn || c == minuteColumn }

// eventLines are the newest events, in at most so many lines.
func (m *model) eventLines(n int) []string {
	lines := make([]string, 0, max(n, 0))
	for _, e := range m.events.last(max(n, 0)) {
		text := e.at.UTC().Format(time.TimeOnly) + " " + e.text
		switch {
		case e.level >= slog.LevelError:
			text = m.styles.failure.Render(strings.Replace(text, " ", " error: ", 1))
		case e.level >= slog.LevelWarn:
			text = m.styles.warning.Render(strings.Replace(text, " ", " warning: ", 1))
		}
		lines = append(lines, text)
	}
	return lines
}

// keyLine is the last line: the filter, or the keys.
func (m *model) keyLine() string {
	if m.typing {
		return m.input.View()
	}
	left := "q quit  ←→ sort  / filter  p pause  ? help"
	if m.order.filter != "" {
		left = "filter " + cli.Plain(m.order.filter) + " (esc: all)  ? help"
	}
	right := ""
	if body := m.bodyHeight(); len(m.shown) > body {
		right = fmt.Sprintf("%d–%d of %d", m.scroll+1, min(m.scroll+body, len(m.shown)), len(m.shown))
	}
	fill := m.width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if right != "" && fill < 2 {
		left = ansi.Truncate(left, max(0, m.width-ansi.StringWidth(right)-2), "…")
		fill = 2
	}
	return m.styles.quiet.Render(left + strings.Repeat(" ", max(0, fill)) + right)
}
