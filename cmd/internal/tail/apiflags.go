package tail

import (
	"math"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/hist"
)

// serverFlags say how the historical API is reached.
type serverFlags struct {
	url, caFile string
	retries     int
}

func (f *serverFlags) register(p *pflag.FlagSet) {
	p.StringVar(&f.url, "hist-url", "", "use the historical API at `URL` (default: Databento's)")
	p.StringVar(&f.caFile, "ca-file", "", "trust the certificate authorities in `FILE` (PEM) instead of the system's")
	retries := "retry `N` times when the server is busy and, for requests that cost nothing, when the connection breaks"
	if f.retries == 0 {
		retries += " (default 0)"
	}
	p.IntVar(&f.retries, "retries", f.retries, retries)
}

// options are those of a client.
func (f *serverFlags) options() ([]dbnloop.HistoricalOption, error) {
	if f.retries < 0 || f.retries > maxRetries {
		return nil, exit.BadUsage("--retries %d: want 0 to %d", f.retries, maxRetries)
	}
	options := []dbnloop.HistoricalOption{dbnloop.WithUserAgent("dbn-tail"), dbnloop.WithRetries(f.retries)}
	if f.url != "" {
		options = append(options, dbnloop.WithURL(f.url))
	}
	if f.caFile != "" {
		options = append(options, dbnloop.WithCAFile(f.caFile))
	}
	return options, nil
}

// maxRetries bounds --retries: the waits between them double, up to five minutes.
const maxRetries = 1000

// apiFlags are those of every command that uses the historical API.
type apiFlags struct {
	keyFlags
	serverFlags
}

func (f *apiFlags) register(p *pflag.FlagSet) {
	f.keyFlags.register(p)
	f.serverFlags.register(p)
}

// openHistorical makes the client of the historical API.
func (c *commandLine) openHistorical(f *apiFlags, options ...dbnloop.HistoricalOption) (*hist.Client, error) {
	server, err := f.options()
	if err != nil {
		return nil, err
	}
	key, err := c.key(&f.keyFlags)
	if err != nil {
		return nil, err
	}
	return hist.Open(c.log, hist.Config{
		Key: key.value, KeyOrigin: key.String(), Options: append(options, server...),
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr, Exit: c.Exit,
	})
}

// moneyFlags say what may be spent.
type moneyFlags struct {
	maxCost float64
	dryRun  bool
}

func (f *moneyFlags) register(p *pflag.FlagSet) {
	p.Float64Var(&f.maxCost, "max-cost", 0, "refuse a request that costs more than `USD`; its cost is requested first")
	p.BoolVar(&f.dryRun, "dry-run", false, "print the cost, the size and the number of records without requesting data")
}

// costLimit is what --max-cost says; nil: nothing.
func (f *moneyFlags) costLimit(cmd *cobra.Command) (*float64, error) {
	if !cmd.Flags().Changed("max-cost") {
		return nil, nil
	}
	if !(f.maxCost >= 0) || math.IsInf(f.maxCost, 1) {
		return nil, exit.BadUsage("--max-cost %v: want US dollars, 0 or more", f.maxCost)
	}
	return &f.maxCost, nil
}

// yesFlag answers questions.
type yesFlag struct{ yes bool }

func (f *yesFlag) register(p *pflag.FlagSet) {
	p.BoolVarP(&f.yes, "yes", "y", false, "answer yes to all questions")
}
