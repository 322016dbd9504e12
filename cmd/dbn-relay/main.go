// Command dbn-relay holds one session with the service for each dataset, keeps what it brings in a log, and
// serves it to many consumers in the protocol of the service's own gateway.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// version is set by make; go install leaves it empty.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one ends the program at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := newCommand()
	cmd.SetArgs(args)
	out := &cli.Output{W: stdout}
	cmd.SetOut(out)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if failed := out.Err(); failed != nil {
		err = failed
	}
	if err != nil {
		fmt.Fprintf(stderr, "dbn-relay: %s\n", cli.Plain(err.Error()))
	}
	return exit.FromError(err)
}
