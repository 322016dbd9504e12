package tail

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// apiCommand is a command that asks the historical API and prints a listing.
type apiCommand struct {
	use, short, long, example string
	flags                     []string          // besides those of the API and the form
	usage                     map[string]string // of flags that mean something else than usual
	define                    func(*pflag.FlagSet)
	arguments                 []string // that may be, for completion
	run                       func(q *apiCall) (term.Listing, error)
}

// apiCall is one run of such a command.
type apiCall struct {
	*historical
	program *Program
	cmd     *cobra.Command
	flags   *flags
	args    []string
}

// listingFlags choose the form of a listing.
var listingFlags = []string{"json", "omit-header"}

func (p *Program) apiCommand(f *flags, log **slog.Logger, c apiCommand) *cobra.Command {
	cmd := &cobra.Command{
		Use: c.use, Short: c.short, Long: c.long, Example: c.example, Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return c.arguments, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: p.logged(f, log, func(cmd *cobra.Command, f *flags, args []string, log *slog.Logger) error {
			return p.call(cmd, f, args, log, c.run)
		}),
	}
	f.define(cmd, join(c.flags, listingFlags, apiFlags)...)
	cmd.Flag("json").Usage = "print JSON, one value a line, instead of a table"
	cmd.Flag("omit-header").Usage = "no header row in the table"
	for name, text := range c.usage {
		cmd.Flag(name).Usage = text
	}
	if c.define != nil {
		c.define(cmd.Flags())
		completeOwnFlags(cmd)
	}
	return cmd
}

// completeOwnFlags is completeFlags for those that only some commands have.
func completeOwnFlags(cmd *cobra.Command) {
	for name, values := range map[string][]string{
		encodingFlag: {"dbn", "csv", "json"}, "stype-out": names(dbn.AllSTypes()),
		"compression": {"zstd", "none"}, "split-duration": {"day", "week", "month", "year", "none"},
		"state": {"queued", "processing", "done", "expired"},
	} {
		if cmd.Flag(name) == nil {
			continue
		}
		complete := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
		if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(err) // twice for one flag
		}
	}
}

// call runs a command and prints what it found, also when it then failed.
func (p *Program) call(cmd *cobra.Command, f *flags, args []string, log *slog.Logger, run func(*apiCall) (term.Listing, error)) error {
	h, err := p.openHistorical(f, log)
	if err != nil {
		return err
	}
	defer h.close()
	l, err := run(&apiCall{h, p, cmd, f, args})
	if err == nil || len(l.Items) > 0 {
		err = exit.First(err, l.Print(output.StandardOutput(p.Stdout), term.ListingForm{JSON: f.json, OmitHeader: f.omitHeader}))
	}
	return h.explain(err)
}

// dataset is the one that the arguments or -d name.
func (q *apiCall) dataset() (string, error) {
	names := slices.Clone(q.args)
	if q.flags.dataset != "" {
		names = append(names, q.flags.dataset)
	}
	if len(names) != 1 {
		return "", exit.BadUsage("%s: name one dataset, for instance GLBX.MDP3", q.cmd.Name())
	}
	return names[0], nil
}

// none refuses arguments.
func (q *apiCall) none() error {
	if len(q.args) > 0 {
		return exit.BadUsage("%s takes no argument, but %q was given", q.cmd.Name(), q.args[0])
	}
	return nil
}

