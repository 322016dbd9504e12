package tail

import (
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/capture"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/live"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/split"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// unbroken reports whether the command line asks for a stream without a gap. (A capture has one
// even if it does not ask.)
func (f *rootFlags) unbroken(cmd *cobra.Command) bool {
	begins := f.follow && (cmd.Flags().Changed("start") || cmd.Flags().Changed("since"))
	return f.reconnect || f.resume != "" || begins
}

// resumed checks --resume, and makes it the output.
func (f *rootFlags) resumed() error {
	if f.append {
		f.appends = true
		if f.path == "" || f.path == "-" {
			return exit.BadUsage("--append needs --output FILE")
		}
	}
	if f.resume == "" {
		return nil
	}
	format, _, known := output.FormatOf(f.resume)
	if !known || format != output.DBN {
		return exit.BadUsage("--resume %s: it writes DBN, so the name must end in .dbn or .dbn.zst", f.resume)
	}
	if len(f.rotate) > 0 {
		f.pattern = f.resume
		return nil
	}
	if strings.Contains(f.resume, "{") {
		return exit.BadUsage("--resume %s: a pattern needs --rotate", f.resume)
	}
	f.path, f.appends = f.resume, true
	return nil
}

// survive adds to a session what makes its stream continue after a break. The returned function frees
// what was opened for it.
func (c *commandLine) survive(cmd *cobra.Command, s *session, f *rootFlags) (end func(), err error) {
	history, err := f.serverFlags.options()
	if err != nil {
		return nil, err
	}
	s.Unbroken = &live.Unbroken{}
	s.Unbroken.Options = append(s.Unbroken.Options, dbnloop.WithHistory(history...))
	limit, err := f.costLimit(cmd)
	switch {
	case err != nil:
		return nil, err
	case limit != nil:
		s.Unbroken.Options = append(s.Unbroken.Options, dbnloop.WithMaxCost(*limit))
	case f.yes && c.profile.MaxCost != nil:
		s.Unbroken.Options = append(s.Unbroken.Options, dbnloop.WithMaxCost(*c.profile.MaxCost))
	case f.yes:
		s.Unbroken.Options = append(s.Unbroken.Options, dbnloop.WithMaxCost(math.Inf(1)))
	}
	if f.resume == "" && !f.follow {
		// As with any session: the gateway says what it retains.
		s.Unbroken.Options = append(s.Unbroken.Options, dbnloop.WithReplayLimit(100*365*24*time.Hour))
	}
	if f.resume == "" {
		return func() {}, nil
	}
	want := s.wanted()
	if f.splitter != nil {
		return func() {}, c.resumePattern(s, f.splitter, want)
	}
	file, err := capture.Resume(s.Output.Path, want)
	if err != nil {
		return nil, err
	}
	s.Unbroken.Position = file.Position
	if file.Cut > 0 {
		c.log.Warn("the last writer was interrupted: the end of the file was repaired", "file", f.resume, "removed_bytes", file.Cut)
	}
	if file.Position != nil {
		c.log.Info("continuing the capture", "file", f.resume, "records", file.Records)
	}
	return func() { file.Close() }, nil //nolint:errcheck // it only ends the lock
}

// resumePattern continues a capture of several files.
func (c *commandLine) resumePattern(s *session, splitter *split.Splitter, want capture.Wanted) error {
	files, err := capture.ResumePattern(splitter.Pattern, want)
	if err != nil {
		return err
	}
	s.Unbroken.Position = files.Position
	splitter.Continued, splitter.After, splitter.Part = files.Continued, files.After, files.Part
	if files.Cut > 0 {
		c.log.Warn("the last writer was interrupted: the end of the file was repaired", "file", files.Newest, "removed_bytes", files.Cut)
	}
	if files.Newest != "" {
		c.log.Info("continuing the capture", "file", files.Newest, "records", files.Records)
	}
	return nil
}

// wanted is what a file must hold that the session's records are added to.
func (s *session) wanted() capture.Wanted {
	want := capture.Wanted{Dataset: s.Dataset, TsOut: s.tsOut}
	for _, subscription := range s.Subscriptions {
		want.Schemas = append(want.Schemas, subscription.Schema)
	}
	return want
}

// appendTo prepares a file of DBN to be added to: what a killed writer left incomplete is removed.
// Text needs no preparation. The returned function gives the file free.
func (c *commandLine) appendTo(s *session) (end func(), err error) {
	if s.Output.Format != output.DBN || !term.IsRegularOrNew(s.Output.Path) {
		return func() {}, nil
	}
	file, err := capture.Resume(s.Output.Path, s.wanted())
	if err != nil {
		return nil, err
	}
	if file.Cut > 0 {
		c.log.Warn("the last writer was interrupted: the end of the file was repaired", "file", s.Output.Path, "removed_bytes", file.Cut)
	}
	return func() { file.Close() }, nil //nolint:errcheck // it only ends the lock
}
