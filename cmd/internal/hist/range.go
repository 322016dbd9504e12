package hist

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Options say which range is wanted, and where its records go.
type Options struct {
	Query     Query
	DryRun    bool // print what the query costs, and request no records
	Output    *output.Output
	Raw       bool // the body of the answer is the file: nothing of it is left out or changed
	Selection stream.Selection
	Stats     time.Duration // between two lines of statistics; 0: none
	Summary   bool          // print a summary at a good end
}

// rangeRun is one range of historical data on its way to the sinks.
type rangeRun struct {
	*Client
	Options
	stream   *stream.Stream
	progress *term.Progress
	broke    bool // the stream did, rather than the output
}

// Run requests a range, once it is agreed that it may cost what it does.
func (c *Client) Run(o Options) error {
	run := &rangeRun{Client: c, Options: o}
	q := &run.Query
	if err := c.settle(q); err != nil {
		return c.Explain(err)
	}
	if o.DryRun {
		return c.Explain(c.dryRun(q, &o.Output.Settings))
	}
	if err := c.agree(q); err != nil {
		return c.Explain(err)
	}
	return run.fetch()
}

// agree finds out whether the range may cost what it does: by --max-cost, -y, or a question
// on the terminal.
func (c *Client) agree(q *Query) error {
	switch {
	case q.Yes:
		return c.checkCost(q)
	case q.MaxCost != nil:
		if err := c.checkCost(q); err != nil || !q.allSymbols() {
			return err
		}
		return term.ConfirmAll(c.ctx, "Request", q.Dataset, term.JoinNames(q.schemas()), c.Stdin, c.Stderr)
	case !term.IsTerminal(c.Stdin):
		return exit.BadUsage("historical data costs money: confirm with -y, or give --max-cost USD; --dry-run shows the cost")
	}
	list, err := c.prices(q)
	if err != nil {
		return err
	}
	price := list.total()
	if err := q.allows(price.CostUSD); err != nil {
		return err
	}
	if price.CostUSD <= q.AskAbove && !q.allSymbols() {
		c.log.Info("requesting " + q.order(price))
		return nil
	}
	return term.Confirm(c.ctx, "Request "+q.order(price)+"?", c.Stdin, c.Stderr)
}

// fetch requests the range, once it is known that its files can be written.
func (run *rangeRun) fetch() error {
	o := run.Output
	others, err := o.OpenFiles()
	defer o.ReleaseFiles()
	if err != nil {
		return err
	}
	for _, name := range others {
		run.log.Warn(name + " exists, from an earlier run or one that still writes it: it is left as it is")
	}
	if run.Raw {
		return run.download(o.TakePart(o.Path))
	}
	return run.copy()
}

// startProgress shows a line on a terminal that is not needed for the records. The size
// that is billed is that of the records, so it shows when all are there.
func (run *rangeRun) startProgress(sized bool) {
	if !term.IsTerminal(run.Stderr) || run.Output.Path == "" && term.IsTerminal(run.Stdout) {
		return
	}
	total := int64(-1)
	if sized {
		sum := uint64(0)
		for _, r := range run.Query.requests() {
			size, err := run.client.BillableSize(run.ctx, r)
			if err != nil || size == 0 {
				sum = 0
				break
			}
			sum += size
		}
		if sum > 0 {
			total = int64(sum)
		}
	}
	run.progress = term.NewProgress(run.Stderr, total)
}

// copy streams the range into the sinks.
func (run *rangeRun) copy() error {
	run.startProgress(true)
	schemas := run.Query.schemas()
	s := stream.New(run.log, schemas, run.Output, run.Selection, run.Stdout)
	s.File = new(stream.FileRecords)
	s.File.Want(schemas, &run.Output.Settings, false)
	run.stream, run.state = s, run.printCount
	l, err := run.openLanes()
	if err != nil {
		return run.Explain(err)
	}
	defer l.close()
	defer context.AfterFunc(run.ctx, func() {
		run.reactor.Post(func() { l.end(context.Cause(run.ctx)) })
	})()
	if err := run.begin(l); err != nil {
		return run.Explain(err)
	}
	for !s.Over() {
		if _, err := run.reactor.Poll(-1); err != nil {
			s.End(err)
		}
		l.merge()
		s.EndTurn()
		run.progress.Show(int64(s.Count.Bytes), s.Count.Records)
	}
	l.close()
	run.progress.Clear()
	run.Output.Cut(s.Err() != nil, s.Count.Bytes == 0)
	return run.conclude(s.Finish())
}

