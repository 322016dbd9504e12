package files

import "io"

// readAhead reads in a goroutine of its own, up to a bounded number of bytes ahead of what was asked
// for. It decompresses a file while the records before are made into text.
type readAhead struct {
	in      *input
	free    chan []byte
	full    chan block
	closing chan struct{}
	ended   chan struct{} // the goroutine has
	block   block         // that is handed out
	rest    []byte        // of the block
}

// block is what was read at once, and the error after it.
type block struct {
	bytes []byte
	err   error
}

const (
	aheadBlocks    = 3
	aheadBlockSize = 256 << 10
)

// newReadAhead starts the goroutine.
func newReadAhead(in *input, r io.Reader) *readAhead {
	a := &readAhead{
		in: in, free: make(chan []byte, aheadBlocks), full: make(chan block, aheadBlocks),
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
	for range aheadBlocks {
		a.free <- make([]byte, aheadBlockSize)
	}
	go a.fill(r)
	return a
}

func (a *readAhead) fill(r io.Reader) {
	defer close(a.ended)
	for {
		select {
		case <-a.closing:
			return
		case buf := <-a.free:
			n := 0
			var err error
			for n < len(buf) && err == nil {
				var k int
				k, err = r.Read(buf[n:])
				n += k
			}
			a.full <- block{buf[:n], err} // there is room for all blocks
			if err != nil {
				return
			}
		}
	}
}

// Read gives every byte before an error, and then the error.
func (a *readAhead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.block.err != nil {
			return 0, a.block.err
		}
		if err := a.in.run.interrupted(); err != nil {
			return 0, err
		}
		if a.block.bytes != nil {
			a.free <- a.block.bytes[:aheadBlockSize]
		}
		a.block = <-a.full
		a.rest = a.block.bytes
		a.in.showProgress()
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close ends the goroutine.
func (a *readAhead) Close() error {
	close(a.closing)
	<-a.ended
	return nil
}
