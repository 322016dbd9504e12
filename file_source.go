package dbnloop

import (
	"sync/atomic"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// FileOption configures a FileSource.
type FileOption interface{ applyFile(*fileConfig) }

type fileConfig struct {
	config
	c bindings.FileOptions
}

type fileOption func(*fileConfig)

func (f fileOption) applyFile(o *fileConfig) { f(o) }

// WithFragment reads records without a header, of the given DBN version (1 to 3), with or
// without a ts_out at their end. Version 3 is refused together with dbn.UpgradeToV2. Default:
// the file has a header.
func WithFragment(version int, tsOut bool) FileOption {
	return fileOption(func(o *fileConfig) {
		if version < 1 || version > dbn.Version {
			o.refuse("WithFragment: DBN version %d does not exist, want 1 to %d", version, dbn.Version)
		}
		o.c.FragmentVersion, o.c.FragmentTsOut = int32(version), tsOut
	})
}

// WithMmap reads regular files through a mapping. This is rarely faster: measure it. Use it
// only for files that are not truncated while in use: the process is killed (SIGBUS) when that
// happens. Default: read(2).
func WithMmap() FileOption {
	return fileOption(func(o *fileConfig) { o.c.UseMmap = true })
}

// FileSource is a DBN file on the reactor: plain or zstd, a regular file, a pipe or standard
// input. Its records are delivered in turns, like those of the other clients. Package dbn reads
// files without a reactor and without cgo.
type FileSource struct {
	source
	file  *bindings.File
	total atomic.Int64 // of the last Start; -1 if it is unknown
}

// NewFileSource creates a source for a file, which Start opens; "-" is standard input. It may
// be called inside a handler. It returns ErrInvalidArgument for an option that is out of range,
// and ErrInvalidState when called from a second goroutine while another one is inside the
// reactor.
func NewFileSource(r *Reactor, path string, opts ...FileOption) (*FileSource, error) {
	if r == nil {
		return nil, newError(CodeInvalidArgument, "NewFileSource: the reactor is nil")
	}
	config := fileConfig{config: newConfig(), c: bindings.FileOptionsDefault()}
	for _, o := range opts {
		if o != nil {
			o.applyFile(&config)
		}
	}
	if config.err != nil {
		return nil, config.err
	}
	c := &FileSource{}
	c.total.Store(-1)
	err := c.attach(r, config.log, func(loop *bindings.Reactor) (native, *bindings.Error) {
		file, e := bindings.FileNew(loop, path, config.c)
		c.file = file
		return file, e
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Start opens the file. Its records are delivered from the next turn on; then the Complete
// handler is called, or the Error handler after every complete record before a fault. After the
// end, Start reads the file again from its beginning. It may be called inside a handler. It
// returns ErrInvalidState while the file is being read, and when called from a second goroutine
// while another one is inside the reactor.
func (c *FileSource) Start() error {
	return c.call(func() *bindings.Error {
		e := c.file.Start()
		if e == nil {
			c.begin()
			c.total.Store(c.file.TotalBytes())
		}
		return e
	})
}

// Stop ends the stream at once: no further record is delivered, and the Error handler receives
// ErrCancelled. It may be called inside a handler. It returns ErrInvalidState when called from
// a second goroutine while another one is inside the reactor.
func (c *FileSource) Stop() error {
	return c.call(func() *bindings.Error {
		c.dropRecords()
		return c.file.Stop()
	})
}

// TotalBytes returns the size of the file when Start opened it; Stats().BytesRead approaches it.
// It returns false before Start, for anything but a regular file, and after Close. Any goroutine
// may call it at any time, and it never waits.
func (c *FileSource) TotalBytes() (size int64, ok bool) {
	size = c.total.Load()
	if size < 0 || c.closed.Load() {
		return 0, false
	}
	return size, true
}
