package tail

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
)

// everyCommand calls f with each command of the program.
func everyCommand(f func(cmd *cobra.Command)) {
	c := &commandLine{Program: System("1.2.3")}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		f(cmd)
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(c.command(new(rootFlags)))
}

func TestHelpFitsTheTerminalAndGroupsEveryFlag(t *testing.T) {
	c := &commandLine{Program: System("1.2.3")}
	for _, fault := range help.Faults(c.command(new(rootFlags))) {
		t.Error(fault)
	}
}

func TestManualPagesHaveEveryFlagAndNoMarkupOfTheirTexts(t *testing.T) {
	everyCommand(func(cmd *cobra.Command) {
		page := help.Page(cmd)
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if name := `\-\-` + strings.ReplaceAll(flag.Name, "-", `\-`); !strings.Contains(page, name) {
				t.Errorf("%s: --%s is missing", cmd.CommandPath(), flag.Name)
			}
		})
		if cmd.HasParent() && cmd.Parent().Name() == "completion" {
			return // cobra's own
		}
		filled := true
		for _, line := range strings.Split(page, "\n") {
			switch {
			case line == ".nf" || line == ".fi":
				filled = line == ".fi"
			case !filled && len(strings.NewReplacer(`\-`, "-", `\(aq`, "'").Replace(line)) > cli.HelpWidth-7:
				t.Errorf("%s: a line that is not filled is too long below its indent: %s", cmd.CommandPath(), line)
			}
		}
		for _, section := range []string{`.SH "NAME"`, `.SH "SYNOPSIS"`, `.SH "OPTIONS"`, `.SH "EXIT CODES"`} {
			if !strings.Contains(page, section) {
				t.Errorf("%s: no %s", cmd.CommandPath(), section)
			}
		}
		for _, line := range strings.Split(page, "\n") {
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") &&
				!slices.Contains([]string{"TH", "SH", "SS", "PP", "TP", "br", "nf", "fi", "BR"}, strings.Fields(line[1:] + " ")[0]) {
				t.Errorf("%s: %q would be a request", cmd.CommandPath(), line)
			}
		}
	})
}

func TestMistypedNamesAreSuggested(t *testing.T) {
	for line, want := range map[string]string{
		"hits":                     `"hits" is neither a command nor a file; did you mean hist?`,
		"datasest":                 "did you mean datasets?",
		"batch sumbit":             "did you mean submit?",
		"hist --shcema trades X":   "did you mean --schema?",
		"-d GLBX.MDP3 --limt 1 ES": "did you mean --limit?",
	} {
		if _, messages, code := runFiles(nil, strings.Fields(line)...); code != 2 || !strings.Contains(messages, want) {
			t.Errorf("%s: %q, exit code %d", line, messages, code)
		}
	}
}
