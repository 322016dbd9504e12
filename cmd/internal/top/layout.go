package top

import "github.com/charmbracelet/x/ansi"

// widths are how wide the texts of each column have been. They only grow, so that columns stay
// where they are.
type widths [columnCount]int

// grow makes room for the lines that are shown.
func (w *widths) grow(lines []Line, shown []int32) {
	for c := range columns {
		w[c] = max(w[c], columns[c].least)
		if columns[c].text == nil {
			continue
		}
		for _, i := range shown {
			w[c] = max(w[c], min(ansi.StringWidth(columns[c].text(&lines[i])), columns[c].most))
		}
	}
}

// layout is which columns are shown, from left to right, and how.
type layout struct {
	columns []column
	widths  widths
	gap     int // between two columns
}

// markWidth is that of the trading status, to the left of the first column.
const markWidth = 2

// lay chooses the columns that fit into so many characters.
func (w *widths) lay(room int) layout {
	l := layout{widths: *w, gap: 1}
	// Long symbols leave room for prices.
	l.widths[symbolColumn] = min(w[symbolColumn], max(room/4, columns[symbolColumn].least))
	var chosen [columnCount]bool
	used, count := markWidth, 0
	for rank := range columns {
		for c := range columns {
			if columns[c].rank != rank {
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
