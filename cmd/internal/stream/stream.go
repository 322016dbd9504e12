// Package stream is what lies between a source of records and the output: it counts, selects,
// holds back the last records, and knows which symbol an instrument has.
package stream

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/filter"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Stream is one run: records come in from the session, and go out to the sinks. It is used
// from one goroutine.
type Stream struct {
	Count   Counters
	log     *slog.Logger
	schemas []dbn.Schema
	output  *output.Output
	stdout  io.Writer
	sel     Selection
	main    output.Sink
	runs    output.RunSink // main, if it is one
	tee     output.Sink    // nil without --tee
	began   bool           // begin of both sinks was called
	symbols *dbn.PitSymbolMap
	past    past          // symbols of history that live records follow
	named   bool          // the output shows symbols
	File    *FileRecords  // what is different about files and historical data; nil: live
	last    *ring         // with -n N
	header  *dbn.Metadata // of the output
	carried carried       // with nothing in it if the output is text
	printed uint64
	direct  [256]bool // by rtype; see findDirect
	refused int       // subscriptions
	unknown [256]bool // rtypes that were warned about
	over    bool      // nothing more is wanted
	err     error     // why it is over; nil when all is well
	now     func() time.Time
}

// New makes the stream of a run: schemas are those that were asked for, if any, and say how
// records are printed; o and sel say where and which.
func New(log *slog.Logger, schemas []dbn.Schema, o *output.Output, sel Selection, stdout io.Writer) *Stream {
	s := &Stream{log: log, schemas: schemas, output: o, stdout: stdout, sel: sel, symbols: dbn.NewPitSymbolMap(), named: o.ShowsSymbols(), now: time.Now}
	s.main, s.tee = output.NewSink(o, schemas, stdout), output.NewTee(o)
	if sel.Tail {
		s.last = newRing(sel.Last, s.LeaveOut)
	}
	if o.Format == output.DBN {
		s.carried.lacking = make(mappings)
		if o.Append {
			s.carried.written = make(mappings)
		}
	}
	sel.Filter.Follow(s.symbolNow)
	return s
}

// Began reports whether there was metadata, so that the output was begun.
func (s *Stream) Began() bool { return s.began }

// Over reports whether nothing more is wanted.
func (s *Stream) Over() bool { return s.over }

// Err is why the stream is over; nil when all is well.
func (s *Stream) Err() error { return s.err }

// End stops the stream; the first reason counts.
func (s *Stream) End(err error) {
	if !s.over {
		s.over, s.err = true, err
		clear(s.direct[:])
	}
}

// Metadata begins the output.
func (s *Stream) Metadata(m *dbn.Metadata) {
	if s.over {
		return
	}
	s.past.add(m)
	s.sel.Filter.SymbolsChanged()
	if s.began {
		return
	}
	s.Count.began = s.now()
	s.began = true
	s.header = s.sel.Filter.Narrow(m)
	if err := s.main.Begin(s.header); err != nil {
		s.main = nil
		s.End(err)
	}
	if s.tee != nil {
		if err := s.tee.Begin(m); err != nil {
			s.tee = nil
			s.End(err)
		}
	}
	s.findDirect()
	if s.output.Metadata {
		s.End(nil)
	}
}

// findDirect finds the types whose records are counted and written without a further question: data
// of a known type that is wanted, where nothing chooses among records, counts them or holds them back.
func (s *Stream) findDirect() {
	s.runs, _ = s.main.(output.RunSink)
	if s.over || s.tee != nil || s.sel != (Selection{Follow: s.sel.Follow}) {
		return
	}
	for rtype := range s.direct {
		s.direct[rtype] = !dbn.RType(rtype).IsMessage() && dbn.SizeOf(dbn.RType(rtype), dbn.Version) > 0 &&
			(s.File == nil || s.File.Wanted[rtype])
	}
}

// Run takes the next records of the stream.
func (s *Stream) Run(r dbn.Run) {
	rtype := r.First.RType()
	if !s.direct[rtype] || len(s.carried.lacking) > 0 {
		for i := range r.Count {
			s.Record(r.At(i))
		}
		return
	}
	n := uint64(r.Count)
	s.Count.Bytes += n * uint64(r.First.Size())
	s.Count.ByRType[rtype] += n
	s.Count.Records += n
	s.Count.LastTs = r.At(r.Count - 1).IndexTs()
	s.printed += n
	s.endOn(s.writeRun(r))
}

// writeRun writes data records, with the symbols of their instruments.
func (s *Stream) writeRun(r dbn.Run) error {
	switch {
	case s.runs == nil:
		for i := range r.Count {
			if err := s.write(r.At(i)); err != nil {
				return err
			}
		}
		return nil
	case !s.named:
		return s.runs.Run(r, "", false)
	}
	begin := 0
	symbol, known := s.symbolOf(r.First)
	for i := 1; i < r.Count; i++ {
		next, knows := s.symbolOf(r.At(i))
		if next == symbol && knows == known {
			continue
		}
		if err := s.runs.Run(r.Slice(begin, i), symbol, known); err != nil {
			return err
		}
		begin, symbol, known = i, next, knows
	}
	return s.runs.Run(r.Slice(begin, r.Count), symbol, known)
}

