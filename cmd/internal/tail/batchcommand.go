package tail

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/hist"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

func (c *commandLine) batchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "batch", Short: "Order and download data in batch jobs",
		Long: `batch orders data as files, which the server makes once and keeps for some days: submit
costs money, the other commands do not.`,
	}
	cmd.AddCommand(
		c.submitCommand(),
		c.jobsCommand(),
		c.jobCommand("show JOB", "Show a job", (*hist.Client).Job),
		c.jobCommand("files JOB", "List the files of a job", (*hist.Client).JobFiles),
		c.downloadCommand(),
	)
	needSubcommand(cmd)
	return cmd
}

// manyRetries is the default of --retries for commands that make many requests.
const manyRetries = 5

// jobFlags are how the files of a job are to be.
type jobFlags struct {
	encodingFlag
	compression, splitDuration   string
	splitSize                    uint64
	splitSymbols                 bool
	prettyPx, prettyTs, mapNames bool
}

func (f *jobFlags) register(p *pflag.FlagSet) {
	f.encodingFlag.register(p)
	reword(p, map[string]string{"encoding": "write the files in `ENCODING`: dbn, csv or json"})
	p.StringVar(&f.compression, "compression", "zstd", "compress the files with `COMPRESSION`: zstd or none")
	p.StringVar(&f.splitDuration, "split-duration", "day", "write one file for each `PERIOD`: day, week, month, year or none")
	p.Uint64Var(&f.splitSize, "split-size", 0, "write files of at most `BYTES`, 1e9 to 1e10 (default: without limit)")
	p.BoolVar(&f.splitSymbols, "split-symbols", false, "write one file for each symbol")
	p.BoolVar(&f.prettyPx, "pretty-px", false, "write prices as decimals (csv and json)")
	p.BoolVar(&f.prettyTs, "pretty-ts", false, "write times in ISO 8601 (csv and json)")
	p.BoolVar(&f.mapNames, "map-symbols", true, "add a symbol column (csv and json)")
}

// check refuses what the server would, before anything is requested.
func (f *jobFlags) check() error {
	if err := f.encodingFlag.check(); err != nil {
		return err
	}
	if _, err := dbn.ParseCompression(f.compression); err != nil {
		return exit.BadUsage("--compression %q: want zstd or none", f.compression)
	}
	switch f.splitDuration {
	case "day", "week", "month", "year", "none":
	default:
		return exit.BadUsage("--split-duration %q: want day, week, month, year or none", f.splitDuration)
	}
	if f.encoding == "dbn" && (f.prettyPx || f.prettyTs) {
		return exit.BadUsage("--pretty-px and --pretty-ts are for csv and json")
	}
	return nil
}

// request is how the files are to be, in the library's terms.
func (f *jobFlags) request() dbnloop.BatchRequest {
	return dbnloop.BatchRequest{
		Encoding: f.encoding, Compression: f.compression,
		PrettyPrices: f.prettyPx, PrettyTimes: f.prettyTs, OmitSymbols: !f.mapNames,
		SplitSymbols: f.splitSymbols, SplitDuration: f.splitDuration, SplitSize: f.splitSize,
	}
}

func (c *commandLine) submitCommand() *cobra.Command {
	var f struct {
		queryFlags
		jobFlags
		waitFlag
		downloadFlags
		listingFlags
	}
	cmd := &cobra.Command{
		Use: "submit SYMBOL...", Short: "Order a job; show the cost and ask, unless -y",
		Long: `submit orders a job. With --wait it then waits until the job is done and downloads its files,
as batch download does, into DIR/JOB. When that is interrupted, the server keeps working on
the job, and batch download --wait resumes: no second job is ordered.`,
		Example: "  dbn-tail batch submit -d GLBX.MDP3 -s mbo --start 2026-11-15 \\\n    --max-cost 5 ESZ6\n" +
			"  dbn-tail batch submit -d GLBX.MDP3 -s mbo --start 2026-11-15 \\\n" +
			"    -y --wait --dir data ESZ6",
	}
	c.listing(cmd, &f.listingFlags, func(client *hist.Client, args []string) (l term.Listing, err error) {
		query, err := c.query(cmd, &f.queryFlags, args)
		if err = cmp.Or(f.jobFlags.check(), err); err != nil {
			return l, err
		}
		if len(query.More) > 0 {
			return l, exit.BadUsage("a job is of one schema, but several were asked for: submit a job for each")
		}
		if f.wait == 0 {
			if err := refuse(cmd, "is for the files of a job that is waited for: give --wait", new(downloadFlags)); err != nil {
				return l, err
			}
		}
		if f.wait == 0 || f.dryRun {
			return client.Submit(query, f.jobFlags.request(), f.dryRun)
		}
		return client.SubmitAndDownload(query, f.jobFlags.request(), time.Duration(f.wait), f.dir, f.force)
	}, &f.queryFlags, &f.jobFlags, &f.waitFlag, &f.downloadFlags)
	f.requestFlags.exclusive(cmd)
	return cmd
}

