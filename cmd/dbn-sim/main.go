// Command dbn-sim is a live market data gateway on loopback: it replays DBN files, or
// sample data of its own, to any client that speaks the live protocol.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
)

// version is set by make; go install leaves it empty.
var version string

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if err := cli.Execute(ctx, newCommand(), args, stdout, stderr); err != nil {
		return exitCode(err)
	}
	return exitOK
}
