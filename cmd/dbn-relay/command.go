package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/config"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/ops"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/service"
)

// options are the flags.
type options struct {
	config               string
	demo                 bool
	dataset              string
	schemas, symbols     []string
	stype, start         string
	keyFile, gateway     string
	directory, nats      string
	credentials, caFile  string
	maxAge, maxBytes     string
	listen, keys, admin  string
	verbose, quiet       bool
	logFormat, natsLocal string
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "dbn-relay [flags]",
		Short: "One live session in, many consumers out",
		Long: `dbn-relay holds one session with the service for each dataset, keeps every
record once in a log on NATS JetStream, and serves any number of consumers in
the protocol of the service's own gateway: they change the address and the key,
and nothing else. A consumer may begin anywhere in the log.

The log is in a directory (--log), with NATS inside this process, or on servers
of your own (--nats). A configuration file says the same as the flags, and more;
flags take precedence. When it is ready it prints one line, "listening on
HOST:PORT", on standard output. SIGTERM and SIGINT shut it down cleanly.

Consumers need keys of the relay's own, which are in a file that only its owner
can read, one on each line. Who may receive the data is a matter of your
licence.`,
		Example: `  dbn-relay --demo
  dbn-relay --config relay.toml
  dbn-relay -d GLBX.MDP3 --schema trades --schema definition \
      --stype parent --symbols ES.FUT \
      --log /var/lib/dbn-relay --keys /etc/dbn-relay/keys
  dbn-relay status --admin 127.0.0.1:9138`,
		Args:          cobra.NoArgs,
		Version:       cli.Version(version),
		SilenceUsage:  true,
		SilenceErrors: true,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.CheckExclusive(cmd); err != nil {
				return exit.BadUsage("%w", err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit.BadUsage("%w", cli.FlagError(cmd, err)) })
	o.define(cmd)
	cmd.AddCommand(newStatusCommand(), help.ManualCommand())
	help.Install(cmd)
	return cmd
}

func (o *options) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "", "read the configuration from `FILE` (TOML)")
	f.BoolVar(&o.demo, "demo", false, "relay sample data of a simulator inside this process, from a log in a temporary directory")
	f.StringVarP(&o.dataset, "dataset", "d", "", "receive `DATASET`, such as GLBX.MDP3")
	f.StringArrayVar(&o.schemas, "schema", nil, "with --dataset: receive `SCHEMA` (repeatable)")
	f.StringSliceVar(&o.symbols, "symbols", nil, "with --dataset: `SYMBOLS`, separated by commas (default ALL_SYMBOLS)")
	f.StringVar(&o.stype, "stype", "", "with --dataset: symbology `TYPE` of the symbols (default raw_symbol)")
	f.StringVar(&o.start, "start", "", "with --dataset: a log that is empty begins at `TIME`, or with all that the gateway retains (default: now)")
	f.StringVar(&o.keyFile, "key-file", "", "read the API key from `FILE` (default: DATABENTO_API_KEY)")
	f.StringVar(&o.gateway, "gateway", "", "connect to the gateway at `HOST:PORT` (default: the service's)")
	f.StringVar(&o.directory, "log", "", "keep the log in `DIRECTORY`, with NATS inside this process")
	f.StringVar(&o.natsLocal, "log-listen", "", "let NATS clients of this machine read that log at `HOST:PORT`")
	f.StringVar(&o.nats, "nats", "", "keep the log on the NATS servers at `URL`")
	f.StringVar(&o.credentials, "nats-creds", "", "with --nats: read the user's credentials from `FILE`")
	f.StringVar(&o.caFile, "nats-ca", "", "with --nats: trust the authority in `FILE`")
	f.StringVar(&o.maxAge, "max-age", "", "keep records for `TIME`, such as 12h or 7d (default: without limit)")
	f.StringVar(&o.maxBytes, "max-bytes", "", "keep at most `SIZE` of each dataset, such as 100GB (default: without limit)")
	f.StringVarP(&o.listen, "listen", "l", "", "serve consumers at `HOST:PORT` (default 127.0.0.1:13000; with --demo a free port)")
	f.StringVar(&o.keys, "keys", "", "read the consumers' keys from `FILE`")
	f.StringVar(&o.admin, "admin", "", "serve /metrics, /healthz, /readyz and /status at `HOST:PORT` of this machine")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log more")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "log errors only")
	f.StringVar(&o.logFormat, "log-format", "text", "`FORMAT`: text or json")
	cmd.MarkFlagsMutuallyExclusive("verbose", "quiet")
	cmd.MarkFlagsMutuallyExclusive("demo", "config")
	cmd.MarkFlagsMutuallyExclusive("demo", "dataset")
	cmd.MarkFlagsMutuallyExclusive("log", "nats")
}

