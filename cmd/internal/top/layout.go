package top

import "github.com/charmbracelet/x/ansi"

// widths are how wide the texts of each column have been. They only grow, so that columns stay
// where they are.
type widths struct {
	most [columnCount]int
	any  [columnCount]bool // a line has had a text
}

// grow makes room for the lines that are shown.
func (w *widths) grow(lines []Line, shown []int32) {
	for c := range columns {
		w.most[c] = max(w.most[c], columns[c].least)
		if columns[c].text == nil {
			continue
		}
		for _, i := range shown {
			width := ansi.StringWidth(columns[c].text(&lines[i]))
			w.any[c] = w.any[c] || width > 0
			w.most[c] = max(w.most[c], min(width, columns[c].most))
		}
	}
}

// layout is which columns are shown, from left to right, and how.
type layout struct {
	columns []column
	widths  [columnCount]int
	gap     int // between two columns
}

// dispensable are the ranks from which on a column without any text gives its place to another.
const dispensable = 10

// markWidth is that of the trading status, to the left of the first column.
const markWidth = 2

// lay chooses the columns that fit into so many characters.
func (w *widths) lay(room int) layout {
	l := layout{widths: w.most, gap: 1}
	// Long symbols leave room for prices.
	l.widths[symbolColumn] = min(w.most[symbolColumn], max(room/4, columns[symbolColumn].least))
	var chosen [columnCount]bool
	used, count := markWidth, 0
	for rank := range columns {
		for c := range columns {
			if columns[c].rank != rank || rank >= dispensable && !w.any[c] {
				continue
			}
			need := l.widths[c]
			if count > 0 {
				need += l.gap
			}
			if count == 0 || used+need <= room {
				chosen[c] = true
				used += need
				count++
			}
		}
	}
	for c, shown := range chosen {
		if shown {
			l.columns = append(l.columns, column(c))
		}
	}
	if more := minutePoints - l.widths[minuteColumn]; chosen[minuteColumn] && used+more <= room {
		l.widths[minuteColumn] = minutePoints
		used += more
	}
	if used+count-1 <= room {
		l.gap = 2
	}
	return l
}
