package tail

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/files"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// followFlags wait for more at the end of a file.
type followFlags struct{ follow, followName bool }

func (f *followFlags) register(p *pflag.FlagSet) {
	p.BoolVarP(&f.follow, "follow", "f", false, "wait for what is appended to the file; begin with the last 10 records, unless -n is given")
	p.BoolVarP(&f.followName, "follow-name", "F", false, "like -f, but follow the name, also when the file is replaced or does not exist yet")
}

// fragmentFlags say what records without metadata are.
type fragmentFlags struct {
	fragment        bool
	fragmentVersion uint8
}

func (f *fragmentFlags) register(p *pflag.FlagSet) {
	p.BoolVar(&f.fragment, "input-fragment", false, "read files of records without metadata, plain or compressed")
	p.Uint8Var(&f.fragmentVersion, "input-dbn-version", dbn.Version, "the DBN `VERSION` of such files, 1 to 3")
}

// tsOutFlag says that records carry the time at which the gateway sent them.
type tsOutFlag struct{ tsOut bool }

func (f *tsOutFlag) register(p *pflag.FlagSet) {
	p.BoolVar(&f.tsOut, "ts-out", false, "ask for the gateway's send time in each record")
}

// files prints files instead of a live stream.
func (c *commandLine) files(cmd *cobra.Command, f *rootFlags, args []string) error {
	o, err := c.fileOptions(cmd, f, args)
	if err != nil {
		return err
	}
	return files.Run(c.log, args, o)
}

// fileOptions are what can be known before a file is opened.
func (c *commandLine) fileOptions(cmd *cobra.Command, f *rootFlags, args []string) (o files.Options, err error) {
	if err = refuse(cmd, "is for live streams and historical data, and no dataset was given (-d): "+args[0]+" was taken for a file",
		new(symbologyFlags), new(allSymbolsFlag), new(teeFlag), new(apiFlags), new(sessionFlags), rotateFlag{new(splitFlags)}, new(moneyFlags), new(stypeOutFlag)); err != nil {
		return o, err
	}
	following := f.follow || f.followName
	switch {
	case !f.fragment && f.tsOut:
		return o, exit.BadUsage("--ts-out is for live streams, and for files with --input-fragment: other files say themselves whether their records have it")
	case !f.fragment && cmd.Flags().Changed("input-dbn-version"):
		return o, exit.BadUsage("--input-dbn-version is for records without metadata: give --input-fragment, or leave it out")
	case following && len(args) > 1:
		return o, exit.BadUsage("-f and -F follow one file, not %d", len(args))
	case f.followName && args[0] == "-":
		return o, exit.BadUsage("-F follows a name, and standard input has none: use -f")
	case following && f.pattern != "":
		return o, exit.BadUsage("--output-pattern does not go with -f and -F: the files would never be complete")
	case following && f.fragment:
		return o, exit.BadUsage("--input-fragment does not go with -f and -F")
	case f.fragmentVersion < 1 || f.fragmentVersion > dbn.Version:
		return o, exit.BadUsage("--input-dbn-version %d: want 1 to %d", f.fragmentVersion, dbn.Version)
	case f.fragment && f.metadata:
		return o, exit.BadUsage("--metadata: a fragment has none")
	}
	if len(f.schemas) > 0 {
		if o.Schemas, err = f.schemaFlag.parse(); err != nil {
			return o, err
		}
	}
	if err = f.limitFlag.check(cmd); err != nil {
		return o, err
	}
	if o.Selection, err = f.selection(f.limit, following); err != nil {
		return o, err
	}
	start, _, err := f.begin(time.Now())
	if err != nil {
		return o, err
	}
	end, err := f.before(start)
	if err != nil {
		return o, err
	}
	if o.Selection.Filter, err = f.filter(cmd, start, end, o.Schemas); err != nil {
		return o, err
	}
	o.OutputPath = f.file()
	form, err := f.chooseFormat(&output.Settings{Path: o.OutputPath}, o.OutputPath == "" && term.IsTerminal(c.Stdout))
	if err != nil {
		return o, err
	}
	if form.Columnar() && f.fragment {
		return o, exit.BadUsage("a fragment cannot become %s: its metadata is missing", form)
	}
	if form == output.DBN && f.fragment && !f.bare && !output.IsFragment(o.OutputPath) {
		return o, exit.BadUsage("a fragment cannot become complete DBN: its metadata is missing; give --fragment, or a name that ends in .dbn.frag")
	}
	limit, err := f.metadataLimit()
	if err != nil {
		return o, err
	}
	o.Policy, err = f.policyFor(form)
	o.Decode = []dbn.DecoderOption{dbn.WithUpgrade(o.Policy), dbn.WithMaxMetadata(limit)}
	if o.Fragment = f.fragment; o.Fragment {
		o.Decode = append(o.Decode, dbn.WithFragment(f.fragmentVersion, f.tsOut))
	}
	o.Follow, o.FollowName, o.Stats = following, f.followName, time.Duration(f.stats)
	o.Stdin, o.Stdout, o.Stderr, o.Exit = c.Stdin, c.Stdout, c.Stderr, c.Exit
	o.Output = func(schemas []dbn.Schema, tsOut bool) (output.Settings, error) {
		return f.settings(printed{schemas: schemas, tsOut: tsOut}, c)
	}
	return o, err
}
