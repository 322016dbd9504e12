package output

// layout arranges columns so that a row takes one line of the terminal. It has levels: at level
// 0 every column is there in its widest form. From level to level columns take narrower forms or
// are left out, the least important first, until the rest fits.
type layout struct {
	columns []column
	width   int // of the terminal; 0: rows are as long as they are
	level   int
	moved   bool // columns are not where the last header says
}

// column is one column of a table.
type column struct {
	forms    []form // the widest one first
	comes    int    // the first level at which it is there
	gone     int    // the level at which it is left out; 0: never
	align    align
	symbol   bool // it holds the instrument's symbol
	event    bool // it says what happened, which leaves its room to a quote
	always   bool // records of any type have it
	flexible bool // the last one takes what room there is
	write    writeCell

	shown       bool
	form        int
	width       int
	seen        [4]int // the widest cell in each form
	whole, frac int    // the widest parts of prices, before the point and from there on
}

// form is the shape of a column at some levels.
type form struct {
	from  int // the level
	title string
	width int // at least
	most  int // texts that are wider are cut; 0: none is
}

// align is where the text of a cell is in its column.
type align int

const (
	left align = iota
	right
	atPoint // prices, whose points are below each other
)

// most is the widest cell that the column has room for.
func (c *column) most() int {
	if most := c.forms[c.form].most; most > 0 {
		return most
	}
	return 1 << 20
}

// fit makes the column as wide as its form and its cells need, and reports whether it grew.
func (c *column) fit() bool {
	before := c.width
	c.width = max(c.forms[c.form].width, c.seen[c.form], c.whole+c.frac)
	return c.width > before
}

// title is the column's name. Only times that are in UTC say so: the line of a day names another
// zone.
func (c *column) title(zone bool) string {
	title := c.forms[c.form].title
	if zone && title == titleUTC {
		return titleTime
	}
	return title
}

// grow makes room for a cell, and reports whether that took some.
func (t *layout) grow(c *column, width int) bool {
	if width <= c.width {
		return false
	}
	c.seen[c.form] = width
	t.moved = true
	return c.fit()
}

// growAround does the same for the two parts of a price.
func (t *layout) growAround(c *column, v *value) bool {
	if v.whole <= c.whole && v.width-v.whole <= c.frac {
		return false
	}
	c.whole, c.frac = max(c.whole, v.whole), max(c.frac, v.width-v.whole)
	grown := c.fit()
	t.moved = t.moved || grown
	return grown
}

// choose takes the first level at which a row fits.
func (t *layout) choose() {
	before := t.level
	for t.level = 0; ; t.level++ {
		if more := t.arrange(); !more || t.width == 0 || t.total() <= t.width {
			break
		}
	}
	t.moved = t.moved || t.level != before
}

// arrange gives the columns the forms of the level, and reports whether a further level is
// narrower.
func (t *layout) arrange() (more bool) {
	for i := range t.columns {
		c := &t.columns[i]
		c.form = 0
		for n, f := range c.forms {
			if f.from <= t.level {
				c.form = n
			}
			more = more || f.from > t.level
		}
		c.fit()
		c.shown = t.level >= c.comes && (c.gone == 0 || t.level < c.gone)
		more = more || c.gone > t.level
	}
	return more
}

// total is the width of a row, with the spaces between its columns.
func (t *layout) total() (width int) {
	for i := range t.columns {
		if c := &t.columns[i]; c.shown && c.width > 0 {
			width += c.gap(width == 0) + c.width
		}
	}
	return width
}

// gap is how many spaces come before the column.
func (c *column) gap(first bool) int {
	switch {
	case first:
		return 0
	case c.flexible:
		return 2
	}
	return 1
}
