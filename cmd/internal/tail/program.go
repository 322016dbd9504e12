package tail

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// Program is what the program has from its surroundings.
type Program struct {
	Version string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Getenv  func(string) string
	Exit    func(code int) // ends the process at once, when a second signal asks for it
}

// System is the real surroundings.
func System(version string) *Program {
	return &Program{
		Version: version, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Exit: os.Exit,
	}
}

// Run does what the arguments say and returns the exit code.
func (p *Program) Run(args []string) int {
	c := &commandLine{Program: p}
	c.log, _ = term.NewLogger(p.Stderr, "text", false, false)
	cmd := c.command(new(rootFlags))
	help := &cli.Output{W: p.Stdout}
	cmd.SetOut(help)
	// Cobra makes this command when it runs; here it is made to say what it lacks.
	cmd.InitDefaultCompletionCmd()
	if completion, _, err := cmd.Find([]string{"completion"}); err == nil && completion != cmd {
		needSubcommand(completion)
	}
	cmd.SetArgs(joinValues(args))
	err := cmd.Execute()
	if failed := help.Err(); failed != nil {
		err = failed
	}
	var signaled exit.Signal
	if errors.As(err, &signaled) {
		return signaled.Code()
	}
	code := exit.FromError(err)
	if code == exit.OK {
		return code
	}
	hint := ""
	if code == exit.Usage {
		hint = " (see dbn-tail --help)"
	}
	c.log.Error(strings.TrimSpace(err.Error()) + hint)
	return code
}
