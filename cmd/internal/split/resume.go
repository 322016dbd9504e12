package split

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/dbn"
)

// Found is a file of a pattern.
type Found struct {
	Path string // its own name
	Part bool   // it is a part: not complete
	At   time.Time
	N    int // {part}
}

// File is where it is.
func (f *Found) File() string {
	if f.Part {
		return output.PartName(f.Path, 1)
	}
	return f.Path
}

// Find lists the files of a capture's pattern, oldest first.
func Find(p *Pattern) ([]Found, error) {
	expression := p.expression()
	var found []Found
	// Directories may have words in their names too.
	var parts []string
	for _, piece := range p.pieces {
		if piece.word {
			parts = append(parts, "*")
		} else {
			parts = append(parts, globQuoted(piece.text))
		}
	}
	glob := strings.Join(parts, "")
	for _, suffix := range []string{"", output.PartSuffix} {
		paths, err := filepath.Glob(glob + suffix)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			path = strings.TrimSuffix(path, suffix)
			if n, ok := p.nameOf(path, expression); ok {
				found = append(found, Found{path, suffix != "", n.at, n.part})
			}
		}
	}
	slices.SortFunc(found, func(a, b Found) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.N, b.N), strings.Compare(a.Path, b.Path))
	})
	return found, nil
}

func globQuoted(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(text)
}

// Continued is a part that an earlier run left, repaired.
type Continued struct {
	Found
	File  *os.File // of the part; the splitter closes it
	last  dbn.UnixNanos
	sum   hash.Hash
	tally *tally
}

// Continue reads a part again, so that its counts and checksum are those of a file that one run
// wrote. File is locked, and belongs to the splitter from here on.
func Continue(f Found, file *os.File) (*Continued, error) {
	c := &Continued{Found: f, File: file, last: dbn.UndefTimestamp, sum: sha256.New(), tally: newTally()}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, failed(f.Path, err)
	}
	decoder, err := dbn.NewDecoder(io.TeeReader(file, c.sum))
	if err != nil {
		return nil, failed(f.Path, err)
	}
	defer decoder.Close()
	symbols := dbn.NewPitSymbolMap()
	named, _ := dbn.TsSymbolMapOf(decoder.Metadata()) //nolint:errcheck // records keep their instrument ids
	c.tally.earlier = func(r dbn.Record) string {
		symbol, known := symbols.Symbol(r.Header().InstrumentID)
		if !known && named != nil {
			symbol, _ = named.SymbolOf(r)
		}
		return symbol
	}
	for {
		r, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, failed(f.Path, err)
		}
		if r.RType().IsMessage() {
			symbols.OnRecord(r)
			c.tally.file.Messages++
			continue
		}
		c.tally.record(r, "")
	}
	c.last = c.tally.file.Last
	// The decoder may leave the checksum of the last frame unread.
	if _, err := io.Copy(c.sum, file); err != nil {
		return nil, failed(f.Path, err)
	}
	_, err = file.Seek(0, io.SeekEnd)
	return c, err
}

// lock keeps other captures from the file.
func (f *file) lock() error {
	if err := unix.Flock(int(f.fd.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return exit.Fail(exit.Failure, "another process writes to %s", f.part)
	}
	return nil
}
