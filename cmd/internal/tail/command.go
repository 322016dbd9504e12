// Package tail is the program dbn-tail: the tail -f of market data.
//
// A run has three parts: the session (live.go) receives records, the stream (stream.go)
// chooses and counts them, and the sinks (sink.go, csv.go, table.go) write them.
package tail

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// Program is what the program has from its surroundings.
type Program struct {
	Version string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Getenv  func(string) string
	Exit    func(code int) // ends the process at once, when a second signal asks for it
}

// System is the real surroundings.
func System(version string) *Program {
	return &Program{
		Version: version, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Exit: os.Exit,
	}
}

// Run does what the arguments say and returns the exit code.
func (p *Program) Run(args []string) int {
	var f flags
	log, _ := term.NewLogger(p.Stderr, "text", false, false)
	cmd := p.command(&f, &log)
	help := &cli.Output{W: p.Stdout}
	cmd.SetOut(help)
	cmd.SetArgs(joinStats(args))
	err := cmd.Execute()
	if failed := help.Err(); failed != nil {
		err = failed
	}
	var signaled exit.Signal
	if errors.As(err, &signaled) {
		return signaled.Code()
	}
	code := exit.FromError(err)
	if code == exit.OK {
		return code
	}
	hint := ""
	if code == exit.Usage {
		hint = " (see dbn-tail --help)"
	}
	log.Error(strings.TrimSpace(err.Error()) + hint)
	return code
}

func (p *Program) command(f *flags, log **slog.Logger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dbn-tail [flags] SYMBOL... | FILE...",
		Short: "The tail -f of market data",
		Long: `dbn-tail shows market data of Databento, live (with -d), historical (with -d and --end, or
by the command hist) or from DBN files, plain or compressed (- is standard input): a table
on a terminal, JSON lines in a pipe, or CSV, TSV and DBN. Data goes to standard output,
everything else to standard error.

Several files are merged by time. --schema chooses records by type. Columns and values are
those of the official dbn tool; symbols come from the file's own mappings.

The API key is taken from ` + keyVariable + `, from the file that ` + keyFileVariable + `
names, or from --key-file.

A stream ends at --limit, or at SIGINT, SIGTERM or SIGHUP; a live session that the gateway
ends is a failure. SIGUSR1 prints the state. Exit codes: 0 ok, 1 failure, 2 usage, 3 partial
data, 4 authentication, 5 corrupt input, 129, 130 and 143 after SIGHUP, SIGINT and SIGTERM.`,
		Example: `  dbn-tail --demo
  dbn-tail -d GLBX.MDP3 -s trades -i continuous ES.c.0 NQ.c.0
  dbn-tail -d GLBX.MDP3 -s mbo --snapshot --tee es.dbn.zst ESZ6
  dbn-tail -d XNAS.ITCH -s mbp-1 --since 15m -J AAPL | jq .levels[0]
  dbn-tail hist -d GLBX.MDP3 -s trades --start 2026-11-16 -o es.dbn.zst ESZ6
  dbn-tail -n 20 -p day.dbn.zst
  dbn-tail -F -n +1 capture.dbn
  dbn-tail -o trades.csv.zst -s trades a.dbn.zst b.dbn.zst`,
		Version:       p.Version,
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          p.logged(f, log, p.run),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			if f.dataset != "" {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"dbn", "zst"}, cobra.ShellCompDirectiveFilterFileExt
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	cmd.SetVersionTemplate("dbn-tail {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exit.BadUsage("%w", cli.FlagError(err)) })
	cmd.SetIn(p.Stdin)
	cmd.SetErr(p.Stderr)
	f.define(cmd)
	cmd.AddCommand(p.histCommand(f, log))
	cmd.AddCommand(p.apiCommands(f, log)...)
	cmd.AddCommand(p.batchCommand(f, log), completionCommand())
	return cmd
}

// action is what a command does.
type action func(cmd *cobra.Command, f *flags, args []string, log *slog.Logger) error

// logged is an action with the logger that the flags ask for.
func (p *Program) logged(f *flags, log **slog.Logger, run action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		logger, err := term.NewLogger(p.Stderr, f.logFormat, f.quiet, f.verbose)
		if err != nil {
			return err
		}
		if f.quiet && f.verbose {
			return exit.BadUsage("-q and -v exclude each other")
		}
		if f.output == "-" { // as everywhere, standard output
			f.output = ""
		}
		*log = logger
		return run(cmd, f, args, logger)
	}
}

