package split

import (
	"cmp"
	"container/list"
	"crypto/sha256"
	"errors"
	"hash"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
)

// file is one output. It is written under the name of a part and gets its own when it is complete.
// Between two writes it may be closed: see pool.
type file struct {
	pool     *pool
	path     string // its own name
	part     string // under which it is written
	fd       *os.File
	info     os.FileInfo // of the file that was made
	place    *list.Element
	gathered []byte // to be written, or compressed
	limit    int    // of gathered
	size     int64  // on disk
	sum      hash.Hash
	failure  error
}

// maxParts bounds the search for a free name.
const maxParts = 1000

// create makes a new part: under the first name that is free, or under the only one that there may
// be. Directories below that of the pattern are made.
func (p *pool) create(path, directory string, only, force, hashed bool) (*file, error) {
	if info, err := os.Lstat(path); err == nil && (!force || info.IsDir()) {
		return nil, exit.BadUsage("%s exists: give --force to overwrite it", path)
	}
	if parent := filepath.Dir(path); parent != directory {
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return nil, failed(path, err)
		}
	}
	f := &file{pool: p, path: path}
	for number := 1; ; number++ {
		f.part = output.PartName(path, number)
		if err := p.shrink(p.limit - 1); err != nil {
			return nil, err
		}
		fd, err := p.openFile(f.part, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND)
		switch {
		case errors.Is(err, os.ErrExist) && only:
			return nil, exit.BadUsage("%s is there: a capture was interrupted. --resume continues it; remove it to begin a new one", f.part)
		case errors.Is(err, os.ErrExist) && number < maxParts:
			continue
		case err != nil:
			return nil, failed(path, err)
		}
		return f, f.begin(fd, hashed)
	}
}

// continued takes over a part that an earlier run left.
func (p *pool) continued(path string, fd *os.File) (*file, error) {
	f := &file{pool: p, path: path, part: output.PartName(path, 1)}
	if err := f.begin(fd, false); err != nil {
		return nil, err
	}
	f.size = f.info.Size()
	return f, nil
}

func (f *file) begin(fd *os.File, hashed bool) (err error) {
	f.fd = fd
	f.place = f.pool.open.PushFront(f)
	f.pool.all[f] = struct{}{}
	if hashed {
		f.sum = sha256.New()
	}
	if err := f.pool.share(f); err != nil {
		return err
	}
	if f.info, err = fd.Stat(); err != nil {
		return failed(f.path, err)
	}
	return nil
}

// Name is what errors call the file.
func (f *file) Name() string { return f.path }

// Write appends complete records or lines.
func (f *file) Write(p []byte) (int, error) { return len(p), f.take(p) }

// take is Write for records.
func (f *file) take(p []byte) error {
	f.gathered = append(f.gathered, p...)
	if len(f.gathered) < f.limit {
		return nil
	}
	return f.flush()
}

// flush writes what was gathered, as a frame of its own if it is compressed.
func (f *file) flush() error {
	if len(f.gathered) == 0 {
		return f.failure
	}
	p := f.gathered
	f.gathered = p[:0]
	if f.pool.zstd != nil {
		p = f.pool.compress(p)
	}
	err := f.append(p)
	if cap(f.gathered) > 2*f.limit {
		f.gathered = nil // from the time when there were fewer files
	}
	return err
}

// append writes to the end of the file. After a failure it writes nothing more, and takes back what
// is not complete.
func (f *file) append(p []byte) error {
	if f.failure != nil {
		return f.failure
	}
	if f.failure = f.ready(); f.failure != nil {
		return f.failure
	}
	n, err := f.fd.Write(p)
	if err != nil {
		f.failure = failed(f.path, err)
		if n > 0 {
			f.fd.Truncate(f.size) //nolint:errcheck // what is left is repaired by --resume
		}
		return f.failure
	}
	f.size += int64(n)
	if f.sum != nil {
		f.sum.Write(p)
	}
	return nil
}

// hurry has the disk begin to write what was appended, so that little is left when the file is
// complete and waits for the disk.
func (f *file) hurry() {
	if f.fd != nil {
		unix.SyncFileRange(int(f.fd.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE) //nolint:errcheck // not every file system can
	}
}

// ready opens the file, if it is closed.
func (f *file) ready() error {
	if f.fd != nil {
		f.pool.open.MoveToFront(f.place)
		return nil
	}
	if err := f.pool.shrink(f.pool.limit - 1); err != nil {
		return err
	}
	fd, err := f.pool.openFile(f.part, os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return failed(f.path, err)
	}
	if info, err := fd.Stat(); err != nil || !os.SameFile(info, f.info) {
		fd.Close() //nolint:errcheck // nothing was written
		return failed(f.part, cmp.Or(err, errors.New("it was replaced by another file while it was written")))
	}
	f.fd, f.place = fd, f.pool.open.PushFront(f)
	return nil
}

// rest closes the file until there is something to append. A disk may report here that it was full.
func (f *file) rest() error {
	if f.fd == nil {
		return nil
	}
	err := f.fd.Close()
	f.fd = nil
	f.pool.open.Remove(f.place)
	if err != nil {
		f.failure = cmp.Or(f.failure, failed(f.path, err))
	}
	return f.failure
}

// end writes what was gathered and closes the file, whatever happens.
func (f *file) end(sync bool) error {
	err := f.flush()
	if sync && err == nil {
		if err = f.ready(); err == nil {
			err = f.fd.Sync()
		}
	}
	err = cmp.Or(err, f.rest())
	f.gathered = nil
	delete(f.pool.all, f)
	return err
}

// publish gives the complete file its own name. Without force it replaces nothing that came to be
// in the meantime.
func (f *file) publish(force bool) error {
	if info, err := os.Lstat(f.part); err != nil || !os.SameFile(info, f.info) {
		return exit.Fail(exit.Failure, "cannot rename %s: it was removed or replaced", f.part)
	}
	if err := output.Rename(f.part, f.path, force); err != nil {
		return exit.Fail(exit.Failure, "cannot rename %s to %s: %w", f.part, f.path, err)
	}
	return nil
}

// remove gives up a file.
func (f *file) remove() {
	if info, err := os.Lstat(f.part); err == nil && os.SameFile(info, f.info) {
		os.Remove(f.part) //nolint:errcheck // nothing else can be done
	}
}
