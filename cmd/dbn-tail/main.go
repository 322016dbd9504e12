// Command dbn-tail is the tail -f of market data.
package main

import (
	"os"

	"github.com/dbnloop/dbnloop/internal/tail"
)

// version is set by the build.
var version = "dev"

func main() { os.Exit(tail.System(version).Run(os.Args[1:])) }
