package tail

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/live"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// sessionFlags are those of a live session alone.
type sessionFlags struct {
	snapshot    bool
	gateway     string
	heartbeat   int
	compression string
	slowReader  string
	metricsAddr string
	demo        bool
	reconnect   bool
	resume      string
	append      bool
}

func (f *sessionFlags) register(p *pflag.FlagSet) {
	p.BoolVar(&f.snapshot, "snapshot", false, "begin with a snapshot of the order book (mbo only)")
	p.StringVar(&f.gateway, "gateway", "", "connect to `HOST:PORT` (default: the dataset's gateway)")
	p.IntVar(&f.heartbeat, "heartbeat", 0, "ask for heartbeats every `SECONDS`, 5 to 1800 (default: the gateway's own interval)")
	p.StringVar(&f.compression, "compression", "none", "compress the connection with `COMPRESSION`: none or zstd")
	p.StringVar(&f.slowReader, "slow-reader", "", "when this reader is too slow, have the gateway do `WHAT`: skip records, or warn (default: warn when the output is a file; otherwise the gateway skips records of mbp-1, mbp-10, cmbp-1, bbo and cbbo)")
	p.StringVar(&f.metricsAddr, "metrics-addr", "", "serve statistics of a live session to Prometheus, at http://`HOST:PORT`/metrics")
	p.BoolVar(&f.reconnect, "reconnect", false, "when a session breaks, reconnect and recover what was missed (default for files; --reconnect=false ends instead)")
	p.StringVar(&f.resume, "resume", "", "write DBN to `FILE` and reconnect; if it exists, continue where it ends, even after a kill")
	p.BoolVar(&f.append, "append", false, "add to the file of --output if it exists; what was missed in the meantime is not requested (for that, see --resume)")
	p.BoolVar(&f.demo, "demo", false, "show sample data from an embedded simulator; needs neither a key nor a network")
}

// exclusive marks the flags that exclude each other.
func (f *sessionFlags) exclusive(cmd *cobra.Command) {
	cmd.MarkFlagsMutuallyExclusive("snapshot", "start")
	cmd.MarkFlagsMutuallyExclusive("snapshot", "since")
	for _, flag := range []string{"output", "tee", "force", "demo", "json", "csv", "tsv", "parquet", "arrow", "table", "metadata", "lines", "output-pattern", "split-by"} {
		cmd.MarkFlagsMutuallyExclusive("resume", flag)
	}
	for _, flag := range []string{"resume", "force", "demo", "table", "metadata", "output-pattern"} {
		cmd.MarkFlagsMutuallyExclusive("append", flag)
	}
}

// session is a checked command line of a live session.
type session struct {
	live.Options
	upgrade     dbn.UpgradePolicy
	compression dbn.Compression
	heartbeat   time.Duration           // 0: the gateway's own
	slowReader  *dbn.SlowReaderBehavior // nil: the gateway's own
	tsOut       bool
	maxMetadata int    // bytes
	unbroken    bool   // it reconnects and recovers
	position    []byte // where the file ends that the stream continues; nil: with --append, or it is new
}

// heartbeatGrace is how much longer than the heartbeat interval a session may be silent.
const heartbeatGrace = 5 * time.Second

// live runs a live session, or the demo.
func (c *commandLine) live(cmd *cobra.Command, f *rootFlags, args []string) error {
	if !f.unbroken(cmd) {
		if err := refuse(cmd, "is for historical data: use the command hist, or give --end; or --follow, for history and then live", new(serverFlags), new(moneyFlags), new(stypeOutFlag)); err != nil {
			return err
		}
	}
	if err := refuse(cmd, "is for files of records without metadata", new(fragmentFlags)); err != nil {
		return err
	}
	demoMix := false // the demo chooses the schemas
	if f.demo {
		var err error
		if demoMix, err = f.prepareDemo(&args); err != nil {
			return err
		}
	}
	s, r, err := c.session(cmd, f, args)
	if err != nil {
		return err
	}
	if f.demo {
		end, err := c.beginManifest(s, f)
		if err != nil {
			return err
		}
		defer end()
		return c.demo(s, demoMix)
	}
	end, err := c.admit(cmd, s, &r, f)
	if err != nil {
		return err
	}
	defer end()
	finish, err := c.beginManifest(s, f)
	if err != nil {
		return err
	}
	defer finish()
	return s.run(c.log)
}

// admit adds to a session what it needs beyond the command line: the key, the user's consent to a
// whole dataset, and what lets it survive a break. The returned function frees what was opened for
// it.
func (c *commandLine) admit(cmd *cobra.Command, s *session, r *request, f *rootFlags) (end func(), err error) {
	key, err := c.key(&f.keyFlags)
	if err != nil {
		return nil, err
	}
	s.Key, s.KeyOrigin = key.value, key.String()
	if r.all() && !f.yes {
		if err := term.ConfirmAll(context.Background(), "Subscribe to", r.dataset, term.JoinNames(r.schemas), c.Stdin, c.Stderr); err != nil {
			return nil, err
		}
	}
	end = func() {}
	if f.appends {
		if end, err = c.appendTo(s, f.resume != ""); err != nil {
			return nil, err
		}
	}
	if s.unbroken {
		if err = c.survive(cmd, s, f); err != nil {
			end()
			return nil, err
		}
	}
	return end, nil
}

