// Package manifest keeps the list of a capture's files: what each holds, its checksum, and the
// gaps of the stream with how they were filled.
//
// A manifest is the file Name in the directory that all files of the capture are below: one JSON
// object a line, each appended by a single write that is synchronised to the disk. Several
// captures may share it. Lines are never changed; a later one about the same file replaces an
// earlier one. What a killed writer left of a line is removed by the next one.
package manifest

import (
	"fmt"
	"path/filepath"

	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/dbn"
)

// Name is the name of a manifest.
const Name = "manifest.jsonl"

// The kinds of entries.
const (
	KindBegin  = "begin"  // a capture begins, or continues
	KindFile   = "file"   // a file is complete
	KindGap    = "gap"    // records may be missing
	KindFilled = "filled" // a break was filled by a replay, or from history
)

// Entry is a line of a manifest. The fields that do not belong to its kind are zero.
type Entry struct {
	Kind    string      `json:"kind"`
	Capture string      `json:"capture"` // the pattern of its files, relative to the manifest
	Time    survey.Time `json:"time"`    // when the line was written

	// Of a beginning.
	Dataset       string         `json:"dataset,omitempty"` // also of a file
	Resumed       bool           `json:"resumed,omitempty"` // where an earlier run ended
	Subscriptions []Subscription `json:"subscriptions,omitempty"`

	// Path is that of a file, relative to the manifest, with slashes. Of a gap, and of one that was
	// filled, it is the file that was being written.
	Path string `json:"path,omitempty"`

	// Of a file.
	First     *survey.Time      `json:"first,omitempty"`    // the least index timestamp
	Last      *survey.Time      `json:"last,omitempty"`     // the greatest one
	Records   uint64            `json:"records,omitempty"`  // of market data
	Messages  uint64            `json:"messages,omitempty"` // the gateway's own
	Schemas   map[string]uint64 `json:"schemas,omitempty"`
	Symbols   map[string]uint64 `json:"symbols,omitempty"` // "": not known
	Bytes     int64             `json:"bytes,omitempty"`
	SHA256    string            `json:"sha256,omitempty"`
	Recreated bool              `json:"recreated,omitempty"` // from the file, after its writer was killed

	// Of a gap, and of one that was filled.
	Schema   string       `json:"schema,omitempty"` // empty: all
	From     *survey.Time `json:"from,omitempty"`
	To       *survey.Time `json:"to,omitempty"` // inclusive
	Reason   string       `json:"reason,omitempty"`
	Replayed uint64       `json:"replayed,omitempty"`
	Repeated uint64       `json:"repeated,omitempty"` // of them, those that had come before
}

// Subscription is what a capture asks for.
type Subscription struct {
	Schema  string   `json:"schema"`
	StypeIn string   `json:"stype_in"`
	Symbols []string `json:"symbols"`
}

// Tally is what was counted of a file.
type Tally struct {
	First, Last       dbn.UnixNanos // dbn.UndefTimestamp: no record has a time
	Records, Messages uint64
	Counts            map[survey.Cell]uint64
	Bytes             int64
	SHA256            []byte
}

// FileEntry is the entry of a complete file.
func FileEntry(path string, t *Tally) Entry {
	e := Entry{
		Kind: KindFile, Path: path, Records: t.Records, Messages: t.Messages, Bytes: t.Bytes, SHA256: fmt.Sprintf("%x", t.SHA256),
		Schemas: make(map[string]uint64), Symbols: make(map[string]uint64),
		First: survey.TimeOf(t.First), Last: survey.TimeOf(t.Last),
	}
	for cell, n := range t.Counts {
		e.Schemas[survey.SchemaName(cell.RType)] += n
		e.Symbols[cell.Symbol] += n
	}
	return e
}

// TallyOf is what a survey counted of a file.
func TallyOf(f *survey.File) *Tally {
	first, last := f.Counter.Range()
	return &Tally{
		First: first, Last: last, Records: f.Counter.Records, Messages: f.Counter.Messages,
		Counts: f.Counter.Cells(), Bytes: f.Bytes, SHA256: f.SHA256,
	}
}

// check refuses an entry that this program would not write.
func (e *Entry) check() error {
	switch {
	case e.Kind == "":
		return fmt.Errorf("it has no kind")
	case (e.Kind == KindFile || e.Path != "") && !filepath.IsLocal(filepath.FromSlash(e.Path)):
		return fmt.Errorf("the path %q leaves the directory of the manifest", e.Path)
	case e.Kind == KindFile && len(e.SHA256) != 64:
		return fmt.Errorf("the SHA-256 %q of %q is not one", e.SHA256, e.Path)
	}
	return nil
}