// Record takes the next record of the stream.
func (s *Stream) Record(r dbn.Record) {
	if s.over {
		return
	}
	if !s.began {
		s.End(exit.Fail(exit.Corrupt, "records came before readable DBN metadata"))
		return
	}
	rtype := r.RType()
	s.Count.Bytes += uint64(r.Size())
	s.Count.ByRType[rtype]++
	var err error
	if s.tee != nil {
		err = s.tee.Message(r, "", false)
	}
	s.endOn(err)
	switch {
	case rtype.IsMessage():
		s.message(r)
	case s.File != nil && !s.File.Wanted[rtype]:
	case s.sel.Filter == nil || s.sel.Filter.Passes(r):
		s.choose(r)
	}
}

// SetSymbols replaces the symbols of a file, when metadata follows that has others.
func (s *Stream) SetSymbols(symbols *dbn.TsSymbolMap) {
	s.File.SetSymbols(symbols)
	s.sel.Filter.SymbolsChanged()
}

// symbolNow is the symbol of a record that has just come. The one that is printed may be found later,
// when the mappings before the record are no longer held back.
func (s *Stream) symbolNow(r dbn.Record) (string, bool) {
	if s.File != nil && s.File.symbols != nil {
		return s.File.symbols.SymbolOf(r)
	}
	if symbol, known := s.sel.Filter.Mapped(r.Header().InstrumentID); known {
		return symbol, true
	}
	return s.past.symbolOf(r)
}

// message takes a record of the gateway's own. It counts for no limit, and says from where
// on a symbol holds: among records that are held back it has its place.
func (s *Stream) message(r dbn.Record) {
	s.Count.Messages++
	s.sel.Filter.Map(r)
	s.Widen(r)
	switch {
	case s.last == nil || s.last.data == 0 && !s.shows(r):
		s.endOn(s.passOn(r))
	case s.shows(r) || r.RType() == dbn.RTypeSymbolMapping:
		s.last.message(r)
	}
}

// shows reports whether a message is a part of the output. Those of a file that is narrowed to
// schemas are not, as with the official tool, unless they are asked for. A mapping is if its
// instrument is wanted.
func (s *Stream) shows(r dbn.Record) bool {
	rtype := r.RType()
	if rtype == dbn.RTypeSymbolMapping && !s.sel.Filter.WantsMapping(r) {
		return false
	}
	if s.File != nil {
		return s.File.Wanted[rtype]
	}
	return s.output.System || s.output.Format == output.DBN
}

// passOn takes in a message, and writes it if it is to be shown.
func (s *Stream) passOn(r dbn.Record) error {
	if !s.shows(r) {
		s.LeaveOut(r)
		return nil
	}
	s.observe(r)
	if r.RType() == dbn.RTypeSymbolMapping {
		s.carried.wrote(r)
	}
	return s.writeMessage(r)
}

func (s *Stream) writeMessage(r dbn.Record) error {
	if s.File == nil || s.File.symbols == nil {
		return s.main.Message(r, "", false)
	}
	symbol, known := s.File.symbolOf(r)
	return s.main.Message(r, symbol, known)
}

// LeaveOut takes in a message that is not a part of the output.
func (s *Stream) LeaveOut(r dbn.Record) {
	s.observe(r)
	if r.RType() == dbn.RTypeSymbolMapping {
		s.carried.leftOut(r)
	}
}

// choose counts a record, and prints it if it is one of those that were asked for.
func (s *Stream) choose(r dbn.Record) {
	rtype := r.RType()
	s.Count.Records++
	s.Count.LastTs = r.IndexTs()
	if dbn.SizeOf(rtype, dbn.Version) == 0 && !s.unknown[rtype] {
		s.unknown[rtype] = true
		s.log.Warn("records of a type that this version does not know", "rtype", uint8(rtype), "size", r.Size())
	}
	var err error
	switch {
	case s.Count.Records <= s.sel.Skip:
	case s.last != nil:
		s.last.push(r)
	default:
		err = s.print(r)
	}
	s.endOn(err)
	if s.limited() {
		s.End(nil)
	}
}

// limited reports whether the limit is reached.
func (s *Stream) limited() bool {
	count := s.Count.Records
	if s.sel.Follow {
		count = s.printed
	}
	return s.sel.Limit > 0 && count >= s.sel.Limit
}

// endOn stops the stream when there is an error. (errors.Join of nils allocates nothing.)
func (s *Stream) endOn(err error) {
	if err != nil {
		s.End(err)
	}
}

func (s *Stream) print(r dbn.Record) error {
	s.printed++
	if err := s.carried.need(r, s.writeMessage); err != nil {
		return err
	}
	return s.write(r)
}

// write writes a data record, with the symbol of its instrument.
func (s *Stream) write(r dbn.Record) error {
	symbol, known := s.symbolOf(r)
	return s.main.Record(r, symbol, known)
}

