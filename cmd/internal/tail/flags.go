package tail

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/dbn"
)

// flags are the command line as it was given.
type flags struct {
	dataset     string
	schemas     []string
	stypeIn     string
	symbolsFile string
	allSymbols  bool
	snapshot    bool
	start       string
	end         string
	since       string

	lines      string
	follow     bool
	followName bool
	limit      uint64

	fragment        bool
	fragmentVersion uint8
	maxMetadata     uint32 // MiB

	table, json, csv, tsv, dbn bool
	pretty                     bool
	exact                      bool
	noMapSymbols               bool
	omitHeader                 bool
	spreadsheet                bool
	fields                     []string
	metadata                   bool
	output                     string
	zstd                       bool
	tee                        string
	force                      bool
	system                     bool
	color                      string

	key, keyFile string
	histURL      string
	caFile       string
	retries      int
	maxCost      float64
	dryRun       bool
	gateway      string
	heartbeat    int
	compression  string
	slowReader   string
	tsOut        bool
	upgrade      string

	yes            bool
	stats          statsFlag
	metricsAddr    string
	quiet, verbose bool
	logFormat      string
	demo           bool
	demoMix        bool // the demo chooses the schemas
}

// define gives a command all flags, in this order, or those of the names.
func (f *flags) define(cmd *cobra.Command, names ...string) {
	all := pflag.NewFlagSet("all", pflag.ContinueOnError)
	all.SortFlags = false
	f.defineAll(all)
	p := cmd.Flags()
	p.SortFlags = false
	all.VisitAll(func(flag *pflag.Flag) {
		switch {
		case len(names) == 0:
			p.AddFlag(flag)
		case slices.Contains(names, flag.Name):
			if text, ok := commandTexts[flag.Name]; ok {
				flag.Usage = text
			}
			p.AddFlag(flag)
		}
	})
	completeFlags(cmd)
}

// commandTexts are the help texts of flags whose usual one speaks of live streams and files:
// commands work with historical data only.
var commandTexts = map[string]string{
	"schema":   "schema `NAME`, such as trades",
	"start":    "begin at `TIME`: ISO 8601 (UTC) or nanoseconds",
	"end":      "end before `TIME`: ISO 8601 (UTC) or nanoseconds",
	"limit":    "end after the first `N` records",
	"dbn":      "write DBN",
	"metadata": "print the metadata as JSON and end",
	"upgrade":  "convert older records to `VERSION`: as-is, v2 or v3 (default: v3 in a table, else as-is)",
}

