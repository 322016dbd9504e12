package columnar

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/dbnloop/dbnloop/dbn"
)

// Format is a columnar format.
type Format int

// The formats.
const (
	Parquet Format = iota + 1
	Arrow
)

// encoder writes rows in a format.
type encoder interface {
	write(g *rows) error
	close(empty *rows) error
}

// Writer writes the records of one type. It is used from one goroutine. Rows are encoded by others
// while the next ones are gathered, if there is more than one processor.
type Writer struct {
	layout  *layout
	most    int // rows that are encoded together
	encoder encoder
	filling *rows

	handed  chan *rows // nil: there is no other goroutine yet
	free    chan *rows
	ended   sync.WaitGroup
	mu      sync.Mutex
	failure error // of the first write that failed: nothing is written after it
}

// NewWriter makes a writer of a file or a stream. Nothing is written before there are rows enough,
// or Close is called.
func NewWriter(w io.Writer, format Format, o Options) (*Writer, error) {
	l := newLayout(o)
	if l == nil {
		return nil, fmt.Errorf("records of type %s are not known to this version, so that they have no columns", o.RType)
	}
	c := &Writer{layout: l, most: maxGroup}
	if format == Arrow {
		c.encoder, c.most = newArrowFile(w, l), batchRows
	} else {
		c.encoder = &parquetFile{w: w, layout: l}
	}
	c.filling = newRows(l, c.most)
	return c, nil
}

// Fits reports whether a record has the columns of the file.
func (c *Writer) Fits(r dbn.Record) bool { return c.layout.fits(r) }

// Write takes a record that fits, and the symbol of its instrument, if that is known. The error is
// that of writing any record before.
func (c *Writer) Write(r dbn.Record, symbol string, known bool) error {
	if c.filling.add(r, symbol, known) {
		return c.handOn()
	}
	return nil
}

// handOn has the gathered rows encoded.
func (c *Writer) handOn() error {
	if runtime.GOMAXPROCS(0) == 1 || c.layout.options.Memory > 0 {
		return c.encode(c.filling)
	}
	if c.handed == nil {
		c.handed, c.free = make(chan *rows), make(chan *rows, 1)
		c.free <- newRows(c.layout, c.most)
		c.ended.Go(func() {
			for g := range c.handed {
				c.encode(g) //nolint:errcheck // it is kept
				c.free <- g
			}
		})
	}
	c.handed <- c.filling
	c.filling = <-c.free
	return c.failed()
}

func (c *Writer) encode(g *rows) error {
	err := c.failed()
	if err == nil {
		if err = c.encoder.write(g); err != nil {
			c.fail(err)
		}
	}
	g.clear()
	return err
}

func (c *Writer) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

func (c *Writer) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
}

// wait returns when all rows that were handed on are written.
func (c *Writer) wait() error {
	if c.handed != nil {
		close(c.handed)
		c.ended.Wait()
		c.handed = nil
	}
	return c.failed()
}

// Flush writes the records that were taken, so that the reader of a stream has them.
func (c *Writer) Flush() error {
	c.filling.settle()
	if err := c.wait(); err != nil || c.filling.count == 0 {
		return err
	}
	return c.encode(c.filling)
}

// Close completes the file, unless a write failed.
func (c *Writer) Close() error {
	if err := c.Flush(); err != nil {
		return err
	}
	return cmp.Or(c.encoder.close(c.filling), c.failed())
}
