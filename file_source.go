package dbnloop

import (
	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// FileOption changes how a FileSource reads.
type FileOption interface{ applyFile(*fileConfig) }

type fileConfig struct {
	config
	c bindings.FileOptions
}

type fileOption func(*fileConfig)

func (f fileOption) applyFile(o *fileConfig) { f(o) }

// WithFragment reads records without a header, of that DBN version (1 to 3), with or
// without a ts_out at their ends; version 3 does not go with dbn.UpgradeToV2. Default: the
// file has a header.
func WithFragment(version int, tsOut bool) FileOption {
	return fileOption(func(o *fileConfig) {
		if version < 1 || version > dbn.Version {
			o.refuse("WithFragment: DBN version %d does not exist, want 1 to %d", version, dbn.Version)
		}
		o.c.FragmentVersion, o.c.FragmentTsOut = int32(version), tsOut
	})
}

// WithMmap reads regular files through a mapping. Seldom faster: measure it. Only for files
// that nobody makes shorter meanwhile: the process is killed (SIGBUS) when that happens.
// Default: read(2).
func WithMmap() FileOption {
	return fileOption(func(o *fileConfig) { o.c.UseMmap = true })
}

// FileSource is a DBN file on the reactor: plain or zstd, a pipe, or standard input. Its
// records come in turns, as those of the other clients; package dbn reads files without a
// reactor and without cgo.
type FileSource struct {
	source
	file *bindings.File
}

// NewFileSource makes a source of a file; "-" is standard input. It is opened by Start.
// Inside a handler it is allowed. ErrInvalidArgument for an option that is out of range,
// ErrInvalidState from a second goroutine while one is inside the reactor.
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

// Start opens the file; its records come from the next turn on, then the Complete handler,
// or the Error handler after every complete record before a fault. After an end it reads the
// file again from its beginning. Inside a handler it is allowed. ErrInvalidState while it
// reads, and from a second goroutine while one is inside the reactor.
func (c *FileSource) Start() error {
	return c.call(func() *bindings.Error {
		e := c.file.Start()
		if e == nil {
			c.begin()
		}
		return e
	})
}

// Stop ends at once: no record after this; the Error handler gets ErrCancelled. Inside a
// handler it is allowed. ErrInvalidState from a second goroutine while one is inside the
// reactor.
func (c *FileSource) Stop() error {
	return c.call(func() *bindings.Error {
		c.mute()
		return c.file.Stop()
	})
}

// ReadBytes are the bytes of the file that were read, for progress; 0 after Close. Any
// goroutine may call it at any time.
func (c *FileSource) ReadBytes() (n int64) {
	c.ask(func() { n = int64(c.file.ReadBytes()) })
	return n
}

// TotalBytes are the bytes that the file had at Start; -1 for what is not a regular file,
// and after Close. Any goroutine may call it at any time.
func (c *FileSource) TotalBytes() int64 {
	n := int64(-1)
	c.ask(func() { n = c.file.TotalBytes() })
	return n
}