func (f *flags) defineAll(p *pflag.FlagSet) {
	p.StringVarP(&f.dataset, "dataset", "d", "", "dataset `ID`, such as GLBX.MDP3")
	p.StringSliceVarP(&f.schemas, "schema", "s", nil, "schema `NAME`, such as trades (repeatable)")
	p.StringVarP(&f.stypeIn, "stype-in", "i", "raw_symbol", "symbology `TYPE` of the symbols")
	p.StringVar(&f.symbolsFile, "symbols-file", "", "read symbols from `FILE` (- is standard input)")
	p.BoolVar(&f.allSymbols, "all-symbols", false, "every symbol of the dataset; asks, unless -y")
	p.BoolVar(&f.snapshot, "snapshot", false, "begin with a snapshot of the order book (mbo only)")
	p.StringVar(&f.start, "start", "", "begin at `TIME`: ISO 8601 (UTC) or nanoseconds; live, 0 replays all that is kept")
	p.StringVar(&f.end, "end", "", "end before `TIME`: historical data, as with the command hist")
	p.StringVar(&f.since, "since", "", "begin at `DURATION|TIME`, such as 15m or 1d ago")

	p.StringVarP(&f.lines, "lines", "n", "", "print the last `N` records; +N: all from record N on")
	p.BoolVarP(&f.follow, "follow", "f", false, "wait for what is appended to the file; begins with the last 10 records, unless -n")
	p.BoolVarP(&f.followName, "follow-name", "F", false, "as -f, but follow the name: a file that is replaced, or is not there yet")
	p.Uint64VarP(&f.limit, "limit", "l", 0, "end after the first `N` records; with -f, after N that were printed")

	p.BoolVar(&f.table, "table", false, "print a table (default on a terminal)")
	p.BoolVarP(&f.json, "json", "J", false, "print JSON lines (default when piped)")
	p.BoolVarP(&f.csv, "csv", "C", false, "print CSV")
	p.BoolVarP(&f.tsv, "tsv", "T", false, "print tab-separated values")
	p.BoolVarP(&f.dbn, "dbn", "D", false, "write DBN, with the gateway's own records")
	p.BoolVarP(&f.pretty, "pretty", "p", false, "prices and times as text, JSON indented")
	p.BoolVar(&f.exact, "exact", false, "JSON byte for byte as the official tool writes it, even if not valid: \\xe2 for odd characters, symbols raw")
	p.BoolVar(&f.noMapSymbols, "no-map-symbols", false, "no symbol column in JSON, CSV and TSV")
	p.BoolVar(&f.omitHeader, "omit-header", false, "no header row in tables, CSV and TSV")
	p.BoolVar(&f.spreadsheet, "spreadsheet", false, "in CSV and TSV, put ' before texts that a spreadsheet would compute: =, +, -, @")
	p.StringSliceVar(&f.fields, "fields", nil, "only the fields `A,B,C` of JSON, CSV and TSV")
	p.BoolVarP(&f.metadata, "metadata", "m", false, "print the stream's metadata as JSON and end")
	p.StringVarP(&f.output, "output", "o", "", "write to `FILE`; its extension gives the encoding")
	p.BoolVarP(&f.zstd, "zstd", "z", false, "compress the output")
	p.StringVar(&f.tee, "tee", "", "write every record to `FILE.dbn.zst` (or .dbn) as well")
	p.BoolVar(&f.force, "force", false, "overwrite files")
	p.BoolVar(&f.system, "system", false, "show the gateway's own records (heartbeats, acks, errors, mappings)")
	p.StringVar(&f.color, "color", "auto", "colors of tables `WHEN`: auto, always or never")

	p.StringVarP(&f.key, "key", "k", "", "API `KEY`; visible to ps: better "+keyVariable+" or --key-file")
	p.StringVar(&f.keyFile, "key-file", "", "read the API key from `FILE`")
	p.StringVar(&f.histURL, "hist-url", "", "the historical API's `URL` instead of Databento's")
	p.StringVar(&f.caFile, "ca-file", "", "trust the authorities of the PEM `FILE`, in place of the system's")
	p.IntVar(&f.retries, "retries", 0, "try `N` times more when the server is busy; what is read free of charge, also when the connection broke")
	p.Float64Var(&f.maxCost, "max-cost", 0, "refuse what costs more than so many `USD`; the cost is asked for first")
	p.BoolVar(&f.dryRun, "dry-run", false, "print the cost, the size and the number of records, and ask for nothing else")
	p.StringVar(&f.gateway, "gateway", "", "connect to `HOST:PORT` instead of the dataset's gateway")
	p.IntVar(&f.heartbeat, "heartbeat", 0, "ask for heartbeats every `SECONDS` (5 to 1800)")
	p.StringVar(&f.compression, "compression", "none", "`COMPRESSION` of the connection: none or zstd")
	p.StringVar(&f.slowReader, "slow-reader", "", "`WHAT` the gateway does when this reader is too slow: skip records, or warn (default: warn when the output is a file; otherwise the gateway skips records of mbp-1, mbp-10, cmbp-1, bbo and cbbo)")
	p.BoolVar(&f.tsOut, "ts-out", false, "ask for the gateway's send time in each record")
	p.StringVar(&f.upgrade, "upgrade", "", "convert older records to `VERSION`: as-is, v2 or v3 (default: v3; as-is for files, unless in a table)")
	p.BoolVar(&f.fragment, "input-fragment", false, "the files are records without metadata")
	p.Uint8Var(&f.fragmentVersion, "input-dbn-version", dbn.Version, "the DBN `VERSION` of such files, 1 to 3")
	p.Uint32Var(&f.maxMetadata, "max-metadata", 1024, "refuse DBN headers of more than so many `MIB`, 1 to 4096")

	p.BoolVarP(&f.yes, "yes", "y", false, "answer questions with yes")
	p.Var(&f.stats, "stats", "print a line of statistics every `SECONDS` (default 1); a number that follows is the interval, never a symbol")
	p.Lookup("stats").NoOptDefVal = "1"
	p.StringVar(&f.metricsAddr, "metrics-addr", "", "serve statistics of a live session to Prometheus, at http://`HOST:PORT`/metrics")
	p.BoolVarP(&f.quiet, "quiet", "q", false, "errors only on standard error")
	p.BoolVarP(&f.verbose, "verbose", "v", false, "say more on standard error")
	p.StringVar(&f.logFormat, "log-format", "text", "`FORMAT` of messages on standard error: text or json")
	p.BoolVar(&f.demo, "demo", false, "show sample data of an embedded simulator; needs no key, no network")
}

