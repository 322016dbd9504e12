package tail

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/split"
	"github.com/dbnloop/dbnloop/dbn"
)

// A flagGroup is a struct of flags that belong together. Each command has a struct of its own,
// into which it embeds the groups that it shares with others. What a field holds before register
// is the flag's default, unless register gives it one.
type flagGroup interface {
	register(p *pflag.FlagSet)
}

// refuse refuses flags of groups that were given and make no sense; why follows the flag's name.
// The groups may be empty ones: their names are what counts.
func refuse(cmd *cobra.Command, why string, groups ...flagGroup) error {
	names := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, group := range groups {
		group.register(names)
	}
	given := ""
	names.VisitAll(func(flag *pflag.Flag) {
		if given == "" && cmd.Flags().Changed(flag.Name) {
			given = flag.Name
		}
	})
	if given != "" {
		return exit.BadUsage("--%s %s", given, why)
	}
	return nil
}

// reword replaces help texts of flags that mean something else than usual in a command.
func reword(p *pflag.FlagSet, texts map[string]string) {
	for name, text := range texts {
		p.Lookup(name).Usage = text
	}
}

// values are what flags can be, wherever they are.
var values = map[string][]string{
	"dataset":        dbn.Datasets(),
	"schema":         names(dbn.AllSchemas()),
	"stype-in":       names(dbn.AllSTypes()),
	"stype-out":      names(dbn.AllSTypes()),
	"publisher":      publisherNames(),
	"color":          {"auto", "always", "never"},
	"compression":    {"none", "zstd"},
	"slow-reader":    {"skip", "warn"},
	"upgrade":        {"as-is", "v2", "v3"},
	"log-format":     {"text", "json"},
	"encoding":       {"dbn", "csv", "json"},
	"split-by":       split.Names,
	"split-duration": {"day", "week", "month", "year", "none"},
	"state":          {"queued", "processing", "done", "expired"},
}

// completeValues tells the shells what the values of a command's flags can be, and those of its
// subcommands.
func completeValues(cmd *cobra.Command) {
	for name, list := range values {
		if cmd.LocalFlags().Lookup(name) == nil {
			continue
		}
		complete := cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
		if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(err) // twice for one flag
		}
	}
	for _, child := range cmd.Commands() {
		completeValues(child)
	}
}

// names are the texts of values.
func names[T fmt.Stringer](values []T) (list []string) {
	for _, v := range values {
		list = append(list, v.String())
	}
	return list
}

// needSubcommand makes a command that does nothing by itself name those that it has.
func needSubcommand(cmd *cobra.Command) {
	var list []string
	for _, child := range cmd.Commands() {
		list = append(list, child.Name())
	}
	last := len(list) - 1
	choice := strings.Join(list[:last], ", ") + " or " + list[last]
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return exit.BadUsage("%s: unknown subcommand %q: want %s%s", cmd.Name(), args[0], choice, cli.DidYouMean(args[0], list))
		}
		return exit.BadUsage("%s: missing subcommand: want %s", cmd.Name(), choice)
	}
}
