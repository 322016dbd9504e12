package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/survey"
	"github.com/dbnloop/dbnloop/dbn"
)

// Log appends the entries of one capture to a manifest. It is used by one goroutine at a time.
type Log struct {
	directory string
	path      string
	capture   string
	dataset   string
	file      *os.File
	now       func() time.Time
}

// Open opens the manifest in a directory, or begins it. The capture is the pattern of its files,
// relative to the directory.
func Open(directory, capture, dataset string) (*Log, error) {
	l := &Log{directory: directory, path: filepath.Join(directory, Name), capture: capture, dataset: dataset, now: time.Now}
	_, err := os.Lstat(l.path)
	begins := errors.Is(err, os.ErrNotExist)
	if l.file, err = os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666); err != nil {
		return nil, l.failed(err)
	}
	if begins { // its name must survive, too
		err = syncDirectory(directory)
	}
	if err == nil {
		err = l.locked(func() error { return nil })
	}
	if err != nil {
		l.file.Close() //nolint:errcheck // the first error counts
		return nil, l.failed(err)
	}
	return l, nil
}

// Close closes the manifest.
func (l *Log) Close() error { return l.file.Close() }

// Begin notes that the capture begins, or that it continues where an earlier run ended.
func (l *Log) Begin(resumed bool, subscriptions []Subscription) error {
	return l.append(Entry{Kind: KindBegin, Dataset: l.dataset, Resumed: resumed, Subscriptions: subscriptions})
}

// Finished notes a file that is complete and has its name.
func (l *Log) Finished(path string, t *Tally) error {
	relative, err := l.relative(path)
	if err != nil {
		return err
	}
	e := FileEntry(relative, t)
	e.Dataset = l.dataset
	return l.append(e)
}

// Break is a stretch of the stream that a broken session left out.
type Break struct {
	Path     string        // of the file that was being written; empty: none was
	Schema   dbn.Schema    // dbn.SchemaNone: all of them
	From, To dbn.UnixNanos // inclusive; 0: not known
}

// Gap notes that records may be missing.
func (l *Log) Gap(b Break, reason string) error {
	e, err := l.entryOf(KindGap, b)
	if err != nil {
		return err
	}
	e.Reason = reason
	return l.append(e)
}

// Filled notes that a break of the stream was filled by a number of records, some of which had come
// before.
func (l *Log) Filled(b Break, replayed, repeated uint64) error {
	e, err := l.entryOf(KindFilled, b)
	if err != nil {
		return err
	}
	e.Replayed, e.Repeated = replayed, repeated
	return l.append(e)
}

func (l *Log) entryOf(kind string, b Break) (e Entry, err error) {
	e.Kind = kind
	if b.Path != "" {
		if e.Path, err = l.relative(b.Path); err != nil {
			return e, err
		}
	}
	if b.Schema != dbn.SchemaNone {
		e.Schema = b.Schema.String()
	}
	if b.From != 0 {
		e.From = survey.TimeOf(b.From)
	}
	if b.To != 0 {
		e.To = survey.TimeOf(b.To)
	}
	return e, nil
}

// Recreate notes the complete files among the paths that the manifest lacks, because their writer
// was killed between completing and noting them. It returns how many these were.
func (l *Log) Recreate(paths []string) (n int, err error) {
	known, err := Read(l.path)
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		relative, err := l.relative(path)
		if err != nil {
			return n, err
		}
		if known.File(relative) != nil {
			continue
		}
		f, err := surveyFile(path, nil)
		if err != nil {
			return n, exit.Fail(exit.Failure, "%s: %w", path, pathless(err))
		}
		if f.Fault != nil {
			continue // it is not complete, so it gets no entry: verify reports it
		}
		e := FileEntry(relative, TallyOf(f))
		e.Dataset, e.Recreated = l.dataset, true
		if err := l.append(e); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// relative is a path as it stands in the manifest.
func (l *Log) relative(path string) (string, error) {
	relative, err := filepath.Rel(l.directory, path)
	if err != nil || !filepath.IsLocal(relative) {
		return "", exit.Fail(exit.Failure, "%s is not in the directory of its manifest, %s", path, l.path)
	}
	return filepath.ToSlash(relative), nil
}

// append writes an entry, complete or not at all, and synchronises it to the disk.
func (l *Log) append(e Entry) error {
	e.Capture, e.Time = l.capture, survey.Time(dbn.UnixNanosOf(l.now()))
	var line bytes.Buffer
	encoder := json.NewEncoder(cli.PlainJSON(&line))
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return l.failed(err)
	}
	err := l.locked(func() error {
		size, err := l.file.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if _, err = l.file.Write(line.Bytes()); err == nil {
			err = l.file.Sync()
		}
		if err != nil { // a full disk keeps what was there
			l.file.Truncate(size) //nolint:errcheck // the next writer removes it
		}
		return err
	})
	return l.failed(err)
}

// locked calls f while no other process writes, after removing what a killed one left of a line.
func (l *Log) locked(f func() error) error {
	fd := int(l.file.Fd())
	for {
		err := unix.Flock(fd, unix.LOCK_EX)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	defer unix.Flock(fd, unix.LOCK_UN) //nolint:errcheck // closing unlocks as well
	if err := l.repair(); err != nil {
		return err
	}
	return f()
}

// repair removes an incomplete last line.
func (l *Log) repair() error {
	size, err := l.file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	end := size
	var block [4096]byte
	for end > 0 {
		at := max(0, end-int64(len(block)))
		b := block[:end-at]
		if _, err := l.file.ReadAt(b, at); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			end = at + int64(i) + 1
			break
		}
		end = at
	}
	if end == size {
		return nil
	}
	return l.file.Truncate(end)
}

func (l *Log) failed(err error) error {
	if err == nil || exit.IsOwn(err) {
		return err
	}
	return exit.Fail(exit.Failure, "cannot write the manifest %s: %w", l.path, pathless(err))
}

// pathless is an error without the path, which the message has already.
func pathless(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close() //nolint:errcheck // it was only synchronised
	return directory.Sync()
}
