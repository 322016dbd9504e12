package tail

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is the line that shows on a terminal how far a long conversion is. It appears
// only when the conversion takes a while. nil is one that never appears.
type progress struct {
	terminal io.Writer
	began    time.Time
	done     int64
	bar      *progressbar.ProgressBar
}

// progressDelay is how long a conversion must take to be shown.
const progressDelay = time.Second

// newProgress shows progress on stderr, if that is a terminal. The total is in bytes of
// input; -1: not known.
func newProgress(stderr io.Writer, total int64) *progress {
	if !isTerminal(stderr) {
		return nil
	}
	p := &progress{terminal: stderr, began: time.Now()}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(20),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionUseANSICodes(true))
	return p
}

// Write is what the bar draws with; nothing is seen before its time.
func (p *progress) Write(b []byte) (int, error) {
	if time.Since(p.began) < progressDelay {
		return len(b), nil
	}
	return p.terminal.Write(b)
}

// add counts bytes that were read.
func (p *progress) add(n int) {
	if p != nil {
		p.done += int64(n)
		p.bar.Set64(p.done) //nolint:errcheck // it is only for the eye
	}
}

// clear takes the line away, before anything else is written to the terminal.
func (p *progress) clear() {
	if p != nil {
		p.bar.Clear() //nolint:errcheck // it is only for the eye
	}
}
