package tail

import (
	"math"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/info"
	"github.com/dbnloop/dbnloop/dbn"
)

// infoFlags are those of info.
type infoFlags struct {
	count, json bool
	symbols     int
	gap         time.Duration
	fragmentFlags
	tsOutFlag
	decodeFlags
}

func (f *infoFlags) register(p *pflag.FlagSet) {
	p.BoolVar(&f.count, "count", false, "print only the number of records")
	p.BoolVarP(&f.json, "json", "J", false, "print JSON, one value a line, with all symbols")
	p.IntVar(&f.symbols, "symbols", 20, "list the `N` symbols with the most records; 0 lists all")
	p.DurationVar(&f.gap, "gap", 0, "list every stretch without a record that is longer than `DURATION`, such as 5m")
	f.fragmentFlags.register(p)
	f.tsOutFlag.register(p)
	reword(p, map[string]string{"ts-out": "the records of such files have the gateway's send time"})
	p.Uint32Var(&f.maxMetadata, "max-metadata", 1024, "refuse DBN headers larger than `MIB` mebibytes, 1 to 4096")
}

func (c *commandLine) infoCommand() *cobra.Command {
	f := new(infoFlags)
	cmd := &cobra.Command{
		Use:   "info FILE...",
		Short: "Show what DBN files hold, and whether they are complete",
		Long: `info reads DBN files, plain or compressed (- is standard input), and shows for each: whether
it is complete, its version, compression, dataset, symbology and mappings, its records by
schema and by symbol, their first and last time, the longest time without a record, and
breaks in the order. Totals follow if there are several files. Times are index timestamps.

Records count those of market data, as the historical API counts them; the gateway's own
messages are counted apart. A break is a record that is earlier than the one before of the
same schema, publisher and instrument, or has a lower sequence number within a session.
Skipped sequence numbers are not breaks: they count all messages of a channel. Records of
snapshots are in no particular order.`,
		Example: `  dbn-tail info es.dbn.zst
  dbn-tail info --count *.dbn.zst
  dbn-tail info -J es.dbn.zst | jq '.symbols[].name'`,
		RunE: func(_ *cobra.Command, args []string) error { return c.info(f, args) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"dbn", "zst"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().SortFlags = false
	f.register(cmd.Flags())
	return cmd
}

func (c *commandLine) info(f *infoFlags, args []string) error {
	switch {
	case len(args) == 0:
		return exit.BadUsage("info: name a DBN file, or - for standard input")
	case f.symbols < 0:
		return exit.BadUsage("--symbols %d: want a number of symbols, or 0 for all", f.symbols)
	case f.gap < 0 || f.gap == math.MaxInt64:
		return exit.BadUsage("--gap %v: want a duration, such as 1m", f.gap)
	}
	decode, err := f.decode()
	if err != nil {
		return err
	}
	return info.Run(args, info.Options{
		Decode: decode, Count: f.count, JSON: f.json, Symbols: f.symbols, Silence: f.gap,
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
	})
}

// decode says how the files are read.
func (f *infoFlags) decode() ([]dbn.DecoderOption, error) {
	limit, err := f.metadataLimit()
	options := []dbn.DecoderOption{dbn.WithMaxMetadata(limit)}
	switch {
	case err != nil:
		return nil, err
	case f.fragment && (f.fragmentVersion < 1 || f.fragmentVersion > dbn.Version):
		return nil, exit.BadUsage("--input-dbn-version %d: want 1 to %d", f.fragmentVersion, dbn.Version)
	case f.fragment:
		options = append(options, dbn.WithFragment(f.fragmentVersion, f.tsOut))
	case f.tsOut:
		return nil, exit.BadUsage("--ts-out is for files with --input-fragment: other files say themselves whether their records have it")
	}
	return options, nil
}
