package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
)

func TestHelpFitsTheTerminalAndGroupsEveryFlag(t *testing.T) {
	for _, path := range [][]string{nil, {"status"}} {
		cmd, _, err := newCommand().Find(path)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd.SetOut(&out)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if len(line) > cli.HelpWidth {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	}
	var grouped []string
	for _, group := range help.Groups {
		grouped = append(grouped, group.Names...)
	}
	newCommand().LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if !slices.Contains(append(grouped, "help", "version"), flag.Name) {
			t.Errorf("--%s is in no group of help.go", flag.Name)
		}
	})
}
