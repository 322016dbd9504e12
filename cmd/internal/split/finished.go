// Package split writes records to many files: one for each symbol, schema or period, or one after
// the other as they become old or large enough.
package split

import (
	"crypto/sha256"

	"github.com/dbnloop/dbnloop/dbn"
)

// Finished is called once for each file that is complete, right after it has got its name and
// before the next one begins. It is called by the goroutine that has the records, so it should be
// short. An error ends the run; the file stays.
type Finished func(*File) error

// Happened is called at once for what happens to a captured stream. An error ends the run.
type Happened func(Event) error

// File is a complete file.
type File struct {
	Path     string        // as the pattern gives it
	First    dbn.UnixNanos // the lowest index time of its data records; dbn.UndefTimestamp: it has none
	Last     dbn.UnixNanos // the highest one; dbn.UndefTimestamp: it has none
	Records  uint64        // data records
	Messages uint64        // the gateway's own: symbol mappings, system and error messages
	Counts   map[Count]uint64
	Bytes    int64 // on the disk, compressed if it is
	SHA256   [sha256.Size]byte
	Events   []Event // what happened to the stream while the file was written, in order
}

// Count is what data records are counted by.
type Count struct {
	RType  dbn.RType
	Symbol string // "": it was not known
}

// Event is a break of a stream that was captured: a gap that remains, or one that was filled.
type Event struct {
	Path      string // for Happened: the file that was being written; empty: none was
	Filled    bool
	Schema    dbn.Schema // SchemaNone: all of them
	From, To  dbn.UnixNanos
	Reason    string // of a gap that remains, for people
	Replayed  uint64 // of one that was filled: records that came again
	Duplicate uint64 // of them, those that had come before and were left out
}
