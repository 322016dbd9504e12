package term

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

// Listing is the answer of a command: a table for people, or one JSON value a line.
type Listing struct {
	Columns []string // the header; none: rows of a name and a value
	Rows    [][]string
	Items   []any
}

// Add adds a row.
func (l *Listing) Add(cells ...string) { l.Rows = append(l.Rows, cells) }

// ListingForm says how a listing is printed.
type ListingForm struct {
	JSON       bool
	OmitHeader bool
}

// Print writes the listing in one piece.
func (l Listing) Print(w io.Writer, form ListingForm) error {
	var b bytes.Buffer
	if form.JSON {
		encoder := json.NewEncoder(cli.PlainJSON(&b))
		encoder.SetEscapeHTML(false)
		for _, item := range l.Items {
			if err := encoder.Encode(item); err != nil {
				return exit.Fail(exit.Failure, "cannot write the answer as JSON: %w", err)
			}
		}
	} else {
		l.table(&b, form.OmitHeader)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (l Listing) table(b *bytes.Buffer, omitHeader bool) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.StripEscape)
	line := func(cells []string) {
		// No tab after the last cell: it would be padded.
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if len(l.Columns) > 0 && !omitHeader {
		line(l.Columns)
	}
	for _, row := range l.Rows {
		for i := range row {
			row[i] = cli.Plain(row[i])
			if row[i] == "" {
				row[i] = "-"
			}
		}
		line(row)
	}
	w.Flush() //nolint:errcheck // into memory
}
