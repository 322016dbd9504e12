package tail

import (
	"cmp"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/profile"
)

// The environment variables that stand for flags.
const (
	gatewayVariable = "DBNLOOP_GATEWAY"
	urlVariable     = "DBNLOOP_HIST_URL"
	profileVariable = "DBNLOOP_PROFILE"
)

// profileFlag says which profile is used. All commands have it.
type profileFlag struct {
	profileName string
	profile     profile.Profile
}

func (f *profileFlag) register(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.profileName, "profile", "", "use the profile `NAME` of the configuration file")
}

// applyProfile gives the flags that were not given what the environment or the profile says. They
// do not count as given, so a flag that excludes one of them prevails. Keys and limits of cost are
// looked up where they are used.
func (c *commandLine) applyProfile(cmd *cobra.Command) (err error) {
	name := cmp.Or(c.profileName, strings.TrimSpace(c.Getenv(profileVariable)))
	if c.profile, err = profile.Load(name, c.Getenv); err != nil {
		return err
	}
	p := &c.profile
	demo := cmd.Flags().Lookup("demo")
	for _, setting := range []struct{ flag, environment, profile string }{
		{"dataset", "", p.Dataset},
		{"gateway", gatewayVariable, p.Gateway},
		{"hist-url", urlVariable, p.HistURL},
		{"ca-file", "", p.CAFile},
	} {
		flag := cmd.Flags().Lookup(setting.flag)
		value, origin := setting.profile, "profile "+p.Name
		if setting.environment != "" {
			if text := strings.TrimSpace(c.Getenv(setting.environment)); text != "" {
				value, origin = text, setting.environment
			}
		}
		switch {
		case flag == nil || flag.Changed || value == "":
			continue
		case demo != nil && demo.Changed:
			continue // it has a dataset and a gateway of its own
		case setting.flag == "dataset" && demo != nil && namesAFile(cmd.Flags().Args()):
			continue // dbn-tail FILE
		}
		if err := flag.Value.Set(value); err != nil {
			return exit.BadUsage("%s: %w", origin, err)
		}
	}
	return nil
}

// namesAFile reports whether the command without a name is given files rather than symbols.
func namesAFile(args []string) bool {
	for _, arg := range args {
		if arg == "-" || strings.ContainsRune(arg, '/') || strings.Contains(arg, ".dbn") {
			return true
		}
		if _, err := os.Stat(arg); err == nil {
			return true
		}
	}
	return len(args) == 0
}
