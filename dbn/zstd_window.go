package dbn

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// windowReader explains the error for a window that is too large: the limit, and what to do.
type windowReader struct{ io.Reader }

func (r windowReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = fmt.Errorf("%w: windows of up to %d MiB are accepted; compress it again without --ultra and --long above 27", err, maxWindow>>20)
	}
	return n, err
}
