package output

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// Part is a file that is written under the name of a part and gets its own name when
// it is complete: nobody ever finds a half of it under its own. The part is always a new
// file, so that it replaces neither what an earlier run kept nor anything else.
type Part struct {
	file   *os.File // read as well: see rescue
	name   string   // FILE.part, FILE.part.2…
	final  string   // FILE, or what it links to
	output *Output
	others []string // parts that were there before
}

// Name is where the part is.
func (p *Part) Name() string { return p.name }

// File is the part, to be read.
func (p *Part) File() io.ReadSeeker { return p.file }

// PartSuffix follows the name of a file that holds a part of what was asked for.
const PartSuffix = ".part"

// maxParts bounds the search for a free name.
const maxParts = 1000

// PartName is the name of a part of a file: the first one is 1.
func PartName(path string, number int) string {
	if number == 1 {
		return path + PartSuffix
	}
	return fmt.Sprintf("%s%s.%d", path, PartSuffix, number)
}

// openPart makes the part of a file, under the first name that is free.
func (o *Output) openPart(path string) (*Part, error) {
	p := &Part{final: path, output: o}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
		if p.final, err = filepath.EvalSymlinks(path); err != nil {
			return nil, exit.BadUsage("%s is a symbolic link to a file that does not exist: name that file", path)
		}
	}
	for number := 1; ; number++ {
		var err error
		p.name = PartName(p.final, number)
		p.file, err = os.OpenFile(p.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) && number < maxParts {
			p.others = append(p.others, p.name)
			continue
		}
		if err != nil {
			return nil, exit.Fail(exit.Failure, "cannot write %s: %w", path, err)
		}
		return p, nil
	}
}

// OpenFiles makes the files of data that is paid for before it is asked for: what cannot
// be written is not to be billed. It gives the parts that were there before.
func (o *Output) OpenFiles() (others []string, err error) {
	o.opened = make(map[string]*Part)
	for _, path := range []string{o.Path, o.Tee} {
		if path == "" || o.Many != nil && path == o.Path || !term.IsRegularOrNew(path) {
			continue
		}
		if o.opened[path], err = o.openPart(path); err != nil {
			delete(o.opened, path)
			return nil, err
		}
		others = append(others, o.opened[path].others...)
	}
	return others, nil
}

// ReleaseFiles removes the files of openFiles that nothing was written to.
func (o *Output) ReleaseFiles() {
	for path := range o.opened {
		o.TakePart(path).remove()
	}
}

// TakePart is a file that openFiles made; nil: it made none.
func (o *Output) TakePart(path string) *Part {
	p := o.opened[path]
	delete(o.opened, path)
	return p
}

// end closes the part, after a write that failed or after none. What was paid for is kept.
func (p *Part) end(broken bool) error {
	o := p.output
	switch {
	case o.cut && o.empty, broken && !o.Paid:
		p.remove()
		return nil
	case o.cut, broken:
		return p.Keep()
	}
	return p.Publish()
}

// Keep leaves what there is under the name of the part.
func (p *Part) Keep() error {
	if p.empty() {
		p.remove()
		return nil
	}
	err := p.settle()
	p.noteKept()
	return err
}

func (p *Part) noteKept() {
	if p.name != "" {
		p.output.NoteKept(p.name)
	}
}

// NoteKept says where data is kept that is not all of what was asked for.
func (o *Output) NoteKept(where string) { o.kept = append(o.kept, where) }

// Publish gives the complete file its name. Without --force it never replaces a file that
// came to be in the meantime: what was paid for then stays a part.
func (p *Part) Publish() error {
	err := p.settle()
	if err == nil {
		err = p.rename()
	}
	switch {
	case err == nil && p.output.Paid:
		SyncDirectory(p.final)
	case err == nil:
	case p.output.Paid:
		p.noteKept()
	default:
		os.Remove(p.name) //nolint:errcheck // nothing else can be done
	}
	return err
}

// settle closes the file. It sees to it that what was paid for is on the disk, under a
// name; that is empty when there is no other one to replace the one that was taken.
func (p *Part) settle() (err error) {
	name := p.name
	if !p.named() {
		if err = p.rescue(); err != nil {
			err = fmt.Errorf("it was removed or replaced, and cannot be saved: %w", causeOf(err))
			p.name = ""
		}
	}
	if err == nil && p.output.Paid {
		err = p.file.Sync()
		SyncDirectory(p.name)
	}
	if err = cmp.Or(err, p.file.Close()); err != nil {
		return exit.Fail(exit.Failure, "cannot write to %s: %w", name, causeOf(err))
	}
	return nil
}

func (p *Part) rename() error {
	if err := Rename(p.name, p.final, p.output.Force); err != nil {
		return exit.Fail(exit.Failure, "cannot rename %s to %s: %w", p.name, p.final, err)
	}
	return nil
}

// Rename gives a complete file its name. Without force it never replaces a file. The error does not
// repeat the names.
func Rename(from, to string, force bool) error {
	var err error
	if force {
		err = os.Rename(from, to)
	} else {
		err = unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
			err = claim(from, to)
		}
	}
	return causeOf(err)
}

// claim renames on a file system that cannot refuse to replace a file: what is replaced is
// an empty file of our own.
func claim(from, to string) error {
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	file.Close() //nolint:errcheck // it is empty
	return os.Rename(from, to)
}

// named reports whether the name still stands for the file that is being written.
func (p *Part) named() bool {
	held, err1 := p.file.Stat()
	now, err2 := os.Lstat(p.name)
	return err1 == nil && err2 == nil && os.SameFile(held, now)
}

// rescue copies a file whose name was taken from it to a new one.
func (p *Part) rescue() error {
	again, err := p.output.openPart(p.final)
	if err != nil {
		return err
	}
	lost := p.file
	defer lost.Close()
	p.file, p.name = again.file, again.name
	if _, err := lost.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(p.file, lost)
	return err
}

func (p *Part) empty() bool {
	info, err := p.file.Stat()
	return err == nil && info.Size() == 0
}

func (p *Part) remove() {
	if p.named() {
		os.Remove(p.name) //nolint:errcheck // nothing else can be done
	}
	p.file.Close() //nolint:errcheck // nothing else can be done
}

// SyncDirectory brings a file's name to the disk, where the file system can.
func SyncDirectory(path string) {
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync()  //nolint:errcheck // not every file system can
		dir.Close() //nolint:errcheck // it was only read
	}
}

// KeptPart names the files that hold what came, to follow how many records did.
func (o *Output) KeptPart() string {
	switch {
	case len(o.kept) == 0 || o.Metadata:
		return ""
	case o.short:
		return ", of which what could be written is kept in " + strings.Join(o.kept, " and ")
	}
	return ", kept in " + strings.Join(o.kept, " and ")
}

// AllKept is the end of a file that is complete, but could not have its name.
func (o *Output) AllKept(err error, records uint64) error {
	if len(o.kept) == 0 {
		return err
	}
	return exit.Fail(exit.FromError(err), "%w; all that was received (%s) is kept in %s",
		err, term.Plural(records, "record"), strings.Join(o.kept, " and "))
}
