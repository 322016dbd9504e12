package tail

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// teeFlag names the file of a capture.
type teeFlag struct{ tee string }

func (f *teeFlag) register(p *pflag.FlagSet) {
	p.StringVar(&f.tee, "tee", "", "write every record to `FILE.dbn.zst` (or .dbn) as well")
}

// outputFlags say how records are written, and where to.
type outputFlags struct {
	table, json, csv, tsv, dbn bool
	format                     string
	pretty                     prettyFlag
	tz                         string
	exact                      bool
	parquet, arrow             bool
	noMapSymbols               bool
	omitHeader                 bool
	spreadsheet                bool
	fields                     []string
	metadata                   bool
	path                       string
	zstd                       bool
	bare                       bool // DBN without metadata
	teeFlag
	splitFlags
	force, system bool
	appends       bool // to the file, if it exists
	color         string
}

func (f *outputFlags) register(p *pflag.FlagSet) {
	p.BoolVar(&f.table, "table", false, "print a table (default on a terminal)")
	p.BoolVarP(&f.json, "json", "J", false, "print JSON lines (default when piped)")
	p.BoolVarP(&f.csv, "csv", "C", false, "print CSV")
	p.BoolVarP(&f.tsv, "tsv", "T", false, "print tab-separated values")
	p.BoolVarP(&f.dbn, "dbn", "D", false, "write DBN")
	p.BoolVarP(&f.parquet, "parquet", "P", false, "write Apache Parquet")
	p.BoolVarP(&f.arrow, "arrow", "A", false, "write Arrow IPC: a Feather file, or a stream into a pipe")
	p.StringVar(&f.format, "format", "", "print each record as `TEMPLATE` says, such as '{symbol} {price:.2}'")
	p.VarP(&f.pretty, "pretty", "p", "print prices and times as text, and JSON indented; --pretty=values keeps JSON lines; in Parquet and Arrow, write prices as floating-point numbers")
	p.Lookup("pretty").NoOptDefVal = "indent"
	p.StringVar(&f.tz, "tz", "", "print times in `ZONE`, such as America/New_York or local (tables, -p and --format; default: UTC)")
	p.BoolVar(&f.exact, "exact", false, "print JSON byte for byte as the official tool does, even where it is not valid: \\xe2 for unusual characters, symbols unescaped")
	p.BoolVar(&f.noMapSymbols, "no-map-symbols", false, "omit the symbol column in JSON, CSV, TSV, Parquet and Arrow")
	p.BoolVar(&f.omitHeader, "omit-header", false, "omit the header row in tables, CSV and TSV")
	p.BoolVar(&f.spreadsheet, "spreadsheet", false, "in CSV and TSV, put ' before text that a spreadsheet would evaluate: =, +, -, @")
	p.StringSliceVar(&f.fields, "fields", nil, "print only the fields `A,B,C`, in this order except in JSON")
	p.BoolVarP(&f.metadata, "metadata", "m", false, "print the metadata as JSON and end")
	p.StringVarP(&f.path, "output", "o", "", "write to `FILE`, whose extension gives the encoding; - is standard output")
	p.BoolVarP(&f.zstd, "zstd", "z", false, "compress the output")
	p.BoolVar(&f.bare, "fragment", false, "write DBN without metadata, as in files named .dbn.frag")
	f.splitFlags.register(p)
	f.teeFlag.register(p)
	p.BoolVar(&f.force, "force", false, "overwrite files")
	p.BoolVar(&f.system, "system", false, "show the gateway's own records (heartbeats, acks, errors, mappings)")
	p.StringVar(&f.color, "color", "auto", "color tables `WHEN`: auto, always or never")
}

// exclusive marks the flags that exclude each other.
func (f *outputFlags) exclusive(cmd *cobra.Command) {
	cmd.MarkFlagsMutuallyExclusive("table", "json", "csv", "tsv", "dbn", "parquet", "arrow", "format")
	cmd.MarkFlagsMutuallyExclusive("format", "fields")
	f.splitFlags.exclusive(cmd)
}

