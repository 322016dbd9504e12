// Package market is the source data of the simulator's live and historical servers: what
// they load, merge, convert and look up alike.
package market

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/dbnloop/dbnloop/dbn"
)

// Source is something a gateway replays: a DBN file or records in memory. Sources of one
// dataset are merged by index timestamp. Make one with [FileSource], [FragmentSource],
// [ReaderSource], [RecordsSource] or [SampleSources].
type Source interface {
	// load reads the complete source. A server calls it once, when it starts.
	load() (*Data, error)
}

// Data is a loaded source.
type Data struct {
	name    string
	Meta    dbn.Metadata
	records []byte // back to back, in the layout of meta.Version, without ts_out
	// mappings are the symbol mapping records of a capture of live data. They and the
	// gateway's other own records are not in records: a gateway sends its own.
	mappings []byte

	disk   *disk                 // where the records are instead; nil: in records
	size   int64                 // of the records on disk, in bytes
	reload func() (*Data, error) // loads a source that was left on disk into memory
}

// FileSource replays a DBN file, plain or zstd, of any version. The server reads the file
// into memory when it starts, unless it has 256 MiB or more and its records can go out as
// they are: plain, in the version that is served, without ts_out, and the only source of its
// dataset. Then it is read once when the server starts and stays on disk; it must not change
// while the server runs.
func FileSource(path string) Source { return fileSource{path: path} }

// FragmentSource replays a file of records without metadata, plain or zstd. The metadata
// given in its place must have Version and Dataset; its Schema may be SchemaNone.
func FragmentSource(path string, meta dbn.Metadata) Source {
	return fileSource{path: path, fragment: &meta}
}

// ReaderSource replays a DBN stream, plain or zstd. The server reads it to its end, so a
// source of this kind serves one gateway; name is for messages.
func ReaderSource(name string, r io.Reader) Source { return readerSource{name: name, r: r} }

// RecordsSource replays records in memory, back to back in the layout of meta.Version, with
// ts_out when meta.TsOut says so. The server copies the bytes.
func RecordsSource(meta dbn.Metadata, records []byte) Source {
	return recordsSource{meta: meta, records: records}
}

type fileSource struct {
	path     string
	fragment *dbn.Metadata
}

func (s fileSource) load() (*Data, error) {
	if s.fragment == nil {
		if data, err := openDisk(s.path); data != nil || err != nil {
			if data != nil {
				data.reload = s.read
			}
			return data, err
		}
	}
	return s.read()
}

// read loads the file into memory.
func (s fileSource) read() (*Data, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	return loadStream(s.path, f, info.Size(), s.fragment)
}

type readerSource struct {
	name string
	r    io.Reader
}

func (s readerSource) load() (*Data, error) { return loadStream(s.name, s.r, 0, nil) }

type recordsSource struct {
	meta    dbn.Metadata
	records []byte
}

func (s recordsSource) load() (*Data, error) {
	return loadStream("records", bytes.NewReader(s.records), int64(len(s.records)), &s.meta)
}
