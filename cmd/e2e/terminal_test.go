package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// openTerminal makes a pseudo terminal of some columns.
func openTerminal(t *testing.T, columns uint16) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, terminal
}

// onTerminal runs dbn-tail on a terminal and gives what it shows.
func onTerminal(t *testing.T, columns uint16, args ...string) (shown string, code int, p *process) {
	t.Helper()
	master, terminal := openTerminal(t, columns)
	p = startOn(t, terminal, args...)
	terminal.Close()
	// Reading fails with EIO when the last user of the terminal has gone.
	text, err := io.ReadAll(master)
	if err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n"), p.wait(), p
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestATerminalGetsATableThatFits(t *testing.T) {
	gateway := simulator(t, "--close-at-end")
	args := []string{"-d", "GLBX.MDP3", "-s", "mbp-10,trades", "-l", "200", "--gateway", gateway, "--all-symbols", "-y"}
	for _, columns := range []uint16{40, 50, 80, 100, 200} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			shown, code, p := onTerminal(t, columns, args...)
			if code != 0 {
				t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
			}
			if !escapes.MatchString(shown) {
				t.Error("no colors")
			}
			rows := 0
			for line := range strings.Lines(escapes.ReplaceAllString(shown, "")) {
				line = strings.TrimSuffix(line, "\n")
				if n := len([]rune(line)); n > int(columns) {
					t.Fatalf("a line of %d characters: %q", n, line)
				}
				if regexp.MustCompile(`^\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})? (mbp-10|trades) +[A-Z]{2,3}\d `).MatchString(line) {
					rows++
				}
			}
			if rows != 200 {
				t.Errorf("%d rows, want 200", rows)
			}
		})
	}
	t.Run("without colors", func(t *testing.T) {
		shown, _, _ := onTerminal(t, 100, append(args, "--color", "never")...)
		if escapes.MatchString(shown) || !strings.HasPrefix(shown, "TIME (UTC)") {
			t.Errorf("%.200q", shown)
		}
	})
	t.Run("JSON on request", func(t *testing.T) {
		shown, _, _ := onTerminal(t, 100, append(args, "-J")...)
		if !strings.HasPrefix(shown, `{"ts_recv":`) {
			t.Errorf("%.200q", shown)
		}
	})
}

// A terminal that changes its size while records come gets rows that fit the new one.
func TestATableFollowsItsTerminal(t *testing.T) {
	master, terminal := openTerminal(t, 140)
	data, err := sample.Data.ReadFile("data/mbp-1.dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := dbn.NewDecoder(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	cmd := exec.Command(filepath.Join(programs, "dbn-tail"), "--table", "-s", "mbp-1", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	encoder, err := dbn.NewEncoder(stdin, decoder.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(master)
	for _, columns := range []uint16{140, 40, 80} {
		if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
			t.Fatal(err)
		}
		// The first records after a change may still have the old size: the signal comes beside them.
		for fitting := 0; fitting < 20; {
			r, err := decoder.Next()
			if err != nil {
				t.Fatalf("%d rows fit into %d columns, then: %v", fitting, columns, err)
			}
			if err := encoder.Write(r); err != nil {
				t.Fatal(err)
			}
			for row := false; !row && lines.Scan(); {
				line := strings.TrimRight(escapes.ReplaceAllString(lines.Text(), ""), "\r")
				fits := len([]rune(line)) <= int(columns)
				if !fits && fitting > 0 {
					t.Fatalf("a line of %d characters at %d columns: %q", len([]rune(line)), columns, line)
				}
				if row = regexp.MustCompile(`^\d\d:\d\d:\d\d`).MatchString(line); row && fits {
					fitting++
				}
			}
		}
	}
	if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
		t.Error(err)
	}
}

func TestBinaryDataIsKeptOffTerminals(t *testing.T) {
	for _, flag := range []string{"-D", "-z"} {
		shown, code, p := onTerminal(t, 80, "-d", "GLBX.MDP3", "-s", "trades", flag, "ESZ6")
		if code != 2 || shown != "" || !strings.Contains(p.stderr.String(), "binary data does not belong on a terminal") {
			t.Errorf("%s: exit code %d, shown %q, stderr %q", flag, code, shown, p.stderr)
		}
	}
}

func TestAWholeDatasetIsSubscribedOnlyWhenConfirmed(t *testing.T) {
	gateway := simulator(t, "--close-at-end")
	for answer, want := range map[string]int{"y": 0, "no": 2, "": 2} {
		t.Run("answer "+answer, func(t *testing.T) {
			master, terminal := openTerminal(t, 80)
			defer terminal.Close()
			if _, err := master.WriteString(answer + "\n"); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(filepath.Join(programs, "dbn-tail"), "-d", "GLBX.MDP3", "-s", "status", "--gateway", gateway, "-J", "-l", "4", "--all-symbols")
			cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
			cmd.Stdin = terminal
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != want || (stdout.Len() > 0) != (want == 0) {
				t.Errorf("exit code %d, want %d; stdout %.80q", got, want, stdout.String())
			}
			if !strings.Contains(stderr.String(), "Subscribe to every symbol of GLBX.MDP3 (status)?") {
				t.Errorf("stderr: %q", stderr.String())
			}
		})
	}
}
