package tail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// wholeFile is written under another name in the same folder, so that nobody ever finds a
// half of it under its own.
type wholeFile struct {
	temporary, final string
	overwrite        bool
	output           *output
}

// cutSuffix is behind the name of a file that holds a part of what was asked for.
const cutSuffix = ".part"

// openWhole opens the output file under a temporary name.
func (o *output) openWhole() (*destination, error) {
	w := &wholeFile{final: o.path, overwrite: o.force, output: o}
	folder, base := filepath.Split(o.path)
	for try := 0; ; try++ {
		w.temporary = filepath.Join(folder, fmt.Sprintf(".%s.%d-%d.tmp", base, os.Getpid(), try))
		file, err := os.OpenFile(w.temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) && try < 100 {
			continue
		}
		if err != nil {
			return nil, fail(ExitFailure, "cannot write %s: %w", o.path, err)
		}
		return &destination{name: o.path, w: file, file: file, whole: w}, nil
	}
}

// publish gives the file its name. Without --force it never replaces one that came to be
// in the meantime.
func (w *wholeFile) publish() error {
	if w.output.cut && w.output.empty {
		w.remove()
		return nil
	}
	if w.output.cut {
		return w.cleanUp(os.Rename(w.temporary, w.final+cutSuffix))
	}
	if w.overwrite {
		return w.cleanUp(os.Rename(w.temporary, w.final))
	}
	err := unix.Renameat2(unix.AT_FDCWD, w.temporary, unix.AT_FDCWD, w.final, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// A file system without that: a link does not replace anything either.
		if err = os.Link(w.temporary, w.final); err == nil {
			w.remove()
		}
	}
	return w.cleanUp(err)
}

func (w *wholeFile) cleanUp(err error) error {
	if err != nil {
		w.remove()
	}
	return err
}

func (w *wholeFile) remove() { os.Remove(w.temporary) } //nolint:errcheck // nothing else can be done

// keptPart tells where the part of the file is that came.
func (o *output) keptPart() string {
	if !o.cut || o.path == "" || o.empty || o.metadata {
		return ""
	}
	return ", kept in " + o.path + cutSuffix
}
