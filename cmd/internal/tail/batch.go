package tail

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// jobFlags are how the files of a job are to be.
type jobFlags struct {
	encoding, compression, splitDuration string
	splitSize                            uint64
	splitSymbols                         bool
	prettyPx, prettyTs, mapSymbols       bool
}

func (j *jobFlags) define(p *pflag.FlagSet) {
	p.StringVar(&j.encoding, encodingFlag, "dbn", "files in the `ENCODING` dbn, csv or json")
	p.StringVar(&j.compression, "compression", "zstd", "compression of the files: zstd or none")
	p.StringVar(&j.splitDuration, "split-duration", "day", "one file for each day, week, month or year; or none")
	p.Uint64Var(&j.splitSize, "split-size", 0, "files of at most so many `BYTES`, 1e9 to 1e10")
	p.BoolVar(&j.splitSymbols, "split-symbols", false, "one file for each symbol")
	p.BoolVar(&j.prettyPx, "pretty-px", false, "prices as decimals (csv and json)")
	p.BoolVar(&j.prettyTs, "pretty-ts", false, "times as ISO 8601 (csv and json)")
	p.BoolVar(&j.mapSymbols, "map-symbols", true, "a symbol column (csv and json)")
}

// check refuses what the server would, before anything is asked.
func (j *jobFlags) check() error {
	if _, err := dbn.ParseEncoding(j.encoding); err != nil {
		return exit.BadUsage("--encoding %q: want dbn, csv or json", j.encoding)
	}
	if _, err := dbn.ParseCompression(j.compression); err != nil {
		return exit.BadUsage("--compression %q: want zstd or none", j.compression)
	}
	switch j.splitDuration {
	case "day", "week", "month", "year", "none":
	default:
		return exit.BadUsage("--split-duration %q: want day, week, month, year or none", j.splitDuration)
	}
	if j.encoding == "dbn" && (j.prettyPx || j.prettyTs) {
		return exit.BadUsage("--pretty-px and --pretty-ts are for csv and json")
	}
	return nil
}

