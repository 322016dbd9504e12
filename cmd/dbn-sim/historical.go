package main

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// histOptions are the flags of the historical API.
type histOptions struct {
	port                       int
	listen, portFile, caOut    string
	faults, warnings, dayState []string
	plain, stored, longJobs    bool
	repeatBytes                int64
	jobDelay                   time.Duration
}

// noPort is the port that means: no historical API.
const noPort = -1

func (o *histOptions) define(f *pflag.FlagSet) {
	f.IntVar(&o.port, "hist-port", noPort, "also serve the historical API on `PORT` of 127.0.0.1; 0 takes a free one, and -1 serves none")
	f.StringVar(&o.listen, "hist-listen", "", "also serve the historical API on `HOST:PORT`")
	f.StringVar(&o.portFile, "hist-port-file", "", "write the port of the historical API to `FILE` when ready")
	f.StringVar(&o.caOut, "ca-out", "", "write the CA's certificate (PEM) to `FILE` when ready")
	f.StringArrayVar(&o.faults, "hist-fault", nil, "misbehave as `FAULT` says (repeatable), see above")
	f.BoolVar(&o.plain, "hist-plain", false, "serve plain HTTP, without TLS")
	f.Int64Var(&o.repeatBytes, "hist-repeat-bytes", 0, "repeat the records of a range until they have `N` bytes")
	f.BoolVar(&o.stored, "hist-stored", false, "send zstd frames without compression, so that all the bytes go over the wire")
	f.DurationVar(&o.jobDelay, "hist-job-delay", 0, "keep a batch job queued and processing for `DURATION` (default: done at once)")
	f.BoolVar(&o.longJobs, "hist-long-jobs", false, "list jobs with all their details, as the service did until 2026 (default: id, state and ts_received)")
	f.StringArrayVar(&o.warnings, "hist-warning", nil, "send `WARNING`, in the form \"Type: text\", with every answer (repeatable)")
	f.StringArrayVar(&o.dayState, "hist-condition", nil, "report a day's condition: `DATE=CONDITION`, with degraded, pending or missing (repeatable)")
}

// start runs the historical API; nil when it was not asked for.
func (o *histOptions) start(all *options, gw *sim.Gateway, logger *slog.Logger) (*historical.Server, error) {
	if o.port == noPort && o.listen == "" {
		if o.caOut != "" || o.portFile != "" || len(o.faults) > 0 {
			return nil, usageError{fmt.Errorf("flags of the historical API need --hist-port or --hist-listen")}
		}
		return nil, nil
	}
	cfg := historical.Config{
		Addr: o.listen, Keys: all.keys, Sources: all.sources(), Version: all.version, PlainHTTP: o.plain,
		RepeatBytes: o.repeatBytes, Stored: o.stored, JobDelay: o.jobDelay, Warnings: o.warnings, Logger: logger,
		Present: gw.Present, LongJobs: o.longJobs,
	}
	if o.listen == "" {
		cfg.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port))
	}
	for _, text := range o.faults {
		fault, err := historical.ParseFault(text)
		if err != nil {
			return nil, usageError{fmt.Errorf("--hist-fault: %w", err)}
		}
		cfg.Faults = append(cfg.Faults, fault)
	}
	for _, text := range o.dayState {
		day, condition, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--hist-condition %q: want DATE=CONDITION", text)}
		}
		if cfg.Conditions == nil {
			cfg.Conditions = make(map[string]string)
		}
		cfg.Conditions[day] = condition
	}
	h, err := historical.NewServer(cfg)
	if err != nil {
		return nil, err
	}
	if err := o.announce(h); err != nil {
		h.Close() //nolint:errcheck // the first error counts
		return nil, err
	}
	return h, nil
}

// announce writes the files that others wait for; the port comes last.
func (o *histOptions) announce(h *historical.Server) error {
	if o.caOut != "" {
		if err := h.WriteCA(o.caOut); err != nil {
			return fmt.Errorf("--ca-out: %w", err)
		}
	}
	if o.portFile != "" {
		if err := writePort(o.portFile, h.Port()); err != nil {
			return fmt.Errorf("--hist-port-file: %w", err)
		}
	}
	return nil
}
