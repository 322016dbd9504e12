// Package live runs a live session that feeds a stream, and serves what it counts to Prometheus.
package live

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/split"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Options say what a live session asks for, and where its records go.
type Options struct {
	Host, Dataset string
	Port          int
	Key           string
	KeyOrigin     string // what messages say of the key in its place
	Client        []dbnloop.LiveOption
	Subscriptions []dbnloop.Subscription // one for each schema
	Unbroken      *Unbroken              // nil: the end of the session is the end of the stream
	Upgrade       string                 // the flag's value, for messages

	Output  *output.Output
	Display Display         // nil: the records are written to Output
	Files   *split.Splitter // the sink of an output of several files; nil: it is one
	// Reopen makes the file that the records are appended to ready to be opened again by its name, and
	// returns what frees the one that was open; nil: SIGHUP ends the session.
	Reopen    func() (release func(), err error)
	Selection stream.Selection
	Stats     time.Duration // between two lines of statistics; 0: none
	Metrics   string        // the address that they are served at; empty: none
	Summary   bool          // print a summary at a good end

	Stdout io.Writer
	Exit   func(code int)
}

// session is a live session that feeds a stream.
type session struct {
	Options
	log     *slog.Logger
	reactor *dbnloop.Reactor
	client  client
	stream  *stream.Stream
	asked   sharedSnapshot // by scrapes of the metrics
	// streamed: the text phase is over, and what came after it is data.
	streamed   bool
	describe   func() string // the state, for people
	streaming  func() bool
	continuity continuity
}

// client is what a live client and one without a gap share.
type client interface {
	Stats() dbnloop.Stats
	Close() error
}

// Run runs a session until its stream is over.
func Run(log *slog.Logger, o Options) error {
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close() //nolint:errcheck // nothing is lost with it
	s := &session{Options: o, log: log, reactor: reactor}
	var schemas []dbn.Schema
	for _, subscription := range o.Subscriptions {
		schemas = append(schemas, subscription.Schema)
	}
	s.stream = stream.New(log, schemas, o.Output, o.Selection, o.Stdout)
	if o.Metrics != "" {
		served, err := serveMetrics(o.Metrics, s.snapshot)
		if err != nil {
			return err
		}
		defer served.close()
		log.Info("metrics at " + served.url())
	}
	if err := s.display(); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return s.explain(err)
	}
	defer s.client.Close() //nolint:errcheck // nothing is lost with it

	endSignals := exit.WatchHangup(
		s.hangup(),
		func(number syscall.Signal) { reactor.Post(func() { s.stopBy(number) }) },
		func() { reactor.Post(s.state) },
		o.Exit,
	)
	defer endSignals()
	if err := s.watch(); err != nil {
		return err
	}
	for !s.stream.Over() {
		if _, err := reactor.Poll(-1); err != nil {
			s.stream.End(err)
		}
		s.stream.EndTurn()
		if s.Display != nil {
			s.stream.Count.Records = s.Display.EndTurn()
		}
	}
	s.client.Close() //nolint:errcheck // the stream is over
	return s.conclude(s.stream.Finish())
}

// hangup is what SIGHUP does: it begins the next file of a capture that consists of several, or opens
// the one that is appended to again. Any other stream ends.
func (s *session) hangup() func() {
	next := s.reopen
	switch {
	case s.Files != nil && s.Files.By == split.Rotate:
		next = s.next
	case s.Reopen == nil:
		return nil
	}
	return func() {
		s.reactor.Post(func() {
			if err := next(); err != nil {
				s.stream.End(err)
			}
		})
	}
}

// next completes the file of a capture that is open; the next record begins another one.
func (s *session) next() error {
	err := s.Files.Next()
	s.log.Debug("SIGHUP: completed the file that was open")
	return err
}

// reopen completes the file that is appended to, and opens it again by its name. If that is not
// possible, the file that is open stays: what comes is not lost.
func (s *session) reopen() error {
	if s.stream.Over() {
		return nil
	}
	release, err := s.Reopen()
	if err != nil {
		s.log.Error(fmt.Sprintf("SIGHUP: %v; records continue to go to the file that was open", err))
		return nil
	}
	defer release()
	if err := s.stream.Reopen(); err != nil {
		return err
	}
	s.log.Debug("SIGHUP: opened again", "file", s.Output.Path)
	return nil
}

// watch sets up what happens beside the session: statistics from time to time, and the
// end when the reader of a pipe on standard output goes away while nothing is written, as
// in "dbn-tail … | head -1" on a quiet market.
func (s *session) watch() error {
	if s.Stats > 0 {
		if _, err := s.reactor.Every(s.Stats, s.tick); err != nil {
			return err
		}
	}
	if s.Output.Path != "" || s.Output.Tee != "" {
		// A quiet session has turns too, so that the lag of a file stays bounded.
		if _, err := s.reactor.Every(output.MaxLag/5, func() {}); err != nil {
			return err
		}
	}
	return s.stream.WatchReader(s.reactor, s.Stdout)
}

// open makes the client and asks for everything.
func (s *session) open() (err error) {
	handlers := s.displayed(dbnloop.Handlers{
		Record: s.stream.Record, Metadata: s.stream.Metadata, Error: s.ended, SessionEvent: s.stream.SessionEvent,
	})
	if s.Unbroken != nil {
		err = s.openUnbroken(handlers)
	} else {
		err = s.openSession(handlers)
	}
	if err != nil && s.client != nil {
		s.client.Close() //nolint:errcheck // the first error counts
	}
	return err
}

