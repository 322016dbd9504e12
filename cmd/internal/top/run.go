// Package top shows a market on a terminal: a line for each symbol, with what its records say now.
//
// A Feed takes the records, on the goroutine of their source, into a market, and makes a snapshot
// of it a few times a second. The screen takes the newest snapshot. Neither waits for the other: a
// slow terminal leaves the feed alone, and a fast feed the screen.
package top

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// Options say how a market is shown.
type Options struct {
	Sort    string // the name of a column
	Reverse bool
	Filter  string
	Limit   uint64 // data records to take; 0: no limit
	TsOut   bool   // the records carry the time at which the gateway sent them
	Once    bool   // print one table, when the source has ended
	Verbose bool

	Stdin  io.Reader
	Stdout io.Writer
	Getenv func(string) string
	Exit   func(code int)
}

// onceFor is how long a table printed once is of, if a source does not end by itself.
const onceFor = 3 * time.Second

// patience is how long a source may take to end, once the screen is gone.
const patience = time.Second

// Run shows what a source feeds, until the user ends it. The source runs on a goroutine of its own.
func Run(log *slog.Logger, o Options, source func(*Feed) error) error {
	by := slices.Index(ColumnNames(), o.Sort)
	if by < 0 {
		return exit.BadUsage("--sort %q: want one of %s", o.Sort, strings.Join(ColumnNames(), ", "))
	}
	least := slog.LevelInfo
	if o.Verbose {
		least = slog.LevelDebug
	}
	feed := newFeed(time.Now, least)
	feed.Limit, feed.TsOut = o.Limit, o.TsOut
	sorted := order{by: column(by), reverse: o.Reverse, filter: o.Filter}
	if o.Once {
		return printOnce(log, &o, feed, sorted, source)
	}
	switch {
	case !term.IsTerminal(o.Stdout):
		return exit.BadUsage("top needs a terminal for its screen: give --once to print one table")
	case o.Getenv("TERM") == "dumb":
		return exit.BadUsage("top needs a terminal that can move its cursor, and TERM is dumb: give --once to print one table")
	}
	return show(log, &o, feed, sorted, source)
}

// show is Run on a terminal.
func show(log *slog.Logger, o *Options, feed *Feed, by order, source func(*Feed) error) error {
	terminal, err := openTerminal(o.Stdout)
	if err != nil {
		return err
	}
	screen := newModel(feed.exchange, &feed.events, by)
	options := []tea.ProgramOption{tea.WithOutput(o.Stdout), tea.WithoutSignalHandler()}
	if term.IsTerminal(o.Stdin) { // otherwise the keys are those of the process's terminal
		options = append(options, tea.WithInput(o.Stdin))
	}
	feed.Exit = func(code int) {
		terminal.restore()
		o.Exit(code)
	}
	done := newOutcome()
	screen.source = done
	var program atomic.Pointer[tea.Program] // that draws now
	var signaled atomic.Pointer[exit.Signal]
	defer exit.WatchSignals(func(number syscall.Signal) {
		signaled.Store((*exit.Signal)(&number))
		feed.Stop()
		go program.Load().Quit()
	}, func() {}, feed.Exit)()
	defer suspendOnSignal(func(msg tea.Msg) { program.Load().Send(msg) })()

	program.Store(tea.NewProgram(screen, options...))
	go run(feed, source, done, func() { program.Load().Kill(); program.Load().Wait() })
	for {
		closed := make(chan struct{})
		screen.closed = closed
		_, err = program.Load().Run()
		close(closed)
		if err != nil || !screen.suspended || signaled.Load() != nil {
			break
		}
		screen.suspended = false
		stop()
		program.Store(tea.NewProgram(screen, options...))
	}
	feed.Stop()
	var result error
	select {
	case <-done.ended:
		result = done.err
		log.Debug(fmt.Sprintf("%s; time to make a snapshot: %v; between snapshots on the screen: %v; to draw: %v",
			term.Plural(feed.market.records, "record"), &feed.snapshot, &screen.gaps, &screen.frames))
	case <-time.After(patience): // it waits for bytes that do not come
	}
	feed.events.repeat(log, result)
	switch {
	case signaled.Load() != nil:
		return *signaled.Load()
	case errors.Is(err, tea.ErrProgramPanic):
		return exit.Fail(exit.Failure, "the screen failed: %w", err)
	case err != nil:
		return exit.Fail(exit.Failure, "cannot use the terminal: %w", err)
	case screen.quit != nil:
		return screen.quit
	}
	return result
}

// outcome is how a source ended.
type outcome struct {
	ended chan struct{} // closed once it has
	err   error
}

func newOutcome() *outcome { return &outcome{ended: make(chan struct{})} }

// run runs the source, and says how it ended. What it panics with reaches the user once the
// terminal is as it was, which restore sees to.
func run(feed *Feed, source func(*Feed) error, done *outcome, restore func()) {
	defer func() {
		if p := recover(); p != nil {
			restore()
			panic(p)
		}
	}()
	err := source(feed)
	var signaled exit.Signal
	switch {
	case errors.As(err, &signaled):
	case err != nil:
		feed.events.add(feed.clock(), slog.LevelError, err.Error())
	default:
		feed.events.add(feed.clock(), slog.LevelInfo, "the end of the data")
	}
	done.err = err
	close(done.ended)
}

// printOnce prints one table when the source has ended.
func printOnce(log *slog.Logger, o *Options, feed *Feed, by order, source func(*Feed) error) error {
	feed.direct, feed.Exit = log, o.Exit
	if o.Limit == 0 {
		feed.lasts = onceFor
	}
	failed := source(feed)
	if failed != nil && feed.market.records == 0 {
		return failed
	}
	feed.show("")
	screen := newModel(feed.exchange, &feed.events, by)
	screen.width = onceWidth(o)
	screen.height = len(feed.market.rows) + 100 // all of them
	screen.refresh()
	for _, line := range screen.table() {
		if _, err := fmt.Fprintln(o.Stdout, strings.TrimRight(ansi.Strip(line), " ")); err != nil {
			return exit.Fail(exit.Failure, "cannot write the table: %w", err)
		}
	}
	return failed
}

// onceWidth is that of the terminal, or as COLUMNS says, or 120.
func onceWidth(o *Options) int {
	if width := term.Width(o.Stdout); width > 0 {
		return width
	}
	if width, err := strconv.Atoi(o.Getenv("COLUMNS")); err == nil && width > 0 {
		return min(width, 1000)
	}
	return 120
}
