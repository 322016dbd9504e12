package tail

import (
	"io"
	"os"
	"path/filepath"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// outputSettings checks the flags that say how to write.
func (f *flags) outputSettings(r *request, stdout io.Writer, getenv func(string) string) (o output.Settings, err error) {
	o = output.Settings{
		Path: f.output, Zstd: f.zstd, Tee: f.tee, Force: f.force,
		Text:       dbn.TextOptions{Pretty: f.pretty, MapSymbol: !f.noMapSymbols, Exact: f.exact},
		OmitHeader: f.omitHeader, Disarm: f.spreadsheet, System: f.system, Metadata: f.metadata,
	}
	terminal := o.Path == "" && term.IsTerminal(stdout)
	if o.Format, err = f.chooseFormat(&o, terminal); err != nil {
		return o, err
	}
	if o.Format == output.TSV {
		o.Text.Delimiter = '\t'
	}
	if o.Color, err = f.useColor(terminal, getenv); err != nil {
		return o, err
	}
	if err = checkOutput(&o, r, terminal); err != nil {
		return o, err
	}
	if f.exact && o.Format != output.JSON {
		return o, exit.BadUsage("--exact is for JSON, not for %s", o.Format)
	}
	if err = f.checkTee(&o); err != nil {
		return o, err
	}
	o.Path, o.Tee = target(o.Path), target(o.Tee)
	o.Fields, err = f.checkFields(r, &o)
	return o, err
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
			folder, _ := filepath.Split(end)
			link = folder + link
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
func (f *flags) chooseFormat(o *output.Settings, terminal bool) (output.Format, error) {
	asked, count := output.Format(0), 0
	for _, choice := range []struct {
		set    bool
		format output.Format
	}{{f.table, output.Table}, {f.json, output.JSON}, {f.csv, output.CSV}, {f.tsv, output.TSV}, {f.dbn, output.DBN}} {
		if choice.set {
			asked = choice.format
			count++
		}
	}
	if count > 1 {
		return 0, exit.BadUsage("give one of --table, -J, -C, -T and -D, not several")
	}
	o.Asked = count == 1
	if o.Path != "" {
		named, compressed, known := output.FormatOf(o.Path)
		o.Zstd = o.Zstd || compressed
		if asked == 0 && !known {
			return 0, exit.BadUsage("--output %s: the name gives no encoding; end it in .dbn, .json, .csv or .tsv (.zst behind it compresses), or give -D, -J, -C or -T", o.Path)
		}
		if asked == 0 {
			asked = named
		}
	}
	switch {
	case asked != 0:
		return asked, nil
	case terminal || f.demo:
		return output.Table, nil
	}
	return output.JSON, nil
}

func (f *flags) useColor(terminal bool, getenv func(string) string) (bool, error) {
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
func checkOutput(o *output.Settings, r *request, terminal bool) error {
	if o.Metadata {
		if o.Format != output.Table && o.Format != output.JSON {
			return exit.BadUsage("--metadata is printed as JSON, not as %s", o.Format)
		}
		return o.CheckFile(o.Path)
	}
	separated := o.Format == output.CSV || o.Format == output.TSV
	if separated && len(r.schemas) > 1 {
		return exit.BadUsage("%s holds one schema, but %s were asked for: give one with --schema, or use -J", o.Format, term.JoinNames(r.schemas))
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
	if (terminal || term.IsTerminalPath(o.Path)) && (o.Format == output.DBN || o.Zstd) {
		return exit.BadUsage("binary data does not belong on a terminal: give --output FILE, or pipe it")
	}
	return o.CheckFile(o.Path)
}

func (f *flags) checkTee(o *output.Settings) error {
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
