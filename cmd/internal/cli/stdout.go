package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// Output is a writer that remembers the first error: cobra prints help and versions without
// reporting what becomes of them.
type Output struct {
	W     io.Writer
	first error
}

// Write passes bytes on.
func (o *Output) Write(p []byte) (int, error) {
	n, err := o.W.Write(p)
	if err != nil && o.first == nil {
		o.first = err
	}
	return n, err
}

// Err is why something could not be written. A reader that has gone is not an error.
func (o *Output) Err() error {
	if o.first == nil || errors.Is(o.first, syscall.EPIPE) || errors.Is(o.first, io.ErrClosedPipe) {
		return nil
	}
	err := o.first
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot write to standard output: %w", err)
}
