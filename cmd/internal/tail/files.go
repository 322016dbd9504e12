package tail

import (
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/files"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// wantsFiles reports whether the arguments are files.
func (f *flags) wantsFiles(args []string) bool {
	return f.dataset == "" && !f.demo && len(args) > 0
}

// liveFlags make no sense with files.
var liveFlags = []string{
	"stype-in", "symbols-file", "all-symbols", "snapshot", "start", "since", "tee", "key", "key-file",
	"gateway", "heartbeat", "compression", "slow-reader", "metrics-addr",
	"end", "hist-url", "ca-file", "retries", "max-cost", "dry-run",
}

// fragmentFlags say what records without metadata are.
var fragmentFlags = []string{"input-fragment", "input-dbn-version"}

// files prints files instead of a live stream.
func (p *Program) files(cmd *cobra.Command, f *flags, args []string, log *slog.Logger) error {
	o, err := p.fileOptions(cmd, f, args)
	if err != nil {
		return err
	}
	return files.Run(log, args, o)
}

// fileOptions are what can be known before a file is opened.
func (p *Program) fileOptions(cmd *cobra.Command, f *flags, args []string) (o files.Options, err error) {
	for _, name := range liveFlags {
		if cmd.Flags().Changed(name) {
			return o, exit.BadUsage("--%s is for live streams and historical data, and no dataset was given (-d): %s was taken for a file", name, args[0])
		}
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
	case following && f.fragment:
		return o, exit.BadUsage("--input-fragment does not go with -f and -F")
	case f.fragmentVersion < 1 || f.fragmentVersion > dbn.Version:
		return o, exit.BadUsage("--input-dbn-version %d: want 1 to %d", f.fragmentVersion, dbn.Version)
	case f.fragment && f.metadata:
		return o, exit.BadUsage("--metadata: a fragment has none")
	}
	if len(f.schemas) > 0 {
		if o.Schemas, err = parseSchemas(f.schemas); err != nil {
			return o, err
		}
	}
	if o.Selection, err = f.selection(cmd); err != nil {
		return o, err
	}
	form, err := f.chooseFormat(&output.Settings{Path: f.output}, f.output == "" && term.IsTerminal(p.Stdout))
	if err != nil {
		return o, err
	}
	if form == output.DBN && f.fragment {
		return o, exit.BadUsage("a fragment cannot become DBN: its metadata is missing")
	}
	usual := dbn.AsIs
	if form == output.Table { // made for people, who need not see what version a record had
		usual = dbn.UpgradeToV3
	}
	limit, err := f.metadataLimit()
	if err != nil {
		return o, err
	}
	o.Policy, err = f.upgradePolicy(usual)
	o.Decode = []dbn.DecoderOption{dbn.WithUpgrade(o.Policy), dbn.WithMaxMetadata(limit)}
	if o.Fragment = f.fragment; o.Fragment {
		o.Decode = append(o.Decode, dbn.WithFragment(f.fragmentVersion, f.tsOut))
	}
	o.Follow, o.FollowName = following, f.followName
	o.Stats, o.OutputPath = time.Duration(f.stats), f.output
	o.Stdin, o.Stdout, o.Stderr, o.Exit = p.Stdin, p.Stdout, p.Stderr, p.Exit
	o.Output = func(schemas []dbn.Schema, tsOut bool) (output.Settings, error) {
		return f.outputSettings(&request{schemas: schemas, tsOut: tsOut}, p.Stdout, p.Getenv)
	}
	return o, err
}