// session checks the command line of a live session. A live stream is followed anyway.
func (c *commandLine) session(cmd *cobra.Command, f *rootFlags, args []string) (s *session, r request, err error) {
	s = &session{tsOut: f.tsOut}
	if r, err = f.request(args, c, time.Now()); err != nil {
		return s, r, err
	}
	if f.snapshot && !slices.Equal(r.schemas, []dbn.Schema{dbn.SchemaMbo}) {
		return s, r, exit.BadUsage("--snapshot works with --schema mbo alone")
	}
	s.Dataset = r.dataset
	for _, schema := range r.schemas {
		s.Subscriptions = append(s.Subscriptions, dbnloop.Subscription{
			Schema: schema, StypeIn: r.stypeIn, Symbols: r.symbols, Snapshot: f.snapshot,
			Start: r.start, HasStart: r.hasStart,
		})
	}
	if err = f.connection(s, &f.decodeFlags); err != nil {
		return s, r, err
	}
	if err = f.limitFlag.check(cmd); err != nil {
		return s, r, err
	}
	if s.Selection, err = f.selection(f.limit, false); err != nil {
		return s, r, err
	}
	if s.Selection.Filter, err = f.filter(cmd, 0, 0, r.schemas); err != nil {
		return s, r, err
	}
	if err = f.resumed(); err != nil {
		return s, r, err
	}
	s.Output = new(output.Output)
	if s.Output.Settings, err = f.settings(printed{r.schemas, f.tsOut, f.demo}, c); err != nil {
		return s, r, err
	}
	s.Files = f.splitter
	s.unbroken = f.unbroken(cmd)
	if captures(s.Output, c.Stdout) {
		if s.slowReader == nil {
			warn := dbn.SlowReaderBehaviorWarn
			s.slowReader = &warn
		}
		onlySession := *s.slowReader == dbn.SlowReaderBehaviorSkip // as the user asked
		onlySession = onlySession || s.Output.Path != "" && !term.IsRegularOrNew(s.Output.Path)
		s.unbroken = s.unbroken || !cmd.Flags().Changed("reconnect") && !onlySession && !f.demo && !f.metadata
	}
	s.Stats, s.Metrics = time.Duration(f.stats), f.metricsAddr
	s.Summary = f.demo || s.Stats > 0 || c.verbose || term.IsTerminal(c.Stderr)
	s.Stdout, s.Exit = c.Stdout, c.Exit
	return s, r, nil
}

// connection checks the flags of the connection.
func (f *sessionFlags) connection(s *session, d *decodeFlags) (err error) {
	if s.Host, s.Port, err = f.address(); err != nil {
		return err
	}
	if f.heartbeat != 0 && (f.heartbeat < 5 || f.heartbeat > 1800) {
		return exit.BadUsage("--heartbeat %d: want 5 to 1800 seconds", f.heartbeat)
	}
	s.heartbeat = time.Duration(f.heartbeat) * time.Second
	if s.compression, err = dbn.ParseCompression(f.compression); err != nil {
		return exit.BadUsage("--compression %q: want none or zstd", f.compression)
	}
	if f.slowReader != "" {
		behavior, err := dbn.ParseSlowReaderBehavior(f.slowReader)
		if err != nil {
			return exit.BadUsage("--slow-reader %q: want skip or warn", f.slowReader)
		}
		s.slowReader = &behavior
	}
	if s.maxMetadata, err = d.metadataLimit(); err != nil {
		return err
	}
	s.upgrade, err = d.policy(dbn.UpgradeToV3)
	return err
}

// address is where to connect; an empty host means the dataset's own.
func (f *sessionFlags) address() (host string, port int, err error) {
	if f.gateway == "" {
		return "", 0, nil
	}
	host, text, err := net.SplitHostPort(f.gateway)
	if err != nil {
		// Without a port, the gateway's usual one.
		host, text = strings.Trim(f.gateway, "[]"), strconv.Itoa(dbn.LivePort)
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", 0, exit.BadUsage("--gateway %q: want HOST:PORT", f.gateway)
		}
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 || host == "" {
		return "", 0, exit.BadUsage("--gateway %q: want HOST:PORT, with a port of 1 to 65535", f.gateway)
	}
	return host, port, nil
}

// captures reports whether records go to a file: by --output, by --tee, or because standard
// output is one. Unless the user chose otherwise, such a session asks the gateway for a warning
// when this reader is too slow. The gateway's own behaviour is to skip records of mbp-1, mbp-10,
// cmbp-1, bbo and cbbo, which would leave holes in the file.
func captures(o *output.Output, stdout any) bool {
	if o.Path != "" || o.Tee != "" {
		return true
	}
	fd, ok := term.Descriptor(stdout)
	var stat unix.Stat_t
	return ok && unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG
}

// run runs the session.
func (s *session) run(log *slog.Logger) error {
	s.Client = []dbnloop.LiveOption{
		dbnloop.WithDataset(s.Dataset), dbnloop.WithCompression(s.compression),
		dbnloop.WithUpgradePolicy(s.upgrade), dbnloop.WithUserAgent("dbn-tail"),
		dbnloop.WithMaxMetadata(s.maxMetadata),
	}
	if s.tsOut {
		s.Client = append(s.Client, dbnloop.WithTsOut())
	}
	if s.heartbeat > 0 {
		s.Client = append(s.Client, dbnloop.WithHeartbeat(s.heartbeat, heartbeatGrace))
	}
	if s.slowReader != nil {
		s.Client = append(s.Client, dbnloop.WithSlowReader(*s.slowReader))
	}
	s.Upgrade = map[dbn.UpgradePolicy]string{dbn.AsIs: "as-is", dbn.UpgradeToV2: "v2", dbn.UpgradeToV3: "v3"}[s.upgrade]
	return live.Run(log, s.Options)
}
