package tail

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/dbn"
)

// stream is one run: records come in from the session, and go out to the sinks. It is used
// from one goroutine.
type stream struct {
	log     *slog.Logger
	request *request
	output  *output.Output
	sel     selection
	main    output.Sink
	tee     output.Sink // nil without --tee
	began   bool        // begin of both sinks was called
	symbols *dbn.PitSymbolMap
	file    *fileRecords // what is different about files and historical data; nil: live
	last    *ring        // with -n N
	carried carried      // nil: the output is text
	count   counters
	printed uint64
	refused int       // subscriptions
	unknown [256]bool // rtypes that were warned about
	over    bool      // nothing more is wanted
	err     error     // why it is over; nil when all is well
	now     func() time.Time
}

func newStream(log *slog.Logger, r *request, o *output.Output, sel selection, stdout io.Writer) *stream {
	s := &stream{log: log, request: r, output: o, sel: sel, symbols: dbn.NewPitSymbolMap(), now: time.Now}
	s.main, s.tee = output.NewSink(o, r.schemas, stdout), output.NewTee(o)
	if sel.tail {
		s.last = newRing(sel.last, s.leaveOut)
	}
	if o.Format == output.DBN {
		s.carried = make(carried)
	}
	return s
}

// end stops the stream; the first reason counts.
func (s *stream) end(err error) {
	if !s.over {
		s.over, s.err = true, err
	}
}

// metadata begins the output.
func (s *stream) metadata(m *dbn.Metadata) {
	if s.over || s.began {
		return
	}
	s.count.began = s.now()
	s.began = true
	if err := s.main.Begin(m); err != nil {
		s.main = nil
		s.end(err)
	}
	if s.tee != nil {
		if err := s.tee.Begin(m); err != nil {
			s.tee = nil
			s.end(err)
		}
	}
	if s.output.Metadata {
		s.end(nil)
	}
}

// isMessage reports whether records of this type are the gateway's own.
func isMessage(rtype dbn.RType) bool {
	return rtype == dbn.RTypeSystem || rtype == dbn.RTypeError || rtype == dbn.RTypeSymbolMapping
}

// record takes the next record of the stream.
func (s *stream) record(r dbn.Record) {
	if s.over {
		return
	}
	if !s.began {
		s.end(exit.Fail(exit.Corrupt, "records came before readable DBN metadata"))
		return
	}
	rtype := r.RType()
	s.count.bytes += uint64(r.Size())
	s.count.byRType[rtype]++
	var err error
	if s.tee != nil {
		err = s.tee.Message(r)
	}
	s.endOn(err)
	switch {
	case isMessage(rtype):
		s.message(r)
	case s.file == nil || s.file.wanted[rtype]:
		s.choose(r)
	}
}

// message takes a record of the gateway's own. It counts for no limit, and says from where
// on a symbol holds: among records that are held back it has its place.
func (s *stream) message(r dbn.Record) {
	s.count.messages++
	s.widen(r)
	switch {
	case s.last == nil || s.last.data == 0 && !s.shows(r.RType()):
		s.endOn(s.passOn(r))
	case s.shows(r.RType()) || r.RType() == dbn.RTypeSymbolMapping:
		s.last.message(r)
	}
}

// shows reports whether messages of a type are a part of the output. Those of a file that is
// narrowed to schemas are not, as with the official tool, unless they are asked for.
func (s *stream) shows(rtype dbn.RType) bool {
	if s.file != nil {
		return s.file.wanted[rtype]
	}
	return s.output.System || s.output.Format == output.DBN
}

// passOn takes in a message, and writes it if it is to be shown.
func (s *stream) passOn(r dbn.Record) error {
	if !s.shows(r.RType()) {
		s.leaveOut(r)
		return nil
	}
	s.observe(r)
	if s.carried != nil && r.RType() == dbn.RTypeSymbolMapping {
		s.carried.forget(r)
	}
	return s.main.Message(r)
}

// leaveOut takes in a message that is not a part of the output.
func (s *stream) leaveOut(r dbn.Record) {
	s.observe(r)
	if s.carried != nil && r.RType() == dbn.RTypeSymbolMapping {
		s.carried.add(r)
	}
}

