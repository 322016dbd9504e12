// Package verify checks that files of records are complete, unchanged and without gaps: against
// the manifest of their capture, against each other, and against the historical API.
package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/manifest"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Options say how files are checked.
type Options struct {
	JSON   bool // one object a line instead of text
	All    bool // print files that are as they should be, too
	Decode []dbn.DecoderOption
	// Count asks the historical API for a number of records; nil: it is not asked.
	Count func(dbnloop.HistoricalRequest) (uint64, error)

	Stdout, Stderr io.Writer
}

// The kinds of findings, from the harmless to the severe.
const (
	Fine    = "ok"      // a file is as it should be
	Note    = "note"    // worth knowing; nothing is missing
	Gap     = "gap"     // records are missing, or may be
	Damaged = "corrupt" // a file is not what it was, or not what it should be
	Failed  = "failed"  // it could not be checked
)

// finding is a line of the answer.
type finding struct {
	Kind string `json:"kind"`
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
}

// summary is the last line of the answer.
type summary struct {
	Complete bool   `json:"complete"`
	Files    uint64 `json:"files"` // that were read
	Records  uint64 `json:"records"`
	Filled   uint64 `json:"filled"` // breaks of streams that were filled
	Notes    uint64 `json:"notes"`
	Gaps     uint64 `json:"gaps"`
	Corrupt  uint64 `json:"corrupt"`
	Failed   uint64 `json:"failed"`
}

type run struct {
	Options
	out      io.Writer
	sum      summary
	progress *term.Progress
	broken   error // the output takes nothing more
}

// Run checks manifests, directories and files. The error has the exit code: exit.OK if everything
// is complete, exit.Partial for gaps, exit.Corrupt for what is damaged, and exit.Failure if
// something could not be checked.
func Run(names []string, o Options) error {
	run := &run{Options: o, out: output.StandardOutput(o.Stdout)}
	var loose []string
	for _, name := range names {
		switch what, err := kindOf(name); {
		case err != nil:
			run.found(Failed, name, "cannot be read: %v", pathless(err))
		case what == isManifest:
			run.manifest(name)
		case what == isDirectory:
			loose = append(loose, run.directory(name)...)
		default:
			loose = append(loose, name)
		}
	}
	run.loose(loose)
	return run.conclude()
}

// kind is what an argument is.
type kind int

const (
	isFile kind = iota
	isManifest
	isDirectory
)

func kindOf(name string) (kind, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return 0, err
	case info.IsDir():
		return isDirectory, nil
	case !info.Mode().IsRegular():
		return 0, errors.New("it is not a regular file")
	case filepath.Base(name) == manifest.Name:
		return isManifest, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	var first [1]byte
	if n, err := file.Read(first[:]); n == 1 && first[0] == '{' {
		return isManifest, nil
	} else if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return isFile, nil
}

// directory checks the manifest of a directory, or gives its DBN files if it has none.
func (run *run) directory(name string) (loose []string) {
	path := filepath.Join(name, manifest.Name)
	if _, err := os.Lstat(path); err == nil {
		run.manifest(path)
		return nil
	}
	all, err := recordFiles(name)
	switch {
	case err != nil:
		run.found(Failed, name, "cannot be listed: %v", pathless(err))
	case len(all) == 0:
		run.found(Failed, name, "neither a manifest (%s) nor a DBN file is in it", manifest.Name)
	}
	for _, path := range all {
		loose = append(loose, filepath.Join(name, path))
	}
	return loose
}

// recordFiles lists the DBN files below a directory, and those that are being written.
func recordFiles(directory string) (paths []string, err error) {
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		base := entry.Name()
		if strings.HasSuffix(base, ".dbn") || strings.HasSuffix(base, ".dbn.zst") || isPart(base) {
			relative, err := filepath.Rel(directory, path)
			paths = append(paths, relative)
			return err
		}
		return nil
	})
	return paths, err
}

// isPart reports whether a name is that of a DBN file that is not complete yet.
func isPart(base string) bool {
	at := strings.LastIndex(base, output.PartSuffix)
	return at > 0 && (strings.HasSuffix(base[:at], ".dbn") || strings.HasSuffix(base[:at], ".dbn.zst"))
}

// read surveys a file; nil if it cannot be read.
func (run *run) read(path, name string) *survey.File {
	file, err := os.Open(path)
	if err != nil {
		run.found(Failed, name, "cannot be read: %v", pathless(err))
		return nil
	}
	defer file.Close() //nolint:errcheck // it was only read
	size := int64(-1)
	if info, err := file.Stat(); err == nil {
		size = info.Size()
	}
	run.progress = term.NewProgress(run.Stderr, size)
	f := survey.Read(file, survey.Options{Hash: true, Decode: run.Decode, Read: run.progress.Add})
	run.progress.Clear()
	run.sum.Files++
	run.sum.Records += f.Counter.Records
	return f
}

// found prints a finding, and counts it.
func (run *run) found(kind, path, format string, args ...any) {
	switch kind {
	case Fine:
		if !run.All {
			return
		}
	case Note:
		run.sum.Notes++
	case Gap:
		run.sum.Gaps++
	case Damaged:
		run.sum.Corrupt++
	case Failed:
		run.sum.Failed++
	}
	f := finding{kind, path, fmt.Sprintf(format, args...)}
	if run.JSON {
		run.json(f)
		return
	}
	text := f.Text
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	run.write([]byte(kind + ": " + cli.Plain(text) + "\n"))
}

func (run *run) json(v any) {
	var b bytes.Buffer
	encoder := json.NewEncoder(cli.PlainJSON(&b))
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		run.broken = exit.Fail(exit.Failure, "cannot write the answer as JSON: %w", err)
		return
	}
	run.write(b.Bytes())
}

func (run *run) write(b []byte) {
	if run.broken == nil {
		_, run.broken = run.out.Write(b)
	}
}

// conclude prints the summary, and gives the error to end with.
func (run *run) conclude() error {
	s := &run.sum
	s.Complete = s.Gaps == 0 && s.Corrupt == 0 && s.Failed == 0
	if run.JSON {
		run.json(s)
	} else {
		text := term.Plural(s.Files, "file") + ", " + term.Plural(s.Records, "record")
		if s.Filled > 0 {
			text += ", " + term.Plural(s.Filled, "break") + " filled"
		}
		if s.Complete {
			text += ": complete"
		} else {
			text += ": not complete"
		}
		run.write([]byte(text + "\n"))
	}
	switch {
	case run.broken != nil:
		return run.broken
	case s.Failed > 0:
		return exit.Fail(exit.Failure, "not everything could be checked")
	case s.Corrupt > 0:
		return exit.Fail(exit.Corrupt, "the data is damaged: %s", term.Plural(s.Corrupt, "finding"))
	case s.Gaps > 0:
		return exit.Fail(exit.Partial, "the data is not complete: %s", term.Plural(s.Gaps, "gap"))
	}
	return nil
}

// pathless is an error without the path, which the message has already.
func pathless(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
