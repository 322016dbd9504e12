package tail

import (
	"errors"
	"io/fs"
	"os"

	"github.com/dbnloop/dbnloop/cmd/internal/capture"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// appended is the file that records are added to.
type appended struct {
	*commandLine
	path string
	want capture.Wanted
	file *capture.File // locked; nil: it is text, which needs no preparation
}

// appendTo prepares the file of --append or --resume: what a killed writer left incomplete is removed
// from a file of DBN, and SIGHUP opens a regular file again. The returned function gives it free.
func (c *commandLine) appendTo(s *session, resumes bool) (end func(), err error) {
	a := &appended{commandLine: c, path: s.Output.Path, want: s.wanted()}
	if !resumes && !term.IsRegularOrNew(a.path) {
		return func() {}, nil
	}
	s.Reopen = a.reopen
	if s.Output.Format != output.DBN {
		return func() {}, nil
	}
	if a.file, err = a.open(); err != nil {
		return nil, err
	}
	if resumes && a.file.Position != nil {
		s.position = a.file.Position
		c.log.Info("continuing the capture", "file", a.path, "records", a.file.Records)
	}
	return func() { a.file.Close() }, nil //nolint:errcheck // it only ends the lock
}

// open locks a file of DBN and repairs its end.
func (a *appended) open() (*capture.File, error) {
	file, err := capture.Resume(a.path, a.want)
	if err == nil && file.Cut > 0 {
		a.log.Warn("the last writer was interrupted: the end of the file was repaired", "file", a.path, "removed_bytes", file.Cut)
	}
	return file, err
}

// reopen is live.Options.Reopen.
func (a *appended) reopen() (release func(), err error) {
	if a.file == nil {
		file, err := os.OpenFile(a.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			var named *fs.PathError
			if errors.As(err, &named) {
				err = named.Err
			}
			return nil, exit.Fail(exit.Failure, "cannot write %s: %w", a.path, err)
		}
		return func() {}, file.Close()
	}
	if a.file.IsAt(a.path) {
		return func() {}, nil
	}
	file, err := a.open()
	if err != nil {
		return nil, err
	}
	before := a.file
	a.file = file
	return func() { before.Close() }, nil //nolint:errcheck // it only ends the lock
}
