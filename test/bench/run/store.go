package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/test/bench/data"
)

// file is a stream on disk.
type file struct {
	path   string
	repeat int // how often a server sends its records
	// contents is what a program finds, with all repetitions.
	contents data.Contents
}

// repeats is how often a live stream sends its records: memory that is not in the processor's
// cache would make the sender the slowest part.
const repeats = 64

// store writes each file once a run.
type store struct {
	dir   string
	files map[string]file
}

// forWorkload returns a stream with the given number of records, or a little fewer.
func (s *store) forWorkload(w workload, records int) (file, error) {
	if w.transport != live {
		return s.file(w.kind, records, w.zstd)
	}
	f, err := s.file(w.kind, records/repeats, false)
	f.repeat = repeats
	for _, t := range []*data.Total{&f.contents.All, &f.contents.Mbo} {
		t.Records, t.Sum = t.Records*repeats, t.Sum*repeats
	}
	return f, err
}

func (s *store) file(kind data.Kind, records int, zstd bool) (file, error) {
	name := fmt.Sprintf("%s-%d.dbn", strings.ReplaceAll(string(kind), " ", "-"), records)
	var opts []dbn.EncoderOption
	if zstd {
		name += ".zst"
		opts = []dbn.EncoderOption{dbn.WithZstd(0)}
	}
	if f, ok := s.files[name]; ok {
		return f, nil
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return file{}, err
	}
	f := file{path: filepath.Join(s.dir, name)}
	out, err := os.Create(f.path)
	if err != nil {
		return f, err
	}
	defer out.Close()
	buffered := bufio.NewWriterSize(out, 1<<20)
	if f.contents, err = data.Write(buffered, kind, records, opts...); err != nil {
		return f, err
	}
	if err := buffered.Flush(); err != nil {
		return f, err
	}
	if s.files == nil {
		s.files = map[string]file{}
	}
	s.files[name] = f
	return f, out.Close()
}
