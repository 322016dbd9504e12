package top

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Files are DBN files whose records are shown at a pace, merged by time.
type Files struct {
	Names   []string // "-" is standard input
	Pace    float64  // seconds of data in a second; 0: as fast as they can be read
	Schemas []dbn.Schema
	Decode  []dbn.DecoderOption
	Stdin   io.Reader
}

const (
	// maxIdle is the longest wait for a record: a longer time without any is skipped.
	maxIdle = 3 * time.Second
	// batch is how many records may pass before the time is asked for.
	batch = 256
)

// Play is a source for Run.
func (p *Files) Play(f *Feed) error {
	var decoders []*dbn.Decoder
	defer func() {
		for _, d := range decoders {
			d.Close()
		}
	}()
	for _, name := range p.Names {
		in, err := p.open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		options := append(p.Decode[:len(p.Decode):len(p.Decode)], dbn.WithUpgrade(dbn.UpgradeToV3), dbn.WithNextHeader(f.market.metadata))
		d, err := dbn.NewDecoder(in, options...)
		if err != nil {
			return p.explain(name, err)
		}
		decoders = append(decoders, d)
		f.market.metadata(d.Metadata())
	}
	next := decoders[0].Next
	if len(decoders) > 1 {
		next = dbn.NewMerger(decoders...).Next
	}
	w := &walk{feed: f, pace: p.Pace, state: p.state(), wait: f.wait, shown: f.clock()}
	err := w.run(next, p.wanted())
	if w.began {
		f.show(w.state)
	}
	return p.explain("", err)
}

func (p *Files) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(p.Stdin), nil
	}
	file, err := os.Open(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, exit.Fail(exit.Failure, "cannot open %s: %w", name, err)
	}
	return file, nil
}

// nameOf is a file's name in messages.
func nameOf(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// state says for people what is played.
func (p *Files) state() string {
	what := nameOf(p.Names[0])
	if len(p.Names) > 1 {
		what = fmt.Sprintf("%d files", len(p.Names))
	}
	if p.Pace == 0 {
		return what
	}
	return fmt.Sprintf("%s at %gx", what, p.Pace)
}

// wanted are the types of records to show.
func (p *Files) wanted() (wanted [256]bool) {
	for rtype := range wanted {
		wanted[rtype] = len(p.Schemas) == 0 || dbn.RType(rtype).IsMessage()
	}
	for _, schema := range p.Schemas {
		rtype, _ := dbn.RTypeOf(schema)
		wanted[rtype] = true
	}
	return wanted
}

// explain names the file at fault.
func (p *Files) explain(name string, err error) error {
	if err == nil || exit.IsOwn(err) {
		return err
	}
	var merge *dbn.MergeError
	if errors.As(err, &merge) {
		name, err = p.Names[merge.Stream], merge.Err
	} else if name == "" {
		name = p.Names[0]
	}
	return exit.Fail(exit.FromError(err), "%s: %s", nameOf(name), term.WithoutOption(strings.TrimPrefix(err.Error(), "dbn: ")))
}

// walk is the way through the records. The time of the data begins with the first record, and
// passes at the pace; without one it is that of the newest record.
type walk struct {
	feed  *Feed
	pace  float64
	state string
	wait  func(time.Duration) bool // false: the source is to end

	began bool
	at    dbn.UnixNanos // the time of the data, when
	since time.Time     // it was this time
	shown time.Time     // when the last snapshot was made
	count int           // records since the time was asked for
}

func (w *walk) run(next func() (dbn.Record, error), wanted [256]bool) error {
	f := w.feed
	for {
		r, err := next()
		if err == io.EOF { //nolint:errorlint // a clean end is io.EOF itself
			return nil
		}
		if err != nil {
			return err
		}
		rtype := r.RType()
		if !wanted[rtype] {
			continue
		}
		if at := r.IndexTs(); !rtype.IsMessage() && !at.IsUndef() && at != 0 && !w.reach(at) {
			return nil
		}
		f.market.record(r, 0)
		if f.Limit > 0 && f.market.records >= f.Limit {
			return nil
		}
		if w.count++; w.count >= batch && !w.turn() {
			return nil
		}
	}
}

// turn makes a snapshot if it is due; false: the source is to end.
func (w *walk) turn() bool {
	w.count = 0
	if now := w.feed.clock(); now.Sub(w.shown) >= tick {
		w.shown = now
		w.feed.publish(w.state)
	}
	return w.feed.ctx.Err() == nil
}

// reach waits until the time of the data is that of a record.
func (w *walk) reach(at dbn.UnixNanos) bool {
	f := w.feed
	if !w.began {
		w.began, w.at, w.since = true, at, f.clock()
	}
	if w.pace == 0 {
		f.market.setNow(at)
		return true
	}
	for at > f.market.now {
		now := f.clock()
		// In floating point, because a file may claim any time.
		ahead := time.Duration(min((float64(at)-float64(w.at))/w.pace, float64(1<<62))) - now.Sub(w.since)
		if ahead > maxIdle {
			f.events.add(now, 0, "skipped "+term.HumanDuration(time.Duration(min(float64(ahead)*w.pace, float64(1<<62))))+" without records")
			w.at, w.since = at, now
			ahead = 0
		}
		if ahead <= 0 {
			f.market.setNow(at)
			break
		}
		f.market.setNow(w.at + dbn.UnixNanos(float64(now.Sub(w.since))*w.pace))
		if !w.wait(min(ahead, tick)) || !w.turn() {
			return false
		}
	}
	return true
}

// wait waits; false: the source is to end.
func (f *Feed) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.ctx.Done():
		return false
	}
}
