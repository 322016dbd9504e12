package split

import (
	"container/list"
	"errors"
	"os"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// pool is what the files that are written have in common. At most limit of them are open: those
// that were written last. Others are opened again when there is something to append. So is the
// memory bounded in which they gather what is to be compressed.
type pool struct {
	zstd    *zstd.Encoder // nil: plain
	buf     []byte        // a compressed frame
	frame   int           // bytes that a file gathers for one
	limit   int
	open    list.List // of *file, the one that was written last in front
	all     map[*file]struct{}
	held    int   // bytes that the files have gathered
	written int64 // bytes on disk, of all files
}

const (
	// spareFiles are left for everything else that a run has open.
	spareFiles = 40
	// maxHeld bounds what the files have gathered together.
	maxHeld = 64 << 20
	// maxFrame is how many bytes a zstd frame holds, before it is compressed.
	maxFrame = 4 << 20
)

func newPool(compressed bool, maxSize int64) (*pool, error) {
	p := &pool{frame: maxFrame, limit: 8, all: make(map[*file]struct{})}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		p.limit = int(min(max(limit.Cur, spareFiles+8), 1<<20)) - spareFiles
	}
	if maxSize > 0 {
		p.frame = int(min(max(maxSize, 4<<10), maxFrame))
	}
	if !compressed {
		return p, nil
	}
	var err error
	p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	return p, err
}

// openFile opens a file; when the process has too many, one of the pool is closed for it.
func (p *pool) openFile(path string, how int) (*os.File, error) {
	for {
		fd, err := os.OpenFile(path, how, 0o644)
		if full := errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE); !full || p.open.Len() == 0 {
			return fd, err
		}
		p.limit = max(p.open.Len()-1, 1)
		if err := p.shrink(p.open.Len() - 1); err != nil {
			return nil, err
		}
	}
}

// shrink closes files until at most n are open.
func (p *pool) shrink(n int) error {
	for p.open.Len() > n {
		if err := p.open.Back().Value.(*file).rest(); err != nil {
			return err
		}
	}
	return nil
}

// relieve writes what all files have gathered, once it is too much.
func (p *pool) relieve() error {
	if p.held < maxHeld {
		return nil
	}
	return p.flush()
}

// flush writes what all files have gathered.
func (p *pool) flush() error {
	if p.held == 0 {
		return nil
	}
	for f := range p.all {
		if err := f.flush(); err != nil {
			return err
		}
	}
	return nil
}

// compress makes bytes a zstd frame, which is valid until the next call.
func (p *pool) compress(raw []byte) []byte {
	p.buf = p.zstd.EncodeAll(raw, p.buf[:0])
	return p.buf
}

func failed(path string, err error) error {
	if exit.IsOwn(err) {
		return err
	}
	var named *os.PathError
	if errors.As(err, &named) {
		err = named.Err
	}
	return exit.Fail(exit.Failure, "cannot write to %s: %w", path, err)
}
