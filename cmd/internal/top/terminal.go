package top

import (
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// terminal restores a terminal when the program ends at once, without its usual cleaning up.
type terminal struct {
	out   io.Writer
	fd    int
	state *unix.Termios
}

func openTerminal(stdout io.Writer) (*terminal, error) {
	fd, _ := term.Descriptor(stdout)
	state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, exit.Fail(exit.Failure, "cannot use the terminal: %w", err)
	}
	return &terminal{stdout, fd, state}, nil
}

// usualScreen leaves the alternate screen, shows the cursor, and ends the modes of the keyboard.
const usualScreen = "\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[?2026l\x1b[<u\x1b[>4m\x1b[0m"

// restore makes the terminal usable again, even one that takes no output.
func (t *terminal) restore() {
	unix.IoctlSetTermios(t.fd, unix.TCSETS, t.state) //nolint:errcheck // there is nothing else to do
	written := make(chan struct{})
	go func() {
		io.WriteString(t.out, usualScreen) //nolint:errcheck // as above
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(patience / 4):
	}
}

// suspendOnSignal asks the screen to suspend itself when SIGTSTP comes, which Ctrl+Z sends as well.
// A process of Go that has caught this signal cannot leave it to the system again; see stop.
func suspendOnSignal(send func(tea.Msg)) (end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTSTP)
	go func() {
		for range signals {
			send(suspendMsg{})
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

// suspend asks for this process to be stopped, and those of its pipeline.
func suspend() { syscall.Kill(0, syscall.SIGTSTP) } //nolint:errcheck // it exists

// stop stops the process until the shell continues it. The signal has taken effect when the call
// returns, because it is sent to the thread that calls.
func stop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGSTOP) //nolint:errcheck // without it, nothing stops
}
