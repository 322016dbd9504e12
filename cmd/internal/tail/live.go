package tail

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
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// session is a live session that feeds a stream.
type session struct {
	plan    *plan
	key     apiKey
	log     *slog.Logger
	reactor *dbnloop.Reactor
	client  *dbnloop.LiveClient
	stream  *stream.Stream
	asked   sharedSnapshot // by scrapes of the metrics
	// streamed: the text phase has passed, what came behind it is data.
	streamed bool
}

// live runs a session until its stream is over.
func (p *Program) live(pl *plan, key apiKey, log *slog.Logger) error {
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return err
	}
	defer reactor.Close() //nolint:errcheck // nothing is lost with it
	s := &session{plan: pl, key: key, log: log, reactor: reactor}
	s.stream = stream.New(log, pl.request.schemas, &pl.output, pl.selection, p.Stdout)
	if pl.metrics != "" {
		served, err := serveMetrics(pl.metrics, s.snapshot)
		if err != nil {
			return err
		}
		defer served.close()
		log.Info("metrics at " + served.url())
	}
	if err := s.open(p.Stdout); err != nil {
		return s.explain(err)
	}
	defer s.client.Close() //nolint:errcheck // nothing is lost with it

	endSignals := exit.WatchSignals(
		func(number syscall.Signal) { reactor.Post(func() { s.stopBy(number) }) },
		func() { reactor.Post(s.state) },
		p.Exit,
	)
	defer endSignals()
	if err := s.watch(p.Stdout); err != nil {
		return err
	}
	for !s.stream.Over() {
		if _, err := reactor.Poll(-1); err != nil {
			s.stream.End(err)
		}
		s.stream.EndTurn()
	}
	s.client.Close() //nolint:errcheck // the stream is over
	return s.conclude(s.stream.Finish())
}

// heartbeatGrace is how much longer than the heartbeat interval a session may be silent.
const heartbeatGrace = 5 * time.Second

// watch sets up what happens besides the session: statistics from time to time, and the
// end when the reader of a pipe on standard output goes away while nothing is written, as
// in "dbn-tail … | head -1" on a quiet market.
func (s *session) watch(stdout io.Writer) error {
	if s.plan.stats > 0 {
		if _, err := s.reactor.Every(s.plan.stats, s.tick); err != nil {
			return err
		}
	}
	if s.plan.output.Path != "" || s.plan.output.Tee != "" {
		// A quiet session has turns too, so that what a file lags behind stays bounded.
		if _, err := s.reactor.Every(output.MaxLag/5, func() {}); err != nil {
			return err
		}
	}
	return s.stream.WatchReader(s.reactor, stdout)
}

// open makes the client and asks for everything.
func (s *session) open(stdout io.Writer) (err error) {
	c := &s.plan.connection
	options := []dbnloop.LiveOption{
		dbnloop.WithDataset(s.plan.request.dataset), dbnloop.WithCompression(c.compression),
		dbnloop.WithUpgradePolicy(c.upgrade), dbnloop.WithUserAgent("dbn-tail"),
		dbnloop.WithMaxMetadata(c.maxMetadata),
	}
	if c.tsOut {
		options = append(options, dbnloop.WithTsOut())
	}
	if c.heartbeat > 0 {
		options = append(options, dbnloop.WithHeartbeat(c.heartbeat, heartbeatGrace))
	}
	if behavior := s.plan.slowReader(stdout); behavior != nil {
		options = append(options, dbnloop.WithSlowReader(*behavior))
	}
	if s.client, err = dbnloop.NewLiveClient(s.reactor, s.key.value, options...); err != nil {
		return err
	}
	s.client.Handle(dbnloop.Handlers{
		Record: s.stream.Record, Metadata: s.stream.Metadata, Error: s.ended,
		State: s.changed, Session: s.stream.SessionEvent,
	})
	if err := s.subscribe(); err != nil {
		s.client.Close() //nolint:errcheck // the first error counts
		return err
	}
	return nil
}

func (s *session) subscribe() error {
	r := &s.plan.request
	for _, schema := range r.schemas {
		_, err := s.client.Subscribe(dbnloop.Subscription{
			Schema: schema, StypeIn: r.stypeIn, Symbols: r.symbols, Snapshot: r.snapshot,
			Start: r.start, HasStart: r.hasStart,
		})
		if err != nil {
			return err
		}
	}
	if err := s.client.Connect(s.plan.connection.host, s.plan.connection.port); err != nil {
		return err
	}
	return s.client.Start()
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
		s.log.Info(s.stream.Count.Tick(time.Now()) + "; " + stream.SourceLine(&stats))
	}
}

// state is printed at SIGUSR1.
func (s *session) state() {
	count := &s.stream.Count
	line := fmt.Sprintf("%s %s, session %d: %s, %s, %s, %s", strings.ToLower(s.client.State().String()),
		s.plan.request.dataset, s.client.SessionID(), term.Plural(count.Records, "record"), term.HumanBytes(float64(count.Bytes)),
		term.HumanDuration(count.Elapsed(time.Now())), term.Plural(uint64(count.Symbols), "symbol"))
	if count.LastTs != 0 {
		line += ", last " + count.LastTs.String()
	}
	stats := s.client.Stats()
	s.log.Info(line + "; " + stream.SourceLine(&stats))
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
			err = fmt.Errorf("%w; %s came before", err, term.Plural(count.Records, "record"))
		}
		return exit.Fail(code, "%w", err)
	}
	if s.plan.summary && s.stream.Began() {
		s.log.Info(count.Summary(time.Now()))
	}
	if count.Skipped {
		return exit.Fail(exit.Partial, "the gateway skipped records because this reader was too slow: the data has gaps")
	}
	return nil
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
		text += " (" + s.key.String() + ")"
	case e.Code == dbnloop.CodeConnectionClosed:
		return s.explainClosed(e)
	case e.Code == dbnloop.CodeLimitExceeded && s.streamed:
		code, text = exit.Corrupt, term.WithoutOption(text)
	case e.Code == dbnloop.CodeInvalidArgument && s.streamed: // the one that only the data can show to be wrong
		text = "--upgrade " + upgradeName(s.plan.connection.upgrade) + ": " + text
	}
	return exit.Fail(code, "%s", text)
}

func upgradeName(policy dbn.UpgradePolicy) string {
	return map[dbn.UpgradePolicy]string{dbn.AsIs: "as-is", dbn.UpgradeToV2: "v2", dbn.UpgradeToV3: "v3"}[policy]
}

// explainClosed is the end of a session that neither the user nor a limit ended: always an
// error, whatever the last byte that came.
func (s *session) explainClosed(e *dbnloop.Error) error {
	limit, got := s.plan.selection.Limit, s.stream.Count.Records
	if s.stream.Began() && limit > 0 && got < limit {
		return exit.Fail(exit.Partial, "%s, with %s of %s", e.Message, term.Grouped(got), term.Plural(limit, "record"))
	}
	return exit.Fail(exit.Failure, "%s", e.Message)
}
