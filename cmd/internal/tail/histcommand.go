package tail

import (
	"fmt"
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

// Flags by what they are for. Each command takes those that it can use.
var (
	apiFlags     = []string{"key", "key-file", "hist-url", "ca-file", "retries", "quiet", "verbose", "log-format"}
	requestFlags = []string{
		"dataset", "schema", "stype-in", "symbols-file", "all-symbols", "start", "end", "since", "limit",
	}
	formatFlags = []string{
		"lines", "table", "json", "csv", "tsv", "dbn", "pretty", "exact", "no-map-symbols", "omit-header", "spreadsheet", "fields",
		"metadata", "output", "zstd", "tee", "force", "system", "color", "upgrade", "max-metadata", "stats",
	}
	moneyFlags = []string{"max-cost", "dry-run", "yes"}
)

// histFlags make no sense with live streams, sessionFlags make none with historical data.
var (
	histFlags    = []string{"hist-url", "ca-file", "retries", "max-cost", "dry-run"}
	sessionFlags = []string{
		"snapshot", "follow", "follow-name", "gateway", "heartbeat", "compression", "slow-reader", "ts-out",
		"demo", "input-fragment", "input-dbn-version", "metrics-addr",
	}
)

// join is one list of several.
func join(lists ...[]string) (all []string) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func (p *Program) histCommand(f *flags, log **slog.Logger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hist [flags] SYMBOL...",
		Short: "Historical data, in every form of output",
		Long: `hist streams historical data of one schema. It costs money: --dry-run shows how much. On
a terminal hist shows the cost and asks, unless -y or --max-cost is given; without a
terminal it needs one of them. A broken stream is never asked for again by itself.

Without --end a --start that is a date means that day, another one all that there is from
it on. An --output in .dbn.zst without -n, --tee and --upgrade is downloaded as the server
sends it. A file is FILE.part (or FILE.part.2 and so on, never one that is there already)
until it is complete, and stays that when the stream breaks or FILE cannot be written.`,
		Example: `  dbn-tail hist -d GLBX.MDP3 -s trades --start 2026-11-16 --dry-run ESZ6
  dbn-tail hist -d GLBX.MDP3 -s mbp-1 --start 2026-11-16T14:30 --end 2026-11-16T15:00 --max-cost 1 -C ESZ6
  dbn-tail hist -d GLBX.MDP3 -s definition --start 2026-11-16 -o definitions.dbn.zst --all-symbols -y`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              p.logged(f, log, p.hist),
	}
	f.define(cmd, join(requestFlags, formatFlags, moneyFlags, apiFlags)...)
	return cmd
}

// histPlan is a checked command line of hist.
type histPlan struct {
	request request
	query   dbnloop.HistoricalRequest
	toEnd   bool // query.End is to be as far as there is data
	output  output.Output
	sel     stream.Selection
	maxCost *float64
	policy  dbn.UpgradePolicy
}

func (p *Program) histPlan(cmd *cobra.Command, f *flags, args []string) (pl histPlan, err error) {
	if err = refuseFlags(cmd, "does not go with historical data", sessionFlags); err != nil {
		return pl, err
	}
	if err = pl.ask(cmd, f, args, p); err != nil {
		return pl, err
	}
	if pl.sel, err = f.selection(cmd); err != nil {
		return pl, err
	}
	if pl.output.Settings, err = f.outputSettings(&pl.request, p.Stdout, p.Getenv); err != nil {
		return pl, err
	}
	if f.dryRun && pl.output.Asked && pl.output.Format == output.DBN {
		return pl, exit.BadUsage("--dry-run prints a price, which is no DBN: give --table, -J, -C or -T")
	}
	pl.output.Whole, pl.output.Paid = true, true
	usual := dbn.AsIs // as with files
	if pl.output.Format == output.Table {
		usual = dbn.UpgradeToV3
	}
	pl.policy, err = f.upgradePolicy(usual)
	return pl, err
}

// ask checks what is asked of the server, and how much it may cost.
func (pl *histPlan) ask(cmd *cobra.Command, f *flags, args []string, p *Program) (err error) {
	now := time.Now()
	if pl.request, err = f.request(args, p.Stdin, now); err != nil {
		return err
	}
	r := &pl.request
	switch {
	case len(r.schemas) != 1:
		return exit.BadUsage("historical data is of one schema, but %s were asked for", term.JoinNames(r.schemas))
	case !r.hasStart:
		return exit.BadUsage("no start: give --start or --since")
	case cmd.Flags().Changed("limit") && f.limit == 0:
		return exit.BadUsage("--limit 0: want a number of records, 1 or more")
	}
	pl.query = dbnloop.NewHistoricalRequest(r.dataset, r.schemas[0], r.start, 0, r.symbols...)
	pl.query.StypeIn, pl.query.Limit = r.stypeIn, f.limit
	if f.end != "" {
		if pl.query.End, err = parseTime(f.end); err != nil {
			return exit.BadUsage("--end: %w", err)
		}
		if pl.query.End <= r.start {
			return exit.BadUsage("--end %s is not after the start, %s", timeText(pl.query.End), timeText(r.start))
		}
	} else if start, end, err := dbn.ParsePeriod(f.start); err == nil && time.Duration(end-start) == 24*time.Hour {
		pl.query.End = end
	}
	pl.toEnd = pl.query.End == 0
	pl.maxCost, err = f.costLimit(cmd)
	return err
}

// order is what is asked for, and at what price.
func (pl *histPlan) order(p price) string {
	symbols := shortened(pl.request.symbols)
	if pl.request.all() {
		symbols = "every symbol"
	}
	return fmt.Sprintf("%s of %s, %s: %s, %s (%s from %s to %s)", term.JoinNames(pl.request.schemas), pl.request.dataset,
		dollars(p.CostUSD), term.Plural(p.Records, "record"), term.Quantity(p.Bytes), symbols, p.Start, p.End)
}

// downloads reports whether the body of the answer can be the file as it is.
func (pl *histPlan) downloads(f *flags) bool {
	o := &pl.output
	return o.Path != "" && o.Format == output.DBN && o.Zstd && o.Tee == "" && !o.Metadata &&
		f.lines == "" && pl.policy == dbn.AsIs && term.IsRegularOrNew(o.Path)
}
