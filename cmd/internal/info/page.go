package info

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// page is text of at most width columns, except for the names of files.
type page struct{ bytes.Buffer }

const (
	width = 80
	label = 13 // columns before the text of a row
)

// row writes a label and its text, over several lines if need be.
func (p *page) row(name, format string, args ...any) {
	line := fmt.Sprintf("  %-*s", label-2, name)
	used := label
	for i, word := range strings.Fields(cli.Plain(fmt.Sprintf(format, args...))) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case used+1+n > width:
			line += "\n" + strings.Repeat(" ", label)
			used = label
		default:
			line += " "
			used++
		}
		line += word
		used += n
	}
	p.WriteString(line + "\n")
}

func (p *page) report(r *survey.Report, symbols int) {
	name := r.Path
	if name == "-" {
		name = "standard input"
	}
	p.WriteString(cli.Plain(name) + "\n")
	p.complete(r)
	p.row("size", "%s, %s", term.Quantity(uint64(r.Bytes)), compression(r))
	if h := r.Header; h != nil {
		p.header(h)
	} else if r.Complete {
		p.row("DBN", "a fragment: records without metadata")
	}
	p.counts(r, symbols)
}

func (p *page) total(t *survey.Total, symbols int) {
	p.WriteString(term.Plural(uint64(t.Files), "file") + "\n")
	if t.Complete {
		p.row("complete", "yes, all")
	} else {
		p.row("complete", "no: %s not", term.Grouped(uint64(t.Incomplete)))
	}
	p.row("size", "%s, %s of DBN", term.Quantity(uint64(t.Bytes)), term.Quantity(uint64(t.DBNBytes)))
	p.counts(&t.Report, symbols)
}

func (p *page) complete(r *survey.Report) {
	if r.Complete {
		p.row("complete", "yes")
		return
	}
	p.row("complete", "no, %s: %s", r.Fault.Kind, r.Fault.Text)
	if r.Header != nil {
		p.row("", "complete records end at byte %s of the DBN", term.Grouped(uint64(r.DBNBytes)))
	}
}

func compression(r *survey.Report) string {
	if r.Compression == "none" {
		return "not compressed"
	}
	return fmt.Sprintf("%s, %s of DBN", r.Compression, term.Quantity(uint64(r.DBNBytes)))
}

func (p *page) header(h *survey.Header) {
	dataset, schema, from := h.Dataset, h.Schema, h.StypeIn
	if dataset == "" {
		dataset = "none"
	}
	if schema == "" {
		schema = "several"
	}
	if from == "" {
		from = "several types"
	}
	version := fmt.Sprintf("version %d", h.Version)
	if h.TsOut {
		version += ", with ts_out"
	}
	if h.Headers > 1 {
		version += fmt.Sprintf(", %s in succession", term.Plural(uint64(h.Headers), "stream"))
	}
	p.row("DBN", "%s", version)
	p.row("dataset", "%s, schema: %s", dataset, schema)
	limit := ""
	if h.Limit > 0 {
		limit = ", at most " + term.Plural(h.Limit, "record")
	}
	if h.Start != nil || h.End != nil || limit != "" {
		p.row("asked for", "%s to %s%s", stamp(h.Start), stamp(h.End), limit)
	}
	if h.Symbols == 0 && h.Mappings == 0 {
		p.row("symbols", "none in the header, as in a live stream")
		return
	}
	text := fmt.Sprintf("%s to %s: %s", from, h.StypeOut, term.Plural(uint64(h.Symbols), "symbol"))
	for _, part := range []struct {
		n    int
		what string
	}{{h.Partial, "partly resolved"}, {h.NotFound, "not found"}, {h.Mappings, "mapped"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %s %s", term.Grouped(uint64(part.n)), part.what)
		}
	}
	p.row("symbols", "%s", text)
}

func stamp(t *survey.Time) string {
	if t == nil {
		return "open"
	}
	return t.String()
}

