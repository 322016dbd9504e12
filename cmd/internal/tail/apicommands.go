package tail

import (
	"cmp"
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

// listingFlags are those of every command that asks the historical API and prints a listing.
type listingFlags struct {
	apiFlags
	json, omitHeader bool
}

func (f *listingFlags) register(p *pflag.FlagSet) {
	p.BoolVarP(&f.json, "json", "J", false, "print JSON, one value a line, instead of a table")
	p.BoolVar(&f.omitHeader, "omit-header", false, "omit the header row of the table")
	f.apiFlags.register(p)
}

// A lister gives a listing of what arguments ask for. One that has items is printed, also when
// an error follows.
type lister func(client *hist.Client, args []string) (term.Listing, error)

// listing completes a command that asks the historical API and prints a listing: own are its
// flags, in addition to those that all such commands have.
func (c *commandLine) listing(cmd *cobra.Command, f *listingFlags, list lister, own ...flagGroup) *cobra.Command {
	if cmd.Args == nil {
		cmd.Args = cobra.ArbitraryArgs
	}
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		client, err := c.openHistorical(&f.apiFlags)
		if err != nil {
			return err
		}
		defer client.Close()
		l, err := list(client, args)
		if err == nil || len(l.Items) > 0 {
			err = cmp.Or(err, l.Print(output.StandardOutput(c.Stdout), term.ListingForm{JSON: f.json, OmitHeader: f.omitHeader}))
		}
		return client.Explain(err)
	}
	cmd.Flags().SortFlags = false
	for _, group := range own {
		group.register(cmd.Flags())
	}
	f.register(cmd.Flags())
	f.keyFlags.exclusive(cmd)
	return cmd
}

// first completes the first argument.
func first(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return values, cobra.ShellCompDirectiveNoFileComp
	}
}

// noArguments refuses arguments.
func noArguments(name string, args []string) error {
	if len(args) > 0 {
		return exit.BadUsage("%s takes no argument, but %q was given", name, args[0])
	}
	return nil
}

// one is the dataset that the arguments or -d name.
func (f *datasetFlag) one(cmd *cobra.Command, args []string) (string, error) {
	if f.dataset != "" {
		args = append([]string{f.dataset}, args...)
	}
	if len(args) != 1 {
		return "", exit.BadUsage("%s: name one dataset, for instance GLBX.MDP3", cmd.Name())
	}
	return args[0], nil
}

// dayFlags are a span of days. It ends before the end, unless through is set.
type dayFlags struct {
	spanFlags
	through bool
}

func (f *dayFlags) register(p *pflag.FlagSet) {
	f.spanFlags.register(p)
	texts := map[string]string{"start": "from `DATE` on", "end": "up to the day before `DATE`"}
	if f.through {
		texts["end"] = "up to and including `DATE`"
	}
	reword(p, texts)
}

// days are --start and --end as days; empty when not given.
func (f *dayFlags) days() (start, end dbnloop.Date, err error) {
	if start, err = parseDay("start", f.start); err == nil {
		end, err = parseDay("end", f.end)
	}
	return start, end, err
}

func parseDay(name, text string) (dbnloop.Date, error) {
	if text == "" {
		return "", nil
	}
	start, end, err := dbn.ParsePeriod(text)
	if err != nil || time.Duration(end-start) != 24*time.Hour {
		return "", exit.BadUsage("--%s %q: want a day such as 2026-11-16", name, text)
	}
	return dbnloop.Date(start.Time().Format(time.DateOnly)), nil
}

func (c *commandLine) apiCommands() []*cobra.Command {
	return []*cobra.Command{
		c.datasetsCommand(),
		c.datasetCommand("schemas DATASET", "List the schemas of a dataset", (*hist.Client).Schemas),
		c.fieldsCommand(),
		c.publishersCommand(),
		c.datasetCommand("prices DATASET", "List the prices of a dataset, in US dollars per GB", (*hist.Client).Prices),
		c.costCommand(),
		c.conditionCommand(),
		c.datasetCommand("range DATASET", "Show the period for which there is data", (*hist.Client).Dates),
		c.resolveCommand(),
	}
}

func (c *commandLine) datasetsCommand() *cobra.Command {
	var f struct {
		dayFlags
		listingFlags
	}
	return c.listing(&cobra.Command{Use: "datasets", Short: "List the datasets"}, &f.listingFlags,
		func(client *hist.Client, args []string) (l term.Listing, err error) {
			if err = noArguments("datasets", args); err != nil {
				return l, err
			}
			start, end, err := f.days()
			if err != nil {
				return l, err
			}
			return client.Datasets(start, end)
		}, &f.dayFlags)
}

// datasetCommand is a command whose only argument is a dataset.
func (c *commandLine) datasetCommand(use, short string, list func(*hist.Client, string) (term.Listing, error)) *cobra.Command {
	var f struct {
		datasetFlag
		listingFlags
	}
	cmd := &cobra.Command{Use: use, Short: short, ValidArgsFunction: first(dbn.Datasets())}
	return c.listing(cmd, &f.listingFlags, func(client *hist.Client, args []string) (term.Listing, error) {
		dataset, err := f.one(cmd, args)
		if err != nil {
			return term.Listing{}, err
		}
		return list(client, dataset)
	}, &f.datasetFlag)
}

// encodingFlag is the encoding that fields are of.
type encodingFlag struct{ encoding string }

