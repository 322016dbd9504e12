package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// HelpWidth is the width of help in characters, that of the narrowest usual terminal.
const HelpWidth = 80

// FlagGroup is a part of a program's flags under a title of its own.
type FlagGroup struct {
	Title string
	Names []string // of flags, without dashes
}

// Entry is a row of a table in help and in manual pages.
type Entry struct{ Name, Text string }

// Help says what a program's help has beside each command's own texts.
type Help struct {
	Groups      []FlagGroup // in the order in which they appear
	Exit        []Entry     // the exit codes
	Environment []Entry     // the variables that the program reads
	Files       []Entry     // the files that it reads without being asked
}

// Install gives a command and those below it this help: flags in groups, no line longer than
// HelpWidth.
func (h *Help) Install(cmd *cobra.Command) {
	cmd.SetUsageFunc(func(cmd *cobra.Command) error { return h.write(cmd.OutOrStderr(), cmd, false) })
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		h.write(cmd.OutOrStdout(), cmd, true) //nolint:errcheck // the program asks its output at the end
	})
}

// write writes the help of a command, all of it or the part that follows its description.
func (h *Help) write(w io.Writer, cmd *cobra.Command, all bool) error {
	var b strings.Builder
	section := func(title string) { fmt.Fprintf(&b, "\n%s:\n", title) }
	if all {
		text := cmd.Long
		if text == "" {
			text = cmd.Short + "."
		}
		b.WriteString(Fold(text, HelpWidth) + "\n")
	}
	section("Usage")
	b.WriteString("  " + usageLine(cmd) + "\n")
	commands := available(cmd)
	if len(commands) > 0 {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		section("Examples")
		b.WriteString(strings.TrimRight(cmd.Example, "\n") + "\n")
	}
	if len(commands) > 0 {
		section("Commands")
		var rows []Entry
		for _, child := range commands {
			rows = append(rows, Entry{child.Name(), child.Short})
		}
		b.WriteString(Rows(rows))
	}
	for _, group := range h.flags(cmd) {
		section(group.title)
		b.WriteString(strings.TrimRight(group.flags.FlagUsagesWrapped(HelpWidth), "\n") + "\n")
	}
	if !cmd.HasParent() && all {
		for _, table := range h.tables() {
			if len(table.rows) > 0 {
				section(table.title)
				b.WriteString(Rows(table.rows))
			}
		}
	}
	if len(commands) > 0 {
		fmt.Fprintf(&b, "\nMore about a command: %s COMMAND --help\n", cmd.CommandPath())
	}
	text := b.String()
	if !all {
		text = strings.TrimPrefix(text, "\n")
	}
	_, err := io.WriteString(w, text)
	return err
}

// usageLine is how the command is called.
func usageLine(cmd *cobra.Command) string {
	if cmd.HasParent() {
		return cmd.Parent().CommandPath() + " " + cmd.Use
	}
	return cmd.Use
}

// available are the commands below one that help names.
func available(cmd *cobra.Command) (list []*cobra.Command) {
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			list = append(list, child)
		}
	}
	return list
}

type helpTable struct {
	title string
	rows  []Entry
}

func (h *Help) tables() []helpTable {
	return []helpTable{{"Environment", h.Environment}, {"Files", h.Files}, {"Exit codes", h.Exit}}
}

// flagsOfGroup are the flags of one command under one title.
type flagsOfGroup struct {
	title string
	flags *pflag.FlagSet
}

// ungrouped is the title of flags that no group names.
const ungrouped = "Other"

// flags are the flags of a command, its own and its parents', in their groups.
func (h *Help) flags(cmd *cobra.Command) (groups []flagsOfGroup) {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	add := func(title string, wanted func(name string) bool) {
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		set.SortFlags = false
		take := func(flag *pflag.Flag) {
			if !flag.Hidden && wanted(flag.Name) {
				set.AddFlag(flag)
			}
		}
		cmd.LocalFlags().VisitAll(take)
		cmd.InheritedFlags().VisitAll(take)
		if set.HasFlags() {
			groups = append(groups, flagsOfGroup{title, set})
		}
	}
	titles := h.titles()
	for _, group := range h.Groups {
		add(group.Title, func(name string) bool { return titles[name] == group.Title })
	}
	add(ungrouped, func(name string) bool { return titles[name] == "" })
	return groups
}

// Faults are what is wrong with the help of a command and of those below it, for a test: lines
// beyond HelpWidth, and flags that are in no group or in several.
func (h *Help) Faults(cmd *cobra.Command) (faults []string) {
	groups := map[string]int{"help": 1, "version": 1}
	for _, group := range h.Groups {
		for _, name := range group.Names {
			groups[name]++
		}
	}
	var b strings.Builder
	if err := h.write(&b, cmd, true); err != nil {
		faults = append(faults, err.Error())
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > HelpWidth {
			faults = append(faults, fmt.Sprintf("%s: %d columns: %s", cmd.CommandPath(), n, line))
		}
	}
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if n := groups[flag.Name]; n != 1 {
			faults = append(faults, fmt.Sprintf("%s: --%s is in %d groups", cmd.CommandPath(), flag.Name, n))
		}
	})
	for _, child := range cmd.Commands() {
		faults = append(faults, h.Faults(child)...)
	}
	return faults
}

// titles are those of the flags, by name.
func (h *Help) titles() map[string]string {
	titles := make(map[string]string)
	for _, group := range h.Groups {
		for _, name := range group.Names {
			titles[name] = group.Title
		}
	}
	return titles
}

// Rows are lines of two columns; a text that is too long continues below its beginning.
func Rows(rows []Entry) string {
	var b strings.Builder
	width := 0
	for _, row := range rows {
		width = max(width, len(row.Name))
	}
	indent := "\n" + strings.Repeat(" ", width+4)
	for _, row := range rows {
		text := strings.ReplaceAll(Fold(row.Text, HelpWidth-width-4), "\n", indent)
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-*s  %s", width, row.Name, text), " ") + "\n")
	}
	return b.String()
}

// Fold breaks a text into lines of at most width characters, except for words that are longer.
// A line that begins with a space stays as it is, and so does an empty one; others are joined to
// paragraphs first.
func Fold(text string, width int) string {
	var lines []string
	line := ""
	flush := func() {
		if line != "" {
			lines, line = append(lines, line), ""
		}
	}
	for _, raw := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if raw == "" || raw[0] == ' ' {
			flush()
			lines = append(lines, raw)
			continue
		}
		for _, word := range strings.Fields(raw) {
			if line != "" && len(line)+1+len(word) > width {
				flush()
			}
			if line != "" {
				line += " "
			}
			line += word
		}
	}
	flush()
	return strings.Join(lines, "\n")
}
