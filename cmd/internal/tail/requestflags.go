package tail

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// datasetFlag names a dataset.
type datasetFlag struct{ dataset string }

func (f *datasetFlag) register(p *pflag.FlagSet) {
	p.StringVarP(&f.dataset, "dataset", "d", "", "dataset `ID`, such as GLBX.MDP3")
}

// schemaFlag names schemas.
type schemaFlag struct{ schemas []string }

func (f *schemaFlag) register(p *pflag.FlagSet) {
	p.StringSliceVarP(&f.schemas, "schema", "s", nil, "schema `NAME`, such as trades (repeatable)")
}

// parse gives the schemas, each once.
func (f *schemaFlag) parse() ([]dbn.Schema, error) {
	var schemas []dbn.Schema
	for _, name := range f.schemas {
		schema, err := dbn.ParseSchema(strings.TrimSpace(name))
		if err != nil {
			return nil, exit.BadUsage("--schema %q is unknown: want one of %s", name, term.JoinNames(dbn.AllSchemas()))
		}
		if !slices.Contains(schemas, schema) {
			schemas = append(schemas, schema)
		}
	}
	if len(schemas) == 0 {
		return nil, exit.BadUsage("no schema: give one with --schema, for instance -s trades; one of %s", term.JoinNames(dbn.AllSchemas()))
	}
	return schemas, nil
}

// symbologyFlags say what symbols are, and which file has some.
type symbologyFlags struct{ stypeIn, symbolsFile string }

func (f *symbologyFlags) register(p *pflag.FlagSet) {
	p.StringVarP(&f.stypeIn, "stype-in", "i", "raw_symbol", "symbology `TYPE` of the symbols")
	p.StringVar(&f.symbolsFile, "symbols-file", "", "read symbols from `FILE` (- is standard input)")
}

// allSymbolsFlag asks for every symbol.
type allSymbolsFlag struct{ allSymbols bool }

func (f *allSymbolsFlag) register(p *pflag.FlagSet) {
	p.BoolVar(&f.allSymbols, "all-symbols", false, "request every symbol of the dataset; asks first, unless -y is given")
}

// spanFlags say from when to when.
type spanFlags struct{ start, end string }

func (f *spanFlags) register(p *pflag.FlagSet) {
	p.StringVar(&f.start, "start", "", "begin at `TIME`: ISO 8601 (UTC) or nanoseconds")
	p.StringVar(&f.end, "end", "", "end before `TIME`: ISO 8601 (UTC) or nanoseconds")
}

// sinceFlag is the beginning, counted from now.
type sinceFlag struct{ since string }

func (f *sinceFlag) register(p *pflag.FlagSet) {
	p.StringVar(&f.since, "since", "", "begin `DURATION|TIME`: that long ago, such as 15m or 1d, or at a time as with --start")
}

// rangeFlags say which symbols are wanted, and of which time.
type rangeFlags struct {
	symbologyFlags
	allSymbolsFlag
	spanFlags
	sinceFlag
}

func (f *rangeFlags) register(p *pflag.FlagSet) {
	f.symbologyFlags.register(p)
	f.allSymbolsFlag.register(p)
	f.spanFlags.register(p)
	f.sinceFlag.register(p)
}

// begin is the time of --start or --since.
func (f *rangeFlags) begin(now time.Time) (start dbn.UnixNanos, given bool, err error) {
	switch {
	case f.start != "":
		if start, err = term.ParseTime(f.start); err != nil {
			err = exit.BadUsage("--start: %w", err)
		}
	case f.since != "":
		if start, err = parseSince(f.since, now); err != nil {
			err = exit.BadUsage("--since: %w", err)
		}
	default:
		return 0, false, nil
	}
	return start, err == nil, err
}

// before is the time of --end, which is later than the start; 0: it was not given.
func (f *spanFlags) before(start dbn.UnixNanos) (end dbn.UnixNanos, err error) {
	if f.end == "" {
		return 0, nil
	}
	if end, err = term.ParseTime(f.end); err != nil {
		return 0, exit.BadUsage("--end: %w", err)
	}
	if end <= start {
		return 0, exit.BadUsage("--end %s is not after the start, %s", term.Time(end), term.Time(start))
	}
	return end, nil
}

// limitFlag is how many records are wanted.
type limitFlag struct{ limit uint64 }

func (f *limitFlag) register(p *pflag.FlagSet) {
	p.Uint64VarP(&f.limit, "limit", "l", 0, "end after the first `N` records")
}

func (f *limitFlag) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("limit") && f.limit == 0 {
		return exit.BadUsage("--limit 0: want a number of records, 1 or more")
	}
	return nil
}

// requestFlags say which records are wanted.
type requestFlags struct {
	datasetFlag
	schemaFlag
	rangeFlags
	limitFlag
}

func (f *requestFlags) register(p *pflag.FlagSet) {
	f.datasetFlag.register(p)
	f.schemaFlag.register(p)
	f.rangeFlags.register(p)
	f.limitFlag.register(p)
}

// exclusive marks the flags that exclude each other.
func (f *requestFlags) exclusive(cmd *cobra.Command) {
	cmd.MarkFlagsMutuallyExclusive("start", "since")
}

// request is what is asked for, live or of the historical API.
type request struct {
	dataset  string
	schemas  []dbn.Schema // one subscription each
	stypeIn  dbn.SType
	symbols  []string
	start    dbn.UnixNanos
	hasStart bool
}

// all reports whether every symbol of the dataset is wanted.
func (r *request) all() bool { return len(r.symbols) == 1 && r.symbols[0] == dbn.AllSymbols }

// request checks the flags that say what is wanted.
func (f *requestFlags) request(args []string, c *commandLine, now time.Time) (request, error) {
	r := request{dataset: f.dataset}
	if r.dataset == "" {
		return r, exit.BadUsage("no dataset: give one with --dataset, for instance -d GLBX.MDP3, or name a DBN file, or try --demo")
	}
	var err error
	if r.schemas, err = f.schemaFlag.parse(); err != nil {
		return r, err
	}
	if r.stypeIn, err = parseSType("stype-in", f.stypeIn); err != nil {
		return r, err
	}
	if r.start, r.hasStart, err = f.begin(now); err != nil {
		return r, err
	}
	r.symbols, err = gatherSymbols(args, f.symbolsFile, f.allSymbols, c.Stdin)
	return r, err
}

func parseSType(name, text string) (dbn.SType, error) {
	stype, err := dbn.ParseSType(text)
	if err != nil {
		return stype, exit.BadUsage("--%s %q: want one of %s", name, text, term.JoinNames(dbn.AllSTypes()))
	}
	return stype, nil
}
