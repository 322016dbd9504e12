// Package capture continues files of records: where such a file ends is where its stream resumes.
package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// Wanted is what a file must hold to be continued.
type Wanted struct {
	Dataset string
	Schemas []dbn.Schema
	TsOut   bool
}

// File is a capture that is continued. It is locked until Close.
type File struct {
	Position []byte // for ContinuousClient.ResumeFrom; nil: the file is new
	Records  uint64 // that it holds
	Cut      int64  // bytes of an incomplete record, or of a damaged frame, that were removed
	lock     *os.File
	nothing  bool // not even its header could be read
}

// Close gives the file free for another process.
func (f *File) Close() error { return f.lock.Close() }

// IsAt reports whether the file still has the name.
func (f *File) IsAt(path string) bool {
	held, err1 := f.lock.Stat()
	now, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(held, now)
}

// Resume opens the capture at path, plain or compressed, finds where its stream ends, and takes
// away what a killed writer left after the last complete record. The file is then ready to be
// appended to. A file that does not exist, or is empty, is a capture that begins.
func Resume(path string, want Wanted) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, exit.Fail(exit.Failure, "cannot continue %s: %w", path, cause(err))
	}
	f := &File{lock: file}
	if err := f.open(path, &checker{want: want}); err != nil {
		file.Close() //nolint:errcheck // the first error counts
		return nil, err
	}
	return f, nil
}

// open repairs the file, which follows what check has read already.
func (f *File) open(path string, check *checker) error {
	info, err := f.lock.Stat()
	switch {
	case err != nil:
		return exit.Fail(exit.Failure, "cannot continue %s: %w", path, cause(err))
	case !info.Mode().IsRegular():
		return exit.BadUsage("cannot continue %s: it is not a regular file", path)
	}
	if err := unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return exit.Fail(exit.Failure, "cannot continue %s: another process writes to it", path)
	}
	if info.Size() == 0 {
		f.nothing = true
		return nil
	}
	if err := check.begin(); err != nil {
		return err
	}
	defer check.close()
	if isZstd(f.lock) {
		err = f.resumeCompressed(check)
	} else {
		err = f.resumePlain(check, info.Size())
	}
	if errors.Is(err, errNoHeader) && info.Size() < maxBegun {
		// The writer was killed before it had written anything that can be read.
		f.Cut, f.nothing = info.Size(), true
		return explain(path, f.lock.Truncate(0))
	}
	if err == nil {
		err = check.header()
	}
	if err != nil {
		return explain(path, err)
	}
	f.Records = check.end.Records() - check.before
	f.Position, err = check.end.Position()
	return explain(path, err)
}

// resumePlain cuts the file after its last complete record.
func (f *File) resumePlain(check *checker, size int64) error {
	if _, err := io.Copy(check, bufio.NewReaderSize(f.lock, 1<<20)); err != nil {
		return err
	}
	complete := check.complete()
	if complete == 0 {
		return errNoHeader
	}
	if f.Cut = size - complete; f.Cut == 0 {
		return nil
	}
	return f.lock.Truncate(complete)
}

// resumeCompressed cuts the file after its last complete frame, and writes what the incomplete
// one still gave as a frame of its own.
func (f *File) resumeCompressed(check *checker) error {
	complete, err := lastFrame(f.lock)
	if err != nil {
		return err
	}
	size, err := f.lock.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := copyFrames(check, io.NewSectionReader(f.lock, 0, complete)); err != nil {
		return err
	}
	if check.complete() != check.taken {
		return fmt.Errorf("a record is cut off within the file, at byte %d of its records", check.complete())
	}
	if complete == size {
		return nil
	}
	// What the last frame has in front of the cut. Its end is missing, so an error is expected.
	var rest bytes.Buffer
	before := check.taken
	check.also = &rest
	_ = copyFrames(check, io.NewSectionReader(f.lock, complete, size-complete))
	if check.failure != nil {
		return check.failure
	}
	rest.Truncate(int(max(check.complete()-before, 0)))
	if check.complete() == 0 {
		return errNoHeader
	}
	f.Cut = size - complete
	if err := f.lock.Truncate(complete); err != nil {
		return err
	}
	if rest.Len() == 0 {
		return nil
	}
	if _, err := f.lock.Seek(complete, io.SeekStart); err != nil {
		return err
	}
	encoder, err := dbn.NewEncoder(f.lock, nil, dbn.WithZstd(0))
	if err != nil {
		return err
	}
	if err := encoder.WriteBytes(rest.Bytes()); err != nil {
		return err
	}
	return encoder.Close()
}

