package capture

import (
	"bufio"
	"os"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/split"
	"github.com/dbnloop/dbnloop/dbn"
)

// Files is a capture of several files that is continued.
type Files struct {
	Position  []byte           // for ContinuousClient.ResumeFrom; nil: there is no file
	Records   uint64           // in the file that is continued
	Newest    string           // the newest file; "": there was not one
	Cut       int64            // bytes that were removed from its end
	Continued *split.Continued // nil: a new file follows the newest one
	After     time.Time        // in the newest file's name
	Part      int              // likewise
}

// ResumePattern finds where the newest file of a capture ends, and repairs it when its writer was
// killed. What came shortly before may stand in older files: they are read as well.
func ResumePattern(p *split.Pattern, want Wanted) (*Files, error) {
	found, err := split.Find(p)
	if err != nil {
		return nil, exit.Fail(exit.Failure, "--resume %s: %w", p, cause(err))
	}
	files := new(Files)
	for len(found) > 0 {
		newest, older := found[len(found)-1], found[:len(found)-1]
		usable, err := files.resume(newest, older, want)
		if err != nil {
			return nil, err
		}
		if usable {
			files.Newest = newest.File()
			break
		}
		// Its writer was killed before it had written anything that can be read.
		if err := os.Remove(newest.File()); err != nil {
			return nil, explain(newest.File(), err)
		}
		found = older
	}
	return files, nil
}

// resume continues one file, if anything can be read of it.
func (files *Files) resume(newest split.Found, older []split.Found, want Wanted) (usable bool, err error) {
	path := newest.File()
	fd, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, exit.Fail(exit.Failure, "--resume: cannot open %s: %w", path, cause(err))
	}
	f := &File{lock: fd}
	defer func() {
		if files.Continued == nil {
			fd.Close() //nolint:errcheck // nothing was written to it
		}
	}()
	check := &checker{want: want}
	defer check.close()
	if err := check.past(newest, older); err != nil {
		return false, err
	}
	if err := f.open(path, check); err != nil || f.nothing {
		return false, err
	}
	files.Position, files.Records, files.Cut = f.Position, f.Records, f.Cut
	files.After, files.Part = newest.At, newest.N
	if newest.Part {
		files.Continued, err = split.Continue(newest, fd)
	}
	return true, err
}

// past reads the older files whose records a gateway may send again.
func (c *checker) past(newest split.Found, older []split.Found) error {
	start, err := startOf(newest)
	if err != nil {
		return nil //nolint:nilerr // it is read again, and explained
	}
	from := len(older)
	for from > 0 {
		from--
		begun, err := startOf(older[from])
		if err == nil && begun+dbn.UnixNanos(reach(c.want.Schemas)) <= start {
			break
		}
	}
	for _, f := range older[from:] {
		if f.Part {
			return exit.Fail(exit.Failure, "--resume: %s was left by an interrupted capture, and newer files follow it: move it to another directory", f.File())
		}
		if err := c.readPast(f); err != nil {
			return explain(f.File(), err)
		}
		c.next()
	}
	return nil
}

// readPast reads one older file.
func (c *checker) readPast(f split.Found) error {
	if err := c.begin(); err != nil {
		return err
	}
	file, err := os.Open(f.File())
	if err != nil {
		return err
	}
	defer file.Close()
	if isZstd(file) {
		return copyFrames(c, file)
	}
	_, err = bufio.NewReaderSize(file, 1<<20).WriteTo(c)
	return err
}

// startOf is when the records of a file begin, as its header says.
func startOf(f split.Found) (dbn.UnixNanos, error) {
	file, err := os.Open(f.File())
	if err != nil {
		return 0, err
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		return 0, err
	}
	defer decoder.Close()
	return decoder.Metadata().Start, nil
}

// reach is how long before the newest record one of these schemas may be that is asked for again.
// It is more than the continuous client's own bounds.
func reach(schemas []dbn.Schema) time.Duration {
	longest := 30 * time.Minute
	for _, schema := range schemas {
		switch schema {
		case dbn.SchemaOhlcv1H:
			longest = max(longest, 2*time.Hour)
		case dbn.SchemaDefinition, dbn.SchemaStatistics, dbn.SchemaStatus, dbn.SchemaImbalance:
			longest = max(longest, 24*time.Hour)
		case dbn.SchemaOhlcv1D, dbn.SchemaOhlcvEod:
			longest = max(longest, 27*time.Hour)
		}
	}
	return longest
}
