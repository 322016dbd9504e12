package tail

import (
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/dbn"
)

// decodeFlags say how DBN is read.
type decodeFlags struct {
	upgrade     string
	maxMetadata uint32 // MiB
}

func (f *decodeFlags) register(p *pflag.FlagSet) {
	p.StringVar(&f.upgrade, "upgrade", "", "convert older records to `VERSION`: as-is, v2 or v3 (default: v3 in a table, else as-is)")
	p.Uint32Var(&f.maxMetadata, "max-metadata", 1024, "refuse DBN headers larger than `MIB` mebibytes, 1 to 4096")
}

// metadataLimit is --max-metadata in bytes.
func (f *decodeFlags) metadataLimit() (int, error) {
	if f.maxMetadata < 1 || f.maxMetadata > 4096 {
		return 0, exit.BadUsage("--max-metadata %d: want 1 to 4096 MiB", f.maxMetadata)
	}
	return int(f.maxMetadata) << 20, nil
}

// policyFor is what --upgrade says. The default is meant for people in a table, who need not see
// what version a record had; other forms keep the records as they are.
func (f *decodeFlags) policyFor(form output.Format) (dbn.UpgradePolicy, error) {
	if form == output.Table {
		return f.policy(dbn.UpgradeToV3)
	}
	return f.policy(dbn.AsIs)
}

// policy is what --upgrade says, or the usual one.
func (f *decodeFlags) policy(usual dbn.UpgradePolicy) (dbn.UpgradePolicy, error) {
	switch f.upgrade {
	case "":
		return usual, nil
	case "as-is":
		return dbn.AsIs, nil
	case "v2":
		return dbn.UpgradeToV2, nil
	case "v3":
		return dbn.UpgradeToV3, nil
	}
	return usual, exit.BadUsage("--upgrade %q: want as-is, v2 or v3", f.upgrade)
}

// linesFlag chooses among the records by their number.
type linesFlag struct{ lines string }

func (f *linesFlag) register(p *pflag.FlagSet) {
	p.StringVarP(&f.lines, "lines", "n", "", "print the last `N` records; +N: all from record N on")
}

// usualLast is what -f begins with, as tail does.
const usualLast = 10

// maxLast bounds what -n holds in memory.
const maxLast = 10_000_000

// selection is what --lines and a limit choose, in a file that is followed or not.
func (f *linesFlag) selection(limit uint64, following bool) (s stream.Selection, err error) {
	s.Limit = limit
	if f.lines == "" {
		if following {
			s.Tail, s.Last = true, usualLast
		}
		return s, nil
	}
	number, fromStart := strings.CutPrefix(f.lines, "+")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return s, exit.BadUsage("--lines %q: want a number of records, N or +N", f.lines)
	}
	if fromStart {
		s.Skip = max(n, 1) - 1
		return s, nil
	}
	if n == 0 && !following || n > maxLast {
		return s, exit.BadUsage("--lines %s: want 1 to %d records", f.lines, maxLast)
	}
	s.Tail, s.Last = true, n
	return s, nil
}
