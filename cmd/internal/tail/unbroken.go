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

// survive adds to a session what makes its stream continue after a break.
func (c *commandLine) survive(cmd *cobra.Command, s *session, f *rootFlags) error {
	history, err := f.serverFlags.options()
	if err != nil {
		return err
	}
	s.Unbroken = &live.Unbroken{Position: s.position}
	s.Unbroken.Options = append(s.Unbroken.Options, dbnloop.WithHistory(history...))
	limit, err := f.costLimit(cmd)
	switch {
	case err != nil:
		return err
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
	if f.resume != "" && f.splitter != nil {
		return c.resumePattern(s, f.splitter, s.wanted())
	}
	return nil
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