func (f *encodingFlag) register(p *pflag.FlagSet) {
	p.StringVar(&f.encoding, "encoding", "dbn", "list the fields in `ENCODING`: dbn, csv or json")
}

func (f *encodingFlag) check() error {
	if _, err := dbn.ParseEncoding(f.encoding); err != nil {
		return exit.BadUsage("--encoding %q: want dbn, csv or json", f.encoding)
	}
	return nil
}

func (c *commandLine) fieldsCommand() *cobra.Command {
	var f struct {
		datasetFlag
		encodingFlag
		listingFlags
	}
	cmd := c.listing(&cobra.Command{
		Use: "fields SCHEMA", Short: "List the fields of a schema", ValidArgsFunction: first(names(dbn.AllSchemas())),
	}, &f.listingFlags, func(client *hist.Client, args []string) (l term.Listing, err error) {
		if len(args) != 1 {
			return l, exit.BadUsage("fields: name one schema, one of %s", term.JoinNames(dbn.AllSchemas()))
		}
		schema, err := dbn.ParseSchema(args[0])
		if err != nil {
			return l, exit.BadUsage("schema %q is unknown: want one of %s", args[0], term.JoinNames(dbn.AllSchemas()))
		}
		if err = f.encodingFlag.check(); err != nil {
			return l, err
		}
		return client.Fields(f.dataset, schema, f.encoding)
	}, &f.datasetFlag, &f.encodingFlag)
	reword(cmd.Flags(), map[string]string{"dataset": "list them as dataset `ID` has them"})
	return cmd
}

func (c *commandLine) publishersCommand() *cobra.Command {
	var f struct {
		datasetFlag
		listingFlags
	}
	cmd := c.listing(&cobra.Command{Use: "publishers", Short: "List the publishers"}, &f.listingFlags,
		func(client *hist.Client, args []string) (term.Listing, error) {
			if err := noArguments("publishers", args); err != nil {
				return term.Listing{}, err
			}
			return client.Publishers(f.dataset)
		}, &f.datasetFlag)
	reword(cmd.Flags(), map[string]string{"dataset": "only those of dataset `ID`"})
	return cmd
}

func (c *commandLine) costCommand() *cobra.Command {
	var f struct {
		queryFlags
		listingFlags
	}
	cmd := &cobra.Command{
		Use: "cost SYMBOL...", Short: "Show the cost, the size and the record count of a request",
		Long:    "cost shows what hist with the same flags would cost. It is free.",
		Example: "  dbn-tail cost -d GLBX.MDP3 -s trades --start 2026-11-15 ESZ6",
	}
	c.listing(cmd, &f.listingFlags, func(client *hist.Client, args []string) (l term.Listing, err error) {
		query, err := c.query(cmd, &f.queryFlags, args)
		if err != nil {
			return l, err
		}
		return client.Cost(query)
	}, &f.requestFlags)
	f.requestFlags.exclusive(cmd)
	return cmd
}

func (c *commandLine) conditionCommand() *cobra.Command {
	var f struct {
		datasetFlag
		dayFlags
		listingFlags
	}
	f.through = true
	cmd := &cobra.Command{
		Use: "condition DATASET", Short: "Show the condition of a dataset for each day", ValidArgsFunction: first(dbn.Datasets()),
	}
	return c.listing(cmd, &f.listingFlags, func(client *hist.Client, args []string) (l term.Listing, err error) {
		dataset, err := f.one(cmd, args)
		if err != nil {
			return l, err
		}
		start, end, err := f.days()
		if err != nil {
			return l, err
		}
		return client.Condition(dataset, start, end)
	}, &f.datasetFlag, &f.dayFlags)
}

// stypeOutFlag is what symbols are resolved to.
type stypeOutFlag struct{ stypeOut string }

func (f *stypeOutFlag) register(p *pflag.FlagSet) {
	p.StringVar(&f.stypeOut, "stype-out", "instrument_id", "symbology `TYPE` that the symbols are mapped to")
}

func (c *commandLine) resolveCommand() *cobra.Command {
	var f struct {
		datasetFlag
		symbologyFlags
		dayFlags
		stypeOutFlag
		listingFlags
	}
	return c.listing(&cobra.Command{
		Use: "resolve SYMBOL...", Short: "Show how symbols resolve over a range of days",
		Example: "  dbn-tail resolve -d GLBX.MDP3 --start 2026-11-15 ESZ6 NQZ6",
	}, &f.listingFlags, func(client *hist.Client, args []string) (l term.Listing, err error) {
		q := hist.Symbology{Dataset: f.dataset}
		if q.Dataset == "" {
			return l, exit.BadUsage("no dataset: give one with --dataset, for instance -d GLBX.MDP3")
		}
		if q.Symbols, err = gatherSymbols(args, f.symbolsFile, false, c.Stdin); err != nil {
			return l, err
		}
		q.Start, q.End, err = f.days()
		if err == nil && q.Start == "" {
			err = exit.BadUsage("no start: give --start DATE")
		}
		if err != nil {
			return l, err
		}
		if q.In, err = parseSType("stype-in", f.stypeIn); err != nil {
			return l, err
		}
		if q.Out, err = parseSType("stype-out", f.stypeOut); err != nil {
			return l, err
		}
		return client.Resolve(q)
	}, &f.datasetFlag, &f.symbologyFlags, &f.dayFlags, &f.stypeOutFlag)
}