// openSession makes the client of one session.
func (s *session) openSession(handlers dbnloop.Handlers) error {
	client, err := dbnloop.NewLiveClient(s.reactor, s.Key, s.Client...)
	if err != nil {
		return err
	}
	s.client = client
	s.describe = func() string {
		return fmt.Sprintf("%s %s, session %d", strings.ToLower(client.State().String()), s.Dataset, client.SessionID())
	}
	s.streaming = func() bool { return client.State() == dbnloop.Streaming }
	handlers.State = s.changed
	client.Handle(handlers)
	for _, subscription := range s.Subscriptions {
		if _, err := client.Subscribe(subscription); err != nil {
			return err
		}
	}
	if err := client.Connect(s.Host, s.Port); err != nil {
		return err
	}
	return client.Start()
}

func (s *session) changed(state dbnloop.State) {
	s.log.Debug("session: " + strings.ToLower(state.String()))
	s.streamed = s.streamed || state == dbnloop.Streaming
}

// ended is called when the session has ended by itself.
func (s *session) ended(err error) { s.stream.End(s.explain(err)) }

// stopBy ends the stream because of a signal.
func (s *session) stopBy(number syscall.Signal) {
	s.stream.End(exit.Signal(number))
}

func (s *session) tick() {
	if s.stream.Began() {
		stats := s.client.Stats()
		s.log.Info(s.stream.Count.Tick(time.Now()) + "; " + stream.SourceLine(&stats) + s.continuity.line())
	}
}

// state is printed at SIGUSR1.
func (s *session) state() {
	count := &s.stream.Count
	line := fmt.Sprintf("%s: %s, %s, %s, %s", s.describe(), term.Plural(count.Records, "record"), term.HumanBytes(float64(count.Bytes)),
		term.HumanDuration(count.Elapsed(time.Now())), term.Plural(uint64(count.Symbols), "symbol"))
	if count.LastTs != 0 {
		line += ", last " + count.LastTs.String()
	}
	stats := s.client.Stats()
	s.log.Info(line + "; " + stream.SourceLine(&stats) + s.continuity.line())
}

// conclude says how it went, and gives the error to end with.
func (s *session) conclude(err error) error {
	count := &s.stream.Count
	var signaled exit.Signal
	switch {
	case errors.As(err, &signaled):
		s.log.Info(exit.EndedBy(err, signaled) + ": " + count.Summary(time.Now()))
		return err
	case errors.Is(err, exit.ErrReaderGone):
		return nil
	case err != nil:
		code := exit.FromError(err)
		if code == exit.Failure && count.Skipped {
			code = exit.Partial
		}
		if s.stream.Began() && count.Records > 0 {
			err = fmt.Errorf("%w; %s came before%s", err, term.Plural(count.Records, "record"), s.resumable(err))
		}
		return exit.Fail(code, "%w", err)
	}
	if s.Summary && s.stream.Began() {
		s.log.Info(count.Summary(time.Now()) + s.continuity.line())
	}
	if err := s.continuity.failure(); err != nil {
		return err
	}
	if count.Skipped && s.Unbroken == nil {
		return exit.Fail(exit.Partial, "the gateway skipped records because this reader was too slow: the data has gaps")
	}
	return nil
}

// resumable says how a capture continues that could not be written on.
func (s *session) resumable(err error) string {
	o := s.Output
	if s.Files != nil || s.Unbroken == nil || o.Format != output.DBN || o.Path == "" || !isFull(err) {
		return ""
	}
	return "; what was written is kept, and --resume " + o.Path + " continues it"
}

// isFull reports whether there was no room for what was to be written.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// explain turns the reason that a session ended into the program's own: nil for a good
// end, else an error with an exit code.
func (s *session) explain(err error) error {
	var e *dbnloop.Error
	if !errors.As(err, &e) {
		return err
	}
	code, text := exit.FromError(e), term.InFlags(e.Message)
	switch {
	case code == exit.OK:
		return nil
	case code == exit.Auth:
		text += " (" + s.KeyOrigin + ")"
	case e.Code == dbnloop.CodeConnectionClosed:
		return s.explainClosed(e)
	case e.Code == dbnloop.CodeLimitExceeded && s.streamed && s.Unbroken == nil:
		code, text = exit.Corrupt, term.WithoutOption(text)
	case e.Code == dbnloop.CodeInvalidArgument && s.streamed: // the one that only the data can show to be wrong
		text = "--upgrade " + s.Upgrade + ": " + text
	}
	return exit.Fail(code, "%s", text)
}

// explainClosed is the end of a session that neither the user nor a limit ended: always an
// error, whatever the last byte that came.
func (s *session) explainClosed(e *dbnloop.Error) error {
	limit, got := s.Selection.Limit, s.stream.Count.Records
	if s.stream.Began() && limit > 0 && got < limit {
		return exit.Fail(exit.Partial, "%s, with %s of %s", e.Message, term.Grouped(got), term.Plural(limit, "record"))
	}
	return exit.Fail(exit.Failure, "%s", e.Message)
}