// printed is what the form of the output depends on: which records there may be.
type printed struct {
	schemas []dbn.Schema // none: any
	tsOut   bool         // the records carry the time at which they were sent
	demo    bool         // for people, even in a pipe
}

// settings checks the flags that say how to write.
func (f *outputFlags) settings(r printed, c *commandLine) (o output.Settings, err error) {
	o = output.Settings{
		Path: f.file(), Append: f.appends, Zstd: f.zstd, Tee: f.tee, Force: f.force,
		Text: dbn.TextOptions{
			Pretty: f.pretty != 0 || f.format != "", Indent: f.pretty == prettyIndent, MapSymbol: !f.noMapSymbols, Exact: f.exact,
		},
		OmitHeader: f.omitHeader, Disarm: f.spreadsheet, System: f.system, Metadata: f.metadata,
	}
	terminal := o.Path == "" && term.IsTerminal(c.Stdout)
	if o.Format, err = f.chooseFormat(&o, terminal || r.demo); err != nil {
		return o, err
	}
	if o.Format == output.TSV {
		o.Text.Delimiter = '\t'
	}
	if err = f.form(&o); err != nil {
		return o, err
	}
	if err = f.split(&o); err != nil {
		return o, err
	}
	if o.Color, err = f.useColor(terminal, c.Getenv); err != nil {
		return o, err
	}
	if err = checkOutput(&o, r.schemas, terminal); err != nil {
		return o, err
	}
	if f.exact && o.Format != output.JSON {
		return o, exit.BadUsage("--exact is for JSON, not for %s", o.Format)
	}
	if err = f.checkTee(&o); err != nil {
		return o, err
	}
	o.Path, o.Tee = target(o.Path), target(o.Tee)
	o.Fields, err = f.checkFields(&r, &o)
	return o, err
}

// form checks the flags of the text's form.
func (f *outputFlags) form(o *output.Settings) (err error) {
	if o.Text.Location, err = parseZone(f.tz); err != nil {
		return err
	}
	if f.format != "" {
		if o.Template, err = output.ParseTemplate(f.format); err != nil {
			return exit.BadUsage("--format: %w", err)
		}
	}
	o.Bare = f.bare || o.Format == output.DBN && output.IsFragment(o.Path)
	switch {
	case o.Bare && o.Format != output.DBN:
		return exit.BadUsage("--fragment is for DBN, not for %s: give -D, or a name that ends in .dbn", o.Format)
	case f.tz != "" && (o.Format == output.DBN || o.Format.Columnar()):
		return exit.BadUsage("--tz is for text, not for %s", o.Format)
	case f.tz != "" && o.Format != output.Table && !o.Text.Pretty:
		return exit.BadUsage("--tz: %s has times as numbers: add --pretty=values, or -p", o.Format)
	}
	return nil
}

// file is where to write, or the pattern of several files; "", as "-", is standard output.
func (f *outputFlags) file() string {
	if f.pattern != "" {
		return f.pattern
	}
	if f.path == "-" {
		return ""
	}
	return f.path
}

// target is the file that a path stands for: what a symbolic link points at, or would. A
// file that appears when it is complete would replace the link. Devices and pipes stay what
// they are, though they are links in /dev and /proc.
func target(path string) string {
	there, missing := os.Stat(path)
	if path == "" || missing == nil && !there.Mode().IsRegular() {
		return path
	}
	end := path
	for range 40 { // as many links as the kernel follows
		link, err := os.Readlink(end)
		if err != nil {
			break
		}
		if !filepath.IsAbs(link) {
			directory, _ := filepath.Split(end)
			link = directory + link
		}
		end = link
	}
	if now, err := os.Stat(end); missing == nil && (err != nil || !os.SameFile(there, now)) {
		return path
	}
	return end
}

