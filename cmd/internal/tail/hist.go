package tail

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// histRun is one range of historical data on its way to the sinks.
type histRun struct {
	*historical
	program  *Program
	plan     *histPlan
	stream   *stream.Stream
	progress *term.Progress
	stats    time.Duration
	summary  bool // print a summary at a good end
	broke    bool // the stream did, rather than the output
}

// hist prints historical data.
func (p *Program) hist(cmd *cobra.Command, f *flags, args []string, log *slog.Logger) error {
	pl, err := p.histPlan(cmd, f, args)
	if err != nil {
		return err
	}
	h, err := p.openHistorical(f, log, dbnloop.WithUpgradePolicy(pl.policy))
	if err != nil {
		return err
	}
	defer h.close()
	run := &histRun{historical: h, program: p, plan: &pl, stats: time.Duration(f.stats)}
	run.summary = run.stats > 0 || f.verbose || term.IsTerminal(p.Stderr)
	if err := run.prepare(&pl); err != nil {
		return h.explain(err)
	}
	if f.dryRun {
		return h.explain(h.dryRun(&pl.query, pl.maxCost, &pl.output.Settings, p.Stdout))
	}
	if err := run.agree(f); err != nil {
		return h.explain(err)
	}
	return run.fetch(pl.downloads(f))
}

// agree finds out whether the range may cost what it does: by --max-cost, -y, or a
// question on the terminal.
func (run *histRun) agree(f *flags) error {
	pl, p := run.plan, run.program
	switch {
	case f.yes:
		return run.checkCost(&pl.query, pl.maxCost)
	case pl.maxCost != nil:
		if err := run.checkCost(&pl.query, pl.maxCost); err != nil {
			return err
		}
		return f.confirmAll("Ask for", &pl.request, p.Stdin, p.Stderr)
	case !term.IsTerminal(p.Stdin):
		return exit.BadUsage("historical data costs money: confirm with -y, or give --max-cost USD; --dry-run shows the cost")
	}
	price, err := run.price(&pl.query)
	if err != nil {
		return err
	}
	return confirm(run.ctx, "Ask for "+pl.order(price)+"?", p.Stdin, p.Stderr)
}

// fetch asks for the range, once it is known that its files can be written.
func (run *histRun) fetch(download bool) error {
	o := &run.plan.output
	others, err := o.OpenFiles()
	defer o.ReleaseFiles()
	if err != nil {
		return err
	}
	for _, name := range others {
		run.log.Warn(name + " is there from an earlier run, or from one that still writes it: it is left as it is")
	}
	if download {
		return run.download(o.TakePart(o.Path))
	}
	return run.copy()
}

// prepare finds out what the command line left open.
func (h *historical) prepare(pl *histPlan) error {
	if !pl.toEnd {
		return nil
	}
	end, err := h.endOf(pl.query.Dataset, pl.query.Schema)
	if err != nil {
		return err
	}
	if end <= pl.query.Start {
		return exit.BadUsage("there is no data of %s from %s on: it ends at %s", pl.query.Dataset, timeText(pl.query.Start), timeText(end))
	}
	pl.query.End = end
	return nil
}

// endOf is how far the data of a schema goes.
func (h *historical) endOf(dataset string, schema dbn.Schema) (dbn.UnixNanos, error) {
	r, err := h.client.DatasetRange(h.ctx, dataset)
	if err != nil {
		return 0, err
	}
	text := r.End
	if of, ok := r.RangeBySchema[schema.String()]; ok {
		text = of.End
	}
	end, err := parseTime(text)
	if err != nil {
		return 0, exit.Fail(exit.Failure, "the server's end of %s: %w", dataset, err)
	}
	return end, nil
}

// startProgress shows a line on a terminal that is not needed for the records. The size
// that is billed is that of the records, so that tells when all are there.
func (run *histRun) startProgress(sized bool) {
	p := run.program
	if !term.IsTerminal(p.Stderr) || run.plan.output.Path == "" && term.IsTerminal(p.Stdout) {
		return
	}
	total := int64(-1)
	if sized {
		if size, err := run.client.BillableSize(run.ctx, run.plan.query); err == nil && size > 0 {
			total = int64(size)
		}
	}
	run.progress = term.NewProgress(p.Stderr, total)
}

