// Command dbn-tail is the tail -f of market data.
package main

import (
	"os"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/tail"
)

// version is set by make; go install leaves it empty.
var version string

func main() { os.Exit(tail.System(cli.Version(version)).Run(os.Args[1:])) }