func (p *Program) batchCommand(f *flags, log **slog.Logger) *cobra.Command {
	cmd := &cobra.Command{
		Use: "batch", Short: "Batch jobs: submit, list, show, files, download",
		Long: `batch orders data as files, which the server makes once and keeps for some days: submit
costs money, the other commands do not.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.BadUsage("batch: %q is not known; want submit, list, show, files or download", args[0])
			}
			return exit.BadUsage("batch: say what, submit, list, show, files or download")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	job, download := new(jobFlags), new(downloadFlags)
	for _, c := range []apiCommand{
		{
			use: "submit SYMBOL...", short: "Order a job; shows the cost and asks, unless -y",
			example: "  dbn-tail batch submit -d GLBX.MDP3 -s mbo --start 2026-11-16 --max-cost 5 ESZ6",
			flags:   join(requestFlags, moneyFlags), define: job.define,
			run: func(q *apiCall) (term.Listing, error) { return q.submit(job) },
		},
		{
			use: "list", short: "List the jobs", flags: []string{"since"},
			long: `list shows the jobs with their details, for which it asks the server once for each job,
a few at a time. --short does not ask: it shows id, state and time of receipt.`,
			define: func(p *pflag.FlagSet) {
				p.StringSlice("state", nil, "only jobs in the `STATE` queued, processing, done or expired (repeatable)")
				p.Bool("short", false, "only what one request gives: id, state and time of receipt")
			},
			run: (*apiCall).listJobs,
		},
		{use: "show JOB", short: "Show a job", run: (*apiCall).showJob},
		{use: "files JOB", short: "List the files of a job", run: (*apiCall).listFiles},
		{
			use: "download JOB [FILE...]", short: "Download the files of a job, all or some",
			long: `download writes the files of a job into the folder DIR/JOB. A file appears under its name
when it is complete and has the SHA-256 that the server listed; until then it is FILE.part,
which another run resumes. Files that are there already are left as they are.`,
			example: "  dbn-tail batch download --dir data GLBX-20261116-ABCDEFGHIJ",
			flags:   []string{"force"}, define: download.define,
			run: func(q *apiCall) (term.Listing, error) { return q.download(download) },
		},
	} {
		child := p.apiCommand(f, log, c)
		if child.Name() == "download" || child.Name() == "list" {
			child.PreRun = func(cmd *cobra.Command, _ []string) {
				if !cmd.Flags().Changed("retries") {
					f.retries = manyRetries
				}
			}
			child.Flag("retries").DefValue = strconv.Itoa(manyRetries)
		}
		cmd.AddCommand(child)
	}
	return cmd
}

// manyRetries is the default of --retries for commands that make many requests.
const manyRetries = 5

// submit orders a job.
func (q *apiCall) submit(job *jobFlags) (l term.Listing, err error) {
	pl := histPlan{}
	if err = exit.First(job.check(), pl.ask(q.cmd, q.flags, q.args, q.program)); err != nil {
		return l, err
	}
	if err = q.prepare(&pl); err != nil {
		return l, err
	}
	p, err := q.price(&pl.query)
	if err != nil {
		return l, err
	}
	if q.flags.dryRun {
		return p.listing(), withinLimit(p.CostUSD, pl.maxCost)
	}
	if err = withinLimit(p.CostUSD, pl.maxCost); err != nil {
		return l, err
	}
	if err = q.confirmJob(&pl, p); err != nil {
		return l, err
	}
	made, err := q.client.SubmitJob(q.ctx, dbnloop.BatchRequest{
		Range: pl.query, Encoding: job.encoding, Compression: job.compression,
		PrettyPrices: job.prettyPx, PrettyTimes: job.prettyTs, OmitSymbols: !job.mapSymbols,
		SplitSymbols: job.splitSymbols, SplitDuration: job.splitDuration, SplitSize: job.splitSize,
	})
	if err != nil {
		return l, err
	}
	return jobListing(&made), nil
}

// confirmJob shows the cost and asks.
func (q *apiCall) confirmJob(pl *histPlan, p price) error {
	order := pl.order(p)
	if q.flags.yes {
		q.log.Info("ordering " + order)
		return nil
	}
	if !term.IsTerminal(q.program.Stdin) {
		return exit.BadUsage("a job costs money (%s): confirm with -y", order)
	}
	return confirm(q.ctx, "Order "+order+"?", q.program.Stdin, q.program.Stderr)
}

func (q *apiCall) listJobs() (l term.Listing, err error) {
	if err = q.none(); err != nil {
		return l, err
	}
	var since time.Time
	if q.flags.since != "" {
		at, err := parseSince(q.flags.since, time.Now())
		if err != nil {
			return l, exit.BadUsage("--since: %w", err)
		}
		since = at.Time()
	}
	states, err := q.cmd.Flags().GetStringSlice("state")
	if err != nil {
		return l, err
	}
	short, err := q.cmd.Flags().GetBool("short")
	if err != nil {
		return l, err
	}
	jobs, err := q.client.ListJobs(q.ctx, since, states...)
	if err != nil {
		return l, err
	}
	if short {
		l.Columns = []string{"job", "state", "received"}
		for _, j := range jobs {
			l.Add(j.ID, j.State, j.Received)
			l.Items = append(l.Items, shortJob{j.ID, j.State, j.Received})
		}
		return l, nil
	}
	ids := make([]string, len(jobs))
	for i := range jobs {
		ids[i] = jobs[i].ID
	}
	details, err := q.details(ids)
	l.Columns = []string{"job", "state", "dataset", "schema", "symbols", "start", "end", "records", "cost", "received"}
	for i, j := range details {
		if j == nil {
			l.Add(jobs[i].ID, jobs[i].State, "", "", "", "", "", "", "", jobs[i].Received)
			l.Items = append(l.Items, shortJob{jobs[i].ID, jobs[i].State, jobs[i].Received})
			continue
		}
		l.Add(j.ID, j.State, j.Dataset, j.Schema, shortened(j.Symbols), j.Start, j.End,
			countOf(j.RecordCount), costOf(j.CostUSD), j.Received)
		l.Items = append(l.Items, *j)
	}
	return l, err
}

// shortJob is what the list of jobs says of one.
type shortJob struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Received string `json:"ts_received"`
}

// shortened names a few symbols and how many more there are.
func shortened(symbols []string) string {
	const most = 3
	if len(symbols) <= most {
		return strings.Join(symbols, ",")
	}
	return fmt.Sprintf("%s,… (%d)", strings.Join(symbols[:most], ","), len(symbols))
}

func countOf(n *uint64) string {
	if n == nil {
		return ""
	}
	return term.Grouped(*n)
}

func sizeOf(n *uint64) string {
	if n == nil {
		return ""
	}
	return term.Quantity(*n)
}

func costOf(usd *float64) string {
	if usd == nil {
		return ""
	}
	return dollars(*usd)
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// jobListing is one job with all that is known of it.
func jobListing(j *dbnloop.BatchJob) term.Listing {
	l := term.Listing{Items: []any{*j}}
	state := j.State
	if j.Progress != nil && state != "done" {
		state += fmt.Sprintf(" (%d %%)", *j.Progress)
	}
	for _, row := range [][2]string{
		{"job", j.ID}, {"state", state}, {"cost", costOf(j.CostUSD)}, {"dataset", j.Dataset}, {"schema", j.Schema},
		{"symbols", shortened(j.Symbols)}, {"stype_in", j.StypeIn}, {"stype_out", j.StypeOut},
		{"start", j.Start}, {"end", j.End}, {"limit", countOf(j.Limit)}, {"encoding", j.Encoding},
		{"compression", textOf(j.Compression)}, {"split by", textOf(j.SplitDuration)}, {"split size", sizeOf(j.SplitSize)},
		{"split symbols", strconv.FormatBool(j.SplitSymbols)}, {"records", countOf(j.RecordCount)},
		{"billed", sizeOf(j.BilledSize)}, {"size", sizeOf(j.ActualSize)}, {"package", sizeOf(j.PackageSize)},
		{"received", j.Received}, {"queued", textOf(j.Queued)}, {"begun", textOf(j.ProcessStart)},
		{"done", textOf(j.ProcessDone)}, {"expires", textOf(j.Expiration)},
	} {
		if row[1] != "" {
			l.Add(row[0], row[1])
		}
	}
	return l
}

// job is the one that the arguments name.
func (q *apiCall) job() (string, error) {
	if len(q.args) != 1 || q.args[0] == "" {
		return "", exit.BadUsage("batch %s: name one job", q.cmd.Name())
	}
	return q.args[0], nil
}

func (q *apiCall) showJob() (l term.Listing, err error) {
	id, err := q.job()
	if err != nil {
		return l, err
	}
	job, err := q.client.JobDetails(q.ctx, id)
	if err != nil {
		return l, err
	}
	return jobListing(&job), nil
}

func (q *apiCall) listFiles() (l term.Listing, err error) {
	id, err := q.job()
	if err != nil {
		return l, err
	}
	files, err := q.client.ListFiles(q.ctx, id)
	if err != nil {
		return l, err
	}
	l.Columns = []string{"file", "size", "hash"}
	for _, f := range files {
		if d, err := f.Download("."); err == nil && d.SHA256 == "" {
			q.warnUnchecked(f)
		}
		l.Add(f.Name, term.Grouped(uint64(max(f.Size, 0))), f.Hash)
		l.Items = append(l.Items, f)
	}
	return l, nil
}