// copy streams the range into the sinks.
func (run *histRun) copy() error {
	pl := run.plan
	run.startProgress(true)
	s := stream.New(run.log, pl.request.schemas, &pl.output, pl.sel, run.program.Stdout)
	s.File = new(stream.FileRecords)
	s.File.Want(pl.request.schemas, &pl.output.Settings, false)
	run.stream, run.state = s, run.printCount
	run.client.Handle(dbnloop.Handlers{
		Record: s.Record, Metadata: run.metadata,
		Warning: func(text string) {
			run.progress.Clear()
			run.warn(text)
		},
		Error: func(err error) {
			run.broke = !s.Over()
			s.End(run.explain(err))
		},
		Complete: func() { s.End(nil) },
	})
	defer context.AfterFunc(run.ctx, func() {
		run.reactor.Post(func() { s.End(context.Cause(run.ctx)) })
	})()
	if err := run.begin(); err != nil {
		return run.explain(err)
	}
	for !s.Over() {
		if _, err := run.reactor.Poll(-1); err != nil {
			s.End(err)
		}
		s.EndTurn()
		run.progress.Show(int64(s.Count.Bytes), s.Count.Records)
	}
	run.client.Close() //nolint:errcheck // the stream is over
	run.progress.Clear()
	pl.output.Cut(s.Err() != nil, s.Count.Bytes == 0)
	return run.conclude(s.Finish())
}

// begin sends the request; what can fail without it comes before.
func (run *histRun) begin() error {
	if run.stats > 0 {
		if _, err := run.reactor.Every(run.stats, run.tick); err != nil {
			return err
		}
	}
	if o := &run.plan.output; o.Path != "" || o.Tee != "" {
		// A server that stalls has turns too, so that what a file lags behind stays bounded.
		if _, err := run.reactor.Every(output.MaxPaidLag, func() {}); err != nil {
			return err
		}
	}
	if err := run.stream.WatchReader(run.reactor, run.program.Stdout); err != nil {
		return err
	}
	if err := run.client.Request(run.plan.query); err != nil {
		return err
	}
	return run.client.Start()
}

func (run *histRun) metadata(m *dbn.Metadata) {
	if symbols, err := dbn.TsSymbolMapOf(m); err != nil {
		run.log.Debug("no symbols from the metadata: " + err.Error())
	} else {
		run.stream.File.Symbols = symbols
	}
	if run.plan.sel.Skip > 0 || run.plan.sel.Tail {
		m.RecordCount = nil // not all of them will be there
	}
	run.stream.Metadata(m)
}

func (run *histRun) tick() {
	if run.stream.Began() {
		run.progress.Clear()
		run.log.Info(run.stream.Count.Tick(time.Now()))
	}
}

func (run *histRun) printCount() {
	line := "no records yet"
	if run.stream.Began() {
		line = run.stream.Count.Summary(time.Now())
	}
	run.progress.Clear()
	run.log.Info(run.plan.query.Dataset + ": " + line)
}

// conclude says how it went, and gives the error to end with.
func (run *histRun) conclude(err error) error {
	count, o := &run.stream.Count, &run.plan.output
	var signaled exit.Signal
	switch {
	case errors.As(err, &signaled):
		run.endedBy(signaled, count.Summary(time.Now())+o.KeptPart())
		return err
	case errors.Is(err, exit.ErrReaderGone) && len(o.Kept()) == 0:
		return nil
	case err == nil:
		if run.summary && run.stream.Began() {
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
func (run *histRun) endedBy(signaled exit.Signal, what string) {
	level := slog.LevelInfo
	if len(run.plan.output.Kept()) > 0 {
		level = slog.LevelError
	}
	run.log.Log(context.Background(), level, signaled.Name()+": "+what)
}

// partial is the end with an error, after some records or none.
func (run *histRun) partial(err error, records uint64) error {
	code := exit.Failure
	if errors.Is(err, exit.ErrReaderGone) {
		err = errors.New("the reader of standard output has gone")
	} else {
		err = run.explain(err)
		code = exit.FromError(err)
	}
	if code == exit.Failure && records > 0 && (run.broke || len(run.plan.output.Kept()) > 0) {
		code = exit.Partial
	}
	return run.withCount(exit.Fail(code, "%w", err), records)
}

// withCount adds what came before the error.
func (run *histRun) withCount(err error, records uint64) error {
	if records == 0 {
		return err
	}
	return exit.Fail(exit.FromError(err), "%w; %s came before%s", err, term.Plural(records, "record"), run.plan.output.KeptPart())
}