// jobsFlags choose among the jobs.
type jobsFlags struct {
	sinceFlag
	states []string
	short  bool
}

func (f *jobsFlags) register(p *pflag.FlagSet) {
	f.sinceFlag.register(p)
	p.StringSliceVar(&f.states, "state", nil, "only jobs in `STATE`: queued, processing, done or expired (repeatable; default: all)")
	p.BoolVar(&f.short, "short", false, "show only what a single request returns: id, state and time of receipt")
}

func (c *commandLine) jobsCommand() *cobra.Command {
	var f struct {
		jobsFlags
		listingFlags
	}
	f.retries = manyRetries
	return c.listing(&cobra.Command{
		Use: "list", Short: "List the jobs",
		Long: `list shows the jobs with their details, for which it asks the server once for each job,
a few at a time. --short does not ask: it shows id, state and time of receipt.`,
	}, &f.listingFlags, func(client *hist.Client, args []string) (l term.Listing, err error) {
		if err = noArguments("list", args); err != nil {
			return l, err
		}
		var since time.Time
		if f.since != "" {
			at, err := parseSince(f.since, time.Now())
			if err != nil {
				return l, exit.BadUsage("--since: %w", err)
			}
			since = at.Time()
		}
		return client.Jobs(since, f.states, f.short)
	}, &f.jobsFlags)
}

// jobCommand is a command whose only argument is a job.
func (c *commandLine) jobCommand(use, short string, list func(*hist.Client, string) (term.Listing, error)) *cobra.Command {
	f := new(listingFlags)
	cmd := &cobra.Command{Use: use, Short: short}
	return c.listing(cmd, f, func(client *hist.Client, args []string) (term.Listing, error) {
		if len(args) != 1 || args[0] == "" {
			return term.Listing{}, exit.BadUsage("batch %s: name one job", cmd.Name())
		}
		return list(client, args[0])
	})
}

// waitFlag waits until a job is done.
type waitFlag struct{ wait interval }

func (f *waitFlag) register(p *pflag.FlagSet) {
	p.Var(&f.wait, "wait", "wait until the job is done, checking its state every `SECONDS`; a number that follows is the interval, never a symbol")
	p.Lookup("wait").NoOptDefVal = "5"
}

// downloadFlags say where files go.
type downloadFlags struct {
	dir   string
	force bool
}

func (f *downloadFlags) register(p *pflag.FlagSet) {
	p.StringVar(&f.dir, "dir", ".", "write to the directory `DIR`/JOB")
	p.BoolVar(&f.force, "force", false, "overwrite files")
}

func (c *commandLine) downloadCommand() *cobra.Command {
	var f struct {
		waitFlag
		downloadFlags
		listingFlags
	}
	f.retries = manyRetries
	return c.listing(&cobra.Command{
		Use: "download JOB [FILE...]", Short: "Download the files of a job, all or some",
		Long: `download writes the files of a job into the directory DIR/JOB. A file appears under its name
when it is complete and has the SHA-256 that the server listed; until then it is FILE.part,
which another run resumes. Files that exist already are left as they are. With --wait it begins
when the job is done.`,
		Example: "  dbn-tail batch download --dir data GLBX-20261116-ABCDEFGHIJ",
	}, &f.listingFlags, func(client *hist.Client, args []string) (term.Listing, error) {
		if len(args) == 0 {
			return term.Listing{}, exit.BadUsage("batch download: name a job")
		}
		if f.wait > 0 {
			return client.AwaitAndDownload(args[0], args[1:], time.Duration(f.wait), f.dir, f.force)
		}
		return client.DownloadJob(args[0], args[1:], f.dir, f.force)
	}, &f.waitFlag, &f.downloadFlags)
}
