package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is as it was when the screen is gone, whatever ended it.
func TestTheScreenOfTopLeavesTheTerminalAsItWas(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(keys io.Writer, p *os.Process) error
		code int
	}{
		"q":       {func(keys io.Writer, _ *os.Process) error { _, err := keys.Write([]byte("q")); return err }, 0},
		"Ctrl+C":  {func(keys io.Writer, _ *os.Process) error { _, err := keys.Write([]byte{3}); return err }, 130},
		"SIGTERM": {func(_ io.Writer, p *os.Process) error { return p.Signal(syscall.SIGTERM) }, 143},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master, terminal := openTerminal(t, 80)
			defer terminal.Close()
			before, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(filepath.Join(programs, "dbn-tail"), "top", "--demo")
			cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
			stderr := newWatched()
			cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			guard := time.AfterFunc(patience, func() { cmd.Process.Kill() }) //nolint:errcheck // it may have ended
			defer guard.Stop()
			shown := newWatched()
			read := make(chan struct{})
			go func() {
				io.Copy(shown, master) //nolint:errcheck // it ends with EIO
				shown.close()
				close(read)
			}()
			if !shown.await(`ESZ6 .*6\d\d\d\.\d\d`) {
				t.Errorf("shown: %q", shown)
			}
			if err := c.end(master, cmd.Process); err != nil {
				t.Error(err)
			}
			cmd.Wait() //nolint:errcheck // the exit code says it
			if code := cmd.ProcessState.ExitCode(); code != c.code || stderr.String() != "" {
				t.Errorf("exit code %d, want %d; stderr: %s", code, c.code, stderr)
			}
			after, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
			if err != nil || *after != *before {
				t.Errorf("the terminal was %+v, and is %+v (%v)", before, after, err)
			}
			terminal.Close()
			<-read
			if !shown.await(`\x1b\[\?1049h(.|\n|\r)*\x1b\[\?1049l\x1b\[\?25h`) {
				t.Errorf("the usual screen did not come back: %q", shown)
			}
		})
	}
}