// maxBegun is more than a writer leaves that was killed before its first block was complete.
const maxBegun = 1 << 20

var errNoHeader = errors.New("its DBN metadata is not complete, so nothing can be appended: remove the file to begin a new one")

// checker passes the bytes of a file to a StreamEnd, and remembers what it refuses. Files that are
// checked one after the other are one stream.
type checker struct {
	end     *dbnloop.StreamEnd
	want    Wanted
	follows bool   // it is not the first file: the stream has had a header
	offset  int64  // of the file in the stream
	before  uint64 // records before the file
	taken   int64  // bytes of the file
	head    []byte // until the header is complete
	headLen int64  // of a file that follows; else it is a part of the stream
	meta    *dbn.Metadata
	also    *bytes.Buffer
	failure error
}

func (c *checker) begin() (err error) {
	if c.end == nil {
		c.end, err = dbnloop.NewStreamEnd()
	}
	return err
}

func (c *checker) close() {
	if c.end != nil {
		c.end.Close() //nolint:errcheck // it only frees memory
		c.end = nil
	}
}

// next makes what comes another file, whose header is not a part of the stream.
func (c *checker) next() {
	*c = checker{end: c.end, want: c.want, follows: true, offset: c.end.Complete(), before: c.end.Records()}
}

// complete is how many bytes of the file are complete records, with the header.
func (c *checker) complete() int64 {
	if c.follows && c.meta == nil {
		return 0
	}
	return c.headLen + c.end.Complete() - c.offset
}

func (c *checker) Write(p []byte) (int, error) {
	c.taken += int64(len(p))
	if c.also != nil {
		c.also.Write(p)
	}
	rest := p
	if c.meta == nil {
		c.head = append(c.head, p...)
	}
	if c.meta == nil && c.follows {
		if rest = c.afterHeader(); rest == nil || c.failure != nil {
			return len(p), c.failure
		}
	}
	if _, err := c.end.Write(rest); err != nil {
		c.failure = err
		return 0, err
	}
	if c.meta == nil && c.end.Complete() > 0 {
		c.failure = c.header()
	}
	return len(p), c.failure
}

// afterHeader is what follows the header in the bytes up to now; nil: nothing.
func (c *checker) afterHeader() []byte {
	n, err := dbn.MetadataLen(c.head)
	if err != nil && len(c.head) >= 8 {
		c.failure = err
	}
	if err != nil || len(c.head) < n {
		return nil
	}
	rest := c.head[n:]
	c.head, c.headLen = c.head[:n:n], int64(n)
	c.failure = c.header()
	return rest
}

// header compares the file's header with what is asked for.
func (c *checker) header() error {
	if c.meta != nil {
		return nil
	}
	decoder, err := dbn.NewDecoder(bytes.NewReader(c.head))
	if err != nil {
		return errNoHeader
	}
	defer decoder.Close()
	c.meta, c.head = decoder.Metadata(), nil
	m := c.meta
	switch {
	case m.Dataset != c.want.Dataset:
		return fmt.Errorf("it holds data of %s, not of %s", m.Dataset, c.want.Dataset)
	case m.TsOut != c.want.TsOut:
		return fmt.Errorf("its records have %s ts_out: %s --ts-out", with(m.TsOut), give(m.TsOut))
	case decoder.InputVersion() != dbn.Version:
		return fmt.Errorf("it is DBN version %d, and the stream is version %d: convert it first, or begin a new file", decoder.InputVersion(), dbn.Version)
	case m.Schema != dbn.SchemaNone && !slices.Contains(c.want.Schemas, m.Schema):
		return fmt.Errorf("it holds %v, which was not asked for", m.Schema)
	}
	return nil
}

func with(has bool) string {
	if has {
		return "a"
	}
	return "no"
}

func give(has bool) string {
	if has {
		return "give"
	}
	return "leave out"
}

// explain says of an error which file it is about.
func explain(path string, err error) error {
	if err == nil || exit.IsOwn(err) {
		return err
	}
	code := exit.Failure
	var library *dbnloop.Error
	if errors.As(err, &library) {
		code = exit.FromError(err)
	}
	return exit.Fail(code, "cannot continue %s: %w", path, cause(err))
}

func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
