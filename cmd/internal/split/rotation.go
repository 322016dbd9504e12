package split

import (
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/dbn"
)

// rotation has one file after the other. What decides is the index time of data records: the first
// one at or after the end of a period begins the next file. Records that are late stay in the file
// that is open, so that the files hold the stream in its order.
type rotation struct {
	s       *Splitter
	current *member // nil: the next record begins one
	end     dbn.UnixNanos
	after   time.Time // the names of the files that come are later
	part    int
	held    [][]uint64 // messages that came while there was no file
	size    int        // of held, in words
}

const (
	// maxHeldWords bounds the messages that wait for a file. Symbol mappings are not among them.
	maxHeldWords = 8 << 10
	// maxAhead is how much later than now a time may be that ends a period. A damaged one would put
	// all that follows into one file.
	maxAhead = 24 * time.Hour
)

// absurd reports whether a time says nothing about when a record was made.
func (by *rotation) absurd(ts dbn.UnixNanos) bool {
	return ts.IsUndef() || ts > dbn.UnixNanosOf(by.s.now().Add(maxAhead))
}

func (by *rotation) of(r dbn.Record, _ string, _ bool) (*member, error) {
	s, ts := by.s, r.IndexTs()
	if by.current != nil {
		large := s.MaxSize > 0 && by.current.size >= s.MaxSize
		if !large && (ts < by.end || by.absurd(ts)) {
			return by.current, nil
		}
		if err := by.complete(); err != nil {
			return nil, err
		}
	}
	err := by.begin(ts)
	return by.current, err
}

// complete ends the file that is open.
func (by *rotation) complete() error {
	m := by.current
	by.current = nil
	by.after = later(by.after, m.at)
	return by.s.complete(m)
}

// begin opens the file of a record.
func (by *rotation) begin(ts dbn.UnixNanos) error {
	s := by.s
	if by.absurd(ts) {
		ts = dbn.UnixNanosOf(s.now())
	}
	at, end := timeOf(ts), dbn.UndefTimestamp
	if s.Every > 0 {
		p := alignedPeriod(ts, s.Every)
		if by.end != 0 && p.start >= by.end { // it follows a file that is complete up to there
			at = timeOf(p.start)
		}
		end = max(p.end, by.end)
	}
	// Names sort as the files follow each other.
	if at = at.Truncate(time.Second); !at.After(by.after) {
		at = by.after.Add(time.Second)
	}
	by.end = end
	by.part++
	meta := s.header.base()
	meta.Start = ts
	m, err := s.open(name{at: at, part: by.part}, meta, s.schemas)
	if err != nil {
		return err
	}
	m.at, by.after, by.current = at, at, m
	if err := m.lock(); err != nil {
		return err
	}
	for _, words := range by.held {
		if err := m.message(stream.RecordIn(words)); err != nil {
			return err
		}
	}
	by.held, by.size = nil, 0
	m.events, s.notes = s.notes, nil
	return nil
}

// message keeps what comes while there is no file: what time it is for is not known yet.
func (by *rotation) message(r dbn.Record) (*member, error) {
	if by.current == nil && by.size < maxHeldWords {
		words := stream.CopyRecord(nil, r)
		by.held, by.size = append(by.held, words), by.size+len(words)
	}
	return by.current, nil
}

// Next completes the file that is open; the next record begins another one.
func (s *Splitter) Next() error {
	by, ok := s.find.(*rotation)
	if !ok || by.current == nil {
		return nil
	}
	return by.complete()
}

// Note says what happened to the stream, for the file that is open, or the next one.
func (s *Splitter) Note(e Event) error {
	by, ok := s.find.(*rotation)
	switch {
	case ok && by.current != nil:
		by.current.events = append(by.current.events, e)
		e.Path = by.current.path
	case s.Finished != nil:
		s.notes = append(s.notes, e)
	}
	if s.Happened == nil {
		return nil
	}
	return s.Happened(e)
}

// resume continues the file that an interrupted capture left.
func (by *rotation) resume(c *Continued) error {
	s := by.s
	f, err := s.pool.continued(c.Path, c.File)
	if err != nil {
		return err
	}
	m := s.member(f)
	m.at = c.At
	if s.Finished != nil {
		m.tally, f.sum = c.tally, c.sum
	}
	m.sink = s.sinkOf(m, s.schemas, true)
	if err := m.sink.Begin(s.header.base()); err != nil {
		return err
	}
	by.current, by.end = m, dbn.UndefTimestamp
	if s.Every > 0 && !c.last.IsUndef() {
		by.end = alignedPeriod(c.last, s.Every).end
	} else if s.Every > 0 {
		by.end = alignedPeriod(dbn.UnixNanosOf(c.At), s.Every).end
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// kept says of an error where the records are that were written before.
func (s *Splitter) kept(m *member, err error) error {
	return exit.Fail(exit.FromError(err), "%w; what was written is kept in %s, and --resume continues it", err, m.part)
}
