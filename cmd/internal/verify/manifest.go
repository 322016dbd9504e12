package verify

import (
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/manifest"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// manifest checks a manifest and the files that it lists.
func (run *run) manifest(path string) {
	list, err := manifest.Read(path)
	if err != nil {
		kind := Failed
		if exit.FromError(err) == exit.Corrupt {
			kind = Damaged
		}
		run.found(kind, "", "%v", err)
		return
	}
	directory := filepath.Dir(path)
	if list.Cut {
		run.found(Note, path, "its last line is not complete: the writer was killed, or is writing")
	}
	captures := make(map[string]*capture)
	for i := range list.Entries {
		e := &list.Entries[i]
		c := captures[e.Capture]
		if c == nil {
			c = newCapture(run, directory, e.Capture)
			captures[e.Capture] = c
		}
		c.entry(e)
	}
	for _, name := range slices.Sorted(maps.Keys(captures)) {
		captures[name].against()
	}
	run.extra(directory, list)
}

// extra looks for files that the manifest does not list.
func (run *run) extra(directory string, list *manifest.List) {
	paths, err := recordFiles(directory)
	if err != nil {
		run.found(Failed, directory, "cannot be listed: %v", pathless(err))
	}
	for _, path := range paths {
		full := filepath.Join(directory, path)
		switch {
		case isPart(filepath.Base(path)):
			run.found(Note, full, "is being written, or was left by a capture that --resume continues")
		case list.File(filepath.ToSlash(path)) == nil:
			run.found(Gap, full, "is not in the manifest, so it was not checked")
		}
	}
}

// capture is one of the captures of a manifest, as far as it was read.
type capture struct {
	run       *run
	directory string
	name      string
	order     *order
	last      *survey.Time // of the records so far
	began     *manifest.Entry
	asked     []manifest.Subscription
	dataset   string
	counts    *counts
}

func newCapture(run *run, directory, name string) *capture {
	return &capture{run: run, directory: directory, name: name, order: newOrder(), counts: newCounts()}
}

func (c *capture) entry(e *manifest.Entry) {
	switch e.Kind {
	case manifest.KindBegin:
		c.dataset, c.asked = e.Dataset, e.Subscriptions
		if c.began = nil; !e.Resumed {
			c.began = e
		}
	case manifest.KindFile:
		c.file(e)
	case manifest.KindGap:
		c.run.found(Gap, c.where(e), "records of %s may be missing%s, because %s", schemas(e.Schema), span(e.From, e.To), e.Reason)
	case manifest.KindFilled:
		c.run.sum.Filled++
		c.run.found(Fine, c.where(e), "a break of %s was filled%s: %s replayed, %s of them had come before",
			schemas(e.Schema), span(e.From, e.To), term.Plural(e.Replayed, "record"), term.Grouped(e.Repeated))
	}
}

// where is the file that was being written, or else the capture.
func (c *capture) where(e *manifest.Entry) string {
	if e.Path == "" {
		return c.name
	}
	return filepath.Join(c.directory, filepath.FromSlash(e.Path))
}

func schemas(name string) string {
	if name == "" {
		return "all schemas"
	}
	return name
}

func span(from, to *survey.Time) string {
	text := ""
	if from != nil {
		text += " from " + from.String()
	}
	if to != nil {
		text += " to " + to.String()
	}
	return text
}

// file checks a file against its entry.
func (c *capture) file(e *manifest.Entry) {
	run, path := c.run, filepath.Join(c.directory, filepath.FromSlash(e.Path))
	if c.began != nil && c.last != nil && e.First != nil && *c.last < *e.First {
		run.found(Gap, path, "the capture began again without --resume: records are missing from %s to %s", c.last, e.First)
	}
	c.began = nil
	if e.Last != nil && (c.last == nil || *e.Last > *c.last) {
		c.last = e.Last
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		run.found(Gap, path, "is missing: it had %s%s", term.Plural(e.Records, "record"), span(e.First, e.Last))
		return
	}
	f := run.read(path, path)
	if f == nil {
		return
	}
	if run.compare(path, f, e) {
		run.found(Fine, path, "%s%s, unchanged", term.Plural(e.Records, "record"), span(e.First, e.Last))
	}
	c.order.next(run, path, f)
	c.counts.add(f)
}

// compare checks a file against its entry, and reports whether both agree.
func (run *run) compare(path string, f *survey.File, e *manifest.Entry) bool {
	same := hex.EncodeToString(f.SHA256) == e.SHA256
	switch {
	case f.Fault != nil && survey.KindOf(f.Fault) == survey.Unreadable:
		run.found(Failed, path, "%v", plain(f.Fault))
	case f.Bytes < e.Bytes:
		run.found(Gap, path, "is cut off: it has %s of %s bytes, and %s of %s", term.Grouped(uint64(f.Bytes)), term.Grouped(uint64(e.Bytes)),
			term.Grouped(f.Counter.Records), term.Plural(e.Records, "record"))
	case f.Bytes > e.Bytes:
		run.found(Damaged, path, "was changed: it has %s bytes, and had %s when it was complete", term.Grouped(uint64(f.Bytes)), term.Grouped(uint64(e.Bytes)))
	case !same && f.Fault != nil:
		run.found(Damaged, path, "was changed: %v", plain(f.Fault))
	case !same:
		run.found(Damaged, path, "was changed: its SHA-256 is %x, and was %s when it was complete", f.SHA256, e.SHA256)
	case f.Fault != nil:
		run.found(Damaged, path, "is as it was written, but not complete: %v", plain(f.Fault))
	default:
		return run.sameCounts(path, f, e)
	}
	return false
}

// sameCounts compares what was counted.
func (run *run) sameCounts(path string, f *survey.File, e *manifest.Entry) bool {
	is := manifest.FileEntry(e.Path, manifest.TallyOf(f))
	what := ""
	switch {
	case is.Records != e.Records || is.Messages != e.Messages:
		what = "the number of its records"
	case !maps.Equal(is.Schemas, e.Schemas):
		what = "the number of its records by schema"
	case !maps.Equal(is.Symbols, e.Symbols):
		what = "the number of its records by symbol"
	case !equal(is.First, e.First) || !equal(is.Last, e.Last):
		what = "the time of its records"
	default:
		return true
	}
	run.found(Damaged, path, "has the checksum of the manifest, but %s differs: the manifest was changed", what)
	return false
}

func equal(a, b *survey.Time) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}
