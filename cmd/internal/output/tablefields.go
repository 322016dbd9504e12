package output

import (
	"bytes"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/dbn"
)

// fieldColumns are the columns that --fields asks for, in its order. Records without such a field
// have an empty cell.
func fieldColumns(names []string, zone *time.Location) []column {
	text := dbn.NewFormatter(dbn.TextOptions{Pretty: true, Location: zone})
	var columns []column
	for _, name := range names {
		c := column{forms: []form{{0, name, widthOf([]byte(name)), 0}}}
		if name == "symbol" {
			c = symbolColumn(0, 0)
			c.forms = []form{{0, name, len(name), 0}}
		} else {
			f := newFieldReader(name, text)
			c.align = f.align()
			c.write = func(t *table, r dbn.Record, _ *value) {
				start := len(t.text)
				t.text = f.append(t.text, r)
				if c.align == atPoint && len(t.text) > start {
					t.text = trimDecimals(t.text)
				}
				t.text = makePlain(t.text, start)
			}
		}
		columns = append(columns, c)
	}
	return columns
}

// makePlain replaces in text[start:] what must not reach a terminal.
func makePlain(text []byte, start int) []byte {
	if bytes.IndexFunc(text[start:], func(c rune) bool { return !cli.IsPlain(c) }) < 0 {
		return text
	}
	return append(text[:start], cli.AppendPlain(nil, text[start:], 0)...)
}
