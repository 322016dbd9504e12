package tail

import (
	"context"
	"errors"
	"log/slog"
	"syscall"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// historical is the client of the historical API, as every command uses it: a signal ends
// its context.
type historical struct {
	ctx     context.Context // its cause is a exit.Signal
	key     apiKey
	log     *slog.Logger
	reactor *dbnloop.Reactor
	client  *dbnloop.HistoricalClient
	warned  map[string]bool // the server's warnings that were printed
	state   func()          // what SIGUSR1 prints; nil: that an answer is waited for
	close   func()
}

// openHistorical makes the client. The caller calls close.
func (p *Program) openHistorical(f *flags, log *slog.Logger, options ...dbnloop.HistoricalOption) (*historical, error) {
	if f.retries < 0 || f.retries > maxRetries {
		return nil, exit.BadUsage("--retries %d: want 0 to %d", f.retries, maxRetries)
	}
	key, err := p.key(f, log)
	if err != nil {
		return nil, err
	}
	h := &historical{key: key, log: log, warned: make(map[string]bool)}
	if h.reactor, err = dbnloop.NewReactor(); err != nil {
		return nil, err
	}
	maxMetadata, err := f.metadataLimit()
	if err != nil {
		return nil, err
	}
	options = append(options, dbnloop.WithUserAgent("dbn-tail"), dbnloop.WithRetries(f.retries),
		dbnloop.WithMaxMetadata(maxMetadata))
	if f.histURL != "" {
		options = append(options, dbnloop.WithURL(f.histURL))
	}
	if f.caFile != "" {
		options = append(options, dbnloop.WithCAFile(f.caFile))
	}
	if h.client, err = dbnloop.NewHistoricalClient(h.reactor, key.value, options...); err != nil {
		h.reactor.Close() //nolint:errcheck // the first error counts
		return nil, h.explain(err)
	}
	h.client.Handle(dbnloop.Handlers{Warning: h.warn})
	ctx, cancel := context.WithCancelCause(context.Background())
	h.ctx = ctx
	endSignals := exit.WatchSignals(
		func(number syscall.Signal) { cancel(exit.Signal(number)) },
		func() { h.reactor.Post(h.printState) },
		p.Exit,
	)
	log.Debug("the historical API is used with the " + key.String())
	h.close = func() {
		endSignals()
		cancel(nil)
		h.client.Close()  //nolint:errcheck // nothing is lost with it
		h.reactor.Close() //nolint:errcheck // nothing is lost with it
	}
	return h, nil
}

// maxRetries bounds --retries: the waits between them double, up to five minutes.
const maxRetries = 1000

// warn prints a warning of the server; calls about the same range give the same ones.
func (h *historical) warn(text string) {
	if !h.warned[text] {
		h.warned[text] = true
		h.log.Warn("server: " + text)
	}
}

func (h *historical) printState() {
	if h.state != nil {
		h.state()
		return
	}
	h.log.Info("waiting for the server's answer")
}

// explain turns an error of the client into the program's own, with an exit code.
func (h *historical) explain(err error) error {
	var e *dbnloop.Error
	if exit.IsOwn(err) || !errors.As(err, &e) {
		return err
	}
	code, text := exit.FromError(e), term.WithoutOption(term.InFlags(e.Message))
	switch code {
	case exit.OK: // a call that was cancelled has no answer
		code = exit.Failure
	case exit.Auth:
		text += " (" + h.key.String() + ")"
	}
	return exit.Fail(code, "%s", text)
}