// choose counts a record, and prints it if it is one of those that were asked for.
func (s *stream) choose(r dbn.Record) {
	rtype := r.RType()
	s.count.records++
	s.count.lastTs = r.IndexTs()
	if dbn.SizeOf(rtype, dbn.Version) == 0 && !s.unknown[rtype] {
		s.unknown[rtype] = true
		s.log.Warn("records of a type that this version does not know", "rtype", uint8(rtype), "size", r.Size())
	}
	var err error
	switch {
	case s.count.records <= s.sel.skip:
	case s.last != nil:
		s.last.push(r)
	default:
		err = s.print(r)
	}
	s.endOn(err)
	if s.limited() {
		s.end(nil)
	}
}

// limited reports whether the limit is reached.
func (s *stream) limited() bool {
	count := s.count.records
	if s.sel.follow {
		count = s.printed
	}
	return s.sel.limit > 0 && count >= s.sel.limit
}

// endOn stops the stream when there is an error. (errors.Join of nils allocates nothing.)
func (s *stream) endOn(err error) {
	if err != nil {
		s.end(err)
	}
}

func (s *stream) print(r dbn.Record) error {
	s.printed++
	if err := s.carried.need(r, s.main.Message); err != nil {
		return err
	}
	if s.file != nil && s.file.symbols != nil {
		symbol, known := s.file.symbols.SymbolOf(r)
		return s.main.Record(r, symbol, known)
	}
	symbol, known := s.symbols.Symbol(r.Header().InstrumentID)
	return s.main.Record(r, symbol, known)
}

// caughtUp is called when a file that is followed has been read to its end: the last
// records are known now.
func (s *stream) caughtUp() {
	if s.last != nil && s.main != nil && s.began {
		s.endOn(s.printLast())
		s.last = nil
		if s.limited() {
			s.end(nil)
		}
	}
	s.endTurn()
}

// printLast prints what was held back.
func (s *stream) printLast() error {
	return s.last.each(func(r dbn.Record) error {
		switch {
		case isMessage(r.RType()):
			return s.passOn(r)
		case s.sel.follow && s.limited():
			return nil
		}
		return s.print(r)
	})
}

// observe takes in which instrument a symbol stands for.
func (s *stream) observe(r dbn.Record) {
	if r.RType() != dbn.RTypeSymbolMapping {
		return
	}
	s.symbols.OnRecord(r)
	s.count.symbols = s.symbols.Len()
}

// widen makes room in a table for a symbol that is to come.
func (s *stream) widen(r dbn.Record) {
	if s.main == nil || r.RType() != dbn.RTypeSymbolMapping {
		return
	}
	if m, ok := dbn.As[dbn.SymbolMappingMsg](r); ok {
		s.main.Symbol(dbn.CStr(m.StypeOutSymbol[:]))
	} else if m, ok := dbn.As[dbn.SymbolMappingMsgV1](r); ok {
		s.main.Symbol(dbn.CStr(m.StypeOutSymbol[:]))
	}
}

// sessionEvent prints what the gateway tells of the session.
func (s *stream) sessionEvent(event dbnloop.SessionEvent) {
	if s.over {
		return
	}
	level := slog.LevelDebug
	switch event.Kind {
	case dbnloop.ReplayCompleted:
		level = slog.LevelInfo
	case dbnloop.SlowReader, dbnloop.SubscriptionOverdue:
		level = slog.LevelWarn
	case dbnloop.GatewayFailure, dbnloop.SymbolUnresolved, dbnloop.RecordsSkipped:
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
	s.count.skipped = s.count.skipped || event.Kind == dbnloop.RecordsSkipped
	if event.Code != dbn.ErrorCodeInvalidSubscription {
		return
	}
	if s.refused++; s.refused >= len(s.request.schemas) && s.count.records == 0 {
		s.end(exit.Fail(exit.Failure, "the gateway refused every subscription, so nothing would come"))
	}
}

// endTurn passes on what was gathered, before the program waits for more.
func (s *stream) endTurn() {
	if !s.began || s.over {
		return
	}
	s.endOn(s.main.EndTurn())
	if s.tee != nil {
		s.endOn(s.tee.EndTurn())
	}
}

// finish prints what was held back and completes the files. It returns why the stream is
// over; that its output is not complete counts for more than any other reason.
func (s *stream) finish() error {
	if !s.began {
		return s.err
	}
	var failed error
	if s.last != nil && s.main != nil && !exit.HasNoReader(s.err) {
		failed = s.printLast()
	}
	if s.main != nil {
		failed = exit.First(failed, s.main.Close())
	}
	if s.tee != nil {
		failed = exit.First(failed, s.tee.Close())
	}
	if failed != nil && !errors.Is(failed, exit.ErrReaderGone) {
		return failed
	}
	return exit.First(s.err, failed)
}