// counts writes what is known of the records.
func (p *page) counts(r *survey.Report, symbols int) {
	text := term.Grouped(r.Records)
	if r.Messages > 0 {
		text += ", and " + term.Plural(r.Messages, "message") + " of the gateway"
	}
	if r.Errors > 0 {
		text += ", " + term.Grouped(r.Errors) + " of them errors"
	}
	p.row("records", "%s", text)
	if r.Skips > 0 {
		p.row("", "records are missing: the gateway skipped some, %s", times(r.Skips))
	}
	if r.Untimed > 0 {
		p.row("", "%s without an index timestamp", term.Plural(r.Untimed, "record"))
	}
	if r.First != nil {
		p.row("first", "%s", r.First)
		p.row("last", "%s", r.Last)
	}
	p.silences(r)
	if r.Records > 0 {
		p.order(r)
	}
	p.groups("SCHEMA", r.Schemas, len(r.Schemas))
	p.groups("SYMBOL", r.Symbols, symbols)
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return term.Grouped(n) + " times"
}

func (p *page) silences(r *survey.Report) {
	if s := r.LongestSilence; s != nil {
		p.row("gaps", "the longest time without a record: %v from %s on", time.Duration(s.Span), s.From)
	}
	if r.SilenceCount == 0 {
		return
	}
	p.row("", "%s than the threshold:", term.Plural(r.SilenceCount, "longer one"))
	for _, s := range r.Silences {
		p.row("", "%v from %s on", time.Duration(s.Span), s.From)
	}
	if left := r.SilenceCount - uint64(len(r.Silences)); left > 0 && len(r.Silences) > 0 {
		p.row("", "and %s more", term.Grouped(left))
	}
}

func (p *page) order(r *survey.Report) {
	if r.Unsorted == 0 {
		p.row("order", "by time")
	} else {
		p.row("order", "%s earlier than the one before, by %v at most", is(r.Unsorted), time.Duration(r.LargestStep))
	}
	if r.OrderBreaks == 0 && r.SequenceBreaks == 0 {
		p.row("breaks", "none within an instrument")
		return
	}
	p.row("breaks", "within an instrument: %s back in time, %s a lower sequence number",
		is(r.OrderBreaks), has(r.SequenceBreaks))
}

func is(n uint64) string {
	if n == 1 {
		return "1 record is"
	}
	return term.Grouped(n) + " records are"
}

func has(n uint64) string {
	if n == 1 {
		return "1 record has"
	}
	return term.Grouped(n) + " records have"
}

// groups writes a table with as many rows as wanted; 0: all.
func (p *page) groups(title string, list []survey.Group, wanted int) {
	if len(list) == 0 {
		return
	}
	shown := list
	if wanted > 0 && wanted < len(list) {
		shown = list[:wanted]
	}
	const count, at = 13, 20 // columns of a number and of a time
	names := make([]string, len(shown))
	widest := len(title)
	for i := range shown {
		names[i] = cli.Plain(name(&shown[i]))
		widest = max(widest, len([]rune(names[i])))
	}
	widest = min(widest, width-2-2-count-2-at-2-at)
	fmt.Fprintf(p, "\n  %-*s  %*s  %-*s  %s\n", widest, title, count, "RECORDS", at, "FIRST", "LAST")
	for i, g := range shown {
		fmt.Fprintf(p, "  %-*s  %*s  %-*s  %s\n", widest, cut(names[i], widest), count, term.Grouped(g.Records), at, second(g.First), second(g.Last))
	}
	if left := len(list) - len(shown); left > 0 {
		fmt.Fprintf(p, "  … and %s more (--symbols 0 lists all)\n", term.Grouped(uint64(left)))
	}
}

func name(g *survey.Group) string {
	switch {
	case g.Name != "":
		return g.Name
	case g.ID != 0:
		return fmt.Sprintf("instrument %d", g.ID)
	}
	return "others"
}

// cut shortens a text to a number of columns.
func cut(text string, columns int) string {
	runes := []rune(text)
	if len(runes) <= columns {
		return text
	}
	return string(runes[:columns-1]) + "…"
}

// second is a time without its fraction.
func second(t *survey.Time) string {
	if t == nil {
		return "-"
	}
	text := t.String()
	if at := strings.IndexByte(text, '.'); at > 0 && strings.HasSuffix(text, "Z") {
		return text[:at] + "Z"
	}
	return text
}
