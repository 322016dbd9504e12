package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wholefile"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// options are the flags.
type options struct {
	listen, portFile    string
	files, keys, faults []string
	dataset             string
	fragmentVersion     uint8
	version             uint8
	pace, loop, from    string
	shift, interval     bool
	shared, control     bool
	retention           time.Duration
	closeAtEnd          bool
	exitAfter           int64
	heartbeat           time.Duration
	hist                histOptions
	verbose, quiet      bool
	logFormat           string
}

// usageError is a mistake in the flags.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "dbn-sim [flags] [FILE...]",
		Short: "The live gateway and the historical API on loopback, from DBN files",
		Long: `dbn-sim speaks the live gateway's protocol and replays DBN files (plain or zstd, versions
1 to 3), or sample data of its own when no file is given. When it is ready it prints one
line, "listening on HOST:PORT", on standard output; everything else goes to standard error.
It accepts the key ` + sim.TestKey + ` unless --key is given.

With --hist-port (or --hist-listen) the same data is served over the historical HTTP API as
well, over TLS with a certificate made at start: --ca-out writes the CA to trust. A second
line, "historical on URL", then follows the first.

Faults (--fault NAME[=VALUE][,on=FIRST-LAST][,for=DURATION], repeatable; on selects
connections by their numbers, for those that come within DURATION of the start; a position
is N data records, Nb bytes, end, or a place in the handshake: connect, greeting,
challenge, auth, answer, request (or requestN, the Nth line), start):
` + faultHelp(sim.FaultHelp()) + `
Faults of the historical API (--hist-fault NAME[=VALUE][,on=FIRST-LAST][,endpoint=NAME],
repeatable; on selects requests to the endpoint by their numbers, or connections for the
faults of certificates and handshakes; defaults are in parentheses):
` + faultHelp(historical.FaultHelp()) + `
` + strings.TrimSuffix(controlHelp, "\n"),
		Example: `  dbn-sim --port-file port
  dbn-sim --pace 1x --loop forever trades.dbn.zst definitions.dbn.zst
  dbn-sim --fault cut-record=end --close-at-end mbo.dbn
  dbn-sim --pace 1x --shared-market --fault refuse=100,2s mbo.dbn
  dbn-sim --hist-port 0 --ca-out ca.pem --hist-fault cut-body=99 mbo.dbn`,
		Version:       cli.Version(version),
		Args:          cobra.ArbitraryArgs, // files; cobra would take them for unknown commands
		SilenceUsage:  true,
		SilenceErrors: true,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.CheckExclusive(cmd); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = append(o.files, args...)
			return o.serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{cli.FlagError(cmd, err)} })
	o.define(cmd)
	help.Install(cmd)
	cmd.AddCommand(help.ManualCommand())
	return cmd
}

func (o *options) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "listen on `HOST:PORT`; port 0 takes a free one")
	f.StringVar(&o.portFile, "port-file", "", "write the port to `FILE` when ready")
	f.StringArrayVarP(&o.files, "file", "f", nil, "replay the DBN `FILE` (repeatable; default: sample data)")
	f.StringArrayVarP(&o.keys, "key", "k", nil, "accept the API `KEY` (repeatable; default: "+sim.TestKey+")")
	f.StringVarP(&o.dataset, "dataset", "d", "GLBX.MDP3", "dataset `ID` of files without metadata (.frag)")
	f.Uint8Var(&o.fragmentVersion, "input-dbn-version", dbn.Version, "DBN `VERSION` of files without metadata")
	f.Uint8Var(&o.version, "dbn-version", 0, "send DBN `VERSION`, 1 to 3 (default: that of the files)")
	f.StringVarP(&o.pace, "pace", "p", "fast", "replay at `PACE`: fast, a multiple of real time such as 1x, or a rate such as 1000/s")
	f.StringVar(&o.loop, "loop", "1", "send the data `N` times in each session, or forever")
	f.BoolVar(&o.shift, "shift", false, "with --loop: later passes get later timestamps")
	f.StringVar(&o.from, "live-from", "", "let the present begin, and the history of --hist-port end, at index time `TIME` (ISO 8601 or nanoseconds)")
	f.BoolVar(&o.shared, "shared-market", false, "all sessions share one market, whose time continues between them; needs a --pace such as 1x, or --control")
	f.DurationVar(&o.retention, "retention", 0, "let a replay begin up to `DURATION` before the present; negative: without limit (default: with --live-from or --shared-market as the service does, 24h, or 168h for mbo and definition of GLBX.MDP3; otherwise without limit)")
	f.BoolVar(&o.interval, "end-of-interval", false, "send EndOfInterval messages after ohlcv and bbo intervals")
	f.BoolVar(&o.closeAtEnd, "close-at-end", false, "end a session after its last record, instead of staying with heartbeats")
	f.Int64Var(&o.exitAfter, "exit-after-sessions", 0, "exit when `N` connections have ended (default: run until a signal)")
	f.DurationVar(&o.heartbeat, "heartbeat", 30*time.Second, "send heartbeats every `DURATION` to clients that do not ask for an interval")
	f.StringArrayVar(&o.faults, "fault", nil, "misbehave as `FAULT` says (repeatable), see above")
	f.BoolVar(&o.control, "control", false, "read commands from standard input, see above")
	o.hist.define(f)
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log subscription lines and more")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "log errors only")
	f.StringVar(&o.logFormat, "log-format", "text", "log in `FORMAT`: text or json")
	cmd.MarkFlagsMutuallyExclusive("verbose", "quiet")
}

