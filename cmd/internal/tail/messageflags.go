package tail

import (
	"github.com/spf13/cobra"
)

// messageFlags say what appears on standard error. All commands have them.
type messageFlags struct {
	quiet, verbose bool
	logFormat      string
}

func (f *messageFlags) register(cmd *cobra.Command) {
	p := cmd.PersistentFlags()
	p.SortFlags = false
	p.BoolVarP(&f.quiet, "quiet", "q", false, "print only errors on standard error")
	p.BoolVarP(&f.verbose, "verbose", "v", false, "print more on standard error")
	p.StringVar(&f.logFormat, "log-format", "text", "print messages on standard error in `FORMAT`: text or json")
	cmd.MarkFlagsMutuallyExclusive("quiet", "verbose")
}
