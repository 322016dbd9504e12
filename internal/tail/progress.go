package tail

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is the line that shows on a terminal how far a long conversion is. It appears
// only when the conversion takes a while.
type progress struct {
	w     io.Writer // nil: never
	total int64     // bytes of input; -1: not known
	began time.Time
	done  int64
	bar   *progressbar.ProgressBar
}

// progressDelay is how long a conversion must take to be shown.
const progressDelay = time.Second

func newProgress(stderr io.Writer, total int64) *progress {
	p := &progress{total: total, began: time.Now()}
	if isTerminal(stderr) {
		p.w = stderr
	}
	return p
}

// add counts bytes that were read.
func (p *progress) add(n int) {
	p.done += int64(n)
	if p.w == nil {
		return
	}
	if p.bar == nil {
		if time.Since(p.began) < progressDelay {
			return
		}
		p.bar = progressbar.NewOptions64(p.total,
			progressbar.OptionSetWriter(p.w), progressbar.OptionShowBytes(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(20), progressbar.OptionUseANSICodes(true))
	}
	p.bar.Set64(p.done) //nolint:errcheck // it is only for the eye
}

// end takes the line away, before anything else is written to the terminal.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Clear() //nolint:errcheck // it is only for the eye
		p.bar = nil
	}
	p.w = nil
}
