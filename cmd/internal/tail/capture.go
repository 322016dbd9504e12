package tail

import (
	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// slowReader is what the gateway is asked to do when this reader is too slow; nil leaves it
// to the gateway, which skips records of mbp-1, mbp-10, cmbp-1, bbo and cbbo. A capture would
// have holes then, so it asks for a warning unless the user chose otherwise.
func (p *plan) slowReader(stdout any) *dbn.SlowReaderBehavior {
	if p.connection.slowReader == nil && p.captures(stdout) {
		warn := dbn.SlowReaderBehaviorWarn
		return &warn
	}
	return p.connection.slowReader
}

// captures tells that records go to a file: by --output, by --tee, or because standard output
// is one.
func (p *plan) captures(stdout any) bool {
	if p.output.Path != "" || p.output.Tee != "" {
		return true
	}
	fd, ok := term.Descriptor(stdout)
	var stat unix.Stat_t
	return ok && unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG
}