func faultHelp(faults [][2]string) string {
	var rows []cli.Entry
	for _, fault := range faults {
		rows = append(rows, cli.Entry{Name: fault[0], Text: fault[1]})
	}
	return cli.Rows(rows)
}

// serve runs the gateway until the context ends or enough sessions have ended.
func (o *options) serve(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	cfg, err := o.config(stderr)
	if err != nil {
		return usageError{err}
	}
	gw, err := sim.NewGateway(cfg)
	if err != nil {
		return err
	}
	defer gw.Close() //nolint:errcheck // the program ends
	history, err := o.hist.start(o, gw, cfg.Logger)
	if err != nil {
		return err
	}
	if history != nil {
		defer history.Close() //nolint:errcheck // likewise
	}
	if o.portFile != "" {
		if err := writePort(o.portFile, gw.Port()); err != nil {
			return fmt.Errorf("port file: %w", err)
		}
	}
	if _, err := fmt.Fprintf(stdout, "listening on %s\n", gw.Addr()); err != nil {
		return err
	}
	if history != nil {
		if _, err := fmt.Fprintf(stdout, "historical on %s\n", history.URL()); err != nil {
			return err
		}
	}
	cfg.Logger.Info("ready", "address", gw.Addr(), "datasets", gw.Datasets())
	err = o.awaitEnd(ctx, gw, stdin, stdout)
	stats := gw.Stats()
	cfg.Logger.Info("done", "sessions", stats.Sessions, "records", stats.Records, "bytes", stats.Bytes)
	return err
}

// awaitEnd waits for the end of the context, of enough sessions, or of the commands.
func (o *options) awaitEnd(ctx context.Context, gw *sim.Gateway, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	if o.control {
		go func() { // it may still read when the program ends
			defer cancel()
			c := &controller{gateway: gw, shared: o.shared}
			ended <- c.run(ctx, stdin, stdout)
		}()
	}
	if o.exitAfter > 0 {
		gw.AwaitEnded(ctx, o.exitAfter) //nolint:errcheck // a signal ends it as well
	} else {
		<-ctx.Done()
	}
	select {
	case err := <-ended:
		return err
	default:
		return nil
	}
}

func (o *options) config(stderr io.Writer) (sim.Config, error) {
	cfg := sim.Config{
		Addr: o.listen, Keys: o.keys, Version: o.version, Passes: 1,
		ShiftPasses: o.shift, EndOfInterval: o.interval, Heartbeat: o.heartbeat,
		SharedMarket: o.shared, Retention: o.retention,
	}
	var err error
	if cfg.Logger, err = cli.NewLogger(stderr, o.logFormat, o.quiet, o.verbose); err != nil {
		return cfg, err
	}
	if cfg.Pace, err = sim.ParsePace(o.pace); err != nil {
		return cfg, fmt.Errorf("--pace: %w", err)
	}
	if o.shared && !o.control && cfg.Pace == sim.AsFast() { // only commands can move such a market
		return cfg, errors.New("--shared-market needs a --pace that is a factor of real time, such as 1x, or --control")
	}
	if cfg.Passes, err = parseLoop(o.loop); err != nil {
		return cfg, err
	}
	if cfg.LiveFrom, err = parseTime(o.from); err != nil {
		return cfg, err
	}
	for _, fault := range o.faults {
		if err := cfg.Faults.ParseFault(fault); err != nil {
			return cfg, fmt.Errorf("--fault: %w", err)
		}
	}
	if o.closeAtEnd {
		cfg.AtEnd = sim.CloseAtEnd
	}
	cfg.Sources = o.sources()
	return cfg, nil
}

func (o *options) sources() []sim.Source {
	if len(o.files) == 0 {
		return sim.SampleSources()
	}
	var sources []sim.Source
	for _, path := range o.files {
		if strings.Contains(filepath.Base(path), ".frag") {
			sources = append(sources, sim.FragmentSource(path, dbn.Metadata{
				Version: o.fragmentVersion, Dataset: o.dataset, Schema: dbn.SchemaNone,
				StypeIn: dbn.STypeNone, StypeOut: dbn.STypeInstrumentID,
			}))
			continue
		}
		sources = append(sources, sim.FileSource(path))
	}
	return sources
}

func parseLoop(text string) (int, error) {
	if text == "forever" {
		return sim.Forever, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("--loop %q: want a number of passes or forever", text)
	}
	return n, nil
}

func parseTime(text string) (dbn.UnixNanos, error) {
	if text == "" {
		return 0, nil
	}
	at, err := dbn.ParseTime(text)
	if err != nil {
		return 0, fmt.Errorf("--live-from: %s", strings.TrimPrefix(err.Error(), "dbn: "))
	}
	return at, nil
}

// writePort writes the file that others wait for.
func writePort(path string, port int) error {
	return wholefile.Write(path, []byte(strconv.Itoa(port)+"\n"))
}
