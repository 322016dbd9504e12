package verify

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/manifest"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// looseFile is a file that is checked without its capture.
type looseFile struct {
	path string
	meta *dbn.Metadata
	file *survey.File
}

// loose checks files by themselves and against each other, and each against its entry in the
// manifest of its directory, if there is one.
func (run *run) loose(paths []string) {
	var files []looseFile
	lists := make(map[string]*manifest.List)
	for _, path := range paths {
		f := run.read(path, path)
		if f == nil {
			continue
		}
		if e := run.entryOf(lists, path); e != nil {
			run.compare(path, f, e)
		} else if !run.fault(path, f) && f.Counter.Skips == 0 {
			run.found(Fine, path, "%s, complete", term.Plural(f.Counter.Records, "record"))
		}
		if n := f.Counter.Skips; n > 0 {
			run.found(Gap, path, "the gateway skipped records for a slow reader (%s)", term.Plural(n, "report"))
		}
		if f.Metadata != nil {
			files = append(files, looseFile{path, f.Metadata, f})
			if run.Count != nil && f.Fault == nil {
				run.fileAgainst(path, f)
			}
		}
	}
	slices.SortStableFunc(files, func(a, b looseFile) int {
		return cmp.Or(strings.Compare(series(a.meta), series(b.meta)), cmp.Compare(begin(a), begin(b)))
	})
	orders := make(map[string]*order)
	for i, f := range files {
		key := series(f.meta)
		o := orders[key]
		if o == nil {
			o = newOrder()
			orders[key] = o
		}
		o.next(run, f.path, f.file)
		if i > 0 && series(files[i-1].meta) == key {
			run.hole(files[i-1], f)
		}
	}
}

// entryOf is the entry of a file in the manifest of its directory; nil without one.
func (run *run) entryOf(lists map[string]*manifest.List, path string) *manifest.Entry {
	directory := filepath.Dir(path)
	list, known := lists[directory]
	if !known {
		list, _ = manifest.Read(filepath.Join(directory, manifest.Name)) //nolint:errcheck // without one the file is checked by itself
		lists[directory] = list
	}
	if list == nil {
		return nil
	}
	return list.File(filepath.Base(path))
}

// fault reports what is wrong with a file by itself.
func (run *run) fault(path string, f *survey.File) bool {
	if f.Fault == nil {
		return false
	}
	kind := Damaged
	switch survey.KindOf(f.Fault) {
	case survey.Truncated:
		kind = Gap
	case survey.Unreadable:
		kind = Failed
	}
	run.found(kind, path, "%v; %s come before", plain(f.Fault), term.Plural(f.Counter.Records, "record"))
	return true
}

// begin is when a file begins: by its header or, without a time there, by its records.
func begin(f looseFile) dbn.UnixNanos {
	if f.meta.Start != 0 && !f.meta.Start.IsUndef() {
		return f.meta.Start
	}
	first, _ := f.file.Counter.Range()
	return first
}

// series is what files have in common that follow each other.
func series(m *dbn.Metadata) string {
	return strings.Join([]string{m.Dataset, m.Schema.String(), m.StypeIn.String(), strings.Join(m.Symbols, ",")}, "\x00")
}

// hole reports a time between two requested ranges that no file covers.
func (run *run) hole(before, after looseFile) {
	from, to := before.meta.End, after.meta.Start
	if from == 0 || from.IsUndef() || to == 0 || to.IsUndef() || from >= to || before.meta.Limit > 0 {
		return
	}
	if run.Count == nil || before.meta.Schema == dbn.SchemaNone || len(before.meta.Symbols) == 0 {
		run.found(Gap, after.path, "no file covers the time from %s to %s (--against-api finds out whether there is data)", term.Time(from), term.Time(to))
		return
	}
	n, err := run.ask(dbnloop.HistoricalRequest{
		Dataset: before.meta.Dataset, Schema: before.meta.Schema, StypeIn: before.meta.StypeIn, Symbols: before.meta.Symbols, Start: from, End: to,
	})
	switch {
	case err != nil:
		run.found(Failed, after.path, "cannot ask for the time from %s to %s: %v", term.Time(from), term.Time(to), err)
	case n > 0:
		run.found(Gap, after.path, "no file covers the time from %s to %s, of which the API has %s", term.Time(from), term.Time(to), term.Plural(n, "record"))
	}
}

// plain is the text of a fault.
func plain(fault error) string { return strings.TrimPrefix(fault.Error(), "dbn: ") }
