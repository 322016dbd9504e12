package files

import (
	"cmp"
	"container/list"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// filePool keeps at most limit of many regular files open: those that were read last. Others
// are opened again when it is their turn, so that thousands can be merged.
type filePool struct {
	limit int
	open  list.List // of *pooledFile, the one that was read last in front
}

// spareFiles are left for everything else that a run has open.
const spareFiles = 40

func newFilePool() *filePool {
	p := &filePool{limit: 8}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		p.limit = int(min(max(limit.Cur, spareFiles+8), 1<<20)) - spareFiles
	}
	return p
}

// pooledFile is read from its beginning to its end.
type pooledFile struct {
	pool  *filePool
	name  string
	info  os.FileInfo // of the file that was opened first
	at    int64
	file  *os.File // nil: closed for now
	place *list.Element
}

// add takes over a file that is open.
func (p *filePool) add(name string, info os.FileInfo, file *os.File) *pooledFile {
	f := &pooledFile{pool: p, name: name, info: info, file: file}
	f.place = p.open.PushFront(f)
	p.shrink(p.limit)
	return f
}

// openFile opens any file; when the process has too many, one of the pool is closed for it.
func (p *filePool) openFile(name string) (*os.File, error) {
	for {
		file, err := os.Open(name)
		if full := errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE); !full || p.open.Len() == 0 {
			return file, err
		}
		p.limit = max(p.open.Len()-1, 1)
		p.shrink(p.open.Len() - 1)
	}
}

// shrink closes files until at most n are open.
func (p *filePool) shrink(n int) {
	for p.open.Len() > n {
		p.open.Back().Value.(*pooledFile).close()
	}
}

// Read implements io.Reader.
func (f *pooledFile) Read(b []byte) (int, error) {
	if err := f.ready(); err != nil {
		return 0, err
	}
	n, err := f.file.ReadAt(b, f.at)
	f.at += int64(n)
	if n > 0 && err == io.EOF { //nolint:errorlint // ReadAt's own
		err = nil
	}
	return n, err
}

// ready opens the file, if it is closed.
func (f *pooledFile) ready() error {
	if f.file != nil {
		f.pool.open.MoveToFront(f.place)
		return nil
	}
	f.pool.shrink(f.pool.limit - 1)
	file, err := f.pool.openFile(f.name)
	if err != nil {
		return err
	}
	if info, err := file.Stat(); err != nil || !os.SameFile(info, f.info) {
		file.Close() //nolint:errcheck // it was not read
		return cmp.Or(err, errors.New("it was replaced by another file while it was read"))
	}
	f.file, f.place = file, f.pool.open.PushFront(f)
	return nil
}

func (f *pooledFile) close() {
	if f.file != nil {
		f.file.Close() //nolint:errcheck // it was only read
		f.file = nil
		f.pool.open.Remove(f.place)
	}
}
