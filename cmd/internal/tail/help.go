package tail

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/profile"
)

// help is what the commands' help and manual pages share. A flag that no group names appears
// under "Other" (TestHelpFitsTheTerminalAndGroupsEveryFlag).
var help = &cli.Help{
	Groups: []cli.FlagGroup{
		{Title: "What to request", Names: []string{
			"dataset", "schema", "stype-in", "stype-out", "symbols-file", "all-symbols", "start", "end", "since",
			"limit", "snapshot", "ts-out", "delivery", "encoding", "compression", "split-duration", "split-symbols",
			"split-size", "map-symbols", "pretty-px", "pretty-ts", "state", "short", "wait", "dir",
		}},
		{Title: "Select", Names: []string{
			"symbol", "instrument-id", "publisher", "where", "every", "lines", "follow", "follow-name", "symbols", "gap", "all",
		}},
		{Title: "Screen", Names: []string{"sort", "reverse", "filter", "pace", "once"}},
		{Title: "Form of the output", Names: []string{
			"table", "json", "csv", "tsv", "dbn", "parquet", "arrow", "format", "pretty", "tz", "exact",
			"no-map-symbols", "omit-header", "spreadsheet", "fields", "metadata", "count", "fragment", "system", "color",
		}},
		{Title: "Files", Names: []string{
			"output", "output-pattern", "split-by", "part-size", "rotate", "append", "zstd", "tee", "force", "resume", "manifest",
			"input-fragment", "input-dbn-version", "upgrade", "max-metadata", "output-dir", "only", "parallel",
		}},
		{Title: "Live session", Names: []string{
			"gateway", "heartbeat", "slow-reader", "reconnect", "metrics-addr", "demo",
		}},
		{Title: "Account, server and money", Names: []string{
			"against-api", "profile", "key", "key-file", "hist-url", "ca-file", "retries", "max-cost", "dry-run", "yes",
		}},
		{Title: "Messages", Names: []string{"stats", "quiet", "verbose", "log-format"}},
	},
	Environment: []cli.Entry{
		{Name: keyVariable, Text: "the API key"},
		{Name: keyFileVariable, Text: "a file that holds the API key"},
		{Name: gatewayVariable, Text: "HOST:PORT of the live gateway, as --gateway"},
		{Name: urlVariable, Text: "the historical API's URL, as --hist-url"},
		{Name: profileVariable, Text: "the profile to use, as --profile"},
		{Name: profile.PathVariable, Text: "the file of profiles"},
		{Name: "NO_COLOR", Text: "if set, tables and the screen of top have no colors unless --color asks for them"},
	},
	Files: []cli.Entry{{Name: profile.UsualPath, Text: "profiles; below $XDG_CONFIG_HOME where that is set"}},
	Exit:  exitCodes(),
}

func exitCodes() (rows []cli.Entry) {
	for _, row := range exit.Codes {
		rows = append(rows, cli.Entry{Name: row.Code, Text: row.Meaning})
	}
	return rows
}

// mistypedCommand refuses a word that names no file and looks like the name of a command.
func mistypedCommand(cmd *cobra.Command, word string) error {
	if strings.ContainsAny(word, "./-") {
		return nil
	}
	if _, err := os.Lstat(word); err == nil {
		return nil
	}
	var names []string
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	if name := cli.Nearest(word, names); name != "" {
		return exit.BadUsage("%q is neither a command nor a file%s For a live stream of that symbol, give --dataset",
			word, cli.DidYouMean(word, names))
	}
	return nil
}