// symbolOf is the symbol of a record that is written; "" if the output shows none.
func (s *Stream) symbolOf(r dbn.Record) (symbol string, known bool) {
	switch {
	case !s.named:
	case s.File != nil && s.File.symbols != nil:
		symbol, known = s.File.symbolOf(r)
	default:
		if symbol, known = s.symbols.Symbol(r.Header().InstrumentID); !known {
			symbol, known = s.past.symbolOf(r)
		}
	}
	return symbol, known
}

// CaughtUp is called when a file that is followed has been read to its end: the last
// records are known now.
func (s *Stream) CaughtUp() {
	if s.last != nil && s.main != nil && s.began {
		s.endOn(s.printLast())
		s.last = nil
		if s.limited() {
			s.End(nil)
		}
	}
	s.EndTurn()
}

// printLast prints what was held back.
func (s *Stream) printLast() error {
	return s.last.each(func(r dbn.Record) error {
		switch {
		case r.RType().IsMessage():
			return s.passOn(r)
		case s.sel.Follow && s.limited():
			return nil
		}
		return s.print(r)
	})
}

// observe takes in which instrument a symbol stands for.
func (s *Stream) observe(r dbn.Record) {
	if r.RType() != dbn.RTypeSymbolMapping {
		return
	}
	s.symbols.OnRecord(r)
	s.Count.Symbols = s.symbols.Len()
}

// Widen makes room in a table for a symbol that is to come.
func (s *Stream) Widen(r dbn.Record) {
	if s.main == nil || r.RType() != dbn.RTypeSymbolMapping || !s.sel.Filter.WantsMapping(r) {
		return
	}
	if symbol, ok := filter.SymbolIn(r); ok {
		s.main.Symbol(symbol)
	}
}

// SessionEvent prints what the gateway reports about the session.
func (s *Stream) SessionEvent(event dbnloop.SessionEvent) {
	if s.over {
		return
	}
	level := slog.LevelDebug
	switch event.Kind {
	case dbnloop.ReplayCompleted:
		level = slog.LevelInfo
	case dbnloop.SlowReader, dbnloop.SubscriptionOverdue:
		level = slog.LevelWarn
	case dbnloop.GatewayError, dbnloop.SymbolUnresolved, dbnloop.RecordsSkipped:
		level = slog.LevelError
	}
	attrs := []any{}
	if event.Code != dbn.ErrorCodeUnset && event.Code != 0 {
		attrs = append(attrs, "code", event.Code)
	}
	from := "gateway: "
	if event.Kind == dbnloop.SubscriptionOverdue {
		from = ""
	}
	s.log.Log(context.Background(), level, from+event.Message, attrs...)
	s.Count.Skipped = s.Count.Skipped || event.Kind == dbnloop.RecordsSkipped
	if event.Code != dbn.ErrorCodeInvalidSubscription {
		return
	}
	if s.refused++; s.refused >= len(s.schemas) && s.Count.Records == 0 {
		s.End(exit.Fail(exit.Failure, "the gateway refused every subscription, so nothing would come"))
	}
}

// EndTurn passes on what was gathered, before the program waits for more.
func (s *Stream) EndTurn() {
	if !s.began || s.over {
		return
	}
	s.endOn(s.main.EndTurn())
	if s.tee != nil {
		s.endOn(s.tee.EndTurn())
	}
}

// Reopen completes the file that is appended to, and opens it again by its name. A file that takes the
// place of one that was moved away begins with the header, and gets the symbol mappings that its
// records need.
func (s *Stream) Reopen() error {
	if !s.began || s.over {
		return nil // nothing is open yet, or everything is about to be completed
	}
	err := s.main.Close()
	s.main = nil
	if err != nil {
		return err
	}
	header := *s.header
	if last := s.Count.LastTs; !last.IsUndef() {
		header.Start = max(header.Start, last)
	}
	s.carried.again()
	main := output.NewSink(s.output, s.schemas, s.stdout)
	if err := main.Begin(&header); err != nil {
		return err
	}
	s.main = main
	s.findDirect()
	return nil
}

// Finish prints what was held back and completes the files. It returns why the stream is
// over; that its output is not complete counts for more than any other reason.
func (s *Stream) Finish() error {
	if !s.began {
		return s.err
	}
	var failed error
	if s.last != nil && s.main != nil && !exit.HasNoReader(s.err) {
		failed = s.printLast()
	}
	if s.main != nil {
		failed = cmp.Or(failed, s.main.Close())
	}
	if s.tee != nil {
		failed = cmp.Or(failed, s.tee.Close())
	}
	if failed != nil && !errors.Is(failed, exit.ErrReaderGone) {
		return failed
	}
	return cmp.Or(s.err, failed)
}

// WatchReader ends the stream when the reader of a pipe on standard output goes away.
func (s *Stream) WatchReader(reactor *dbnloop.Reactor, stdout io.Writer) error {
	fd, ok := term.Descriptor(stdout)
	if !ok || s.output.Path != "" || !term.IsPipe(fd) {
		return nil
	}
	// Errors and hang-ups are reported without being asked for.
	return reactor.Add(fd, 0, func(uint32) { s.End(exit.ErrReaderGone) })
}

// Backdate makes the output act as if it had last been written a while ago: for tests of what
// waits.
func (s *Stream) Backdate() { output.Backdate(s.main) }