// days are --start and --end as days; empty when not given.
func (q *apiCall) days() (start, end dbnloop.Date, err error) {
	if start, err = parseDay("start", q.flags.start); err == nil {
		end, err = parseDay("end", q.flags.end)
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

// Help of --start and --end where they are days.
var (
	fromDay      = "from the `DATE` on"
	daysTo       = map[string]string{"start": fromDay, "end": "up to the day before the `DATE`"}
	daysThrough  = map[string]string{"start": fromDay, "end": "up to the `DATE`, which counts"}
	encodingFlag = "encoding"
)

func (p *Program) apiCommands(f *flags, log **slog.Logger) (all []*cobra.Command) {
	for _, c := range []apiCommand{
		{
			use: "datasets", short: "List the datasets", flags: []string{"start", "end"}, usage: daysTo,
			run: (*apiCall).datasets,
		},
		{
			use: "schemas DATASET", short: "List the schemas of a dataset", flags: []string{"dataset"},
			arguments: dbn.Datasets(), run: (*apiCall).schemas,
		},
		{
			use: "fields SCHEMA", short: "List the fields of a schema", arguments: names(dbn.AllSchemas()), flags: []string{"dataset"},
			usage: map[string]string{"dataset": "as the dataset `ID` has them"},
			define: func(p *pflag.FlagSet) {
				p.String(encodingFlag, "dbn", "fields of the `ENCODING` dbn, csv or json")
			},
			run: (*apiCall).fields,
		},
		{
			use: "publishers", short: "List the publishers", flags: []string{"dataset"},
			usage: map[string]string{"dataset": "only those of the dataset `ID`"},
			run:   (*apiCall).publishers,
		},
		{
			use: "prices DATASET", short: "List the prices of a dataset, in US dollars per GB", flags: []string{"dataset"},
			arguments: dbn.Datasets(), run: (*apiCall).prices,
		},
		{
			use: "cost SYMBOL...", short: "Show the cost, the size and the number of records of a range",
			long:    "cost shows what hist with the same flags would cost. It is free.",
			example: "  dbn-tail cost -d GLBX.MDP3 -s trades --start 2026-11-16 ESZ6",
			flags:   requestFlags, run: (*apiCall).cost,
		},
		{
			use: "condition DATASET", short: "Show the condition of a dataset day by day",
			flags: []string{"dataset", "start", "end"}, usage: daysThrough, arguments: dbn.Datasets(), run: (*apiCall).condition,
		},
		{
			use: "range DATASET", short: "Show from when to when there is data", flags: []string{"dataset"},
			arguments: dbn.Datasets(), run: (*apiCall).dates,
		},
		{
			use: "resolve SYMBOL...", short: "Show what symbols mean over a span of days",
			example: "  dbn-tail resolve -d GLBX.MDP3 -i continuous --start 2026-11-16 ES.c.0",
			flags:   []string{"dataset", "stype-in", "symbols-file", "start", "end"}, usage: daysTo,
			define: func(p *pflag.FlagSet) {
				p.String("stype-out", "instrument_id", "symbology `TYPE` to resolve to")
			},
			run: (*apiCall).resolve,
		},
	} {
		all = append(all, p.apiCommand(f, log, c))
	}
	return all
}

func (q *apiCall) flag(name string) string { return q.cmd.Flag(name).Value.String() }

func (q *apiCall) datasets() (l term.Listing, err error) {
	if err = q.none(); err != nil {
		return l, err
	}
	start, end, err := q.days()
	if err != nil {
		return l, err
	}
	list, err := q.client.ListDatasets(q.ctx, start, end)
	return textListing("dataset", list), err
}

// textListing is a listing of one column.
func textListing(column string, values []string) term.Listing {
	l := term.Listing{Columns: []string{column}}
	for _, v := range values {
		l.Add(v)
		l.Items = append(l.Items, v)
	}
	return l
}

func (q *apiCall) schemas() (term.Listing, error) {
	dataset, err := q.dataset()
	if err != nil {
		return term.Listing{}, err
	}
	list, err := q.client.ListSchemas(q.ctx, dataset)
	return textListing("schema", list), err
}

func (q *apiCall) fields() (l term.Listing, err error) {
	if len(q.args) != 1 {
		return l, exit.BadUsage("fields: name one schema, one of %s", term.JoinNames(dbn.AllSchemas()))
	}
	schema, err := dbn.ParseSchema(q.args[0])
	if err != nil {
		return l, exit.BadUsage("schema %q is unknown: want one of %s", q.args[0], term.JoinNames(dbn.AllSchemas()))
	}
	encoding := q.flag(encodingFlag)
	if _, err := dbn.ParseEncoding(encoding); err != nil {
		return l, exit.BadUsage("--encoding %q: want dbn, csv or json", encoding)
	}
	list, err := q.client.ListDatasetFields(q.ctx, q.flags.dataset, schema, encoding)
	l.Columns = []string{"name", "type"}
	for _, f := range list {
		l.Add(f.Name, f.Type)
		l.Items = append(l.Items, f)
	}
	return l, err
}

func (q *apiCall) publishers() (l term.Listing, err error) {
	if err = q.none(); err != nil {
		return l, err
	}
	list, err := q.client.ListPublishers(q.ctx)
	l.Columns = []string{"id", "dataset", "venue", "description"}
	for _, v := range list {
		if q.flags.dataset == "" || v.Dataset == q.flags.dataset {
			l.Add(term.Grouped(uint64(v.ID)), v.Dataset, v.Venue, v.Description)
			l.Items = append(l.Items, v)
		}
	}
	return l, err
}

func (q *apiCall) prices() (l term.Listing, err error) {
	dataset, err := q.dataset()
	if err != nil {
		return l, err
	}
	modes, err := q.client.ListUnitPrices(q.ctx, dataset)
	l.Columns = []string{"schema"}
	schemas := map[string]bool{}
	for _, mode := range modes {
		l.Columns = append(l.Columns, mode.Mode)
		l.Items = append(l.Items, mode)
		for schema := range mode.UnitPrices {
			schemas[schema] = true
		}
	}
	for _, schema := range sortedSchemas(schemas) {
		row := []string{schema}
		for _, mode := range modes {
			price := ""
			if usd, ok := mode.UnitPrices[schema]; ok {
				price = dollars(usd)
			}
			row = append(row, price)
		}
		l.Add(row...)
	}
	return l, err
}

// sortedSchemas are names of schemas in their usual order; those that are not known come
// last.
func sortedSchemas(set map[string]bool) (list []string) {
	usual := names(dbn.AllSchemas())
	for name := range set {
		list = append(list, name)
	}
	place := func(name string) int {
		if i := slices.Index(usual, name); i >= 0 {
			return i
		}
		return len(usual)
	}
	slices.SortFunc(list, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return list
}

func (q *apiCall) cost() (l term.Listing, err error) {
	pl := histPlan{}
	if err = pl.ask(q.cmd, q.flags, q.args, q.program); err != nil {
		return l, err
	}
	if err = q.prepare(&pl); err != nil {
		return l, err
	}
	p, err := q.price(&pl.query)
	if err != nil {
		return l, err
	}
	return p.listing(), nil
}

func (q *apiCall) condition() (l term.Listing, err error) {
	dataset, err := q.dataset()
	if err != nil {
		return l, err
	}
	start, end, err := q.days()
	if err != nil {
		return l, err
	}
	list, err := q.client.DatasetCondition(q.ctx, dataset, start, end)
	l.Columns = []string{"date", "condition", "modified"}
	for _, c := range list {
		modified := ""
		if c.LastModified != nil {
			modified = string(*c.LastModified)
		}
		l.Add(string(c.Date), c.Condition, modified)
		l.Items = append(l.Items, c)
	}
	return l, err
}

func (q *apiCall) dates() (l term.Listing, err error) {
	dataset, err := q.dataset()
	if err != nil {
		return l, err
	}
	r, err := q.client.DatasetRange(q.ctx, dataset)
	if err != nil {
		return l, err
	}
	l.Items = []any{r}
	l.Columns = []string{"schema", "start", "end"}
	l.Add("all", r.Start, r.End)
	schemas := map[string]bool{}
	for schema := range r.RangeBySchema {
		schemas[schema] = true
	}
	for _, schema := range sortedSchemas(schemas) {
		l.Add(schema, r.RangeBySchema[schema].Start, r.RangeBySchema[schema].End)
	}
	return l, nil
}

// resolved is what a symbol means on some days, [Start, End).
type resolved struct {
	Symbol string       `json:"symbol"`
	Start  dbnloop.Date `json:"start_date"`
	End    dbnloop.Date `json:"end_date"`
	Means  string       `json:"resolved"`
}

func (q *apiCall) resolve() (l term.Listing, err error) {
	if q.flags.dataset == "" {
		return l, exit.BadUsage("no dataset: give one with --dataset, for instance -d GLBX.MDP3")
	}
	symbols, err := q.flags.gatherSymbols(q.args, q.program.Stdin)
	if err != nil {
		return l, err
	}
	start, end, err := q.days()
	if err == nil && start == "" {
		err = exit.BadUsage("no start: give --start DATE")
	}
	if err != nil {
		return l, err
	}
	in, err := dbn.ParseSType(q.flags.stypeIn)
	if err != nil {
		return l, exit.BadUsage("--stype-in %q: want one of %s", q.flags.stypeIn, term.JoinNames(dbn.AllSTypes()))
	}
	out, err := dbn.ParseSType(q.flag("stype-out"))
	if err != nil {
		return l, exit.BadUsage("--stype-out %q: want one of %s", q.flag("stype-out"), term.JoinNames(dbn.AllSTypes()))
	}
	r, err := q.client.Resolve(q.ctx, q.flags.dataset, symbols, in, out, start, end)
	if err != nil {
		return l, err
	}
	return q.resolution(symbols, &r)
}

// resolution lists in the order in which the symbols were given.
func (q *apiCall) resolution(symbols []string, r *dbnloop.SymbologyResolution) (l term.Listing, err error) {
	l.Columns = []string{"symbol", "from", "to", "is"}
	given := symbols
	if len(symbols) == 1 && symbols[0] == dbn.AllSymbols {
		given = nil
		for symbol := range r.Mappings {
			given = append(given, symbol)
		}
		slices.Sort(given)
	}
	for _, symbol := range given {
		for _, m := range r.Mappings[symbol] {
			l.Add(symbol, string(m.StartDate), string(m.EndDate), m.Symbol)
			l.Items = append(l.Items, resolved{symbol, m.StartDate, m.EndDate, m.Symbol})
		}
	}
	if len(r.Partial) > 0 {
		q.log.Warn("resolved on some of the days only: " + strings.Join(r.Partial, ", "))
	}
	if len(r.NotFound) > 0 {
		err = exit.Fail(exit.Failure, "not resolved: %s", strings.Join(r.NotFound, ", "))
	}
	return l, err
}
