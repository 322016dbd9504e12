package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// Execute runs the command of a server: help and versions go to standard output, and the error, if
// there is one, to standard error after the program's name.
func Execute(ctx context.Context, cmd *cobra.Command, args []string, stdout, stderr io.Writer) error {
	cmd.SetArgs(args)
	out := &Output{W: stdout}
	cmd.SetOut(out)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if failed := out.Err(); failed != nil {
		err = failed
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", cmd.Name(), Plain(err.Error()))
	}
	return err
}

// LogLevel is what --quiet and --verbose let through.
func LogLevel(quiet, verbose bool) slog.Level {
	switch {
	case verbose:
		return slog.LevelDebug
	case quiet:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// NewLogger makes the structured log of a server, in the format text or json.
func NewLogger(w io.Writer, format string, quiet, verbose bool) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: LogLevel(quiet, verbose)}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(PlainJSON(w), options)), nil
	}
	return nil, fmt.Errorf("--log-format %q: want text or json", format)
}
