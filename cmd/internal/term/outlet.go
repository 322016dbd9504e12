package term

import (
	"cmp"
	"io"
	"os"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// Outlet writes to what may block forever: a pipe, a terminal or a socket whose reader does
// not read. The write is done by a goroutine, so that a signal can end the wait for it.
// Its writes do not overlap.
type Outlet struct {
	file *os.File
	work chan []byte
	done chan written
	left error // why nothing is written any more: the goroutine may still be in its write
}

type written struct {
	n   int
	err error
}

// Patient is a stream as it is written to. Regular files need no patience.
func Patient(stream io.Writer) io.Writer {
	file, ok := stream.(*os.File)
	if !ok || file == nil {
		return stream
	}
	if info, err := file.Stat(); err != nil || info.Mode().IsRegular() {
		return stream
	}
	return &Outlet{file: file}
}

// Write writes all of p, or gives up when the program was asked to end and the reader took
// nothing more for a while. p must then stay as it is.
func (o *Outlet) Write(p []byte) (int, error) {
	if o.left != nil {
		return 0, o.left
	}
	if o.work == nil {
		o.work, o.done = make(chan []byte), make(chan written, 1)
		go o.serve(o.work, o.done)
	}
	o.work <- p
	result, err := exit.Await(o.done)
	if err != nil {
		o.left = err
	}
	return result.n, cmp.Or(err, result.err)
}

func (o *Outlet) serve(work <-chan []byte, done chan<- written) {
	for p := range work {
		n, err := o.file.Write(p)
		done <- written{n, err}
	}
}

// Close ends the goroutine, now or when its write returns. The file stays open.
func (o *Outlet) Close() {
	if o.work != nil {
		close(o.work)
		o.work = nil
	}
}

// OpenPatiently opens a file to write; a named pipe is waited for until it has a reader, or
// the program is to end.
func OpenPatiently(path string, how int) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	if IsRegularOrNew(path) {
		return os.OpenFile(path, how, 0o644)
	}
	done := make(chan opened, 1)
	go func() {
		file, err := os.OpenFile(path, how, 0o644)
		done <- opened{file, err}
	}()
	got, err := exit.Await(done)
	return got.file, cmp.Or(err, got.err)
}

// IsRegularOrNew reports whether a path can be that of a file on a disk.
func IsRegularOrNew(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}