// completionCommand prints the script that teaches a shell the flags.
func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "completion bash|zsh|fish",
		Short:                 "Print a completion script for a shell",
		Example:               "  source <(dbn-tail completion bash)",
		ValidArgs:             []string{"bash", "zsh", "fish"},
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit.BadUsage("completion: name a shell, bash, zsh or fish")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return exit.BadUsage("completion: %q is not known; want bash, zsh or fish", args[0])
		},
	}
}

// plan is a checked command line.
type plan struct {
	request    request
	connection connection
	output     output.Output
	selection  stream.Selection
	stats      time.Duration
	metrics    string // the address that they are served at; empty: none
	summary    bool   // print a summary at a good end
}

func (p *Program) plan(cmd *cobra.Command, f *flags, args []string) (plan, error) {
	if f.quiet && f.verbose {
		return plan{}, exit.BadUsage("-q and -v exclude each other")
	}
	if f.demo {
		if err := f.prepareDemo(&args); err != nil {
			return plan{}, err
		}
	}
	var pl plan
	var err error
	if pl.request, err = f.request(args, p.Stdin, time.Now()); err != nil {
		return pl, err
	}
	if pl.connection, err = f.connection(); err != nil {
		return pl, err
	}
	if pl.selection, err = f.selection(cmd); err != nil {
		return pl, err
	}
	if pl.output.Settings, err = f.outputSettings(&pl.request, p.Stdout, p.Getenv); err != nil {
		return pl, err
	}
	pl.stats, pl.metrics = time.Duration(f.stats), f.metricsAddr
	pl.summary = f.demo || pl.stats > 0 || f.verbose || term.IsTerminal(p.Stderr)
	return pl, nil
}

func (p *Program) run(cmd *cobra.Command, f *flags, args []string, log *slog.Logger) error {
	if f.wantsFiles(args) {
		return p.files(cmd, f, args, log)
	}
	if f.dataset != "" && f.end != "" {
		return p.hist(cmd, f, args, log)
	}
	if err := refuseFlags(cmd, "is for historical data: use the command hist, or give --end", histFlags); err != nil {
		return err
	}
	if err := refuseFlags(cmd, "is for files of records without metadata", fragmentFlags); err != nil {
		return err
	}
	f.follow, f.followName = false, false // a live stream is followed anyway
	pl, err := p.plan(cmd, f, args)
	if err != nil {
		return err
	}
	if f.demo {
		return p.demo(f, &pl, log)
	}
	key, err := p.key(f, log)
	if err != nil {
		return err
	}
	if err := f.confirmAll("Subscribe to", &pl.request, p.Stdin, p.Stderr); err != nil {
		return err
	}
	return p.live(&pl, key, log)
}

// key finds the API key and warns when it is visible.
func (p *Program) key(f *flags, log *slog.Logger) (apiKey, error) {
	key, err := f.findKey(p.Getenv)
	if err == nil && f.key != "" {
		log.Warn("-k shows the key to everyone who can list processes; use " + keyVariable + " or --key-file")
	}
	if key.warning != "" {
		log.Warn(key.warning)
	}
	return key, err
}

// refuseFlags refuses flags that were given and make no sense; why follows the flag's name.
func refuseFlags(cmd *cobra.Command, why string, names []string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return exit.BadUsage("--%s %s", name, why)
		}
	}
	return nil
}
