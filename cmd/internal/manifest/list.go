package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// List is a manifest that was read.
type List struct {
	Path    string
	Entries []Entry // in the order in which they were written; of a file only the last one
	Cut     bool    // its last line is not complete
	byPath  map[string]int
}

// maxLine bounds a line. A file of every symbol of the largest dataset has about two million.
const maxLine = 256 << 20

// Read reads a manifest.
func Read(path string) (*List, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, exit.Fail(exit.Failure, "cannot read the manifest %s: %w", path, pathless(err))
	}
	defer file.Close() //nolint:errcheck // it was only read
	l := &List{Path: path, byPath: make(map[string]int)}
	in := bufio.NewReaderSize(file, 1<<16)
	for number := 1; ; number++ {
		line, err := readLine(in)
		switch {
		case errors.Is(err, io.EOF):
			l.Cut = len(line) > 0
			l.settle()
			return l, nil
		case err != nil:
			return nil, exit.Fail(exit.Failure, "cannot read the manifest %s: line %d: %w", path, number, pathless(err))
		}
		if err := l.add(line); err != nil {
			return nil, exit.Fail(exit.Corrupt, "the manifest %s is damaged: line %d: %w", path, number, err)
		}
	}
}

// readLine reads a line with its line feed; io.EOF comes with what is left of one.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := in.ReadSlice('\n')
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxLine {
			return nil, errors.New("it is longer than any line of a manifest")
		}
	}
}

func (l *List) add(line []byte) error {
	var e Entry
	if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	if e.Kind == KindFile {
		if before, ok := l.byPath[e.Path]; ok {
			l.Entries[before].Kind = ""
		}
		l.byPath[e.Path] = len(l.Entries)
	}
	l.Entries = append(l.Entries, e)
	return nil
}

// settle removes the entries that later ones replace.
func (l *List) settle() {
	l.Entries = slices.DeleteFunc(l.Entries, func(e Entry) bool { return e.Kind == "" })
	for i, e := range l.Entries {
		if e.Kind == KindFile {
			l.byPath[e.Path] = i
		}
	}
}

// File is the entry of a file; nil if the manifest lacks it.
func (l *List) File(path string) *Entry {
	if i, ok := l.byPath[path]; ok {
		return &l.Entries[i]
	}
	return nil
}
