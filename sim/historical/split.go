package historical

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// splitDuration is how much time a file of a job covers, in the words of the API.
type splitDuration string

const (
	splitDay   splitDuration = "day"
	splitWeek  splitDuration = "week"
	splitMonth splitDuration = "month"
	splitYear  splitDuration = "year"
	splitNone  splitDuration = "none"
)

var splitDurations = []splitDuration{splitDay, splitWeek, splitMonth, splitYear, splitNone}

// makeFiles makes the data files of a job: one for each piece of time, and for each symbol
// when that is asked for. A piece without records gives no file. The files are in memory;
// split_size is therefore kept with the job but splits nothing.
func (h *Server) makeFiles(r *jobRequest) ([]batchFile, error) {
	var files []batchFile
	left := r.query.limit
	for _, period := range splitPeriod(r.query.period, r.splitDuration) {
		for _, symbols := range r.symbolGroups() {
			q := *r.query
			q.period, q.limit = period, left
			if r.splitSymbols {
				q.narrow(symbols)
			}
			records, _ := q.measure()
			if q.failed != nil {
				return nil, q.failed
			}
			if records == 0 {
				continue
			}
			var content bytes.Buffer
			if err := q.encode(&content, r.format, r.compression, encodeOptions{raw: h.cfg.Stored}); err != nil {
				return nil, err
			}
			name := r.fileName(period, symbols)
			if slices.ContainsFunc(files, func(f batchFile) bool { return f.name == name }) {
				name = fmt.Sprintf("%d-%s", len(files), name) // symbols that look the same in a name
			}
			files = append(files, newBatchFile(name, content.Bytes()))
			if left > 0 {
				if left -= records; left == 0 {
					return files, nil
				}
			}
		}
	}
	return files, nil
}

// symbolGroups are the symbols of each file of a period.
func (r *jobRequest) symbolGroups() [][]string {
	if !r.splitSymbols {
		return [][]string{r.query.symbols}
	}
	var groups [][]string
	for _, symbol := range r.query.symbols {
		groups = append(groups, []string{symbol})
	}
	return groups
}

// narrow limits a query to some of its symbols.
func (q *query) narrow(symbols []string) {
	q.symbols = symbols
	from, to := q.period.days()
	q.resolved = q.data.resolveAll(q.stypeIn, q.stypeOut, symbols, from, to)
	q.ids = q.resolved.periods()
}

// splitPeriod cuts a range at the boundaries of days, weeks (from Sunday), months or years.
func splitPeriod(period timeRange, by splitDuration) []timeRange {
	if by == splitNone {
		return []timeRange{period}
	}
	var list []timeRange
	for period.start < period.end {
		next := uint64(nextBoundary(time.Unix(0, int64(period.start)).UTC(), by).UnixNano())
		list = append(list, timeRange{period.start, min(next, period.end)})
		period.start = next
	}
	return list
}

// nextBoundary is the first boundary after a time.
func nextBoundary(t time.Time, by splitDuration) time.Time {
	year, month, day := t.Date()
	switch by {
	case splitWeek:
		day += 7 - int(t.Weekday())
	case splitMonth:
		month, day = month+1, 1
	case splitYear:
		year, month, day = year+1, time.January, 1
	default:
		day++
	}
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// fileName is such as glbx-mdp3-20201228.trades.dbn.zst, with the last day when there are
// several and the symbol when there is one file for each.
func (r *jobRequest) fileName(period timeRange, symbols []string) string {
	first, end := period.days()
	name := strings.ToLower(strings.ReplaceAll(r.query.data.Dataset, ".", "-"))
	name += fmt.Sprintf("-%d", numericDate(first))
	if end-first > 1 {
		name += fmt.Sprintf("-%d", numericDate(end-1))
	}
	name += "." + r.query.schema.String()
	if r.splitSymbols {
		name += "." + strings.Map(fileRune, symbols[0])
	}
	name += "." + r.format.encoding.String()
	if r.compression == dbn.CompressionZstd {
		name += ".zst"
	}
	return name
}

// fileRune replaces what does not belong into the name of a file.
func fileRune(r rune) rune {
	switch {
	case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '-', r == '_', r == '.':
		return r
	}
	return '_'
}
