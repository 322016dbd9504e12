package output

import (
	"bytes"
	"slices"

	"github.com/clipperhouse/displaywidth"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/dbn"
)

// writeCell appends the cell of a record to the table's text, or nothing.
type writeCell func(t *table, r dbn.Record, v *value)

// value is a cell: a piece of the table's text.
type value struct {
	begin, end int
	width      int // on the terminal
	whole      int // of a price: what comes before the point
	color      string
}

// ellipsis stands for the rest of a text that was cut.
const ellipsis = "…"

// widthOf is how many columns of a terminal a text takes. Characters may take none, or two.
func widthOf(text []byte) int {
	for _, c := range text {
		if c >= 0x80 {
			return displaywidth.Bytes(text)
		}
	}
	return len(text)
}

// measure finds out how wide a cell is.
func (t *table) measure(c *column, v *value) {
	text := t.text[v.begin:v.end]
	v.width = widthOf(text)
	if most := c.most(); v.width > most {
		cut := appendCut(nil, text, most)
		t.text = append(t.text[:v.begin], cut...)
		v.end = len(t.text)
		v.width = widthOf(cut)
	}
	if c.align == atPoint {
		v.whole = v.width
		if point := bytes.IndexByte(text, '.'); point >= 0 {
			v.whole = point
		}
	}
}

// appendCut appends what fits of a text, with an ellipsis if that is not all.
func appendCut(dst, text []byte, room int) []byte {
	if widthOf(text) <= room {
		return append(dst, text...)
	}
	if room <= 0 {
		return dst
	}
	used := 0
	for g := displaywidth.BytesGraphemes(text); g.Next(); {
		if used += g.Width(); used > room-1 {
			break
		}
		dst = append(dst, g.Value()...)
	}
	return append(dst, ellipsis...)
}

// appendCell writes a cell at its place in the column.
func (t *table) appendCell(dst []byte, c *column, v *value) []byte {
	before, text := 0, t.text[v.begin:v.end]
	switch c.align {
	case right:
		before = c.width - v.width
	case atPoint:
		before = c.width - c.frac - v.whole
		if c.frac == 0 {
			before = c.width - v.width
		}
	}
	dst = t.spaces(dst, before)
	if v.color != "" {
		dst = t.paint(dst, v.color)
	}
	if t.width == 0 || v.width <= t.width-t.at {
		dst = append(dst, text...)
		t.at += v.width
	} else {
		dst = t.cut(dst, text)
	}
	if v.color != "" {
		dst = t.unpaint(dst)
	}
	return t.spaces(dst, c.width-max(before, 0)-v.width)
}

// gap separates a column from the one before it.
func (t *table) gap(dst []byte, c *column) []byte { return t.spaces(dst, c.gap(t.at == 0)) }

// spaces writes as many as there is room for.
func (t *table) spaces(dst []byte, n int) []byte {
	if t.width > 0 {
		n = min(n, t.width-t.at)
	}
	for range n {
		dst = append(dst, ' ')
		t.at++
	}
	return dst
}

// cut writes what there is room for of a text.
func (t *table) cut(dst, text []byte) []byte {
	if t.width == 0 {
		t.at += widthOf(text)
		return append(dst, text...)
	}
	start := len(dst)
	dst = appendCut(dst, text, t.width-t.at)
	t.at += widthOf(dst[start:])
	return dst
}

// appendSymbol writes the symbol of the row, or the number of its instrument.
func (t *table) appendSymbol(r dbn.Record) {
	if t.symbol != "" {
		t.text = append(t.text, t.symbol...)
	} else if id := r.Header().InstrumentID; id != 0 {
		t.text = appendUint(append(t.text, '#'), uint64(id))
	}
}

// appendClock writes the time of day, as much of it as there is room for.
func (t *table) appendClock(ts dbn.UnixNanos, room int) {
	if ts.IsUndef() {
		return
	}
	var buf [40]byte
	if t.zone == nil {
		t.text = append(t.text, ts.Append(buf[:0])[11:11+room]...)
		return
	}
	t.text = append(t.text, ts.Time().In(t.zone).AppendFormat(buf[:0], "15:04:05.000000")[:room]...)
}

// appendDate writes the day of a time.
func (t *table) appendDate(ts dbn.UnixNanos) {
	var buf [40]byte
	switch {
	case ts.IsUndef() || ts == 0:
	case t.zone == nil:
		t.text = append(t.text, ts.Append(buf[:0])[:10]...)
	default:
		t.text = ts.Time().In(t.zone).AppendFormat(t.text, "2006-01-02")
	}
}

// appendPrice writes a price, and nothing for one that is undefined.
func (t *table) appendPrice(p dbn.Price) {
	if !p.IsUndef() {
		t.text = appendShortPrice(t.text, p)
	}
}

// appendShortPrice writes a price with two decimals, more when it has more.
func appendShortPrice(dst []byte, p dbn.Price) []byte {
	if p.IsUndef() {
		return append(dst, '-')
	}
	return trimDecimals(p.Append(dst))
}

// trimDecimals takes the zeros off the end of nine decimals, but for the first two.
func trimDecimals(text []byte) []byte {
	for trim := 7; trim > 0 && text[len(text)-1] == '0'; trim-- {
		text = text[:len(text)-1]
	}
	return text
}

// appendSafeText writes the text of a fixed field up to its first NUL.
func appendSafeText(dst, field []byte) []byte {
	if i := slices.Index(field, 0); i >= 0 {
		field = field[:i]
	}
	return cli.AppendPlain(dst, field, 0)
}
