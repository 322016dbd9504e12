package term

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// askedToEnd is a process that was asked to end by a signal, until the test ends.
func askedToEnd(t *testing.T) *exit.Request {
	t.Helper()
	asked, restore := exit.Replace()
	t.Cleanup(restore)
	return asked
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close() // and a write that is still stuck ends
		w.Close()
	})
	return r, w
}

func TestWhoReadsGetsEverythingAfterASignal(t *testing.T) {
	asked := askedToEnd(t)
	asked.Ask(syscall.SIGINT)
	r, w := pipe(t)
	out := Patient(w)
	text := bytes.Repeat([]byte("0123456789"), 100_000)
	failed := make(chan error)
	go func() {
		_, err := out.Write(text)
		w.Close()
		failed <- err
	}()
	got, err := io.ReadAll(r)
	if err := errors.Join(err, <-failed); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	out.(*Outlet).Close()
}

func TestANamedPipeIsWaitedForUntilASignal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	askedToEnd(t).Ask(syscall.SIGTERM)
	var stuck *exit.StuckError
	if _, err := OpenPatiently(path, os.O_WRONLY); !errors.As(err, &stuck) {
		t.Errorf("%v", err)
	}
	// The open that was given up ends when a reader comes.
	reader, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
}