// completeFlags tells the shells what the values of flags can be.
func completeFlags(cmd *cobra.Command) {
	fixed := func(name string, values ...string) {
		if cmd.Flags().Lookup(name) == nil {
			return // not a flag of this command
		}
		complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values, cobra.ShellCompDirectiveNoFileComp
		}
		if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(err) // twice for one flag
		}
	}
	fixed("dataset", dbn.Datasets()...)
	fixed("schema", names(dbn.AllSchemas())...)
	fixed("stype-in", names(dbn.AllSTypes())...)
	fixed("color", "auto", "always", "never")
	fixed("compression", "none", "zstd")
	fixed("slow-reader", "skip", "warn")
	fixed("upgrade", "as-is", "v2", "v3")
	fixed("log-format", "text", "json")
}

// connection are the settings of the session itself.
type connection struct {
	host        string
	port        int
	heartbeat   time.Duration // 0: the gateway's own
	compression dbn.Compression
	slowReader  *dbn.SlowReaderBehavior
	tsOut       bool
	upgrade     dbn.UpgradePolicy
	maxMetadata int // bytes
}

func (f *flags) connection() (c connection, err error) {
	if c.host, c.port, err = f.gatewayAddress(); err != nil {
		return c, err
	}
	if f.heartbeat != 0 && (f.heartbeat < 5 || f.heartbeat > 1800) {
		return c, exit.BadUsage("--heartbeat %d: want 5 to 1800 seconds", f.heartbeat)
	}
	c.heartbeat = time.Duration(f.heartbeat) * time.Second
	if c.compression, err = dbn.ParseCompression(f.compression); err != nil {
		return c, exit.BadUsage("--compression %q: want none or zstd", f.compression)
	}
	if f.slowReader != "" {
		behavior, err := dbn.ParseSlowReaderBehavior(f.slowReader)
		if err != nil {
			return c, exit.BadUsage("--slow-reader %q: want skip or warn", f.slowReader)
		}
		c.slowReader = &behavior
	}
	c.tsOut = f.tsOut
	if c.maxMetadata, err = f.metadataLimit(); err != nil {
		return c, err
	}
	c.upgrade, err = f.upgradePolicy(dbn.UpgradeToV3)
	return c, err
}

// metadataLimit is --max-metadata in bytes.
func (f *flags) metadataLimit() (int, error) {
	if f.maxMetadata < 1 || f.maxMetadata > 4096 {
		return 0, exit.BadUsage("--max-metadata %d: want 1 to 4096 MiB", f.maxMetadata)
	}
	return int(f.maxMetadata) << 20, nil
}

// upgradePolicy is what --upgrade says, or the usual one.
func (f *flags) upgradePolicy(usual dbn.UpgradePolicy) (dbn.UpgradePolicy, error) {
	switch f.upgrade {
	case "":
		return usual, nil
	case "as-is":
		return dbn.AsIs, nil
	case "v2":
		return dbn.UpgradeToV2, nil
	case "v3":
		return dbn.UpgradeToV3, nil
	}
	return usual, exit.BadUsage("--upgrade %q: want as-is, v2 or v3", f.upgrade)
}

// usualLast is what -f begins with, as tail does.
const usualLast = 10

// maxLast bounds what -n holds in memory.
const maxLast = 10_000_000

func (f *flags) selection(cmd *cobra.Command) (s stream.Selection, err error) {
	if cmd.Flags().Changed("limit") && f.limit == 0 {
		return s, exit.BadUsage("--limit 0: want a number of records, 1 or more")
	}
	s.Limit = f.limit
	following := f.follow || f.followName
	if f.lines == "" {
		if following {
			s.Tail, s.Last = true, usualLast
		}
		return s, nil
	}
	number, fromStart := strings.CutPrefix(f.lines, "+")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return s, exit.BadUsage("--lines %q: want a number of records, N or +N", f.lines)
	}
	if fromStart {
		s.Skip = max(n, 1) - 1
		return s, nil
	}
	if n == 0 && !following || n > maxLast {
		return s, exit.BadUsage("--lines %s: want 1 to %d records", f.lines, maxLast)
	}
	s.Tail, s.Last = true, n
	return s, nil
}
