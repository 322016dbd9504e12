package hist

import (
	"cmp"
	"unsafe"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// lanes are the ranges of a run, one for each schema. Several are merged by time: what comes of
// each waits until the next record of every other one is known. One alone goes straight through.
type lanes struct {
	run    *rangeRun
	all    []*lane
	failed error // of the first of several that broke
}

// lane is one range on its way.
type lane struct {
	client   *dbnloop.HistoricalClient
	metadata *dbn.Metadata
	waiting  recordQueue
	complete bool
}

// A lane that is ahead of the others is paused: its memory is bounded by that and by what one turn
// brings.
const (
	pauseAbove  = 4 << 20 // bytes
	resumeBelow = 1 << 20
)

// openLanes makes the clients.
func (run *rangeRun) openLanes() (l *lanes, err error) {
	l = &lanes{run: run}
	for range run.Query.schemas() {
		client := run.client
		if len(l.all) > 0 {
			if client, err = dbnloop.NewHistoricalClient(run.reactor, run.Key, run.Config.Options...); err != nil {
				l.close()
				return l, err
			}
		}
		l.all = append(l.all, &lane{client: client})
	}
	for _, one := range l.all {
		l.handle(one)
	}
	return l, nil
}

// handle says what becomes of a lane's records.
func (l *lanes) handle(one *lane) {
	run, s := l.run, l.run.stream
	h := dbnloop.Handlers{
		Record: s.Record, Metadata: run.metadata,
		Warning: func(text string) {
			run.progress.Clear()
			run.warn(text)
		},
		Error: func(err error) {
			run.broke = !s.Over()
			l.end(run.Explain(err))
		},
		Complete: func() { s.End(nil) },
	}
	if len(l.all) > 1 {
		h.Record = func(r dbn.Record) {
			if one.waiting.push(r); one.waiting.size() > pauseAbove {
				one.client.Pause()
			}
		}
		h.Metadata = func(m *dbn.Metadata) { one.metadata = m }
		h.Complete = func() { one.complete = true }
		h.Error = func(err error) {
			run.broke, one.complete = !s.Over(), true
			l.failed = cmp.Or(l.failed, run.Explain(err))
		}
	}
	one.client.Handle(h)
}

// start sends the requests.
func (l *lanes) start(requests []dbnloop.HistoricalRequest) error {
	for i, one := range l.all {
		if err := one.client.Request(requests[i]); err != nil {
			return err
		}
	}
	for _, one := range l.all {
		if err := one.client.Start(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the clients; it may be called again.
func (l *lanes) close() {
	for _, one := range l.all {
		one.client.Close() //nolint:errcheck // the stream is over
	}
}

// merge passes on the records of several lanes whose turn it is.
func (l *lanes) merge() {
	s := l.run.stream
	if len(l.all) < 2 || s.Over() || !s.Began() && !l.begin() {
		return
	}
	if l.failed != nil {
		l.end(l.failed)
	}
	for !s.Over() {
		next, wait := l.next()
		switch {
		case wait:
			return
		case next == nil:
			s.End(nil)
			return
		}
		s.Record(next.waiting.first())
		next.waiting.pop()
		if next.client.IsPaused() && next.waiting.size() < resumeBelow {
			next.client.Resume()
		}
	}
}

// end ends the stream, after all that came of several lanes: it was paid for.
func (l *lanes) end(err error) {
	for _, one := range l.all {
		one.complete = true
	}
	s := l.run.stream
	if len(l.all) > 1 && s.Began() {
		for next, _ := l.next(); next != nil && !s.Over(); next, _ = l.next() {
			s.Record(next.waiting.first())
			next.waiting.pop()
		}
	}
	s.End(err)
}

// begin passes on the metadata, once that of every lane is there that has not failed.
func (l *lanes) begin() bool {
	var all []*dbn.Metadata
	for _, one := range l.all {
		switch {
		case one.metadata != nil:
			all = append(all, one.metadata)
		case !one.complete:
			return false
		}
	}
	if len(all) == 0 {
		l.run.stream.End(l.failed)
		return false
	}
	m, err := dbn.MergeMetadata(all...)
	if err != nil {
		l.run.stream.End(err)
		return false
	}
	l.run.metadata(m)
	return true
}

// next is the lane whose record comes next, nil if all are at their ends. It must be waited for while
// another lane has none that is known. Of records of the same time, that of the first lane is first.
func (l *lanes) next() (next *lane, wait bool) {
	var least dbn.UnixNanos
	for _, one := range l.all {
		if one.waiting.size() == 0 {
			if !one.complete {
				return nil, true
			}
			continue
		}
		if ts := one.waiting.first().IndexTs(); next == nil || ts < least {
			next, least = one, ts
		}
	}
	return next, false
}

// recordQueue holds copies of records, each at an address that records need.
type recordQueue struct {
	words []uint64
	begin int
}

func (q *recordQueue) push(r dbn.Record) {
	if q.begin > 0 && q.begin == len(q.words) {
		q.words, q.begin = q.words[:0], 0
	}
	n := (r.Size() + 7) / 8
	if cap(q.words)-len(q.words) < n && q.begin > len(q.words)/2 {
		q.words = q.words[:copy(q.words, q.words[q.begin:])]
		q.begin = 0
	}
	at := len(q.words)
	for range n {
		q.words = append(q.words, 0)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&q.words[at])), r.Size()), r.Bytes())
}

// first is the oldest record. It is valid until the next call of push.
func (q *recordQueue) first() dbn.Record { return dbn.RecordAt(unsafe.Pointer(&q.words[q.begin])) }

func (q *recordQueue) pop() { q.begin += (q.first().Size() + 7) / 8 }

// size is in bytes.
func (q *recordQueue) size() int { return (len(q.words) - q.begin) * 8 }
