package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Commands are answered in their order, and the end of the input ends the program.
func TestCommandsChangeTheSimulator(t *testing.T) {
	var stdout, stderr bytes.Buffer
	cmd := newCommand()
	cmd.SetArgs([]string{"--control", "--shared-market", "--quiet"})
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	var commands strings.Builder
	var want []string
	for _, test := range [][2]string{
		{"advance-to 2026-11-15T23:01", "ok"},
		{"present", "ok 1794783660000000000"},
		{"  advance   2 ", "ok 2"},
		{"advance-to 2026-11-15T23:00", "error the market is at 2026-11-15T23:01:00.000000000Z already, it cannot go back"},
		{"advance-to soon", `error invalid time "soon"`},
		{"advance -1", `error "-1": want a number, 0 or more`},
		{"advance 100000000", "ok "},
		{"advance 1", "ok 0"},
		{"keep-from 2026-11-15T23:00", "ok"},
		{"fault close=5,on=1", "ok 1"},
		{"fault nonsense", `error fault "nonsense" is unknown`},
		{"fault reset=greeting", "ok 2"},
		{"fired 2", "ok 0"},
		{"remove 2", "ok"},
		{"remove 3", "error there is no fault 3: 2 were added"},
		{"fired x", `error "x": want a number, 0 or more`},
		{"reset", "ok 0"},
		{"await-ended 0", "ok"},
		{"await-subscribed 0", "ok"},
		{"fly", `error there is no command "fly", dbn-sim --help lists them`},
	} {
		commands.WriteString(test[0] + "\n\n")
		want = append(want, test[1])
	}
	cmd.SetIn(strings.NewReader(commands.String()))
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")[1:] // after the address
	if len(answers) != len(want) {
		t.Fatalf("%d answers, want %d: %v", len(answers), len(want), answers)
	}
	for i, answer := range answers {
		if !strings.HasPrefix(answer, want[i]) || (want[i] == "ok" && answer != "ok") {
			t.Errorf("answer %d is %q, want %q", i+1, answer, want[i])
		}
	}
	if stderr.Len() > 0 {
		t.Errorf("on standard error: %s", stderr.String())
	}
}

// A program that was started with commands waits for sessions, and ends with its input.
func TestCommandsOfARunningProgram(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--control", "--quiet", "--close-at-end")
	cmd.Env = append(os.Environ(), "BE_DBN_SIM=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	line := func() string {
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(text, "\n")
	}
	address := strings.TrimPrefix(line(), "listening on ")
	ask := func(command string) string {
		if _, err := io.WriteString(stdin, command+"\n"); err != nil {
			t.Fatal(err)
		}
		return line()
	}
	got := []string{ask("fault close=greeting"), greeting(t, address)[:12], ask("await-ended 1"), ask("fired 1"), ask("advance 1")}
	if diff := cmp.Diff([]string{"ok 1", "lsg_version=", "ok", "ok 1", "error there is no market to move, start dbn-sim with --shared-market"}, got); diff != "" {
		t.Error(diff)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
