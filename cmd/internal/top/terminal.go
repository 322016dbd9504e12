package top

import (
	"io"
	"os"
	"os/signal"
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

// suspendOnSignal lets SIGTSTP stop the program as Ctrl+Z does: with a terminal that the shell can
// use. The signal stops the process only while it is not caught.
func suspendOnSignal(program *tea.Program, screen *model) (end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTSTP)
	screen.suspend = func() { signal.Reset(syscall.SIGTSTP) }
	screen.resumed = func() { signal.Notify(signals, syscall.SIGTSTP) }
	go func() {
		for range signals {
			program.Send(suspendMsg{})
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
