package files

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// wakeup is what a program that reads files waits with: for bytes or changes, for a signal,
// for the reader of its output to go away.
type wakeup struct {
	stop   atomic.Int64 // the signal that ends the program; 0: none
	state  atomic.Bool  // SIGUSR1 asks for the state
	event  int          // eventfd that a signal's goroutine makes readable
	output int          // a pipe on standard output; -1: none
}

func newWakeup(stdout io.Writer, path string) (*wakeup, error) {
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	w := &wakeup{event: event, output: -1}
	if fd, ok := term.Descriptor(stdout); ok && path == "" && term.IsPipe(fd) {
		w.output = fd
	}
	return w, nil
}

func (w *wakeup) close() { unix.Close(w.event) } //nolint:errcheck // nothing is lost with it

// signal wakes the program up, from any goroutine.
func (w *wakeup) signal() {
	one := [8]byte{1}
	unix.Write(w.event, one[:]) //nolint:errcheck // full means that it is signalled already
}

func (w *wakeup) stopBy(number syscall.Signal) {
	w.stop.Store(int64(number))
	w.signal()
}

func (w *wakeup) askState() {
	w.state.Store(true)
	w.signal()
}

// check gives the reason to end, if there is one.
func (w *wakeup) check() error {
	if number := w.stop.Load(); number != 0 {
		return exit.Signal(syscall.Signal(number))
	}
	return nil
}

// wait returns when fd can be read (-1: no fd), when the state is asked for, or after the
// timeout (negative: none); or with the reason to end.
func (w *wakeup) wait(fd int, timeout time.Duration) (ready bool, err error) {
	const hangUp = unix.POLLERR | unix.POLLHUP | unix.POLLNVAL
	fds := []unix.PollFd{
		{Fd: int32(w.event), Events: unix.POLLIN}, {Fd: int32(w.output)}, {Fd: int32(fd), Events: unix.POLLIN},
	}
	milliseconds := -1
	if timeout >= 0 {
		milliseconds = int((timeout + time.Millisecond - 1) / time.Millisecond)
	}
	if _, err := unix.Poll(fds, milliseconds); err != nil && !errors.Is(err, unix.EINTR) {
		return false, os.NewSyscallError("poll", err)
	}
	if fds[0].Revents != 0 {
		var count [8]byte
		unix.Read(w.event, count[:]) //nolint:errcheck // it was readable, and need not be
	}
	if err := w.check(); err != nil {
		return false, err
	}
	if fds[1].Revents&hangUp != 0 {
		return false, exit.ErrReaderGone
	}
	return fds[2].Revents != 0, nil
}
