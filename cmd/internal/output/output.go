// Package output writes records: tables, JSON, CSV and DBN, to standard output or to files that
// appear when they are complete. It knows no flags: what is wanted comes to it as Settings.
package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// Format is how records are written.
type Format int

// The formats.
const (
	Table Format = iota + 1
	JSON
	CSV
	TSV
	DBN
	Lines // of a template
	Parquet
	Arrow
)

// String is the format's name in messages.
func (f Format) String() string {
	return [...]string{"", "table", "JSON", "CSV", "TSV", "DBN", "lines of --format", "Parquet", "Arrow"}[f]
}

// Settings say where records go and in which form.
type Settings struct {
	Format  Format
	Asked   bool   // by flag, not as the usual form in a pipe or by the file's name
	Path    string // "": standard output
	Zstd    bool
	Tee     string
	TeeZstd bool
	Force   bool
	Whole   bool // the file at Path appears when it is complete
	Paid    bool // so does that of Tee, and neither is ever deleted
	Append  bool // the file at Path holds the beginning, its metadata included

	// Many makes the sink of an output that consists of several files, for which Path is a pattern;
	// nil: it is one.
	Many     func(o *Output, schemas []dbn.Schema) Sink
	BySchema bool // each of the files holds one schema
	Symbols  bool // the symbols of records are needed, whatever the format
	To       File // where this output goes, as one of several; nil: to Path
	Gather   int  // bytes that are gathered before they are written to it

	Text       dbn.TextOptions // TsOut is the stream's own
	Template   *Template       // of Lines
	OmitHeader bool
	Fields     []string
	Disarm     bool // cells of CSV and TSV that are formulas become text
	System     bool
	Color      bool
	Metadata   bool // print the metadata and end
	Silent     bool // write nothing at all
	Fragment   bool // of records without metadata: what CSV's columns are shows with the first
	Bare       bool // DBN without metadata
}

// ShowsSymbols reports whether records are written with the symbol of their instrument.
func (o *Settings) ShowsSymbols() bool {
	return o.Symbols || o.Format == Table || o.Format != DBN && o.Text.MapSymbol
}

// File is one of several files of an output, which others than this package open and close.
type File interface {
	io.Writer
	Name() string
}

// Output is where the records of one run go, and what became of them.
type Output struct {
	Settings

	cut   bool // what was written is not all: the file stays a part
	empty bool // and it is nothing at all: no file
	short bool // a write failed: the file holds less than what came

	opened map[string]*Part // by OpenFiles
	kept   []string         // parts that hold data that was paid for
}

// Cut says, before the sinks are closed, whether what was written is not all of what was asked
// for, so that the file stays a part; and whether nothing came at all, so that no file is left.
func (o *Output) Cut(cut, empty bool) { o.cut, o.empty = cut, empty }

// WasCut returns what Cut said.
func (o *Output) WasCut() (cut, empty bool) { return o.cut, o.empty }

// Short reports whether a write failed: the file then holds less than what came.
func (o *Output) Short() bool { return o.short }

// Kept names the parts that hold data that was paid for.
func (o *Output) Kept() []string { return o.kept }

// extensions give the encoding of a file by its name, as the official tool does.
var extensions = map[string]Format{
	".dbn": DBN, ".frag": DBN, ".csv": CSV, ".tsv": TSV, ".xls": TSV,
	".parquet": Parquet, ".arrow": Arrow, ".feather": Arrow,
	".json": JSON, ".jsonl": JSON, ".ndjson": JSON,
}

// IsFragment reports whether a file's name stands for DBN without metadata, as with the official
// tool.
func IsFragment(path string) bool {
	return strings.HasSuffix(strings.TrimSuffix(strings.ToLower(path), ".zst"), ".dbn.frag")
}

// FormatOf is the encoding that a file's name stands for.
func FormatOf(path string) (f Format, compressed, known bool) {
	name, compressed := strings.CutSuffix(strings.ToLower(filepath.Base(path)), ".zst")
	f, known = extensions[filepath.Ext(name)]
	if filepath.Ext(name) == ".frag" && !IsFragment(name) {
		return 0, compressed, false
	}
	return f, compressed, known
}

// CheckFile finds out before anything begins whether the file can be written. The file
// itself is made when there is something to write.
func (o *Settings) CheckFile(path string) error {
	if path == "" || o.Many != nil && path == o.Path {
		return nil // the files of a pattern are checked when their names are known
	}
	info, err := os.Stat(path)
	switch {
	case o.Append && path == o.Path:
		return nil // it was opened already
	case err == nil && info.IsDir():
		return exit.BadUsage("%s is a directory", path)
	case err == nil && info.Mode().IsRegular() && !o.Force:
		return exit.BadUsage("%s exists: give --force to overwrite it", path)
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return exit.Fail(exit.Failure, "cannot write %s: %w", path, err)
	}
	if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return exit.Fail(exit.Failure, "cannot write %s: directory %s: %w", path, filepath.Dir(path), err)
	}
	return nil
}
