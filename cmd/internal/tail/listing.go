package tail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// listing is the answer of a command: a table for people, or one JSON value a line.
type listing struct {
	columns []string // the header; none: rows of a name and a value
	rows    [][]string
	items   []any
}

// add adds a row.
func (l *listing) add(cells ...string) { l.rows = append(l.rows, cells) }

// listingForm says how a listing is printed.
type listingForm struct {
	json       bool
	omitHeader bool
}

// print writes the listing in one piece.
func (l listing) print(stdout io.Writer, form listingForm) error {
	var b bytes.Buffer
	if form.json {
		encoder := json.NewEncoder(cli.PlainJSON(&b))
		encoder.SetEscapeHTML(false)
		for _, item := range l.items {
			if err := encoder.Encode(item); err != nil {
				return exit.Fail(exit.Failure, "cannot write the answer as JSON: %w", err)
			}
		}
	} else {
		l.table(&b, form.omitHeader)
	}
	_, err := standardOutput(stdout).Write(b.Bytes())
	return err
}

func (l listing) table(b *bytes.Buffer, omitHeader bool) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.StripEscape)
	line := func(cells []string) {
		// No tab behind the last cell: it would be padded.
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if len(l.columns) > 0 && !omitHeader {
		line(l.columns)
	}
	for _, row := range l.rows {
		for i := range row {
			row[i] = printable(row[i])
			if row[i] == "" {
				row[i] = "-"
			}
		}
		line(row)
	}
	w.Flush() //nolint:errcheck // into memory
}
