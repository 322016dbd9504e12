package files

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// following is what is known of a file that is read while it grows.
type following struct {
	in     *input
	byName bool
	watch  *fileWatch
	gone   bool // it was reported that the name stands for nothing any more
	moved  bool // the reader was given the end, and continues in another file
}

func newFollowing(in *input, byName bool) *following {
	return &following{in: in, byName: byName, watch: newFileWatch(in.name, byName)}
}

// atEnd is called when all that there is has been read. It returns nil when there may be
// more, io.EOF when another file follows, and else the reason to end.
func (f *following) atEnd() error {
	run := f.in.run
	if run.stream != nil {
		run.stream.CaughtUp()
		if run.stream.Over() {
			return cmp.Or(run.stream.Err(), io.EOF)
		}
	}
	if f.truncated() {
		run.log.Warn(f.in.name + " was truncated: reading it from its beginning")
		f.moved = true
		if _, err := f.in.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return io.EOF
	}
	if f.byName {
		if moved, err := f.replaced(); moved || err != nil {
			return err
		}
	}
	_, err := run.wake.wait(f.watch.fd, f.watch.patience())
	f.watch.drain()
	return err
}

// truncated reports whether the file ends before what was read already.
func (f *following) truncated() bool {
	at, err := f.in.file.Seek(0, io.SeekCurrent)
	return err == nil && f.in.size() < at
}

// replaced looks whether the name stands for another file now, and opens that one. The old
// one is read to its end before, with what came in the last moment.
func (f *following) replaced() (moved bool, err error) {
	now, err := os.Stat(f.in.name)
	if err != nil {
		if !f.gone {
			f.gone = true
			f.in.run.log.Warn(f.in.name + " is not there any more: waiting for a new one")
		}
		return false, nil
	}
	old, err := f.in.file.Stat()
	if err != nil || os.SameFile(old, now) {
		f.gone = false
		return false, err
	}
	if at, err := f.in.file.Seek(0, io.SeekCurrent); err != nil || at < old.Size() {
		return true, err // there is more in the old one
	}
	file, err := os.Open(f.in.name)
	if err != nil { // it has gone again
		return false, nil //nolint:nilerr // and will be waited for
	}
	f.in.run.log.Info(f.in.name + " was replaced: following the new file")
	f.in.file.Close() //nolint:errcheck // it was only read
	f.in.file, f.in.reader, f.gone, f.moved = file, file, false, true
	f.watch.close()
	f.watch = newFileWatch(f.in.name, true)
	return true, io.EOF
}

// fileWatch makes a descriptor readable when a file changes.
type fileWatch struct {
	fd int // inotify; -1: none
}

const (
	// watchPatience bounds the wait, for what inotify does not see (a network's directories).
	watchPatience = time.Second
	pollPatience  = 200 * time.Millisecond
)

// newFileWatch watches a file, and with its name also the directory it is in. Where inotify
// is not to be had, the wait is a short one.
func newFileWatch(name string, byName bool) *fileWatch {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return &fileWatch{-1}
	}
	const changes = unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF
	_, err = unix.InotifyAddWatch(fd, name, changes)
	if byName {
		_, err = unix.InotifyAddWatch(fd, filepath.Dir(name), unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR)
	}
	if err != nil {
		unix.Close(fd) //nolint:errcheck // nothing is lost with it
		return &fileWatch{-1}
	}
	return &fileWatch{fd}
}

func (w *fileWatch) patience() time.Duration {
	if w.fd < 0 {
		return pollPatience
	}
	return watchPatience
}

// drain forgets the events: what they say is looked up.
func (w *fileWatch) drain() {
	var events [4096]byte
	for w.fd >= 0 {
		if n, err := unix.Read(w.fd, events[:]); err != nil || n <= 0 {
			return
		}
	}
}

func (w *fileWatch) close() {
	if w.fd >= 0 {
		unix.Close(w.fd) //nolint:errcheck // nothing is lost with it
		w.fd = -1
	}
}