// begin sends the requests; what can fail without it comes before.
func (run *rangeRun) begin(l *lanes) error {
	if run.Stats > 0 {
		if _, err := run.reactor.Every(run.Stats, run.tick); err != nil {
			return err
		}
	}
	if o := run.Output; o.Path != "" || o.Tee != "" {
		// A server that stalls has turns too, so that the lag of a file stays bounded.
		if _, err := run.reactor.Every(output.MaxPaidLag, func() {}); err != nil {
			return err
		}
	}
	if err := run.stream.WatchReader(run.reactor, run.Stdout); err != nil {
		return err
	}
	return l.start(run.Query.requests())
}

func (run *rangeRun) metadata(m *dbn.Metadata) {
	if symbols, err := dbn.TsSymbolMapOf(m); err != nil {
		level := slog.LevelDebug
		if run.Query.StypeOut != dbn.STypeInstrumentID && run.Output.ShowsSymbols() {
			level = slog.LevelWarn
		}
		run.log.Log(run.ctx, level, "no symbols from the metadata: "+err.Error())
	} else {
		run.stream.SetSymbols(symbols)
	}
	if run.Selection.Skip > 0 || run.Selection.Tail {
		m.RecordCount = nil // not all of them will be there
	}
	run.stream.Metadata(m)
}

func (run *rangeRun) tick() {
	if run.stream.Began() {
		run.progress.Clear()
		run.log.Info(run.stream.Count.Tick(time.Now()))
	}
}

func (run *rangeRun) printCount() {
	line := "no records yet"
	if run.stream.Began() {
		line = run.stream.Count.Summary(time.Now())
	}
	run.progress.Clear()
	run.log.Info(run.Query.Dataset + ": " + line)
}

// conclude says how it went, and gives the error to end with.
func (run *rangeRun) conclude(err error) error {
	count, o := &run.stream.Count, run.Output
	var signaled exit.Signal
	switch {
	case errors.As(err, &signaled):
		run.endedBy(signaled, count.Summary(time.Now())+o.KeptPart())
		return err
	case errors.Is(err, exit.ErrReaderGone) && len(o.Kept()) == 0:
		return nil
	case err == nil:
		if run.Summary && run.stream.Began() {
			run.log.Info(count.Summary(time.Now()))
		}
		return nil
	case run.stream.Err() == nil && !o.Short():
		return o.AllKept(err, count.Records)
	}
	return run.partial(err, count.Records)
}

// endedBy says what a signal ended. Where data is kept is an error's business: -q does not
// hide it.
func (run *rangeRun) endedBy(signaled exit.Signal, what string) {
	level := slog.LevelInfo
	if len(run.Output.Kept()) > 0 {
		level = slog.LevelError
	}
	run.log.Log(context.Background(), level, signaled.Name()+": "+what)
}

// partial is the end with an error, after some records or none.
func (run *rangeRun) partial(err error, records uint64) error {
	code := exit.Failure
	if errors.Is(err, exit.ErrReaderGone) {
		err = errors.New("the reader of standard output has gone")
	} else {
		err = run.Explain(err)
		code = exit.FromError(err)
	}
	if code == exit.Failure && records > 0 && (run.broke || len(run.Output.Kept()) > 0) {
		code = exit.Partial
	}
	return run.withCount(exit.Fail(code, "%w", err), records)
}

// withCount adds what came before the error.
func (run *rangeRun) withCount(err error, records uint64) error {
	if records == 0 {
		return err
	}
	return exit.Fail(exit.FromError(err), "%w; %s came before%s", err, term.Plural(records, "record"), run.Output.KeptPart())
}
