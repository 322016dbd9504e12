package tail

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/top"
	"github.com/dbnloop/dbnloop/dbn"
)

// topFlags are those of top: what is asked for, as with a live stream or files, and how it looks.
type topFlags struct {
	rootFlags
	pace    string
	sort    string
	reverse bool
	filter  string
	once    bool
}

func (f *topFlags) register(p *pflag.FlagSet) {
	// What top shares with other commands checks all of their flags, so all have their usual values.
	f.rootFlags.register(pflag.NewFlagSet("", pflag.ContinueOnError))
	p.StringVar(&f.sort, "sort", "volume", "sort by `COLUMN`: "+strings.Join(top.ColumnNames(), ", "))
	p.BoolVar(&f.reverse, "reverse", false, "reverse the order")
	p.StringVar(&f.filter, "filter", "", "show only symbols that contain `TEXT` or, if it has *, ? or [, match it")
	p.StringVar(&f.pace, "pace", "1x", "play files at `PACE`: 1x, 10x, 0.5x and so on, or max")
	p.BoolVar(&f.once, "once", false, "print one table and exit: at the end of the files, at --limit, or after 3 seconds")
	shared := pflag.NewFlagSet("", pflag.ContinueOnError)
	shared.SortFlags = false
	for _, group := range []flagGroup{&f.requestFlags, &f.sessionFlags, &f.tsOutFlag, &f.apiFlags, &f.moneyFlags, &f.decodeFlags, &f.yesFlag} {
		group.register(shared)
	}
	shared.VisitAll(func(flag *pflag.Flag) {
		// Those of history, of what becomes a file, and of the layouts that are written.
		if !slices.Contains([]string{"end", "resume", "append", "dry-run", "upgrade"}, flag.Name) {
			p.AddFlag(flag)
		}
	})
	f.color = "never" // what the table of the other commands would have
	reword(p, map[string]string{
		"start":     "begin at `TIME`: ISO 8601 (UTC) or nanoseconds; 0 replays all that is kept",
		"limit":     "end after the first `N` records",
		"reconnect": "when a session breaks, reconnect and recover what was missed",
		"ts-out":    "ask for the gateway's send time, which makes its lag more precise",
	})
}

func (c *commandLine) topCommand() *cobra.Command {
	f := new(topFlags)
	cmd := &cobra.Command{
		Use:   "top [flags] SYMBOL... | FILE...",
		Short: "Show a screen with a line for each symbol",
		Long: `top shows on a terminal, for each symbol, the last price, the quote with its sizes, the
volume, trades and messages per second, the spread, how late records are (from the gateway
to here, and from the venue to the gateway), and the price over the last minute. It takes a
live stream (-d), the demo, or DBN files, which it plays at --pace.

Press ? for the keys, q to quit. Quotes need a schema that has them, such as mbp-1.`,
		Example: `  dbn-tail top --demo
  dbn-tail top -d GLBX.MDP3 -s mbp-1 -s status -i continuous ES.c.0 NQ.c.0
  dbn-tail top -d GLBX.MDP3 -s trades --all-symbols -y --filter 'ES*'
  dbn-tail top --pace 10x day.dbn.zst
  dbn-tail top --once --sort messages day.dbn.zst`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.top(cmd, f, args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			if f.dataset != "" {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"dbn", "zst"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().SortFlags = false
	f.register(cmd.Flags())
	f.requestFlags.exclusive(cmd)
	f.keyFlags.exclusive(cmd)
	cmd.MarkFlagsMutuallyExclusive("snapshot", "start")
	cmd.MarkFlagsMutuallyExclusive("snapshot", "since")
	return cmd
}

// top shows a live session, the demo, or files.
func (c *commandLine) top(cmd *cobra.Command, f *topFlags, args []string) error {
	if err := f.limitFlag.check(cmd); err != nil {
		return err
	}
	o := top.Options{
		Sort: f.sort, Reverse: f.reverse, Filter: f.filter, Limit: f.limit, Once: f.once, Verbose: c.verbose,
		Stdin: c.Stdin, Stdout: c.Stdout, Getenv: c.Getenv, Exit: c.Exit,
	}
	if f.dataset == "" && !f.demo && len(args) > 0 {
		files, err := c.topFiles(cmd, f, args)
		if err != nil {
			return err
		}
		return top.Run(c.log, o, files.Play)
	}
	return c.topLive(cmd, f, o, args)
}

// topFiles checks the command line of files that are played.
func (c *commandLine) topFiles(cmd *cobra.Command, f *topFlags, args []string) (files top.Files, err error) {
	if err = refuse(cmd, "is for live streams, and no dataset was given (-d): "+args[0]+" was taken for a file",
		new(rangeFlags), new(apiFlags), new(sessionFlags), new(moneyFlags), new(tsOutFlag), new(yesFlag)); err != nil {
		return files, err
	}
	files = top.Files{Names: args, Stdin: c.Stdin}
	if len(f.schemas) > 0 {
		if files.Schemas, err = f.schemaFlag.parse(); err != nil {
			return files, err
		}
	}
	limit, err := f.metadataLimit()
	if err != nil {
		return files, err
	}
	files.Decode = []dbn.DecoderOption{dbn.WithMaxMetadata(limit)}
	files.Pace, err = parsePace(f.pace)
	if f.once { // nobody watches
		files.Pace = 0
	}
	return files, err
}

// parsePace reads how many seconds of data pass in a second; 0: as fast as possible.
func parsePace(text string) (float64, error) {
	if text == "max" {
		return 0, nil
	}
	pace, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(pace >= 0.001 && pace <= 1e6) {
		return 0, exit.BadUsage("--pace %q: want a factor of 0.001x to 1000000x, such as 10x, or max", text)
	}
	return pace, nil
}

// topDemoRate is how many records the demo sends in a second.
const topDemoRate = 150

// topDemoSchemas are those of the demo that bring prices and a status.
var topDemoSchemas = []dbn.Schema{dbn.SchemaStatus, dbn.SchemaTrades, dbn.SchemaMbp10}

// topLive shows a live session, or the demo.
func (c *commandLine) topLive(cmd *cobra.Command, f *topFlags, o top.Options, args []string) error {
	if cmd.Flags().Changed("pace") {
		return exit.BadUsage("--pace is for files: a live stream has its own")
	}
	if f.demo {
		if len(f.schemas) == 0 {
			f.schemas = names(topDemoSchemas)
		}
		if _, err := f.prepareDemo(&args); err != nil {
			return err
		}
		f.tsOut = true // the data is of another day, and only the send time is of now
	}
	s, r, err := c.session(cmd, &f.rootFlags, args)
	if err != nil {
		return err
	}
	s.unbroken = f.reconnect
	s.Summary, s.Selection.Limit = false, 0
	s.Output.Settings = output.Settings{Silent: true}
	if f.demo {
		gw, err := demoGateway(s, true, topDemoRate)
		if err != nil {
			return err
		}
		defer gw.Close() //nolint:errcheck // nothing is lost with it
	} else {
		end, err := c.admit(cmd, s, &r, &f.rootFlags)
		if err != nil {
			return err
		}
		defer end()
	}
	o.TsOut = s.tsOut
	return top.Run(c.log, o, func(feed *top.Feed) error {
		s.Display, s.Exit = feed, feed.Exit
		return s.run(feed.Log())
	})
}