// defaultListen is where consumers are served, as with the service's port.
const defaultListen = "127.0.0.1:13000"

// settings are the configuration with the flags in it.
func (o *options) settings() (c config.Config, err error) {
	if o.config != "" {
		if c, err = config.Load(o.config); err != nil {
			return c, exit.BadUsage("%w", err)
		}
	}
	for _, flag := range []struct {
		text string
		to   *string
	}{
		{o.keyFile, &c.Upstream.KeyFile}, {o.gateway, &c.Upstream.Gateway}, {o.natsLocal, &c.Log.Listen},
		{o.credentials, &c.Log.Credentials}, {o.caFile, &c.Log.CAFile}, {o.listen, &c.Serve.Listen},
		{o.keys, &c.Serve.KeysFile}, {o.admin, &c.Admin.Listen},
	} {
		if flag.text != "" {
			*flag.to = flag.text
		}
	}
	switch {
	case o.directory != "":
		c.Log.Directory, c.Log.URL = o.directory, ""
	case o.nats != "":
		c.Log.Directory, c.Log.URL = "", o.nats
	}
	if o.maxAge != "" {
		if err := c.Log.MaxAge.UnmarshalText([]byte(o.maxAge)); err != nil {
			return c, exit.BadUsage("--max-age: %w", err)
		}
	}
	if o.maxBytes != "" {
		if err := c.Log.MaxBytes.UnmarshalText([]byte(o.maxBytes)); err != nil {
			return c, exit.BadUsage("--max-bytes: %w", err)
		}
	}
	switch {
	case o.dataset != "":
		of := config.Dataset{Name: o.dataset, Start: o.start}
		for _, schema := range o.schemas {
			of.Subscriptions = append(of.Subscriptions, config.Subscription{Schema: schema, Symbols: o.symbols, Stype: o.stype})
		}
		c.Datasets = []config.Dataset{of}
	case len(o.schemas) > 0 || len(o.symbols) > 0 || o.stype != "" || o.start != "":
		return c, exit.BadUsage("--schema, --symbols, --stype and --start belong to --dataset")
	}
	return c, nil
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	logger, err := cli.NewLogger(stderr, o.logFormat, o.quiet, o.verbose)
	if err != nil {
		return exit.BadUsage("%w", err)
	}
	c, err := o.settings()
	if err != nil {
		return err
	}
	var keys service.Keys
	if o.demo {
		demo, err := startDemo(&c)
		if err != nil {
			return err
		}
		defer demo.close()
		keys = demo.keys()
	} else if keys, err = o.secrets(&c); err != nil {
		return err
	}
	if c.Serve.Listen == "" {
		c.Serve.Listen = defaultListen
	}
	if err := c.Check(); err != nil {
		return exit.BadUsage("%w", err)
	}
	relay, err := service.Start(ctx, c, keys, logger)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer relay.Close() //nolint:errcheck // it was drained, or an error is reported
	if c.Admin.Listen != "" {
		admin, err := ops.Serve(c.Admin.Listen, relay)
		if err != nil {
			return fmt.Errorf("--admin: %w", err)
		}
		defer admin.Close() //nolint:errcheck // nothing is lost with it
		logger.Info("metrics, health and status", "address", admin.Addr())
	}
	if _, err := fmt.Fprintf(stdout, "listening on %s\n", relay.Addr()); err != nil {
		return err
	}
	if o.demo {
		fmt.Fprint(stderr, demoHint(relay.Addr()))
	}
	select {
	case <-ctx.Done():
		relay.Drain(context.Background())
		logger.Info("done")
		return nil
	case <-relay.Ended():
		return relay.Err()
	}
}

// secrets reads the keys.
func (o *options) secrets(c *config.Config) (keys service.Keys, err error) {
	if keys.Upstream, err = c.Upstream.Key(os.Getenv); err != nil {
		return keys, exit.Fail(exit.Auth, "%w", err)
	}
	if c.Serve.KeysFile == "" {
		return keys, exit.BadUsage("there are no keys for consumers: write some into a file, one on each line, and name it by --keys")
	}
	if keys.Consumers, err = config.ReadKeys(c.Serve.KeysFile); err != nil {
		return keys, exit.Fail(exit.Auth, "%w", err)
	}
	return keys, nil
}
