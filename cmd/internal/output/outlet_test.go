package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
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

func TestASignalEndsAWriteThatIsStuck(t *testing.T) {
	asked := askedToEnd(t)
	r, w := pipe(t)
	d := &destination{name: "standard output", w: term.Patient(w)}
	failed := make(chan error)
	go func() {
		_, err := d.Write(make([]byte, 1<<20)) // more than a pipe holds
		failed <- err
	}()
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil { // it is in the write
		t.Fatal(err)
	}
	asked.Ask(syscall.SIGTERM)
	err := <-failed
	var signaled exit.Signal
	var stuck *exit.StuckError
	if !errors.As(err, &stuck) || !errors.As(err, &signaled) || syscall.Signal(signaled) != syscall.SIGTERM || !exit.HasNoReader(err) {
		t.Errorf("%v", err)
	}
	if exit.EndedBy(err, signaled) != "terminated; the output took nothing more, its end is missing" {
		t.Errorf("%q", exit.EndedBy(err, signaled))
	}
	if _, err := d.Write([]byte("more")); !errors.As(err, &stuck) {
		t.Errorf("a write after it: %v", err)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfPatientWritesAreTheirOwn(t *testing.T) {
	r, w := pipe(t)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	d := &destination{name: "standard output", w: term.Patient(w)}
	if _, err := d.Write([]byte("x")); !errors.Is(err, exit.ErrReaderGone) {
		t.Errorf("%v", err)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
	if file, err := os.Create(filepath.Join(t.TempDir(), "x")); err != nil || term.Patient(file) != io.Writer(file) {
		t.Errorf("a regular file is written patiently: %v", err)
	} else {
		file.Close()
	}
}
