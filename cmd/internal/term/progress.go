package term

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress is the line that shows on a terminal how far a long conversion or download is.
// It appears only when that takes a while. nil is one that never appears.
type Progress struct {
	terminal io.Writer
	began    time.Time
	done     int64
	bar      *progressbar.ProgressBar

	described time.Time // when the text beside the bar was set
}

// progressDelay is how long it must take to be shown.
const progressDelay = time.Second

// NewProgress shows progress on stderr, if that is a terminal. The total is in bytes of
// input; -1: not known.
func NewProgress(stderr io.Writer, total int64) *Progress {
	if !IsTerminal(stderr) {
		return nil
	}
	p := &Progress{terminal: Patient(stderr), began: time.Now()}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(20),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionUseANSICodes(true))
	return p
}

// Write is what the bar draws with; nothing is seen before its time.
func (p *Progress) Write(b []byte) (int, error) {
	if time.Since(p.began) < progressDelay {
		return len(b), nil
	}
	return p.terminal.Write(b)
}

// Add counts bytes that were read.
func (p *Progress) Add(n int) {
	if p != nil {
		p.done += int64(n)
		p.bar.Set64(p.done) //nolint:errcheck // it is only for the eye
	}
}

// Show sets the bytes that came, and how many records they are; 0: not counted.
func (p *Progress) Show(bytes int64, records uint64) {
	if p == nil {
		return
	}
	p.done = bytes
	// A text draws the bar each time.
	if now := time.Now(); records > 0 && now.Sub(p.described) >= 100*time.Millisecond {
		p.described = now
		p.bar.Describe(Plural(records, "record"))
	}
	p.bar.Set64(p.done) //nolint:errcheck // it is only for the eye
}

// Clear takes the line away, before anything else is written to the terminal.
func (p *Progress) Clear() {
	if p != nil {
		p.bar.Clear() //nolint:errcheck // it is only for the eye
	}
}
