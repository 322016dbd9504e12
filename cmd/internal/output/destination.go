package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// destination is an opened file or standard output.
type destination struct {
	name    string
	w       io.Writer
	file    *os.File // nil for standard output
	part    *Part
	failure error // of the first write that failed: nothing is written after it
}

// open makes the file; "" is standard output.
func (o *Output) open(path string, stdout io.Writer) (*destination, error) {
	if o.To != nil {
		return &destination{name: o.To.Name(), w: o.To}, nil
	}
	if path == "" {
		return standardOutput(stdout), nil
	}
	part := o.TakePart(path)
	if part == nil && (o.Paid || path != o.Tee && (o.Whole || o.Format.Columnar())) && term.IsRegularOrNew(path) {
		var err error
		if part, err = o.openPart(path); err != nil {
			return nil, err
		}
	}
	if part != nil {
		d := &destination{name: path, w: part.file, file: part.file, part: part}
		if o.Paid {
			d.name = part.name // where it is, should it not become complete
		}
		return d, nil
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if o.resumes(path) {
		how = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	} else if info, err := os.Stat(path); !o.Force && (err != nil || info.Mode().IsRegular()) {
		how |= os.O_EXCL
	}
	file, err := term.OpenPatiently(path, how)
	if err != nil {
		return nil, exit.Fail(exit.Failure, "cannot write %s: %w", path, err)
	}
	return &destination{name: path, w: term.Patient(file), file: file}, nil
}

// resumes reports whether a file is appended to.
func (o *Output) resumes(path string) bool { return o.Append && path == o.Path }

// StandardOutput is standard output for what is not a stream of records: an error of a write names
// the file that it is, if it is one.
func StandardOutput(stdout io.Writer) io.Writer { return standardOutput(stdout) }

func standardOutput(stdout io.Writer) *destination {
	d := &destination{name: "standard output", w: term.Patient(stdout)}
	if fd, ok := term.Descriptor(stdout); ok {
		var stat unix.Stat_t
		path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err == nil && unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG {
			d.name += " (" + path + ")"
		}
	}
	return d
}

// Write passes bytes on; a reader that has gone is exit.ErrReaderGone.
func (d *destination) Write(p []byte) (int, error) {
	if d.failure != nil {
		return 0, d.failure
	}
	n, err := d.w.Write(p)
	if err == nil {
		return n, nil
	}
	d.failure = exit.ErrReaderGone
	if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, io.ErrClosedPipe) {
		d.failure = d.failed(err)
	}
	if d.part != nil {
		d.part.output.short = true
	}
	return n, d.failure
}

// failed names the destination once: the system's error names it too.
func (d *destination) failed(err error) error {
	if exit.IsOwn(err) {
		return err
	}
	return exit.Fail(exit.Failure, "cannot write to %s: %w", d.name, causeOf(err))
}

// causeOf is the system's error without the name of the file.
func causeOf(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

func (d *destination) close() error {
	if o, ok := d.w.(*term.Outlet); ok {
		o.Close()
	}
	if d.file == nil {
		return nil
	}
	if d.part != nil {
		return d.part.end(d.failure != nil)
	}
	if err := d.file.Close(); err != nil {
		return d.failed(err)
	}
	return nil
}

// hasData reports whether the file held something before.
func (d *destination) hasData() bool {
	if d.file == nil {
		return true // it is one of several, of which only those are resumed
	}
	info, err := d.file.Stat()
	return err == nil && info.Size() > 0
}

// paid reports whether what is written was paid for.
func (d *destination) paid() bool { return d.part != nil && d.part.output.Paid }

// discard gives up a file that no record was written to.
func (d *destination) discard() {
	switch {
	case d.part != nil:
		d.part.remove()
	case d.file != nil:
		d.file.Close() //nolint:errcheck // another error counts
	}
	d.file = nil
}

// endLine takes the begun line at the end of what was written back: a number that is cut
// off is another number.
func (d *destination) endLine(written []byte) {
	begun := len(written) - 1 - bytes.LastIndexByte(written, '\n')
	if d.part == nil || begun == 0 {
		return
	}
	if end, err := d.file.Seek(0, io.SeekCurrent); err == nil {
		d.file.Truncate(end - int64(begun)) //nolint:errcheck // the write's error counts
	}
}
