package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ManualCommand is the hidden command "man DIRECTORY", which writes the program's manual pages:
// one for each command, named as git names its own (dbn-tail-hist.1). They are written here
// because the generator that comes with cobra passes texts through Markdown, which takes * and <
// as markup, and knows neither groups nor the names of arguments.
func (h *Help) ManualCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIRECTORY", Short: "Write the manual pages into a directory", Hidden: true,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return h.writeManual(cmd.Root(), args[0])
		},
	}
}

func (h *Help) writeManual(cmd *cobra.Command, directory string) error {
	path := filepath.Join(directory, pageName(cmd)+".1")
	if err := os.WriteFile(path, []byte(h.Page(cmd)), 0o644); err != nil {
		return err
	}
	for _, child := range withPages(cmd) {
		if err := h.writeManual(child, directory); err != nil {
			return err
		}
	}
	return nil
}

// withPages are the commands below one that have pages: not those of cobra, whose help says all.
func withPages(cmd *cobra.Command) (list []*cobra.Command) {
	for _, child := range available(cmd) {
		if name := child.Name(); name != "help" && name != "completion" {
			list = append(list, child)
		}
	}
	return list
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Page is the manual page of a command, in the language of man(7). It has no date, so that the
// same sources give the same page.
func (h *Help) Page(cmd *cobra.Command) string {
	p := new(page)
	root := cmd.Root()
	p.request("TH", strings.ToUpper(pageName(cmd)), "1", "", root.Name()+" "+root.Version, "User Commands")
	p.request("SH", "NAME")
	p.text(pageName(cmd) + " - " + cmd.Short)
	p.request("SH", "SYNOPSIS")
	p.line(`\fB` + escape(cmd.CommandPath()) + `\fR` + escape(strings.TrimPrefix(usageLine(cmd), cmd.CommandPath())))
	if cmd.HasAvailableSubCommands() {
		p.request("br")
		p.line(`\fB` + escape(cmd.CommandPath()) + `\fR COMMAND`)
	}
	if cmd.Long != "" {
		p.request("SH", "DESCRIPTION")
		p.paragraphs(cmd.Long)
	}
	if commands := available(cmd); len(commands) > 0 {
		p.request("SH", "COMMANDS")
		for _, child := range commands {
			p.entry(`\fB`+escape(child.Name())+`\fR`, child.Short)
		}
	}
	p.request("SH", "OPTIONS")
	for _, group := range h.flags(cmd) {
		p.request("SS", group.title)
		group.flags.VisitAll(func(flag *pflag.Flag) { p.flag(flag) })
	}
	if cmd.HasExample() {
		p.request("SH", "EXAMPLES")
		p.example(cmd.Example)
	}
	for _, table := range h.tables() {
		if len(table.rows) == 0 || cmd.HasParent() && table.title != "Exit codes" {
			continue
		}
		p.request("SH", strings.ToUpper(table.title))
		for _, row := range table.rows {
			p.entry(`\fB`+escape(row.Name)+`\fR`, row.Text)
		}
	}
	var others []string
	if cmd.HasParent() {
		others = append(others, pageName(cmd.Parent()))
	}
	for _, child := range withPages(cmd) {
		others = append(others, pageName(child))
	}
	if len(others) > 0 {
		p.request("SH", "SEE ALSO")
		for i, name := range others {
			comma := ","
			if i == len(others)-1 {
				comma = ""
			}
			p.request("BR", name, "(1)"+comma)
		}
	}
	return p.String()
}

// page is a manual page that is being written.
type page struct{ strings.Builder }

// request writes a request of roff with its arguments.
func (p *page) request(name string, arguments ...string) {
	p.WriteString("." + name)
	for _, argument := range arguments {
		p.WriteString(` "` + strings.ReplaceAll(escape(argument), `"`, `\(dq`) + `"`)
	}
	p.WriteByte('\n')
}

// line writes a line of text that is escaped already. One that begins like a request is protected.
func (p *page) line(text string) {
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	p.WriteString(text + "\n")
}

func (p *page) text(text string) { p.line(escape(text)) }

// paragraphs writes a description: indented lines are tables, which keep their lines.
func (p *page) paragraphs(text string) {
	fixed, gap := false, false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		switch indented := strings.HasPrefix(line, " "); {
		case line == "":
			gap = true
			continue
		case indented != fixed:
			if fixed = indented; fixed {
				p.request("PP")
				p.request("nf")
			} else {
				p.request("fi")
				p.request("PP")
			}
		case gap:
			p.request("PP")
		}
		gap = false
		p.text(strings.TrimPrefix(line, "  "))
	}
	if fixed {
		p.request("fi")
	}
}

// entry writes a row of a list: a name that is escaped already, and its text.
func (p *page) entry(name, text string) {
	p.request("TP")
	p.line(name)
	p.text(text)
}

func (p *page) flag(flag *pflag.Flag) {
	argument, text := pflag.UnquoteUsage(flag)
	name := `\fB\-\-` + escape(flag.Name) + `\fR`
	if flag.Shorthand != "" {
		name = `\fB\-` + flag.Shorthand + `\fR, ` + name
	}
	if argument != "" {
		separator := " "
		if flag.NoOptDefVal != "" {
			separator = "="
		}
		name += separator + `\fI` + escape(argument) + `\fR`
	}
	if flag.DefValue != "" && flag.DefValue != "0" && flag.DefValue != "false" && flag.DefValue != "[]" {
		text += fmt.Sprintf(" (default: %s)", flag.DefValue)
	}
	p.entry(name, text)
}

// example writes lines as they are.
func (p *page) example(text string) {
	p.request("nf")
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		p.text(strings.TrimPrefix(line, "  "))
	}
	p.request("fi")
}

// escape makes a text stand for itself in roff.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, `^`, `\(ha`, `~`, `\(ti`, "`", `\(ga`).Replace(text)
}
