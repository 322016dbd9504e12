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
	zstd  *zstd.Encoder // nil: plain
	buf   []byte        // a compressed frame
	frame int           // bytes that a file gathers before it is written to
	limit int
	open  list.List          // of *file, the one that was written last in front
	all   map[*file]struct{} // that are not complete
	most  int                // bytes that all files may gather, or twice as many
}

const (
	// spareFiles are left for everything else that a run has open.
	spareFiles = 40
	// maxFrame is how many bytes a zstd frame holds, before it is compressed.
	maxFrame = 4 << 20
	// mostCompressed and mostPlain bound what the files gather together.
	mostCompressed, mostPlain = 64 << 20, 16 << 20
	// usuallyGathered is what a file gathers that is not compressed, and leastGathered what each
	// of very many does.
	usuallyGathered, leastGathered = 32 << 10, 4 << 10
)

func newPool(compressed bool, maxSize int64) (*pool, error) {
	p := &pool{frame: usuallyGathered, most: mostPlain, limit: 8, all: make(map[*file]struct{})}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		p.limit = int(min(max(limit.Cur, spareFiles+8), 1<<20)) - spareFiles
	}
	if compressed {
		p.frame, p.most = maxFrame, mostCompressed
	}
	if maxSize > 0 { // so that it is not passed by far
		p.frame = int(min(max(maxSize/4, 4<<10), int64(p.frame)))
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

// share bounds what the files gather together, now that there is one more.
func (p *pool) share(f *file) error {
	n := len(p.all)
	f.limit = min(p.frame, max(p.most/n, leastGathered))
	if n&(n-1) != 0 {
		return nil // twice as many as the last time is soon enough
	}
	for other := range p.all {
		if other.limit = f.limit; len(other.gathered) < f.limit {
			continue
		}
		if err := other.flush(); err != nil {
			return err
		}
	}
	return nil
}

// flush writes what all files have gathered.
func (p *pool) flush() error {
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
