// Package tail is the program dbn-tail: the tail -f of market data.
//
// Here are its commands and their flags. A command line becomes the options of a room that does
// the work (live, hist or files), which feeds a stream that feeds the output.
package tail

import (
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// commandLine is one run of the program: what all its commands share.
type commandLine struct {
	*Program
	messageFlags
	profileFlag
	log *slog.Logger
}

// rootFlags are those of the command without a name: live streams and files, and historical data
// as well.
type rootFlags struct {
	histFlags
	sessionFlags
	followFlags
	fragmentFlags
	tsOutFlag
}

func (f *rootFlags) register(p *pflag.FlagSet) {
	f.requestFlags.register(p)
	f.stypeOutFlag.register(p)
	f.filterFlags.register(p)
	f.linesFlag.register(p)
	f.followFlags.register(p)
	f.outputFlags.register(p)
	f.sessionFlags.register(p)
	rotateFlag{&f.splitFlags}.register(p)
	f.tsOutFlag.register(p)
	f.apiFlags.register(p)
	f.moneyFlags.register(p)
	f.fragmentFlags.register(p)
	f.decodeFlags.register(p)
	f.yesFlag.register(p)
	f.statsFlags.register(p)
	reword(p, map[string]string{
		"start":    "begin at `TIME`: ISO 8601 (UTC) or nanoseconds; live, 0 replays all that is kept",
		"end":      "end before `TIME`; with -d, historical data, as with the command hist",
		"limit":    "end after the first `N` records; with -f, after N that were printed",
		"dbn":      "write DBN, with the gateway's own records",
		"metadata": "print the stream's metadata as JSON and end",
		"upgrade":  "convert older records to `VERSION`: as-is, v2 or v3 (default: v3; as-is for files, unless in a table)",
	})
}

// exclusive marks the flags that exclude each other.
func (f *rootFlags) exclusive(cmd *cobra.Command) {
	f.histFlags.exclusive(cmd)
	f.sessionFlags.exclusive(cmd)
}

func (c *commandLine) command(f *rootFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dbn-tail [flags] SYMBOL... | FILE...",
		Short: "The tail -f of market data",
		Long: `dbn-tail shows Databento's market data, live (with -d), historical (with -d and --end, or
by the command hist) or from DBN files, plain or compressed (- is standard input): a table
on a terminal, JSON lines in a pipe, or CSV, TSV, DBN, Parquet and Arrow. Data goes to standard output,
everything else to standard error.

Several files are merged by time. The flags under Select choose among the records of every
source; --schema, --start, --end and --since also choose among those of files, by type and
by index time. Columns and values are those of the official dbn tool; symbols come from the
file's own mappings.

The API key is taken from --key-file, from ` + keyVariable + `, from the file that ` + keyFileVariable + ` names, or from the profile.

A stream ends at --limit, or at SIGINT, SIGTERM or SIGHUP; a live session that the gateway
ends is a failure. With --rotate, SIGHUP begins the next file instead; with --append and
--resume FILE, it opens the file again by name. SIGUSR1 prints the state.`,
		Example: `  dbn-tail --demo
  dbn-tail -d GLBX.MDP3 -s trades -i continuous ES.c.0 NQ.c.0
  dbn-tail -d GLBX.MDP3 -s mbo --snapshot --tee es.dbn.zst ESZ6
  dbn-tail -d XNAS.ITCH -s mbp-1 --since 15m -J AAPL | jq '.levels[0]'
  dbn-tail hist -d GLBX.MDP3 -s mbo --start 2026-11-15 -o es.dbn.zst ESZ6
  dbn-tail -n 20 -p day.dbn.zst
  dbn-tail -s trades -C --symbol 'ES*' --where 'size >= 100' day.dbn.zst
  dbn-tail -F -n +1 capture.dbn
  dbn-tail -o trades.csv.zst -s trades a.dbn.zst b.dbn.zst
  dbn-tail -s trades -S symbol -O '{symbol}.csv' day.dbn.zst
  dbn-tail -d GLBX.MDP3 -s mbo --rotate 1h --resume '{part}.dbn.zst' ESZ6`,
		Version:           c.Version,
		Args:              cobra.ArbitraryArgs,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return c.begin(cmd) },
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd, f, args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			if f.dataset != "" {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"dbn", "zst"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.SetVersionTemplate("dbn-tail {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit.BadUsage("%w", cli.FlagError(cmd, err)) })
	cmd.SetIn(c.Stdin)
	cmd.SetErr(c.Stderr)
	cmd.Flags().SortFlags = false
	f.register(cmd.Flags())
	f.exclusive(cmd)
	c.profileFlag.register(cmd)
	c.messageFlags.register(cmd)
	cmd.AddCommand(c.histCommand())
	cmd.AddCommand(c.topCommand())
	cmd.AddCommand(c.apiCommands()...)
	cmd.AddCommand(c.batchCommand())
	cmd.AddCommand(c.infoCommand(), c.verifyCommand())
	help.Install(cmd)
	cmd.AddCommand(help.ManualCommand())
	completeValues(cmd)
	return cmd
}

// begin is the beginning of every command: messages appear as the flags ask for.
func (c *commandLine) begin(cmd *cobra.Command) error {
	log, err := term.NewLogger(c.Stderr, c.logFormat, c.quiet, c.verbose)
	if err != nil {
		return err
	}
	c.log = log
	if err := cli.CheckExclusive(cmd); err != nil {
		return exit.BadUsage("%w", err)
	}
	return c.applyProfile(cmd)
}

// run is the command without a name.
func (c *commandLine) run(cmd *cobra.Command, f *rootFlags, args []string) error {
	switch {
	case f.dataset == "" && !f.demo && len(args) > 0:
		if err := mistypedCommand(cmd, args[0]); err != nil {
			return err
		}
		return c.files(cmd, f, args)
	case f.dataset != "" && f.end != "":
		if err := refuse(cmd, "does not go with historical data",
			new(sessionFlags), rotateFlag{new(splitFlags)}, new(followFlags), new(fragmentFlags), new(tsOutFlag)); err != nil {
			return err
		}
		return c.hist(cmd, &f.histFlags, args)
	}
	return c.live(cmd, f, args)
}
