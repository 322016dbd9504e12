package tail

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/hist"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// queryFlags are those of every command that asks for a range of data, or for its price.
type queryFlags struct {
	requestFlags
	stypeOutFlag
	moneyFlags
	yesFlag
}

func (f *queryFlags) register(p *pflag.FlagSet) {
	f.requestFlags.register(p)
	f.stypeOutFlag.register(p)
	f.moneyFlags.register(p)
	f.yesFlag.register(p)
}

// histFlags are those of hist.
type histFlags struct {
	queryFlags
	filterFlags
	linesFlag
	outputFlags
	decodeFlags
	statsFlags
	apiFlags
}

func (f *histFlags) register(p *pflag.FlagSet) {
	f.requestFlags.register(p)
	f.stypeOutFlag.register(p)
	f.filterFlags.register(p)
	f.linesFlag.register(p)
	f.outputFlags.register(p)
	f.moneyFlags.register(p)
	f.apiFlags.register(p)
	f.decodeFlags.register(p)
	f.yesFlag.register(p)
	f.statsFlags.register(p)
}

// exclusive marks the flags that exclude each other.
func (f *histFlags) exclusive(cmd *cobra.Command) {
	f.requestFlags.exclusive(cmd)
	f.outputFlags.exclusive(cmd)
	f.keyFlags.exclusive(cmd)
}

func (c *commandLine) histCommand() *cobra.Command {
	f := new(histFlags)
	cmd := &cobra.Command{
		Use:   "hist [flags] SYMBOL...",
		Short: "Stream historical data, in every output format",
		Long: `hist streams historical data. It costs money: --dry-run shows how much. On a terminal hist
shows the cost and asks, unless -y or --max-cost is given; without a terminal it needs one of
them. A broken stream is never requested again automatically.

Each schema is requested separately. The records are merged by time into one output, and
--limit counts the merged records; each request is billed up to that many.

Without --end, a --start that is a date means that day; any other --start means everything
from then on. An --output that ends in .dbn.zst is downloaded as the server sends it, unless
-n, --tee or --upgrade is given. A file is FILE.part (or FILE.part.2 and so on, never one that exists already)
until it is complete, and keeps that name when the stream breaks or FILE cannot be written.`,
		Example: `  dbn-tail hist -d GLBX.MDP3 -s trades --start 2026-11-15 --dry-run ESZ6
  dbn-tail hist -d GLBX.MDP3 -s mbp-1 --start 2026-11-15T23:00 \
    --end 2026-11-15T23:02 --max-cost 1 -C ESZ6
  dbn-tail hist -d GLBX.MDP3 -s definition --start 2026-11-15 \
    -o definitions.dbn.zst --all-symbols -y`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.hist(cmd, f, args) },
	}
	cmd.Flags().SortFlags = false
	f.register(cmd.Flags())
	f.exclusive(cmd)
	return cmd
}

// hist prints historical data.
func (c *commandLine) hist(cmd *cobra.Command, f *histFlags, args []string) error {
	o, policy, err := c.histOptions(cmd, f, args)
	if err != nil {
		return err
	}
	limit, err := f.metadataLimit()
	if err != nil {
		return err
	}
	client, err := c.openHistorical(&f.apiFlags, dbnloop.WithUpgradePolicy(policy), dbnloop.WithMaxMetadata(limit))
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Run(o)
}

// histOptions checks the command line of hist.
func (c *commandLine) histOptions(cmd *cobra.Command, f *histFlags, args []string) (o hist.Options, policy dbn.UpgradePolicy, err error) {
	if o.Query, err = c.query(cmd, &f.queryFlags, args); err != nil {
		return o, policy, err
	}
	if o.Selection, err = f.selection(f.limit, false); err != nil {
		return o, policy, err
	}
	schemas := append([]dbn.Schema{o.Query.Schema}, o.Query.More...)
	if o.Selection.Filter, err = f.filter(cmd, 0, 0, schemas); err != nil {
		return o, policy, err
	}
	if o.Selection.Filter != nil {
		o.Query.Limit = 0 // the server would count what is not selected
	}
	o.Output = new(output.Output)
	if o.Output.Settings, err = f.settings(printed{schemas: schemas}, c); err != nil {
		return o, policy, err
	}
	o.Output.Whole, o.Output.Paid = true, true
	form := o.Output.Format
	if f.dryRun && o.Output.Asked && form == output.DBN {
		return o, policy, exit.BadUsage("--dry-run prints a price, which DBN cannot hold: give --table, -J, -C or -T")
	}
	if policy, err = f.policyFor(form); err != nil {
		return o, policy, err
	}
	o.DryRun, o.Stats = f.dryRun, time.Duration(f.stats)
	o.Raw = o.Output.Many == nil && len(o.Query.More) == 0 && o.Output.Path != "" && !o.Output.Bare && form == output.DBN && o.Output.Zstd && o.Output.Tee == "" && !o.Output.Metadata &&
		f.lines == "" && policy == dbn.AsIs && term.IsRegularOrNew(o.Output.Path)
	o.Summary = o.Stats > 0 || c.verbose || term.IsTerminal(c.Stderr)
	o.Raw = o.Raw && o.Selection.Filter == nil
	return o, policy, nil
}

// query checks what is asked of the server, and how much it may cost.
func (c *commandLine) query(cmd *cobra.Command, f *queryFlags, args []string) (q hist.Query, err error) {
	r, err := f.request(args, c, time.Now())
	switch {
	case err != nil:
		return q, err
	case !r.hasStart:
		return q, exit.BadUsage("no start: give --start or --since")
	}
	if err := f.limitFlag.check(cmd); err != nil {
		return q, err
	}
	q.HistoricalRequest = dbnloop.NewHistoricalRequest(r.dataset, r.schemas[0], r.start, 0, r.symbols...)
	q.More = r.schemas[1:]
	q.StypeIn, q.Limit, q.Yes = r.stypeIn, f.limit, f.yes
	if f.stypeOut != "" {
		if q.StypeOut, err = parseSType("stype-out", f.stypeOut); err != nil {
			return q, err
		}
	}
	if q.End, err = f.before(r.start); err != nil {
		return q, err
	}
	if start, end, err := term.ParsePeriod(f.start); q.End == 0 && err == nil && time.Duration(end-start) == 24*time.Hour {
		q.End = end
	}
	q.ToEnd = q.End == 0
	q.Cap, q.AskAbove = c.profile.MaxCost, c.profile.AskAbove
	q.MaxCost, err = f.costLimit(cmd)
	return q, err
}