// chooseFormat takes the form that was asked for, else the one of the file's name, else a
// table on a terminal and JSON lines in a pipe.
func (f *outputFlags) chooseFormat(o *output.Settings, terminal bool) (output.Format, error) {
	asked := output.Format(0)
	for _, choice := range []struct {
		set    bool
		format output.Format
	}{{f.format != "", output.Lines}, {f.table, output.Table}, {f.json, output.JSON}, {f.csv, output.CSV}, {f.tsv, output.TSV}, {f.dbn, output.DBN}, {f.parquet, output.Parquet}, {f.arrow, output.Arrow}} {
		if choice.set {
			asked = choice.format
		}
	}
	o.Asked = asked != 0
	if o.Path != "" {
		named, compressed, known := output.FormatOf(o.Path)
		o.Zstd = o.Zstd || compressed
		if asked == 0 && !known {
			return 0, exit.BadUsage("--output %s: the name gives no encoding; end it in .dbn, .json, .csv or .tsv (.zst after it compresses), .parquet or .arrow, or give -D, -J, -C, -T, -P or -A", o.Path)
		}
		if asked == 0 {
			asked = named
		}
	}
	switch {
	case asked != 0:
		return asked, nil
	case terminal:
		return output.Table, nil
	}
	return output.JSON, nil
}

func (f *outputFlags) useColor(terminal bool, getenv func(string) string) (bool, error) {
	switch f.color {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb", nil
	}
	return false, exit.BadUsage("--color %q: want auto, always or never", f.color)
}

// checkOutput refuses what does not go together.
func checkOutput(o *output.Settings, schemas []dbn.Schema, terminal bool) error {
	if o.Metadata {
		if o.Format != output.Table && o.Format != output.JSON {
			return exit.BadUsage("--metadata is printed as JSON, not as %s", o.Format)
		}
		return o.CheckFile(o.Path)
	}
	separated := o.Format == output.CSV || o.Format == output.TSV
	if o.Format.Columnar() {
		if err := checkColumnar(o, schemas); err != nil {
			return err
		}
	}
	if separated && len(schemas) > 1 && !o.BySchema {
		return exit.BadUsage("%s holds one schema, but %s were asked for: give one with --schema, or use -J", o.Format, term.JoinNames(schemas))
	}
	if separated && o.System {
		return exit.BadUsage("%s holds one kind of record, so --system does not go with it: use -J", o.Format)
	}
	if o.Disarm && !separated {
		return exit.BadUsage("--spreadsheet is for CSV and TSV, not for %s", o.Format)
	}
	if o.Text.Pretty && o.Format == output.DBN {
		return exit.BadUsage("--pretty is for text, not for DBN")
	}
	if (terminal || term.IsTerminalPath(o.Path)) && (o.Format == output.DBN || o.Format.Columnar() || o.Zstd) {
		return exit.BadUsage("binary data does not belong on a terminal: give --output FILE, or pipe it")
	}
	return o.CheckFile(o.Path)
}

// checkColumnar refuses what does not go together with Parquet and Arrow.
func checkColumnar(o *output.Settings, schemas []dbn.Schema) error {
	switch _, compressed, _ := output.FormatOf(o.Path); {
	case compressed:
		return exit.BadUsage("--output %s: %s is compressed inside the file: leave .zst out, and give -z", o.Path, o.Format)
	case o.Append:
		return exit.BadUsage("--append: nothing can be added to a file of %s: capture to DBN and convert it, or give --rotate", o.Format)
	case o.System:
		return exit.BadUsage("%s holds one kind of record in a file, so --system does not go with it: use -J", o.Format)
	case o.Path == "" && len(schemas) > 1:
		return exit.BadUsage("%s holds one schema, but %s were asked for: give one with --schema, or --output FILE, which becomes a file for each", o.Format, term.JoinNames(schemas))
	}
	return nil
}

func (f *outputFlags) checkTee(o *output.Settings) error {
	if o.Tee == "" {
		return nil
	}
	kind, compressed, known := output.FormatOf(o.Tee)
	if !known || kind != output.DBN {
		return exit.BadUsage("--tee %s: it writes DBN, so the name must end in .dbn or .dbn.zst", o.Tee)
	}
	if o.Path != "" && filepath.Clean(o.Path) == filepath.Clean(o.Tee) {
		return exit.BadUsage("--tee and --output name the same file, %s", o.Tee)
	}
	o.TeeZstd = compressed
	return o.CheckFile(o.Tee)
}
