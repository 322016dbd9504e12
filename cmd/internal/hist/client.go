// Package hist works with the historical API: ranges of data and their cost, lists, batch jobs
// and their files.
package hist

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"syscall"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// Config says how the API is reached, and which streams the program has.
type Config struct {
	Key       string
	KeyOrigin string // what messages say of the key in its place
	Options   []dbnloop.HistoricalOption

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Exit           func(code int)
}

// Client is the client of the historical API, as every command uses it: a signal ends its
// context.
type Client struct {
	Config
	ctx     context.Context // its cause is an exit.Signal
	log     *slog.Logger
	reactor *dbnloop.Reactor
	client  *dbnloop.HistoricalClient
	warned  map[string]bool // the server's warnings that were printed
	state   func()          // what SIGUSR1 prints; nil: that an answer is waited for
	close   func()
}

// Open makes the client. The caller calls Close.
func Open(log *slog.Logger, config Config) (*Client, error) {
	c := &Client{Config: config, log: log, warned: make(map[string]bool)}
	var err error
	if c.reactor, err = dbnloop.NewReactor(); err != nil {
		return nil, err
	}
	if c.client, err = dbnloop.NewHistoricalClient(c.reactor, c.Key, c.Options...); err != nil {
		c.reactor.Close() //nolint:errcheck // the first error counts
		return nil, c.Explain(err)
	}
	c.client.Handle(dbnloop.Handlers{Warning: c.warn})
	ctx, cancel := context.WithCancelCause(context.Background())
	c.ctx = ctx
	endSignals := exit.WatchSignals(
		func(number syscall.Signal) { cancel(exit.Signal(number)) },
		func() { c.reactor.Post(c.printState) },
		c.Exit,
	)
	log.Debug("using the historical API with the " + c.KeyOrigin)
	c.close = func() {
		endSignals()
		cancel(nil)
		c.client.Close()  //nolint:errcheck // nothing is lost with it
		c.reactor.Close() //nolint:errcheck // nothing is lost with it
	}
	return c, nil
}

// Close ends the client and stops the watching of signals.
func (c *Client) Close() { c.close() }

// warn prints a warning of the server; calls about the same range give the same ones.
func (c *Client) warn(text string) {
	if !c.warned[text] {
		c.warned[text] = true
		c.log.Warn("server: " + text)
	}
}

func (c *Client) printState() {
	if c.state != nil {
		c.state()
		return
	}
	c.log.Info("waiting for the server's answer")
}

// Explain turns an error of the client into the program's own, with an exit code.
func (c *Client) Explain(err error) error {
	var e *dbnloop.Error
	if exit.IsOwn(err) || !errors.As(err, &e) {
		return err
	}
	code, text := exit.FromError(e), term.WithoutOption(term.InFlags(e.Message))
	switch code {
	case exit.OK: // a call that was cancelled has no answer
		code = exit.Failure
	case exit.Auth:
		text += " (" + c.KeyOrigin + ")"
	}
	return exit.Fail(code, "%s", text)
}
